// SPDX-License-Identifier: Apache-2.0
// What Stripe bills of the prices that are subscribed, by its documented arithmetic, is what rating says of the same orders.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CYCLES, formatTime, monthsAfter } from '../../../policies/pricing/calendar.ts';
import { toMinor } from '../../../policies/pricing/money.ts';
import { multiply, negate, ratio, whole } from '../../../policies/pricing/ratio.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';
import { catalogOf } from '../catalog.ts';
import { rate } from '../rating/index.ts';
import { cycleAt } from '../rating/subscription.ts';
import type { Change } from '../rating/subscription.ts';
import { testBook } from '../rating/test-book.ts';
import { graduated } from '../test-graduated.ts';
import { keysAt, nextTerms, offerOf } from './offers.ts';
import type { Terms } from './provider.ts';

const BEGIN = Date.UTC(2026, 4);
const TIERS = ['Starter', 'Professional', 'Enterprise', 'MissionCritical'] as const;
const REPORTED = ['api_calls', 'reasoning_units'] as const;
const encodings = new Map(REPORTED.map((meter) => [meter, 'Absolute'] as const));
const book = testBook();
// It begins to hold in mid-history: use by it from then on, fees once their cycle begins anew.
const dearer = testBook((text) =>
  text
    .replace('version: 1', 'version: 2')
    .replace('2026-01-01', '2026-09-01')
    .replaceAll('overage: "0.10"', 'overage: "0.12"')
    .replaceAll('monthly: "299"', 'monthly: "319"')
    .replaceAll('annual: "2870"', 'annual: "3070"'),
);
const books = [book, dearer];
const catalogs = books.map((one) => catalogOf(one, encodings));
const offers = books.map((one, index) => offerOf(one, catalogs[index] ?? assert.fail()));
const priceOf = new Map(catalogs.flatMap(({ prices }) => prices).map((price) => [price.lookupKey, price]));

const keysIn = (terms: Terms, atMs: number): readonly string[] => {
  const priced = keysAt(offers, terms, atMs);
  return priced.ok ? priced.keys : assert.fail(priced.problem.message);
};
const feeOf = (terms: Terms, atMs: number): readonly [key: string, amount: Ratio] => {
  const [key = ''] = keysIn(terms, atMs);
  const price = priceOf.get(key);
  return [key, whole(price?.kind === 'fee' ? price.amount : assert.fail(key))];
};
const { currency } = book;
const rounded = (minor: Ratio): bigint => toMinor(multiply(minor, ratio(1, 10n ** BigInt(currency.minorDigits))), currency);

/** What is left of fees is pending where the cycle goes on, and on the next invoice. */
type Lines = { readonly due: readonly bigint[]; readonly pending: readonly bigint[] };

/** The lines that Stripe makes at the first of a month: before it `before` was subscribed, from it on `now`. */
const stripeLines = (before: Terms | undefined, now: Terms, at: { readonly ms: number; readonly used: readonly bigint[] }): Lines => {
  const [key, fee] = feeOf(now, at.ms);
  if (before === undefined) return { due: [rounded(fee)], pending: [] };
  const monthMs = monthsAfter(at.ms, -1);
  const usage = keysIn(before, monthMs)
    .slice(1)
    .map((name) => {
      const price = priceOf.get(name);
      if (price?.kind !== 'metered') return assert.fail(name);
      return rounded(graduated(price.tiers, at.used[REPORTED.findIndex((meter) => meter === price.meter)] ?? 0n));
    });
  const span = cycleAt({ ...before, endMs: Number.POSITIVE_INFINITY }, monthMs) ?? assert.fail();
  if (at.ms === span.endMs) return { due: [...usage, rounded(fee)], pending: [] };
  const [keyBefore, feeBefore] = feeOf(before, monthMs);
  if (keyBefore === key) return { due: usage, pending: [] };
  const left = ratio(span.endMs - at.ms, span.endMs - span.startMs);
  const unused = rounded(negate(multiply(feeBefore, left)));
  return before.cycle === now.cycle
    ? { due: usage, pending: [unused, rounded(multiply(fee, left))] }
    : { due: [...usage, unused, rounded(fee)], pending: [] };
};

const sorted = (amounts: readonly bigint[]): readonly bigint[] =>
  amounts.filter((amount) => amount !== 0n).toSorted((a, b) => (a < b ? -1 : 1));

describe('a subscription that changes with the first of a month', () => {
  it('is billed by Stripe as rating bills it, line by line', () => {
    const order = fc.record({ tier: fc.constantFrom(...TIERS), cycle: fc.constantFrom(...CYCLES) });
    const month = fc.record({
      order: fc.option(order, { nil: undefined, freq: 2 }),
      used: fc.tuple(fc.bigInt(0n, 20_000_000n), fc.bigInt(0n, 2_000_000n)),
    });
    fc.assert(
      fc.property(order, fc.array(month, { minLength: 14, maxLength: 16 }), (first, months) => {
        let terms: Terms = { ...first, anchorMs: BEGIN };
        const changes: [Change, ...Change[]] = [{ atMs: BEGIN, ...first }];
        let pending: readonly bigint[] = [];
        for (const [index, { order: next, used }] of months.entries()) {
          const ms = monthsAfter(BEGIN, index + 1);
          const before = terms;
          if (next !== undefined) {
            terms = nextTerms(terms, next, ms);
            changes.push({ atMs: ms, ...next });
          }
          const statement = {
            tenant: 'acme',
            period: { start: formatTime(monthsAfter(ms, -1)), end: formatTime(ms) },
            storedBefore: formatTime(ms + 3 * 86_400_000),
            revision: 1,
            lines: REPORTED.map((meter, at) => ({ meter, unit: '1', quantity: String(used[at]) })),
          };
          const outcome = rate({ books, subscription: { tenant: 'acme', changes }, atMs: ms, statements: [statement] });
          if (!outcome.ok) return assert.fail(outcome.problems.map(({ message }) => message).join());
          const made = stripeLines(before, terms, { ms, used });
          // What credits leave over is there in the customer's balance.
          const rated = outcome.invoice.lines.flatMap(({ kind, amount }) => (kind === 'forward' ? [] : [amount]));
          assert.deepEqual(sorted([...pending, ...made.due]), sorted(rated), formatTime(ms));
          ({ pending } = made);
        }
      }),
      { numRuns: 60 },
    );
  });
});

it('of a tier that the version of the cycle did not sell are those of the first that did', () => {
  const later = [2, 3].map((version) =>
    testBook((text) =>
      text
        .replace('version: 1', `version: ${version}`)
        .replace('2026-01-01', `2026-0${version + 5}-01`)
        .replace('name: Professional', 'name: Premium'),
    ),
  );
  const sold = [book, ...later].map((one) => offerOf(one, catalogOf(one, encodings)));
  const told = (tier: string, month: number): string => {
    const keys = keysAt(sold, { tier, cycle: 'Annual', anchorMs: Date.UTC(2026, 1, 1) }, Date.UTC(2026, month - 1, 1));
    return keys.ok ? (keys.keys[0] ?? '') : keys.problem.code;
  };
  assert.deepEqual(
    [told('Premium', 6), told('Premium', 7), told('Premium', 10), told('Starter', 10)],
    ['BILL_TIER_UNKNOWN', 'writ_standard_v2_Premium_Annual', 'writ_standard_v2_Premium_Annual', 'writ_standard_v1_Starter_Annual'],
  );
});

describe('a price that cannot be said there', () => {
  const asked = (tier: string, cycle: (typeof CYCLES)[number], change: (text: string) => string) => {
    const other = testBook(change);
    return keysAt([offerOf(other, catalogOf(other, encodings))], { tier, cycle, anchorMs: BEGIN }, BEGIN);
  };
  const reasonOf = (keys: ReturnType<typeof keysAt>): string => (keys.ok ? '' : `${keys.problem.code}: ${keys.problem.message}`);

  it('keeps nothing from being subscribed that does without it', () => {
    const dear = (text: string): string => text.replaceAll('annual: "2870"', 'annual: "28700000"');
    assert.equal(reasonOf(asked('Professional', 'Monthly', dear)), '');
    assert.equal(reasonOf(asked('Enterprise', 'Annual', dear)), '');
    assert.match(
      reasonOf(asked('Professional', 'Annual', dear)),
      /^BILL_PRICE_MISSING: .*cannot say exactly: writ_standard_v1_Professional_Annual$/,
    );
  });

  it('is the reason why no tier can be subscribed in a currency that is counted otherwise', () => {
    const other = (text: string): string => text.replace('currency: usd', 'currency: huf');
    assert.match(reasonOf(asked('Starter', 'Monthly', other)), /^BILL_PRICE_MISSING: .*cannot say exactly: standard version 1$/);
    assert.match(reasonOf(asked('None', 'Monthly', other)), /^BILL_TIER_UNKNOWN/);
  });
});
