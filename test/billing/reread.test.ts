// SPDX-License-Identifier: Apache-2.0
// What the provider counted once and counts no more is found within the hour, sent again once it is sure, and never counted twice.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOutbox } from '../../operator/billing/outbox/index.ts';
import { stretchesToRead } from '../../operator/billing/outbox/reread.ts';
import { billingMigrations, newestEntry, putEntry } from '../../operator/billing/outbox/tables.ts';
import type { ReadingAsked } from '../../operator/billing/provider.ts';
import { systemClock } from '../../process/clock.ts';
import { event } from '../usage/ledger-scene.ts';
import { openMemoryStore } from './memory-store.ts';
import { entryOf } from './outbox-entry.ts';
import { HOUR_MS, OCTOBER, START, scene } from './scene.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * HOUR_MS;

/** Tenants of two meters with one verified hour each, and what the provider counts of all hours alike. */
const watched = async ({
  tenants,
  hourMs = START,
  encoding = 'Absolute',
}: {
  tenants: number;
  hourMs?: number;
  encoding?: 'Absolute' | 'Delta';
}) => {
  let nowMs = START + 2 * HOUR_MS;
  let counted = '5';
  const asked: ReadingAsked[] = [];
  const sent: string[] = [];
  const store = openMemoryStore();
  await store.migrate(billingMigrations);
  const names = Array.from({ length: tenants }, (_, index) => `t${String(index).padStart(3, '0')}`);
  await store.transact(async (tx) => {
    for (const tenant of names)
      for (const meter of ['api_calls', 'users'])
        await putEntry(tx, entryOf({ tenant, meter, hourMs, total: '5', state: 'verified', encoding, acceptedMs: hourMs }));
  });
  const outbox = createOutbox({
    store,
    provider: {
      report: async ({ value }) => {
        sent.push(value);
        counted = '5';
        return { kind: 'accepted' };
      },
      read: async (one) => {
        asked.push(one);
        return new Map([[hourMs, counted]]);
      },
    },
    clock: { ...systemClock, now: () => nowMs, monotonicMs: () => nowMs },
    random: () => 0.5,
    installation: 'test',
  });
  return {
    asked,
    sent,
    counts: (next: string) => void (counted = next),
    state: async () => (await store.read((reader) => newestEntry(reader, { tenant: 't000', meter: 'api_calls', hourMs })))?.state,
    turn: async (afterMs: number) => {
      nowMs += afterMs;
      await outbox.pass();
      await outbox.reread();
    },
  };
};

describe('hours that were verified', () => {
  it('are asked for once an hour, of so many tenants and meters in a turn', async () => {
    const it = await watched({ tenants: 45 });
    const turns: number[] = [];
    for (const afterMs of [0, MINUTE_MS, MINUTE_MS, MINUTE_MS, 56 * MINUTE_MS, MINUTE_MS]) {
      const before = it.asked.length;
      await it.turn(afterMs);
      turns.push(it.asked.length - before);
    }
    assert.deepEqual(turns, [40, 40, 10, 0, 0, 40]);
    assert.equal(new Set(it.asked.slice(0, 90).map(({ meter }) => meter)).size, 2);
    for (const { startMs, endMs } of it.asked) assert.ok(startMs % HOUR_MS === 0 && endMs % HOUR_MS === 0 && endMs - startMs <= 3 * DAY_MS);
  });

  it('are asked for in stretches of a page: the newest, and one of the others by chance, so that each has its turn', () => {
    const [fromMs, toMs] = [OCTOBER, OCTOBER + 10 * DAY_MS];
    const seen = new Set<number>();
    for (let draw = 0; draw < 100; draw += 1) {
      const [newest, older, ...more] = stretchesToRead({ fromMs, toMs }, draw / 100);
      assert.deepEqual([newest, more.length], [{ fromMs: toMs - 3 * DAY_MS, toMs }, 0]);
      assert.ok(
        older !== undefined && older.fromMs < older.toMs && older.toMs <= toMs - 3 * DAY_MS && older.toMs - older.fromMs <= 3 * DAY_MS,
      );
      for (let at = older.fromMs; at < older.toMs; at += HOUR_MS) seen.add(at);
    }
    assert.equal(seen.size, 7 * 24, 'every hour before the newest three days');
    assert.deepEqual(stretchesToRead({ fromMs, toMs: fromMs + HOUR_MS }, 0.9), [{ fromMs, toMs: fromMs + HOUR_MS }]);
  });

  it('are left alone once their month is over for three days: its invoice is final', async () => {
    // By a draw of a half it is in the stretch that is asked for.
    const hourMs = Date.UTC(2026, 8, 17);
    for (const [hours, readings] of [
      [71, 2],
      [72, 0],
    ] as const) {
      const it = await watched({ tenants: 1, hourMs });
      await it.turn(OCTOBER + hours * HOUR_MS - START - 2 * HOUR_MS);
      assert.equal(it.asked.length, readings);
    }
  });

  for (const encoding of ['Absolute', 'Delta'] as const)
    it(`and are counted no more are sent again after six hours, once, as ${encoding}`, async () => {
      const it = await watched({ tenants: 1, encoding });
      it.counts('0');
      await it.turn(0);
      assert.equal(await it.state(), 'accepted');
      for (let hour = 0; hour < 5; hour += 1) await it.turn(HOUR_MS);
      assert.deepEqual(it.sent, []);
      for (let hour = 0; hour < 4; hour += 1) await it.turn(HOUR_MS);
      // The other meter's was missing, too.
      assert.deepEqual([it.sent, await it.state()], [['5', '5'], 'verified']);
    });

  it('and are out of sight for a while are not sent again', async () => {
    const it = await watched({ tenants: 1, encoding: 'Delta' });
    it.counts('0');
    await it.turn(0);
    it.counts('5');
    for (let hour = 0; hour < 9; hour += 1) await it.turn(HOUR_MS);
    assert.deepEqual([it.sent, await it.state()], [[], 'verified']);
  });

  it('are mended by the operator long before an invoice is looked at', async () => {
    const it = await scene();
    await it.ledger.accept([event({ value: '5' })]);
    for (const hour of [2, 3]) await it.look(START + hour * HOUR_MS);
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    assert.equal(it.counted(START), '0');
    for (let hour = 4; hour < 14; hour += 1) await it.look(START + hour * HOUR_MS);
    assert.equal(it.counted(START), '5');
    assert.match(it.said.join(''), /does not count an hour any more that it counted before/);
    assert.match(await it.metrics(), /state="accepted"} 0/);
    await it.end();
  });
});
