// SPDX-License-Identifier: Apache-2.0
// What the ledger counts is what the invoice says, whatever happens in between; and without each of the three precautions it is not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identifierOf } from '../../operator/billing/outbox/entry.ts';
import * as standing from '../../operator/billing/outbox/rules.ts';
import { simulate } from './simulation.ts';
import type { Mutation, Outcome } from './simulation.ts';

// `make billing-soak` takes a thousand and more.
const SEEDS = Number(process.env['WRIT_BILLING_SEEDS'] ?? '200');

const isGood = ({ wrong, regressions, aside }: Outcome): boolean => wrong.length === 0 && regressions.length === 0 && aside === 0;

/** The first seed whose history is not good. */
const firstBad = async (mutation: Mutation, seeds: number): Promise<{ readonly seed: number; readonly outcome: Outcome } | undefined> => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const outcome = await simulate(seed, mutation);
    if (!isGood(outcome)) return { seed, outcome };
  }
  return undefined;
};

describe('invoice = ledger', () => {
  it(`over ${SEEDS} histories of resets, late arrivals, repeated failures, throttling, drops, outages and kills`, async () => {
    let [requests, kills] = [0, 0];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const outcome = await simulate(seed);
      assert.ok(isGood(outcome), `seed ${seed}: ${JSON.stringify(outcome)}`);
      requests += outcome.requests;
      kills += outcome.kills;
    }
    assert.ok(kills > SEEDS / 2 && requests > SEEDS * 20, `${kills} kills and ${requests} requests are too few to prove anything`);
  });

  const rules = { ...standing, identifierOf };
  const mutations: readonly (readonly [string, Mutation])[] = [
    [
      'its identifier',
      {
        provider: (real) => {
          let turn = 0;
          return { ...real, report: (report) => real.report({ ...report, identifier: `any.${(turn += 1)}`, requestKey: `any.${turn}` }) };
        },
      },
    ],
    [
      'reading back',
      {
        provider: (real, ledger) => ({
          ...real,
          read: async ({ customer, meter, startMs, endMs }) =>
            new Map(
              Array.from({ length: (endMs - startMs) / 3_600_000 }, (_, index) => {
                const hourMs = startMs + index * 3_600_000;
                return [hourMs, ledger({ customer, meter, hourMs })] as const;
              }),
            ),
        }),
      },
    ],
    ['one flight at a time', { rules: { ...rules, isResolved: () => true } }],
  ];
  for (const [what, mutation] of mutations) {
    it(`does not hold without ${what}`, async () => {
      const bad = await firstBad(mutation, 50);
      assert.ok(bad !== undefined, 'nothing noticed');
    });
  }
});
