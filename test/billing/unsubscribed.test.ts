// SPDX-License-Identifier: Apache-2.0
// What becomes of a Tenant for whom Stripe has no subscription, or one that nobody wants any more.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitsOf } from '../../operator/billing/waits.ts';
import { event } from '../usage/ledger-scene.ts';
import { billed, keeping, live, order } from './orders.ts';
import type { It } from './orders.ts';
import type { FakeAnswer } from './fake-stripe.ts';
import { HOUR_MS, NOVEMBER, START } from './scene.ts';

const MINUTE_MS = 60_000;

describe('a subscription', () => {
  it('that is made after its Tenant went is found, and ended with the month', async () => {
    const it = await keeping();
    let arrive: (() => FakeAnswer) | undefined;
    it.setNetwork((request, answer) => {
      if (request.method !== 'POST' || request.path !== '/v1/subscriptions') return answer();
      arrive ??= answer;
      throw new Error('reset');
    });
    for (const minute of [1, 2]) await it.look(START + minute * MINUTE_MS);
    it.tenants.splice(0, 1);
    await it.look(START + 3 * MINUTE_MS);
    arrive?.();
    assert.equal(live(it).length, 1);
    it.setNetwork((_request, answer) => answer());
    for (const minute of [4, 5, 6]) await it.look(START + minute * MINUTE_MS);
    await it.look(NOVEMBER + MINUTE_MS);
    assert.deepEqual([it.fake.accounts.subscriptions.length, live(it).length], [1, 0]);
    await it.end();
  });

  it('that was never made is looked for no longer than its request may be under way', async () => {
    const it = await keeping();
    it.setNetwork((request, answer) => {
      if (request.method === 'POST' && request.path === '/v1/subscriptions') throw new Error('reset');
      return answer();
    });
    for (const minute of [1, 2]) await it.look(START + minute * MINUTE_MS);
    it.tenants.splice(0, 1);
    for (const hour of [1, 21, 22]) await it.look(START + hour * HOUR_MS);
    const before = it.fake.requests.length;
    await it.look(START + 23 * HOUR_MS);
    assert.deepEqual(
      it.fake.requests.slice(before).filter(({ path }) => path === '/v1/subscriptions'),
      [],
    );
    await it.end();
  });
});

const DECEMBER = Date.UTC(2026, 11);
const HOURS = 3;
const refused: FakeAnswer = {
  status: 400,
  body: { error: { type: 'invalid_request_error', code: 'customer_tax_location_invalid', message: 'no address' } },
};

/** What is used in November, by which Stripe was told of it. */
const useInNovember = async (it: It): Promise<void> => {
  const atMs = NOVEMBER + 24 * HOUR_MS;
  await it.look(atMs);
  await it.ledger.accept([event({ value: '500000', atMs })]);
  for (let hour = 1; hour < 12; hour += HOURS) await it.look(atMs + hour * HOUR_MS);
};
const afterNovember = async (it: It): Promise<void> => {
  for (let hour = 49; hour < 90; hour += HOURS) await it.look(DECEMBER + hour * HOUR_MS);
};
const waits = (it: It) => it.store.read((reader) => waitsOf(reader, { tenant: 'acme', isCustomer: true, nowMs: DECEMBER + 90 * HOUR_MS }));

describe('the statement of a month', () => {
  it('in which there was no subscription waits, also once there is one or the Tenant is gone', async () => {
    for (const then of ['nothing', 'subscribed', 'gone']) {
      const it = await keeping();
      it.setNetwork((request, answer) => (request.method === 'POST' && request.path === '/v1/subscriptions' ? refused : answer()));
      for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
      await useInNovember(it);
      await it.look(DECEMBER + HOUR_MS);
      if (then === 'gone') it.tenants.splice(0, 1);
      if (then === 'subscribed') it.setNetwork((_request, answer) => answer());
      await afterNovember(it);
      assert.equal(live(it).length, then === 'subscribed' ? 1 : 0);
      assert.equal(it.counted(NOVEMBER + 24 * HOUR_MS, it.fake.accounts.customers[0]?.id), '500000');
      assert.deepEqual(
        (await waits(it)).map(({ why }) => why),
        ['the provider counts its use, and has no subscription that bills it'],
        then,
      );
      await it.end();
    }
  });

  it('in which somebody else ended the subscription waits', async () => {
    const it = await keeping();
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    await useInNovember(it);
    it.fake.accounts.end(live(it)[0]?.id ?? '');
    for (const hour of [40, 47]) await it.look(NOVEMBER + hour * HOUR_MS);
    assert.match(billed(it)?.message ?? '', /^BILL_SUBSCRIPTION_GONE/);
    await afterNovember(it);
    assert.equal((await waits(it)).length, 1);
    await it.end();
  });

  it('with a subscription is settled, also where that ended with the month', async () => {
    for (const ends of [false, true]) {
      const it = await keeping();
      for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
      await useInNovember(it);
      if (ends) order(it, 'Starter', undefined);
      await it.look(NOVEMBER + 48 * HOUR_MS);
      await it.look(DECEMBER + HOUR_MS);
      await afterNovember(it);
      assert.equal(live(it).length, ends ? 0 : 1);
      assert.deepEqual(await waits(it), []);
      await it.end();
    }
  });
});
