// SPDX-License-Identifier: Apache-2.0
// One customer and one subscription for a tenant, and what it ordered in time from the first of the month on, whatever happens in between; and
// without a key that is kept, or without reading back, it is not so.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulateAccounts } from './subscription-simulation.ts';
import type { AccountMutation } from './subscription-simulation.ts';

// `make billing-soak` takes a thousand and more.
const SEEDS = Number(process.env['WRIT_BILLING_SEEDS'] ?? '12');

// Most of the time would go into traces of errors that are made on purpose.
Error.stackTraceLimit = 0;

describe('subscription = order', () => {
  it(`over ${SEEDS} histories of orders, resets, late arrivals, repeated failures, throttling, outages and kills`, async () => {
    let [requests, kills, changes] = [0, 0, 0];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const outcome = await simulateAccounts(seed);
      assert.deepEqual(outcome.wrong, [], `seed ${seed}: ${JSON.stringify(outcome)}`);
      [requests, kills, changes] = [requests + outcome.requests, kills + outcome.kills, changes + outcome.changes];
    }
    const told = `${requests} requests, ${kills} kills and ${changes} orders are too few to prove anything`;
    assert.ok(kills > SEEDS / 2 && requests > SEEDS * 100 && changes > SEEDS * 4, told);
  });

  let turn = 0;
  const mutations: readonly (readonly [string, AccountMutation])[] = [
    [
      'a key that is kept',
      (real) => ({
        ...real,
        makeCustomer: (owner) => real.makeCustomer(owner, `any.${(turn += 1)}`),
        makeSubscription: (asked) => real.makeSubscription(asked, `any.${(turn += 1)}`),
      }),
    ],
    ['reading back', (real) => ({ ...real, subscriptions: async () => [] })],
    ['searching', (real) => ({ ...real, customersOf: async () => [] })],
  ];
  for (const [what, mutation] of mutations)
    it(`does not hold without ${what}`, async () => {
      for (let seed = 1; seed <= 60; seed += 1) if ((await simulateAccounts(seed, mutation)).wrong.length > 0) return;
      assert.fail('nothing noticed');
    });
});
