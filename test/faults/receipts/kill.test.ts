// SPDX-License-Identifier: Apache-2.0
// Killed at any moment, over and over, on the same spool: what was told to be on disk is there and holds, and the chain goes
// on over all lives.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createSpoolCheck } from '../../../policies/receipts/index.ts';
import { openSpool } from '../../../webhook/decisions/spool.ts';

const PROGRAM = fileURLToPath(new URL('write-receipts.ts', import.meta.url));
const LIVES = 6;

/** How many records it said were on disk before it was killed after so many words of it. */
const liveAndDie = async (folder: string, run: number): Promise<number> => {
  const child = spawn(process.execPath, [PROGRAM, folder, String(run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
    killSignal: 'SIGABRT',
  });
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    if (told.split('\n').length > 2 + run * 9) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'close');
  assert.deepEqual([code, signal], [null, 'SIGKILL'], 'it lived until it was killed');
  return Number(told.trimEnd().split('\n').at(-1));
};

it('what was told to be on disk is there and holds, whenever the process is killed', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-kill-'));
  try {
    const durable: number[] = [];
    for (let run = 0; run < LIVES; run += 1) durable.push(await liveAndDie(folder, run));
    // Opening cuts what the last one left half-written.
    await (await openSpool({ folder, header: '', maxBytes: 2 ** 30, onRemoved: assert.fail })).close();
    const check = createSpoolCheck(undefined);
    const ids = new Set<string>();
    for (const name of (await readdir(folder)).toSorted()) {
      for (const { records } of check.file(name, await readFile(join(folder, name))))
        for (const record of records) ids.add(JSON.parse(record.toString()).id);
    }
    const report = check.report();
    assert.deepEqual(report.problems, []);
    assert.deepEqual([report.first?.batch, report.last?.batch], [1, report.batches]);
    assert.deepEqual([report.crashes.length, report.keys.length], [LIVES - 1, LIVES]);
    for (const [run, count] of durable.entries()) {
      assert.ok(count > 0);
      for (let index = 0; index < count; index += 1)
        assert.ok(ids.has(`d-${run}-${index}`), `run ${run}: ${index} of ${count} is not there`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
