// SPDX-License-Identifier: Apache-2.0
// What becomes of a Tenant for whom Stripe has no subscription, or one that nobody wants any more.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keeping, live } from './orders.ts';
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
