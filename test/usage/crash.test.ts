// SPDX-License-Identifier: Apache-2.0
// The crash matrix: SIGKILL at each named place, many times. Nothing acknowledged is lost, nothing counts twice, and closes give the
// same bytes as without any crash.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openLedgerStore } from '../../operator/usage/open-store.ts';
import { integerOf } from '../../operator/usage/store.ts';
import { systemClock } from '../../process/clock.ts';
import { judge } from './crash-judge.ts';
import { KILL_POINTS, RUN_CLOSE, RUN_START, createCrashRun } from './crash-run.ts';
import type { CrashRun, KillPoint } from './crash-run.ts';
import { postgresBinaries, startPostgres } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-crash-'));
after(() => rm(folder, { recursive: true }));

/** At which visit of each point it dies: the first, and some in the middle of work. */
const MATRIX: Readonly<Record<KillPoint, readonly number[]>> = {
  opened: [1, 1],
  begun: [1, 2, 3, 4, 5],
  'work-done': [1, 2, 3, 4, 6],
  'before-commit': [1, 2, 3, 4, 5],
  'after-commit': [1, 2, 3, 4, 5],
  'before-answer': [1, 4, 9, 15],
  'in-seal': [1, 1, 1, 1],
  'after-seal': [1, 1, 1],
  'in-statements': [1, 1, 1],
  'after-close': [1],
};

/** Comes by each point, then dies at moments of nobody's choosing, then lives and settles until a period is closed. */
const crash = async (location: string, plan: { readonly visits: number; readonly random: number }): Promise<CrashRun> => {
  const run = createCrashRun(location, { sources: 3, batch: 20 });
  let minutes = 0;
  for (const point of KILL_POINTS) {
    for (const visit of MATRIX[point].slice(0, plan.visits)) {
      await run.start(`${point}:${visit}`);
      for (let round = 0; round < 6 && (await run.send()); round += 1);
      const late = point === 'in-statements' || point === 'after-close';
      await run.settle(late ? RUN_CLOSE : RUN_START + (minutes += 1) * 60_000);
      await run.stop();
    }
  }
  for (let index = 0; index < plan.random; index += 1) {
    await run.start();
    run.killAfter((index * 7) % 60);
    while (await run.send());
  }
  await run.start();
  assert.ok(await run.send());
  assert.ok(await run.settle(RUN_CLOSE + 60_000));
  await run.stop();
  return run;
};

describe('killed at every named place', () => {
  it('in one file: 50 times and more', async () => {
    const location = join(folder, 'matrix.db');
    const run = await crash(location, { visits: 5, random: 15 });
    assert.ok(run.kills >= 50, `${run.kills} kills`);
    const store = await openLedgerStore(location, { clock: systemClock });
    const events = await judge(store, run);
    const [closed] = await store.read((reader) => reader.all('SELECT COUNT(*) AS made FROM usage_statement'));
    assert.ok(closed !== undefined && integerOf(closed, 'made') === 3);
    await store.close();
    console.log(`# ${run.kills} kills, ${events} events, slowest recovery ${run.slowestRecoveryMs} ms`);
  });
});

const binaries = postgresBinaries();

describe('the same over PostgreSQL', { skip: binaries === undefined ? 'this machine has no PostgreSQL server' : false }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres(binaries ?? '');
  });
  after(() => server.stop());
  it('killed at every named place', async () => {
    const location = await server.url('crash');
    const run = await crash(location, { visits: 1, random: 2 });
    assert.ok(run.kills >= 8, `${run.kills} kills`);
    const store = await openLedgerStore(location, { clock: systemClock });
    await judge(store, run);
    await store.close();
  });
});
