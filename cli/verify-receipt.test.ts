// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { batchDigest } from '../policies/receipts/batch.ts';
import { pemOf } from '../policies/receipts/lines.ts';
import { readSpoolFile } from '../policies/receipts/spool-file.ts';
import { chainOf, decisionLine, idOf, setLine, testKey } from '../policies/receipts/test-spool.ts';
import { temporaryFolder } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';

const key = testKey();
const chain = chainOf(key);
const first = chain.file([{ lines: [setLine, decisionLine(1), decisionLine(2)] }, { lines: [decisionLine(3)], claim: { lost: 2 } }]);
const second = chain.file([
  { lines: [decisionLine(4)], claim: { restart: { clean: false, tornBytes: 9 } } },
  { lines: [decisionLine(5)], claim: { end: true } },
]);
const FILES = { 'r/one/receipts-000000000001.jsonl': first, 'r/one/receipts-000000000003.jsonl': second } as const;

const scene = (): Folder => {
  const folder = temporaryFolder();
  folder.write({ ...FILES, 'one.pub': pemOf(key.publicKey.publicKey), 'two.pub': pemOf(testKey().publicKey.publicKey) });
  return folder;
};

const anchor = (batch: number, digest: string): string =>
  `${JSON.stringify({ msg: 'receipts', time: '', replica: 'one', batch, size: 1, lost: 0, digest })}\n`;

describe('a spool', () => {
  it('that is whole is good: what holds, until when, what was lost, where a process crashed', () => {
    using folder = scene();
    const { code, out, err } = folder.writ(['verify-receipt', 'r', '--key', 'one.pub']);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^r\/one: good: 6 records in 4 batches of replica one hold\n/);
    assert.match(out, /from   batch 1, .*\n  until  batch 4, .*; the process ended in order after it\n/);
    assert.match(out, /lost   2 records got no receipt/);
    assert.match(out, /crash  before batch 3/);
  });

  it('as JSON, and by keys that it names itself, which is told', () => {
    using folder = scene();
    const { code, out, err } = folder.writ(['verify-receipt', 'r/one', '--output', 'json']);
    const { spools } = JSON.parse(out);
    assert.equal(code, 0);
    assert.equal(err, `keys assumed, as the files name them: ${key.publicKey.hint}\n`);
    assert.equal(spools[0].verified, true);
    assert.deepEqual([spools[0].batches, spools[0].lost, spools[0].last.end, spools[0].crashes.length], [4, 2, true, 1]);
  });

  it('with a changed record is refused, with code, file, line and fix', () => {
    using folder = scene();
    folder.write({ 'r/one/receipts-000000000001.jsonl': first.toString().replace('"verdict":"Deny"', '"verdict":"Allow"') });
    const { code, out, err } = folder.writ(['verify-receipt', 'r', '--key', 'one.pub']);
    assert.equal(code, 1);
    assert.match(out, /REFUSED/);
    assert.match(err, /^r\/one\/receipts-000000000001\.jsonl:5:1: RECEIPT_INCLUSION: a record of batch 1 was changed/);
  });

  it('by a key that is not given, or that is none, is refused', () => {
    using folder = scene();
    assert.match(folder.writ(['verify-receipt', 'r', '--key', 'two.pub']).err, /RECEIPT_KEY: batch 1 is sealed by the key/);
    folder.write({ 'x.pub': 'no key' });
    const { code, err } = folder.writ(['verify-receipt', 'r', '--key', 'x.pub']);
    assert.deepEqual([code, /x\.pub: not one public key in PEM/.test(err)], [1, true]);
  });

  it('whose end was taken away is found out by a log kept elsewhere', () => {
    using folder = scene();
    const last = readSpoolFile(second).batches.at(-1);
    assert.ok(last);
    const digest = batchDigest(last.batch.payload);
    folder.write({
      'good.jsonl': `noise\n${anchor(3, 'x')}${anchor(4, digest)}`,
      'longer.jsonl': anchor(5, digest),
      'other.jsonl': anchor(4, `sha256:${'0'.repeat(64)}`),
    });
    const run = (log: string) => folder.writ(['verify-receipt', 'r', '--key', 'one.pub', '--log', log]);
    assert.equal(run('good.jsonl').code, 0);
    assert.match(run('longer.jsonl').err, /RECEIPT_CHAIN: replica one had sealed batch 5, its spool ends with batch 4/);
    assert.match(run('other.jsonl').err, /RECEIPT_CHAIN: the log names another batch 4/);
    assert.equal(run('longer.jsonl').code, 1);
  });
});

describe('one receipt', () => {
  it('is taken out with its proof and holds alone', () => {
    using folder = scene();
    const made = folder.writ(['verify-receipt', 'r', '--key', 'one.pub', '--extract', idOf(3), '--out', 'receipt.json']);
    assert.deepEqual([made.code, made.err], [0, '']);
    const { code, out, err } = folder.writ(['verify-receipt', 'receipt.json', '--key', 'one.pub']);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^receipt\.json: good: replica one sealed this record in batch 2/);
    assert.match(out, new RegExp(`${idOf(3)}: Deny`));
    const told = JSON.parse(folder.writ(['verify-receipt', 'receipt.json', '--key', 'one.pub', '--output', 'json']).out);
    assert.equal(told.statement.predicate.request.uid, 'uid-3');
    assert.deepEqual(told.policySet.policies[0].signers, ['ann'], 'who signed the documents of the set');
    const text = readFileSync(join(folder.path, 'receipt.json'), 'utf8');
    folder.write({ 'edited.json': text.replaceAll('uid-3', 'uid-4') });
    const edited = folder.writ(['verify-receipt', 'edited.json', '--key', 'one.pub']);
    assert.deepEqual([edited.code, edited.err.startsWith('edited.json:1:1: RECEIPT_INCLUSION')], [1, true]);
  });

  it('of a decision that is not there, or whose batch does not hold, is not written', () => {
    using folder = scene();
    assert.match(folder.writ(['verify-receipt', 'r', '--extract', idOf(99)]).err, /RECEIPT_NOT_FOUND/);
    folder.write({ 'r/one/receipts-000000000003.jsonl': second.toString().replace('pod-é-4', 'pod-e-4') });
    const { code, out, err } = folder.writ(['verify-receipt', 'r', '--extract', idOf(4)]);
    assert.deepEqual([code, out, /RECEIPT_INCLUSION/.test(err)], [1, '', true]);
  });
});

it('wrong use is told', () => {
  using folder = scene();
  const rows: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [1, /FILE_UNREADABLE|no such file/, ['nowhere']],
    [1, /FILE_NONE/, ['.', '--key', 'one.pub']],
    [2, /write the id of a decision/, ['r', '--extract', 'x']],
    [2, /--out goes with --extract/, ['r', '--out', 'x']],
  ];
  for (const [code, message, args] of rows) {
    const ran = folder.writ(['verify-receipt', ...args]);
    assert.equal(ran.code, code, ran.err);
    assert.match(ran.err, message);
  }
});
