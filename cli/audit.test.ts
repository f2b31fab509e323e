// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  LOG_NAME,
  buildExport,
  buildLog,
  buildTenantExport,
  entriesOf,
  logSigner,
  someFacts,
  testSigner,
  witnessOne,
  witnessTwo,
} from '../policies/transparency/test-log.ts';
import { openProof } from '../policies/transparency/entry-proof.ts';
import { withLogs } from '../policies/transparency/test-forgeries.ts';
import type { Files } from '../policies/transparency/test-log.ts';
import { temporaryFolder } from './spawn-writ.ts';
import type { Folder, Ran } from './spawn-writ.ts';

const vkey = logSigner.key.text;
const scene = (files: Files, more: Readonly<Record<string, string | Uint8Array>> = {}): Folder => {
  const folder = temporaryFolder();
  folder.write({
    ...Object.fromEntries([...files].map(([name, bytes]) => [`e/${name}`, bytes])),
    'log.vkey': `# of the log\n${vkey}\n`,
    ...more,
  });
  return folder;
};
const whole = buildExport(300, { witnesses: [witnessOne] });
const verify = (folder: Folder, ...args: readonly string[]): Ran => folder.writ(['audit', 'verify', 'e', '--vkey', 'log.vkey', ...args]);

describe('writ audit verify', () => {
  it('says how far an export reaches and who vouches for it: 0', () => {
    using folder = scene(whole);
    const { code, out, err } = verify(folder, '--witness', witnessOne.key.text);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^e: good\n  every log that the root log of 3 names is here\n/);
    assert.match(
      out,
      /tenant\/acme: 300 entries of 300 read; root [0-9a-f]{64}\n  from 2026-01-01T00:00:00\.000Z to 2026-01-01T00:04:59\.000Z\n  the root log vouches for 300\n/,
    );
    assert.match(out, /cosigned by witness\.example\/one, 2026-01-01T00:00:00\.000Z/);
  });

  it('as JSON', () => {
    using folder = scene(buildTenantExport(3));
    const { code, out } = verify(folder, '--output', 'json');
    const result = JSON.parse(out);
    assert.deepEqual([code, result.verified, result.problems, result.logs.length], [0, true, [], 1]);
    assert.deepEqual([result.logs[0].log, result.logs[0].size, result.logs[0].anchoredSize], ['tenant/acme', 3, 3]);
  });

  it('what was changed, with its place: 1', () => {
    const bundle = Buffer.from(whole.get('tenant/acme/tile/entries/001.p/44') ?? assert.fail());
    bundle[bundle.indexOf('change é 260')] = 0x43;
    using folder = scene(whole, { 'e/tenant/acme/tile/entries/001.p/44': bundle });
    const { code, out, err } = verify(folder);
    assert.equal(code, 1);
    assert.match(out, /^e: REFUSED\n/);
    assert.match(
      err,
      /tenant\/acme\/tile\/entries\/001\.p\/44:1:\d+: AUDIT_CHANGED: entry 260 is not the one that the checkpoint covers \(/,
    );
  });

  it('what is missing or cut: 2', () => {
    const name = 'tenant/acme/tile/entries/001.p/44';
    using folder = scene(whole, { [`e/${name}`]: (whole.get(name) ?? assert.fail()).subarray(0, 99) });
    const { code, err } = verify(folder);
    assert.equal(code, 2, err);
    assert.match(err, /AUDIT_INCOMPLETE: it ends after 99 of \d+ bytes/);
  });

  it('a log that is left out, or all of them: 2; nothing that the witnesses asked for could have cosigned: 3', () => {
    for (const [files, message] of [
      [withLogs(whole, () => false), /manifest\.json:1:1: AUDIT_INCOMPLETE: it names no log/],
      [withLogs(whole, (log) => log !== 'cluster'), /AUDIT_INCOMPLETE: the root log names \S+\/cluster, and that log is not in the export/],
    ] as const) {
      using folder = scene(files, { kept: whole.get('root/checkpoint') ?? assert.fail() });
      const { code, err } = verify(folder);
      assert.equal(code, 2, err);
      assert.match(err, message);
      assert.equal(verify(folder, '--since', 'kept').code, 2);
    }
    using folder = scene(withLogs(whole, () => false));
    assert.equal(verify(folder, '--witness', witnessOne.key.text).code, 3);
  });

  it('says of one tenant, and of a part, that it is no more than that', () => {
    using folder = scene(buildTenantExport(300));
    assert.match(
      verify(folder).out,
      /^e: good\n  this proves tenant\/acme alone, by a checkpoint in the root log of 3; it says nothing of other logs\n/,
    );
    using late = scene(whole);
    assert.equal(late.writ(['audit', 'export', 'e', '--out', 'late', '--from', '2026-01-01T00:04:30Z']).code, 0);
    assert.match(late.writ(['audit', 'verify', 'late', '--vkey', vkey]).out, /\n  entries were left out, see below/);
    const told = late.writ(['audit', 'verify', 'late', '--vkey', vkey, '--output', 'json']);
    assert.deepEqual(JSON.parse(told.out).scope, { logs: 'all', rootSize: 3, entries: 'some' });
  });

  it('an export that is older than is asked for, or does not say how old it is: 2; an age that no log promises: 4', () => {
    using folder = scene(whole);
    const { code, err } = verify(folder, '--max-age', '2h');
    assert.equal(code, 2, err);
    assert.match(err, /AUDIT_STALE: the root log of 3 entries was last written at 2026-01-01T00:00:02\.000Z/);
    assert.equal(verify(folder, '--max-age', '36500d').code, 0);
    for (const age of ['1h', '2', '-3h', '']) assert.equal(verify(folder, '--max-age', age).code, 4, age);
    using part = scene(buildTenantExport(3));
    assert.match(verify(part, '--max-age', '36500d').err, /AUDIT_STALE: nothing here says/);
  });

  it('a checkpoint to hold it against that is none: 4', () => {
    using folder = scene(whole, { junk: 'junk\n', none: '' });
    for (const name of ['/no/such', 'junk', 'none', 'e']) {
      const { code, err } = verify(folder, '--since', name);
      assert.equal(code, 4, err);
      assert.match(err, /AUDIT_SINCE/);
    }
  });

  it('a link or a pipe where a file should be, without waiting for it: 1', () => {
    for (const make of [
      ['mkfifo', 'e/root/tile/0/001'],
      ['ln', '-s', '.', 'e/loop'],
      ['ln', '-s', '/etc/hostname', 'e/tenant/more'],
    ]) {
      using folder = scene(whole);
      assert.equal(folder.run(make[0] ?? '', make.slice(1)).code, 0);
      const { code, err } = verify(folder);
      assert.equal(code, 1, err);
      assert.deepEqual(err.trimEnd().split('\n').length, 1, err);
      assert.match(err, /AUDIT_CHANGED: it is a link or no file/);
    }
    using folder = scene(whole);
    assert.equal(folder.run('sh', ['-c', 'rm e/root/checkpoint && mkfifo e/root/checkpoint']).code, 0);
    assert.equal(verify(folder).code, 1);
  });

  it('a key that is not trusted, or too few witnesses: 3', () => {
    using folder = scene(whole);
    const other = testSigner(LOG_NAME, 'ed25519', 'somebody else').key.text;
    assert.equal(folder.writ(['audit', 'verify', 'e', '--vkey', other]).code, 3);
    const { code, err } = verify(folder, '--witness', witnessOne.key.text, witnessTwo.key.text);
    assert.equal(code, 3);
    assert.match(err, /AUDIT_KEY: cosigned by 1 of the witnesses that you trust, 2 are asked for/);
    assert.equal(verify(folder, '--witness', witnessOne.key.text, witnessTwo.key.text, '--quorum', '1').code, 0);
  });

  it('another history than a checkpoint that was kept: 1', () => {
    const facts = someFacts(9);
    const { note } = buildLog('tenant/acme', entriesOf(`${LOG_NAME}/tenant/acme`, facts.with(2, { ...facts[2]!, actor: 'forged' })));
    using folder = scene(whole, { kept: note });
    const { code, err } = verify(folder, '--since', 'kept');
    assert.equal(code, 1);
    assert.match(err, /^kept:1:1: AUDIT_FORK: its first 9 entries were others there/);
  });

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no key', ['verify', 'e'], /required option '--vkey/],
    ['a key that is none', ['verify', 'e', '--vkey', 'abc'], /--vkey abc: not a verifier key of a log/],
    ["a witness's key for the log's", ['verify', 'e', '--vkey', witnessOne.key.text], /not a verifier key of a log/],
    ['no folder', ['verify', 'nowhere', '--vkey', vkey], /nowhere: there is no such folder/],
    ['an entry that there is not', ['proof', 'e', '--log', 'cluster', '--entry', '9', '--out', 'x'], /cluster has 1 entries/],
    ['an entry that is no number', ['proof', 'e', '--log', 'cluster', '--entry', '-1', '--out', 'x'], /write the number of an entry/],
    ['a log that is none', ['proof', 'e', '--log', '../x', '--entry', '0', '--out', 'x'], /write root, cluster or tenant/],
    ['a proof over a file', ['proof', 'e', '--log', 'cluster', '--entry', '0', '--out', 'binary.vkey'], /FILE_EXISTS/],
    ['a file to export', ['export', 'binary.vkey', '--out', 'x'], /binary\.vkey: it is no folder/],
    ['a day that is none', ['export', 'e', '--out', 'x', '--from', '2026-02-30'], /--from 2026-02-30: write a time .*, or a date/],
    ['a quorum beyond the witnesses', ['verify', 'e', '--vkey', vkey, '--quorum', '1'], /--quorum 1: write a number from 0/],
    ['an option that there is not', ['verify', 'e', '--vkey', vkey, '--force'], /unknown option/],
    ['a time that is none', ['export', 'e', '--out', 'x', '--from', 'monday'], /--from monday: write a time/],
    ['a file that holds no key', ['verify', 'e', '--vkey', 'empty.vkey'], /--vkey empty\.vkey: the file holds no key/],
    ['a file that holds no text', ['verify', 'e', '--vkey', 'binary.vkey'], /it is not UTF-8 text/],
    [
      'a time that ends before it begins',
      ['export', 'e', '--out', 'x', '--from', '2026-02-01T00:00:00Z', '--to', '2026-01-01T00:00:00Z'],
      /not before --to/,
    ],
    ['a tenant that is none', ['export', 'e', '--out', 'x', '--tenant', '../root'], /not the name of a tenant/],
    [
      'a state that is a file',
      ['witness', '--state', 'binary.vkey', '--name', 'w', '--log', vkey, '--listen', '127.0.0.1:0'],
      /FILE_UNREADABLE: binary\.vkey/,
    ],
    ['an address that is none', ['witness', '--state', 's', '--name', 'w', '--log', vkey, '--listen', 'x'], /--listen x: write HOST:PORT/],
  ];
  it('wrong use: 4', () => {
    using folder = scene(buildExport(1), { 'binary.vkey': new Uint8Array([0xff, 0xfe]), 'empty.vkey': '# none\n' });
    for (const [what, args, message] of wrong) {
      const { code, err } = folder.writ(['audit', ...args]);
      assert.equal(code, 4, `${what}: ${err}`);
      assert.match(err, message, what);
    }
  });
});

describe('writ audit proof', () => {
  it('makes of one entry a file that proves itself, and of which every byte counts', () => {
    using folder = scene(whole);
    for (const [log, entry] of [
      ['tenant/acme', 0],
      ['tenant/acme', 299],
      ['root', 1],
    ] as const) {
      const made = folder.writ([
        'audit',
        'proof',
        'e',
        '--log',
        log,
        '--entry',
        String(entry),
        '--out',
        `${log === 'root' ? 'r' : 't'}${entry}`,
      ]);
      assert.equal(made.code, 0, made.err);
    }
    const { code, out } = folder.writ(['audit', 'verify', 't299', '--vkey', vkey, '--output', 'json']);
    const told = JSON.parse(out);
    assert.deepEqual([code, told.verified, told.entry.seq, told.entry.detail.note, told.size], [0, true, 299, 'change é 299', 300]);
    assert.match(folder.writ(['audit', 'verify', 't0', '--vkey', vkey]).out, /this proves entry 0 of \S+tenant\/acme, among the 300/);
    const bytes = readFileSync(join(folder.path, 't299'));
    const trust = { keys: [logSigner.key], witnesses: [], quorum: 0 };
    assert.ok(openProof(bytes, trust, '').ok);
    for (const at of bytes.keys()) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] ?? 0) ^ 1;
      // A line of a signature by nobody that is known: such lines are skipped, as the format says.
      const isWitness = at >= bytes.lastIndexOf('\u2014 witness');
      assert.ok(isWitness || !openProof(other, trust, '').ok, String(at));
      assert.ok(!openProof(bytes.subarray(0, at), trust, '').ok || at >= bytes.lastIndexOf('\u2014 witness'), `cut ${at}`);
    }
    const asked = ['--witness', witnessOne.key.text];
    assert.equal(folder.writ(['audit', 'verify', 'r1', '--vkey', vkey, ...asked]).code, 0);
    assert.equal(folder.writ(['audit', 'verify', 't0', '--vkey', vkey, ...asked]).code, 3, 'witnesses say nothing of it');
    assert.equal(folder.writ(['audit', 'verify', 't0', '--vkey', testSigner(LOG_NAME, 'ed25519', 'other').key.text]).code, 3);
    assert.equal(folder.writ(['audit', 'verify', 'log.vkey', '--vkey', vkey]).code, 1);
  });
});

describe('writ audit export', () => {
  it('makes of the published files exports that prove themselves: of all, of one tenant, of a time', () => {
    // An export has the layout of the published folder.
    using folder = scene(whole);
    for (const [out, args, entries] of [
      ['all', [], 300],
      ['acme', ['--tenant', 'acme'], 300],
      ['late', ['--tenant', 'acme', '--from', '2026-01-01T00:04:30Z'], 44],
      ['day', ['--tenant', 'acme', '--from', '2026-01-01', '--to', '2026-01-02'], 300],
      ['tomorrow', ['--tenant', 'acme', '--from', '2026-01-02'], 0],
    ] as const) {
      const made = folder.writ(['audit', 'export', 'e', '--out', out, ...args, '--output', 'json']);
      assert.equal(made.code, 0, made.err);
      const { code, out: told, err } = folder.writ(['audit', 'verify', out, '--vkey', vkey, '--output', 'json']);
      assert.equal(code, 0, err + told);
      const { logs } = JSON.parse(told);
      const mine = logs.find(({ log }: { log: string }) => log === 'tenant/acme');
      assert.deepEqual([mine.size, mine.entries], [300, entries]);
      assert.equal(existsSync(join(folder.path, out, 'root')), out === 'all');
    }
    const again = folder.writ(['audit', 'export', 'e', '--out', 'all']);
    assert.deepEqual([again.code, again.err], [4, 'error: --out all: it exists already; name a new folder\n']);
  });

  it('of a source that lacks a file: 2', () => {
    const files = new Map([...whole].filter(([name]) => name !== 'tenant/acme/tile/0/000'));
    using folder = scene(files);
    const { code, err } = folder.writ(['audit', 'export', 'e', '--out', 'x']);
    assert.equal(code, 2);
    assert.match(err, /AUDIT_INCOMPLETE: e: tenant\/acme\/tile\/0\/000 is missing/);
  });

  it('of a tenant that has no log there, or of a folder without any: 4, by a code of its own', () => {
    using folder = scene(whole, { 'empty/file': '' });
    for (const [source, args] of [
      ['e', ['--tenant', 'nobody']],
      ['empty', []],
      ['empty', ['--tenant', 'acme']],
    ] as const) {
      const { code, err } = folder.writ(['audit', 'export', source, '--out', 'x', ...args]);
      assert.deepEqual([code, /AUDIT_NO_LOG: (\w+)/.exec(err)?.[1]], [4, source], err);
    }
    assert.equal(existsSync(join(folder.path, 'x')), false);
  });

  it('into a folder that cannot be made: 4, and soon', { skip: process.platform !== 'linux' }, () => {
    using folder = scene(whole);
    for (const out of ['/proc/x', '/proc/x/y', 'log.vkey/x']) {
      const { code, err } = folder.writ(['audit', 'export', 'e', '--out', out]);
      assert.deepEqual([code, /FILE_\w+/.exec(err)?.[0]], [4, 'FILE_UNREADABLE'], err);
    }
  });
});
