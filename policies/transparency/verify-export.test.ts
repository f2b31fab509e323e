// SPDX-License-Identifier: Apache-2.0
// A whole export: what holds, and that nothing in it can be changed, cut, moved, left out or told differently unseen.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ProblemCode } from '../problem.ts';
import { ERASED_ACTION, verifyExport } from './index.ts';
import type { KeptCheckpoint } from './anchor.ts';
import type { ExportReport } from './index.ts';
import { readManifest } from './manifest.ts';
import { sealField } from './sealed-field.ts';
import type { AuditTrust } from './signed-checkpoint.ts';
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
import type { Files } from './test-log.ts';

const trusted: AuditTrust = { keys: [logSigner.key], witnesses: [], quorum: 0 };

const check = (files: Files, trust: AuditTrust = trusted, since: readonly KeptCheckpoint[] = []): ExportReport =>
  verifyExport({ names: [...files.keys()], read: (name) => files.get(name), trust, since });
const codes = (report: ExportReport): readonly ProblemCode[] => report.problems.map(({ code }) => code);
const places = (report: ExportReport): readonly string[] => report.problems.map(({ at }) => at?.file ?? '');
/** As somebody who changes files would also do. */
const remade = (files: Files): Files => {
  const rest = new Map([...files].filter(([name]) => name !== 'manifest.json'));
  return withManifest(rest, readManifest(files.get('manifest.json') ?? Buffer.alloc(0))?.logs ?? new Map());
};
const changed = (files: Files, name: string, content: Buffer): Files => new Map([...files, [name, content]]);
const flipped = (files: Files, name: string, at: number, bit: number): Files => {
  const content = Buffer.from(files.get(name) ?? assert.fail(name));
  content[at] = (content[at] ?? 0) ^ bit;
  return changed(files, name, content);
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
  const mine = buildTenantExport(2);

  it('a changed byte, wherever it is: the file is named', () => {
    for (const files of [whole, mine]) {
      for (const [name, content] of files) {
        // All bytes of each file are looked at below; here a digest does it.
        for (let at = 0; at < content.length; at += name === 'manifest.json' ? 1 : 5) {
          const report = check(flipped(files, name, at, 1 << (at % 8)));
          assert.ok(report.problems.length > 0, `${name} byte ${at}`);
          assert.ok(name === 'manifest.json' || places(report).includes(name), `${name} byte ${at}: ${places(report).join()}`);
        }
      }
    }
  });

  it('a changed byte under a manifest that was made anew', () => {
    for (const files of [whole, mine]) {
      for (const [name, content] of files) {
        if (name === 'manifest.json') continue;
        for (let at = 0; at < content.length; at += 1) {
          const report = check(remade(flipped(files, name, at, 1 << (at % 8))));
          assert.ok(report.problems.length > 0, `${name} byte ${at}`);
          assert.ok(places(report).includes(name), `${name} byte ${at}: ${places(report).join()}`);
        }
      }
    }
  });

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

  it('a file that is cut, wherever it is: incomplete, or not as it was', () => {
    for (const [name, content] of whole) {
      for (let length = 0; length < content.length; length += 13) {
        const cut = changed(whole, name, content.subarray(0, length));
        assert.ok(places(check(cut)).includes(name), `${name} after ${length}`);
        if (name !== 'manifest.json') assert.ok(check(remade(cut)).problems.length > 0, `${name} after ${length}, with another manifest`);
      }
    }
  });

  it('a file that is missing, or one that is too many', () => {
    for (const name of whole.keys()) {
      const files = new Map(whole);
      files.delete(name);
      assert.ok(codes(check(files)).includes('AUDIT_INCOMPLETE'), name);
      if (name !== 'manifest.json') assert.ok(codes(check(remade(files))).length > 0, `${name}, with another manifest`);
    }
    const more = changed(whole, 'tenant/acme/tile/0/001.p/3', Buffer.alloc(96));
    for (const files of [more, remade(more)]) assert.deepEqual(codes(check(files)), ['AUDIT_CHANGED']);
  });

  it('two files that change places', () => {
    const names = [...whole.keys()].filter((name) => name !== 'manifest.json');
    for (const one of names) {
      for (const other of names) {
        const [a, b] = [whole.get(one) ?? assert.fail(), whole.get(other) ?? assert.fail()];
        if (a.equals(b)) continue;
        assert.notDeepEqual(codes(check(remade(changed(changed(whole, one, b), other, a)))), [], `${one} and ${other}`);
      }
    }
  });

  it('whatever the bytes are, it is told and nothing is thrown', () => {
    const names = [...whole.keys()];
    fc.assert(
      fc.property(fc.nat(names.length - 1), fc.uint8Array({ minLength: 1, maxLength: 90 }), fc.nat(), (which, bytes, at) => {
        const name = names[which] ?? '';
        const content = whole.get(name) ?? assert.fail();
        const cut = at % (content.length + 1);
        const mixed = Buffer.concat([content.subarray(0, cut), bytes, content.subarray(cut)]);
        assert.notDeepEqual(codes(check(changed(whole, name, mixed))), []);
        if (name !== 'manifest.json') assert.notDeepEqual(codes(check(remade(changed(whole, name, mixed)))), []);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a log whose own key signed what Writ would not have written', () => {
  const logOf = (
    change: Parameters<typeof entriesOf>[2],
    order: (entries: readonly Buffer[]) => readonly Buffer[] = (same) => same,
  ): Files => {
    const cluster = buildLog('cluster', order(entriesOf(`${LOG_NAME}/cluster`, someFacts(5), change)));
    const root = buildLog('root', entriesOf(LOG_NAME, [anchorFact('cluster', cluster)]));
    return withManifest(
      new Map([...cluster.files, ...root.files]),
      new Map([
        ['cluster', { from: 0, to: cluster.size }],
        ['root', { from: 0, to: 1 }],
      ]),
    );
  };
  const rows: readonly (readonly [string, ProblemCode, RegExp, Files])[] = [
    [
      'entries in another order',
      'AUDIT_CHAIN',
      /entry 1 says that it is number 2/,
      logOf(undefined, (all) => [all[0]!, all[2]!, all[1]!, all[3]!, all[4]!]),
    ],
    ['an entry left out', 'AUDIT_CHAIN', /entry 2 says that it is number 3/, logOf(undefined, (all) => all.toSpliced(2, 1))],
    ['an entry twice', 'AUDIT_CHAIN', /entry 3 says that it is number 2/, logOf(undefined, (all) => all.toSpliced(3, 0, all[2]!))],
    [
      'a time before the one before',
      'AUDIT_CHAIN',
      /entry 3 is of a time before/,
      logOf((entry) => (entry.seq === 3 ? { ...entry, ts: '2025-01-01T00:00:00.000Z' } : entry)),
    ],
    [
      'another entry before',
      'AUDIT_CHAIN',
      /entry 3 follows another entry/,
      logOf((entry) => (entry.seq === 3 ? { ...entry, prev: '1'.repeat(64) } : entry)),
    ],
    [
      'an entry of another log',
      'AUDIT_CHAIN',
      /entry 3 is of the log/,
      logOf((entry) => (entry.seq === 3 ? { ...entry, log: LOG_NAME } : entry)),
    ],
    ['no entry', 'AUDIT_MALFORMED', /entry 2 is not as Writ writes/, logOf(undefined, (all) => all.with(2, Buffer.from('{}')))],
    [
      'an entry of another spelling',
      'AUDIT_MALFORMED',
      /entry 2/,
      logOf(undefined, (all) => all.with(2, Buffer.from(all[2]!.toString().replace(':', ': ')))),
    ],
    [
      'a field twice',
      'AUDIT_MALFORMED',
      /entry 2/,
      logOf(undefined, (all) => all.with(2, Buffer.from(all[2]!.toString().replace('"v":1', '"v":2,"v":1')))),
    ],
    [
      'a key of Object',
      'AUDIT_MALFORMED',
      /entry 2/,
      logOf(undefined, (all) => all.with(2, Buffer.from(all[2]!.toString().replace('"v":1', '"v":1,"__proto__":1')))),
    ],
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
});
