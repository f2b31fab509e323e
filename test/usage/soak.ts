// SPDX-License-Identifier: Apache-2.0
/**
 * `make soak`: kills the ledger at random moments and at every named place, 1,000 times and more, and judges what it then holds.
 *
 * In: how many kills, a seed. Out: a line every 50 kills and the verdict; exits with 1 where an acknowledged event is lost, one
 * counts twice, or the ledger took longer than two seconds from its file being opened until events were taken in again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLedgerStore } from '../../operator/usage/open-store.ts';
import { systemClock } from '../../process/clock.ts';
import { judge } from './crash-judge.ts';
import { KILL_POINTS, RUN_CLOSE, RUN_START, createCrashRun } from './crash-run.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '1000' }, seed: { type: 'string', default: String(Date.now()) } },
});
const wanted = Number(values.kills);
const MAX_RECOVERY_MS = 2000;
let state = Number(values.seed) % 2_147_483_647 || 1;
/** Lehmer's generator: the seed gives the same run again. */
const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;

const folder = await mkdtemp(join(tmpdir(), 'writ-soak-'));
const location = join(folder, 'ledger.db');
const run = createCrashRun(location, { sources: 4, batch: 50 });
console.log(`${wanted} kills, seed ${values.seed}`);
for (let told = 0, minutes = 0; run.kills < wanted;) {
  const named = random(2) === 0;
  await run.start(named ? `${KILL_POINTS[random(KILL_POINTS.length)]}:${1 + random(6)}` : '');
  if (!named) run.killAfter(random(120));
  const rounds = named ? 6 : Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds && (await run.send()); round += 1);
  if (named) await run.settle((random(20) === 0 ? RUN_CLOSE : RUN_START) + (minutes += 1) * 60_000);
  await run.stop();
  if (run.kills < told + 50) continue;
  told = run.kills;
  console.log(`${run.kills} kills, slowest recovery ${run.slowestRecoveryMs} ms`);
}
await run.start();
await run.send();
await run.settle(RUN_CLOSE + 10 * 86_400_000);
await run.stop();
const store = await openLedgerStore(location, { clock: systemClock });
const events = await judge(store, run);
const acknowledged = [...run.acknowledged.values()].reduce((sum, count) => sum + count, 0);
await store.close();
await rm(folder, { recursive: true });
console.log(
  `${run.kills} kills, ${events} events: 0 of ${acknowledged} acknowledged lost, 0 twice; slowest recovery ${run.slowestRecoveryMs} ms, with the start of its process ${Math.round(run.slowestStartMs)} ms`,
);
if (run.slowestRecoveryMs > MAX_RECOVERY_MS) {
  console.error(`a recovery took longer than ${MAX_RECOVERY_MS} ms`);
  process.exitCode = 1;
}
