// SPDX-License-Identifier: Apache-2.0
// A replica of the webhook that is killed: what it was counting is missing in the ledger, whatever another replica says of that minute.
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { readLevels } from '../../operator/slo/levels.ts';
import { readEvent } from '../../operator/usage/event.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import type { Objective } from '../../policies/service-level/index.ts';
import { systemClock } from '../../process/clock.ts';
import { createUsageReports } from '../../webhook/usage/index.ts';
import { createLevelCounts } from '../../webhook/usage/levels.ts';
import { fakeClock } from '../fake-clock.ts';

const root = await mkdtemp(join(tmpdir(), 'writ-killed-'));
after(() => rm(root, { recursive: true }));

const START = Date.UTC(2026, 10, 21, 10);
const MINUTE = 60_000;
const objective: Objective = { name: 'availability', target: 0.999, percent: '99.9', withinMs: Number.POSITIVE_INFINITY };
const clock = fakeClock(START);
let asleep = 0;

/** All who run have looked, and wait for the next look. */
const slept = async (): Promise<void> => {
  while (clock.pending < asleep) await new Promise((resolve) => setImmediate(resolve));
};

const replica = async (name: string, folder: string, sent: string[]) => {
  const counts = createLevelCounts({ clock, promised: () => [{ tenant: 'acme', objectives: [objective] }], ready: () => true });
  const reports = await createUsageReports({
    folder,
    replica: name,
    intervalMs: 10_000,
    clock,
    send: async (batch) => (sent.push(batch), 200),
    onRefused: () => assert.fail(),
    onError: (error) => assert.fail(String(error)),
  });
  reports.add(counts);
  const stopping = new AbortController();
  asleep += 1;
  const running = reports.run(stopping.signal);
  await slept();
  const answer = (good: boolean): void => counts.count({ tenant: 'acme', objective, good });
  const stop = async (): Promise<void> => {
    asleep -= 1;
    stopping.abort();
    await running;
  };
  return { answer, stop };
};

/** Time goes on by looks of ten seconds, each of which ends before the next. */
const pass = async (looks: number): Promise<void> => {
  for (let look = 0; look < looks; look += 1) {
    await clock.advance(10_000);
    await slept();
  }
};

const minutesOf = async (batches: readonly string[], file: string): Promise<readonly string[]> => {
  const now = { ...systemClock, now: () => clock.now() };
  const ledger = createLedger({ store: await openSqliteStore({ file, clock: now, groupMs: 0 }), clock: now, hasTenant: () => true });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  for (const batch of batches) {
    const given: readonly unknown[] = JSON.parse(batch);
    const events = given.map((one) => readEvent(one, clock.now()));
    const outcomes = await ledger.accept(events.map((one) => (one.ok ? one.event : assert.fail(one.problem.message))));
    assert.ok(
      outcomes.every((outcome) => outcome === 'stored'),
      outcomes.join(),
    );
  }
  const levels = await ledger.store.read((reader) =>
    readLevels(reader, { tenant: 'acme', fromMs: START, toMs: START + 10 * MINUTE, cutMs: clock.now() + 1 }),
  );
  await ledger.store.close();
  return [...(levels.get('availability')?.minutes ?? [])]
    .toSorted(([a], [b]) => a - b)
    .map(([atMs, { valid, good }]) => `${(atMs - START) / MINUTE}: ${good}/${valid}`);
};

it('leaves what says that its running minute is missing, and the next process hands that in', async () => {
  const sent: string[] = [];
  const [one, other] = [await replica('one', join(root, 'one'), sent), await replica('other', join(root, 'other'), sent)];
  await pass(6);
  one.answer(true);
  other.answer(true);
  await pass(6);
  // Minute 2: the one answers badly, the other well.
  one.answer(false);
  other.answer(true);
  await pass(1);
  // This is all that is left of it.
  await cp(join(root, 'one'), join(root, 'left'), { recursive: true });
  assert.equal((await readdir(join(root, 'left'))).length, 1);
  const before = sent.length;
  await pass(5);
  other.answer(true);
  await pass(6);
  const others = sent.filter((batch) => batch.includes('/writ/webhook/other/'));
  const mine = sent.slice(0, before).filter((batch) => batch.includes('/writ/webhook/one/'));
  assert.deepEqual(
    await minutesOf([...mine, ...others], join(root, 'without.db')),
    ['1: 2/2', '2: 1/1', '3: 1/1'],
    'so it would have been',
  );

  const again: string[] = [];
  const next = await replica('one', join(root, 'left'), again);
  await pass(1);
  await next.stop();
  assert.deepEqual(await minutesOf([...mine, ...others, ...again], join(root, 'with.db')), ['1: 2/2', '3: 1/1']);

  await one.stop();
  await other.stop();
  assert.deepEqual(await readdir(join(root, 'one')), [], 'one that is stopped tells what it has');
});

it('leaves nothing of a minute in which it answered nobody', async () => {
  const sent: string[] = [];
  const one = await replica('quiet', join(root, 'quiet'), sent);
  one.answer(true);
  await pass(1);
  assert.equal((await readdir(join(root, 'quiet'))).length, 1);
  await pass(8);
  assert.deepEqual(await readdir(join(root, 'quiet')), []);
  await one.stop();
});
