// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { appendFile, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createSpoolCheck } from '../../policies/receipts/index.ts';
import { writeHeader } from '../../policies/receipts/lines.ts';
import { chainOf, decisionLine, testKey } from '../../policies/receipts/test-spool.ts';
import { openSpool } from './spool.ts';
import type { Spool, SpoolOptions } from './spool.ts';

const key = testKey();
const header = writeHeader({ replica: 'one', key: key.publicKey });
let folder = '';
const removed: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'writ-spool-'));
  removed.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const openIt = (change: Partial<SpoolOptions> = {}): Promise<Spool> =>
  openSpool({ folder, header, maxBytes: 2 ** 20, onRemoved: (file) => removed.push(file), ...change });
const emptyFile = Buffer.from(header).length;
/** Batches of one record, without the header that stands before them in a file. */
const batches = (count: number): readonly Buffer[] => {
  const chain = chainOf(key);
  return Array.from({ length: count }, (_, index) => chain.file([{ lines: [decisionLine(index)] }]).subarray(emptyFile));
};
const problems = async (): Promise<readonly string[]> => {
  const check = createSpoolCheck(undefined);
  for (const name of (await readdir(folder)).toSorted()) check.file(name, await readFile(join(folder, name)));
  return check.report().problems.map(({ code }) => code);
};
const put = async (spool: Spool, batch: number, bytes: Uint8Array): Promise<void> => {
  await spool.prepare(bytes.length);
  await spool.append(batch, bytes);
};

it('an empty folder, which is made, has no head', async () => {
  const spool = await openIt({ folder: join(folder, 'a', 'b') });
  assert.deepEqual(spool.recovered, { head: undefined, tornBytes: 0 });
  assert.equal(await spool.prepare(1), true);
  await spool.close();
});

describe('what a crash left', () => {
  const [one, two] = batches(2);
  assert.ok(one && two);
  const leave = async (): Promise<void> => {
    const spool = await openIt();
    await put(spool, 1, one);
    await put(spool, 2, two);
    await spool.close();
  };

  for (const cut of [1, 40, two.length - 1]) {
    it(`a batch that lacks its last ${cut} bytes is cut off and told`, async () => {
      await leave();
      const path = join(folder, 'receipts-000000000001.jsonl');
      await truncate(path, emptyFile + one.length + two.length - cut);
      const spool = await openIt();
      assert.deepEqual([spool.recovered.head?.batch, spool.recovered.tornBytes], [1, two.length - cut]);
      await put(spool, 2, two);
      await spool.close();
      assert.deepEqual(await problems(), []);
    });
  }

  it('bytes after the last batch go; a file without a batch goes', async () => {
    await leave();
    await appendFile(join(folder, 'receipts-000000000001.jsonl'), 'half a re');
    await writeFile(join(folder, 'receipts-000000000003.jsonl'), header);
    const spool = await openIt();
    assert.deepEqual([spool.recovered.head?.batch, spool.recovered.head?.end, spool.recovered.tornBytes], [2, false, 9 + emptyFile]);
    await spool.close();
    assert.deepEqual(await readdir(folder), ['receipts-000000000001.jsonl']);
    assert.deepEqual(await problems(), []);
  });
});

it('files follow each other at their size, and the oldest go when all are too large', async () => {
  const all = batches(12);
  const size = all[0]?.length ?? 0;
  const spool = await openIt({ maxBytes: 6 * (emptyFile + 2 * size + 40), fileBytes: emptyFile + 2 * size + 40 });
  for (const [index, bytes] of all.entries()) await put(spool, index + 1, bytes);
  await spool.close();
  const names = (await readdir(folder)).toSorted();
  assert.ok(names.length >= 4 && names.length <= 6, String(names));
  assert.ok(removed.length === 0 || removed[0]?.endsWith('receipts-000000000001.jsonl'));
  assert.equal(names.length + removed.length, 6, 'two batches a file');
  assert.deepEqual(await problems(), []);
});

it('the oldest files go, never the one that is written', async () => {
  const all = batches(6);
  const size = emptyFile + (all[0]?.length ?? 0);
  const spool = await openIt({ maxBytes: size + 100, fileBytes: size });
  for (const [index, bytes] of all.entries()) await put(spool, index + 1, bytes);
  assert.deepEqual(await readdir(folder), ['receipts-000000000006.jsonl']);
  assert.deepEqual(removed.length, 5);
  await spool.close();
});

it('a batch that was written in part is written again whole', async () => {
  const [one, two] = batches(2);
  assert.ok(one && two);
  const spool = await openIt();
  await put(spool, 1, one);
  // As a try that ended before its fsync would leave it; its signature may have been longer.
  await appendFile(join(folder, 'receipts-000000000001.jsonl'), Buffer.concat([two, Buffer.from('more')]));
  await put(spool, 2, two);
  await spool.close();
  assert.deepEqual(await problems(), []);
});
