// SPDX-License-Identifier: Apache-2.0
// A whole export: what holds, and that nothing in it can be changed, cut, moved, left out or told differently unseen.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ProblemCode } from '../problem.ts';
import { ERASED_ACTION } from './index.ts';
import type { KeptCheckpoint } from './anchor.ts';
import type { ExportReport } from './index.ts';
import { readManifest } from './manifest.ts';
import { sealField } from './sealed-field.ts';
import { changed, check, clusterLog, cuts, exportOfCluster, flips, remade, signedForgeries, swaps, trusted } from './test-forgeries.ts';
import type { ExportChange } from './test-forgeries.ts';
import {
  LOG_NAME,
  anchorFact,
  buildExport,
  buildLog,
  buildTenantExport,
  entriesOf,
  logSigner,
  someFacts,
  testSigner,
  withManifest,
  witnessOne,
  witnessTwo,
} from './test-log.ts';
import type { BuiltLog, Files } from './test-log.ts';
import { judgeCheckpoint, writeAddCheckpoint } from './witness.ts';

const codes = (report: ExportReport): readonly ProblemCode[] => report.problems.map(({ code }) => code);
const places = (report: ExportReport): readonly string[] => report.problems.map(({ at }) => at?.file ?? '');
const replaced = (files: Files, name: string, content: Buffer): Files => new Map([...files, [name, content]]);
const flipped = (files: Files, name: string, at: number, bit: number): Files => {
  const content = Buffer.from(files.get(name) ?? assert.fail(name));
  content[at] = (content[at] ?? 0) ^ bit;
  return replaced(files, name, content);
};

describe('an export that is whole', () => {
  for (const count of [1, 2, 255, 256, 257, 600]) {
    it(`of ${count} entries holds`, () => {
      const report = check(buildExport(count));
      assert.deepEqual(report.problems, []);
      assert.deepEqual(
        report.logs.map(({ folder, size, entries }) => [folder, size, entries]),
        [
          ['cluster', 1, 1],
          ['root', 3, 3],
          ['tenant/acme', count, count],
        ],
      );
      assert.deepEqual(
        report.logs.map(({ anchoredSize }) => anchoredSize),
        [1, undefined, count],
      );
    });
  }

  it('of one tenant holds by a proof out of the root log', () => {
    const report = check(buildTenantExport(300));
    assert.deepEqual([codes(report), report.logs[0]?.anchoredSize, report.logs.length], [[], 300, 1]);
  });

  it('holds by as many witnesses as are asked for', () => {
    const trust = { ...trusted, witnesses: [witnessOne.key, witnessTwo.key], quorum: 2 };
    for (const build of [buildExport, buildTenantExport]) {
      assert.deepEqual(codes(check(build(5, { witnesses: [witnessOne, witnessTwo] }), trust)), []);
      assert.deepEqual(codes(check(build(5, { witnesses: [witnessOne] }), trust)).slice(0, 1), ['AUDIT_KEY']);
    }
  });

  it('with a part of the entries holds, by all hashes, and says which part', () => {
    const whole = buildExport(600);
    const part = new Map([...whole].filter(([name]) => !/tenant\/acme\/tile\/entries\/(000|002)/.test(name)));
    const logs = new Map([
      ...(readManifest(whole.get('manifest.json') ?? assert.fail())?.logs ?? []),
      ['tenant/acme', { from: 256, to: 512 }] as const,
    ]);
    part.delete('manifest.json');
    const report = check(withManifest(part, logs));
    assert.deepEqual([codes(report), report.logs[2]?.entries, report.logs[2]?.size], [[], 256, 600]);
    assert.deepEqual(codes(check(withManifest(part, new Map([...logs, ['tenant/acme', { from: 0, to: 600 }] as const])))).slice(0, 1), [
      'AUDIT_INCOMPLETE',
    ]);
  });

  it('counts encrypted fields and those whose key is gone', () => {
    const field = (seq: number, kid: string) =>
      sealField({
        plain: Buffer.from('x'),
        place: { log: `${LOG_NAME}/cluster`, tenant: '', seq, path: 'detail.spec' },
        key: { kid, bytes: Buffer.alloc(32, 1) },
        nonce: Buffer.alloc(12, seq),
      });
    const facts = [...someFacts(2), { action: ERASED_ACTION, actor: 'writ-operator', detail: { kids: ['k1'] } }];
    const entries = entriesOf(`${LOG_NAME}/cluster`, facts, (entry) =>
      entry.seq === 2 ? entry : { ...entry, enc: { 'detail.spec': field(entry.seq, `k${entry.seq}`) } },
    );
    const cluster = buildLog('cluster', entries);
    const root = buildLog('root', entriesOf(LOG_NAME, [anchorFact('cluster', cluster)]));
    const files = withManifest(
      new Map([...cluster.files, ...root.files]),
      new Map([
        ['cluster', { from: 0, to: 3 }],
        ['root', { from: 0, to: 1 }],
      ]),
    );
    const report = check(files);
    assert.deepEqual(
      [codes(report), [...report.sealed]],
      [
        [],
        [
          ['k0', { fields: 1, erased: false }],
          ['k1', { fields: 1, erased: true }],
        ],
      ],
    );
  });
});

describe('nothing goes unseen', () => {
  const whole = buildExport(2);
  const small = exportOfCluster(clusterLog({ count: 2 }));
  const mine = buildTenantExport(2);

  const seen = (changes: (files: Files) => readonly ExportChange[], isNamed: boolean): void => {
    for (const files of [small, mine]) {
      for (const one of changes(files)) {
        const report = check(changed(files, one));
        assert.ok(report.problems.length > 0, JSON.stringify(one));
        const named = one.edits.some(({ file }) => file === 'manifest.json' || places(report).includes(file));
        assert.ok(!isNamed || named, `${JSON.stringify(one)}: ${places(report).join()}`);
      }
    }
  };

  it('a changed byte, wherever it is: the file is named', () => seen(flips, true));

  it('a changed byte, under the manifest that was', () =>
    seen((files) => flips(files, () => 7).map(({ edits }) => ({ edits, remake: false })), true));

  it('a file that is cut, wherever it is, that goes on, or that is missing', () => seen(cuts, false));

  it('entries, hashes and files that change places', () => seen(swaps, false));

  it('the first entry that was changed is named, by number and place', () => {
    const large = buildExport(600);
    const bundle = large.get('tenant/acme/tile/entries/001') ?? assert.fail();
    const offset = bundle.indexOf('change é 300');
    const [, problem] = check(flipped(large, 'tenant/acme/tile/entries/001', offset, 1)).problems;
    assert.match(problem?.message ?? '', /^entry 300 is not the one/);
    assert.deepEqual(problem?.at?.file, 'tenant/acme/tile/entries/001');
    const tile = check(remade(flipped(large, 'tenant/acme/tile/0/001', 44 * 32, 1))).problems;
    assert.deepEqual(
      tile.map(({ message, at }) => [message, at?.file, at?.column]),
      [['hash 44 of the tile is not that of the tree', 'tenant/acme/tile/0/001', 44 * 32 + 1]],
    );
  });

  it('a file that is cut is told from one that was changed', () => {
    for (const [name, content] of whole) {
      const cut = replaced(whole, name, content.subarray(0, content.length - 1));
      assert.deepEqual(codes(check(cut))[0], name === 'manifest.json' ? 'AUDIT_MALFORMED' : 'AUDIT_INCOMPLETE', name);
      assert.ok(places(check(cut)).includes(name), name);
    }
  });

  it('a file that is missing, or one that is too many', () => {
    for (const name of whole.keys()) {
      const files = new Map(whole);
      files.delete(name);
      assert.ok(codes(check(files)).includes('AUDIT_INCOMPLETE'), name);
    }
    const more = replaced(whole, 'tenant/acme/tile/0/001.p/3', Buffer.alloc(96));
    for (const files of [more, remade(more)]) assert.deepEqual(codes(check(files)), ['AUDIT_CHANGED']);
  });

  it('whatever the bytes are, it is told and nothing is thrown', () => {
    const names = [...whole.keys()];
    fc.assert(
      fc.property(fc.nat(names.length - 1), fc.uint8Array({ minLength: 1, maxLength: 90 }), fc.nat(), (which, bytes, at) => {
        const name = names[which] ?? '';
        const content = whole.get(name) ?? assert.fail();
        const cut = at % (content.length + 1);
        const mixed = Buffer.concat([content.subarray(0, cut), bytes, content.subarray(cut)]);
        assert.notDeepEqual(codes(check(replaced(whole, name, mixed))), []);
        if (name !== 'manifest.json') assert.notDeepEqual(codes(check(remade(replaced(whole, name, mixed)))), []);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a log whose own key signed what Writ would not have written', () => {
  const badEntry = (bytes: (entry: string) => string): Files =>
    exportOfCluster(clusterLog({ order: (all) => all.with(2, Buffer.from(bytes(all[2]!.toString()))) }));
  const rows: readonly (readonly [string, ProblemCode, RegExp, Files])[] = [
    ...signedForgeries.map(({ what, message, files }) => [what, 'AUDIT_CHAIN', message, files] as const),
    ['no entry', 'AUDIT_MALFORMED', /entry 2 is not as Writ writes/, badEntry(() => '{}')],
    ['an entry of another spelling', 'AUDIT_MALFORMED', /entry 2/, badEntry((entry) => entry.replace(':', ': '))],
    ['a field twice', 'AUDIT_MALFORMED', /entry 2/, badEntry((entry) => entry.replace('"v":1', '"v":2,"v":1'))],
    ['a key of Object', 'AUDIT_MALFORMED', /entry 2/, badEntry((entry) => entry.replace('"v":1', '"v":1,"__proto__":1'))],
  ];
  for (const [what, code, message, files] of rows) {
    it(what, () => {
      const found = check(files).problems.find((problem) => problem.code === code);
      assert.match(found?.message ?? '', message);
      assert.equal(
        found?.at?.file,
        'cluster/tile/entries/000.p/' +
          (files.has('cluster/tile/entries/000.p/5') ? '5' : files.has('cluster/tile/entries/000.p/4') ? '4' : '6'),
      );
    });
  }
});

describe('other histories for other readers', () => {
  const facts = someFacts(9);
  const theirs = buildLog('tenant/acme', entriesOf(`${LOG_NAME}/tenant/acme`, facts.with(3, { ...facts[3]!, actor: 'forged' })));
  const keptNote = (log: { readonly note: Buffer }): KeptCheckpoint => ({ name: 'kept', bytes: log.note });

  it('are told by a checkpoint that was kept', () => {
    assert.deepEqual(codes(check(buildTenantExport(12), trusted, [keptNote(theirs)])), ['AUDIT_FORK']);
    const own = buildLog('tenant/acme', entriesOf(`${LOG_NAME}/tenant/acme`, facts));
    assert.deepEqual(codes(check(buildTenantExport(12), trusted, [keptNote(own)])), []);
    assert.deepEqual(
      codes(check(buildTenantExport(7), trusted, [keptNote(own)])),
      ['AUDIT_INCOMPLETE'],
      'an older export than what was seen',
    );
  });

  it('are told by the root log, where it has the checkpoint of another history', () => {
    const whole = buildExport(12);
    const root = buildLog(
      'root',
      entriesOf(LOG_NAME, [
        anchorFact('tenant/acme', theirs),
        anchorFact('cluster', buildLog('cluster', entriesOf(`${LOG_NAME}/cluster`, someFacts(1, 'other')))),
      ]),
    );
    const files = new Map([...whole].filter(([name]) => !name.startsWith('root/')));
    for (const [name, bytes] of root.files) files.set(name, bytes);
    const logs = new Map([
      ...(readManifest(whole.get('manifest.json') ?? assert.fail())?.logs ?? []),
      ['root', { from: 0, to: 2 }] as const,
    ]);
    files.delete('manifest.json');
    assert.deepEqual(codes(check(withManifest(files, logs))), ['AUDIT_FORK']);
  });

  it('by another key are not those of the log', () => {
    const signer = testSigner(LOG_NAME, 'ed25519', 'somebody else');
    assert.ok(codes(check(buildExport(3, { signer }))).includes('AUDIT_KEY'));
    assert.deepEqual(codes(check(buildExport(3), { keys: [], witnesses: [], quorum: 0 })), ['AUDIT_KEY', 'AUDIT_KEY', 'AUDIT_KEY']);
  });

  it('are not cosigned by a witness that has seen the first, and do not pass as cosigned', () => {
    const rootOf = (files: Files): Buffer => files.get('root/checkpoint') ?? assert.fail();
    const own = buildLog('root', entriesOf(LOG_NAME, [anchorFact('cluster', clusterLog())]));
    const forged = exportOfCluster(clusterLog({ tenant: 'other' }));
    const ask = (note: Buffer, oldSize: number, state?: Pick<BuiltLog, 'size' | 'root'>) =>
      judgeCheckpoint({
        request: writeAddCheckpoint({ oldSize, hashes: [], note }),
        logs: [logSigner.key],
        stateOf: () => state,
        signer: witnessOne,
        nowMs: 0,
      });
    const first = ask(own.note, 0);
    assert.equal(first.status, 200);
    assert.deepEqual([ask(rootOf(forged), 0, own).status, ask(rootOf(forged), own.size, own).status], [409, 409]);
    const trust = { ...trusted, witnesses: [witnessOne.key], quorum: 1 };
    const cosigned = replaced(exportOfCluster(clusterLog()), 'root/checkpoint', Buffer.concat([own.note, Buffer.from(first.body)]));
    assert.deepEqual(codes(check(remade(cosigned), trust)), []);
    assert.ok(codes(check(forged, trust)).includes('AUDIT_KEY'));
    const lent = remade(replaced(forged, 'root/checkpoint', Buffer.concat([rootOf(forged), Buffer.from(first.body)])));
    assert.ok(codes(check(lent, trust)).includes('AUDIT_SIGNATURE'), 'a cosignature of the other checkpoint');
    const kept = { name: 'kept', bytes: cosigned.get('root/checkpoint') ?? assert.fail() };
    assert.ok(codes(check(forged, trusted, [kept])).includes('AUDIT_FORK'));
  });
});
