// SPDX-License-Identifier: Apache-2.0
// What is on the disk keeps its order and its name, however many batches a process comes to put.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { openSpool } from './spool.ts';
import type { Spool } from './spool.ts';

const root = await mkdtemp(join(tmpdir(), 'writ-usage-spool-'));
after(() => rm(root, { recursive: true }));

const BOOT_MS = 5;
const nameOf = (number: number): string => `${String(BOOT_MS).padStart(16, '0')}-${String(number).padStart(6, '0')}.json`;

/** As a process left it that had put these. */
const folderOf = async (name: string, files: readonly string[]): Promise<string> => {
  const folder = join(root, name);
  await mkdir(folder);
  for (const file of files) await writeFile(join(folder, file), file);
  return folder;
};

const allOf = async (spool: Spool): Promise<readonly string[]> => {
  const batches: string[] = [];
  for (let first = await spool.first(); first !== undefined; first = await spool.first()) {
    batches.push(first.batch);
    await spool.remove(first.name);
  }
  return batches;
};

it('what is left for the next process takes the place of no batch that was put, whatever its number', async () => {
  const put = [899_999, 900_000, 900_001, 999_999, 1_000_000].map(nameOf);
  const folder = await folderOf('numbers', put);
  const spool = await openSpool(folder, BOOT_MS);
  await spool.leave(['mark', 'another mark']);
  assert.equal((await readdir(folder)).length, put.length + 2);
  await spool.leave(['mark']);
  await spool.leave([]);
  assert.deepEqual((await readdir(folder)).toSorted(), put.toSorted());
  assert.deepEqual(await allOf(spool), put);
});

it('sends what a process put in its order, beyond a million too, then what it left, then what the next one put', async () => {
  const put = [1, 2, 999_999, 1_000_000, 1_000_001, 10_000_000].map(nameOf);
  const folder = await folderOf('order', put.toReversed());
  await (await openSpool(folder, BOOT_MS)).leave(['mark', 'another mark']);
  const next = await openSpool(folder, BOOT_MS + 1);
  assert.equal(next.waiting, put.length + 2, 'what was left waits with the others');
  await next.put('later');
  assert.deepEqual(await allOf(next), [...put, 'mark', 'another mark', 'later']);
  assert.deepEqual(await readdir(folder), []);
});

it('finds what was set aside again, oldest first, whatever it was', async () => {
  const folder = await folderOf('aside', [nameOf(2), nameOf(1_000_000)]);
  await (await openSpool(folder, BOOT_MS)).leave(['mark']);
  const spool = await openSpool(folder, BOOT_MS + 1);
  for (let first = await spool.first(); first !== undefined; first = await spool.first()) await spool.setAside(first.name);
  const aside = (await openSpool(folder, BOOT_MS + 2)).aside();
  assert.deepEqual(aside, spool.aside());
  const read: unknown[] = [];
  for (const name of aside) read.push(await spool.readAside(name));
  assert.deepEqual(read, [nameOf(2), nameOf(1_000_000), 'mark']);
});
