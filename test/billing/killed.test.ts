// SPDX-License-Identifier: Apache-2.0
// The rows of the crash matrix that lie between the ledger and Stripe, one by one: where the process is killed, and what the next one
// asks first. The simulation meets them by chance and all together.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Encoding, HourTotal } from '../../operator/billing/outbox/entry.ts';
import { createOutbox } from '../../operator/billing/outbox/index.ts';
import type { Outbox } from '../../operator/billing/outbox/index.ts';
import { billingMigrations, countStates, oldestOpenHour } from '../../operator/billing/outbox/tables.ts';
import type { UsageProvider } from '../../operator/billing/provider.ts';
import { createStripe } from '../../operator/billing/stripe.ts';
import { systemClock } from '../../process/clock.ts';
import { createFakeStripe, toResponse } from './fake-stripe.ts';
import { openMemoryStore } from './memory-store.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 10, 1);
const SECRET = 'sk_test_simulated1';

class Killed extends Error {}

const scene = async (encoding: Encoding) => {
  let nowMs = START + 2 * HOUR_MS;
  const clock = { ...systemClock, now: () => nowMs };
  const fake = createFakeStripe({ nowMs: () => nowMs, secretKey: SECRET });
  const stripe = createStripe({
    nowMs: () => 0,
    secretKey: SECRET,
    mode: 'test',
    fetch: async (url, init) => {
      const asked = fake.read(url, init);
      return toResponse('status' in asked ? asked : fake.handle(asked));
    },
  });
  await stripe.ensureMeter('api_calls', encoding);
  const store = openMemoryStore();
  await store.migrate(billingMigrations);
  const total: HourTotal = { tenant: 'acme', meter: 'api_calls', hourMs: START, total: '5', customer: 'cus_acme', encoding };
  /** A process; `report` is what it does when it is to send. */
  const process = (report: UsageProvider['report'] = (one) => stripe.report(one)): Outbox =>
    createOutbox({ store, clock, provider: { ...stripe, report }, random: () => 0.5, installation: 'test' });
  return {
    total,
    process,
    /** A process that ends when Stripe has applied its report and before it knows. */
    diesUnanswered: async (): Promise<void> => {
      const dying = process(async (report) => {
        await stripe.report(report);
        throw new Killed();
      });
      await dying.offer([total]);
      await assert.rejects(dying.pass(), Killed);
    },
    later: (ms: number) => void (nowMs += ms),
    /** What is asked of the provider from here on. */
    asked: (): readonly string[] => fake.requests.splice(0).map(({ method, path }) => `${method} ${path.split('/').at(-1)}`),
    keys: () => fake.requests.filter(({ path }) => path.endsWith('meter_events')).map(({ key, body }) => [key, body['identifier']]),
    received: () => (fake.meters.received.get(`writ_api_calls_${encoding.toLowerCase()}`) ?? []).length,
    states: async () => [...(await store.read(countStates))],
    oldest: () => store.read(oldestOpenHour),
    close: () => store.close(),
  };
};

for (const encoding of ['Absolute', 'Delta'] as const) {
  describe(`killed with a report of the kind ${encoding}`, () => {
    it('after the intent, before anything is sent: it is sent', async () => {
      const world = await scene(encoding);
      await world.process().offer([world.total]);
      world.asked();
      await world.process().pass();
      assert.deepEqual(world.asked(), ['POST meter_events']);
      assert.equal(world.received(), 1);
      assert.deepEqual(await world.states(), [['accepted', 1]]);
      await world.close();
    });

    it('when it was to be sent and was not: it is sent, once', async () => {
      const world = await scene(encoding);
      const dying = world.process(() => Promise.reject(new Killed()));
      await dying.offer([world.total]);
      await assert.rejects(dying.pass(), Killed);
      assert.deepEqual([world.received(), await world.states()], [0, [['sending', 1]]]);
      world.later(HOUR_MS);
      await world.process().pass();
      assert.deepEqual([world.received(), await world.states()], [1, [['accepted', 1]]]);
      await world.close();
    });

    it('after Stripe applied it, without the answer: the same is sent, under the same identifier and key, and counts once', async () => {
      const world = await scene(encoding);
      await world.diesUnanswered();
      assert.deepEqual([world.received(), await world.states()], [1, [['sending', 1]]]);
      world.later(HOUR_MS);
      await world.process().pass();
      const [first, second, ...more] = world.keys();
      assert.ok(first !== undefined && more.length === 0);
      assert.deepEqual(first, second);
      assert.deepEqual([world.received(), await world.states()], [1, [['accepted', 1]]]);
      await world.close();
    });

    it('the same, and nobody comes back for more than a day: it is read back before anything is sent', async () => {
      const world = await scene(encoding);
      await world.diesUnanswered();
      world.asked();
      world.later(25 * HOUR_MS);
      await world.process().pass();
      assert.deepEqual(world.asked(), ['GET event_summaries']);
      assert.deepEqual([world.received(), await world.states()], [1, [['verified', 1]]]);
      await world.close();
    });

    it('before Stripe heard of it, and nobody comes back for more than a day: read back first, then sent as another one, once', async () => {
      const world = await scene(encoding);
      const dying = world.process(() => Promise.reject(new Killed()));
      await dying.offer([world.total]);
      await assert.rejects(dying.pass(), Killed);
      world.asked();
      world.later(27 * HOUR_MS);
      const next = world.process();
      await next.pass();
      assert.deepEqual(world.asked()[0], 'GET event_summaries');
      world.later(HOUR_MS);
      await next.pass();
      assert.equal(world.received(), 1);
      world.later(HOUR_MS);
      await next.pass();
      assert.deepEqual([world.received(), await world.states()], [1, [['verified', 1]]]);
      assert.equal(await world.oldest(), undefined, 'what was followed is not waited for');
      await world.close();
    });
  });
}
