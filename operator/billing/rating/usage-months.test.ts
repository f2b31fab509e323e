// SPDX-License-Identifier: Apache-2.0
// Of any subscription each calendar month can be billed in its turn, and all of what its statement says is billed, once.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CYCLES, HOUR_MS, formatTime, monthsAfter } from '../../../policies/pricing/calendar.ts';
import { ZERO, add, compare, multiply, parseDecimal, ratio, subtract, whole } from '../../../policies/pricing/ratio.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';
import { monthOf, nextMonth } from '../../usage/period.ts';
import type { UsageStatement } from '../../usage/statement.ts';
import { dueAt, nextDueMs } from './index.ts';
import type { Invoice } from './invoice.ts';
import { cycleAt, segmentsOf, stretchesOf } from './subscription.ts';
import type { Change, Subscription } from './subscription.ts';
import { at, book, codes, rated, statement, used } from './test-rating.ts';

const FIRST = at('2026-11-01T00:00:00Z');
const YEAR_HOURS = 24 * 365;
const METERS = ['api_calls', 'reasoning_units', 'made_up'] as const;

const order = fc.record({ tier: fc.constantFrom('Starter', 'Professional', 'Enterprise'), cycle: fc.constantFrom(...CYCLES) });
const subscriptions: fc.Arbitrary<Subscription> = fc
  .record({
    begin: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 24 * 60 })),
    first: order,
    later: fc.uniqueArray(fc.record({ hour: fc.integer({ min: 1, max: YEAR_HOURS }), order }), {
      selector: ({ hour }) => hour,
      maxLength: 6,
    }),
    trial: fc.option(fc.integer({ min: 1, max: 24 * 100 }), { nil: undefined }),
    end: fc.option(fc.integer({ min: 1, max: YEAR_HOURS }), { nil: undefined }),
  })
  .map(({ begin, first, later, trial, end }) => {
    const beginMs = FIRST + begin * HOUR_MS;
    const until = end ?? Number.POSITIVE_INFINITY;
    const changes = later
      .filter(({ hour }) => hour < until)
      .toSorted((a, b) => a.hour - b.hour)
      .map(({ hour, order: to }): Change => ({ atMs: beginMs + hour * HOUR_MS, ...to }));
    return {
      tenant: 'acme',
      changes: [{ atMs: beginMs, ...first }, ...changes],
      ...(trial === undefined ? {} : { trialEndMs: beginMs + trial * HOUR_MS }),
      ...(end === undefined ? {} : { endMs: beginMs + end * HOUR_MS }),
    };
  });

const micro = fc
  .bigInt({ min: 0n, max: 10n ** 12n })
  .map((count) => `${count / 1_000_000n}.${String(count % 1_000_000n).padStart(6, '0')}`);
const uses = fc.array(fc.tuple(micro, micro, micro), { minLength: 20, maxLength: 20 });

const monthsUsed = (quantities: readonly (readonly string[])[]): readonly UsageStatement[] =>
  quantities.map((month, index) =>
    statement(
      monthsAfter(FIRST, index),
      monthsAfter(FIRST, index + 1),
      METERS.map((meter, number) => used(meter, month[number] ?? '0')),
    ),
  );

/** All that falls due, in order, until nothing of the subscription can change any more. */
const moments = (subscription: Subscription): readonly number[] => {
  const [{ atMs: beginMs }] = subscription.changes;
  const untilMs = nextMonth(monthOf((subscription.endMs ?? beginMs + (YEAR_HOURS + 24) * HOUR_MS) - 1));
  const found: number[] = [];
  for (let nowMs = beginMs - 1; nowMs < untilMs; nowMs = found.at(-1) ?? untilMs) found.push(nextDueMs(subscription, nowMs));
  return found;
};
const exact = (text: string): Ratio => parseDecimal(text) ?? assert.fail(text);
const feesOf = ({ lines }: Invoice) => lines.filter(({ kind }) => kind === 'fee' || kind === 'unused' || kind === 'remaining');
const sum = (all: readonly Ratio[]): Ratio => all.reduce(add, ZERO);

/** Of each cycle that was begun: the fee of each tier for the time that it held; what is cut by the end of it all stays paid. */
const feesDue = (subscription: Subscription): Ratio => {
  const [{ atMs: beginMs }] = subscription.changes;
  const lastMs = Math.min(subscription.endMs ?? Number.POSITIVE_INFINITY, moments(subscription).at(-1) ?? beginMs);
  const stretches = stretchesOf(subscription);
  return sum(
    stretches.flatMap((stretch, index) => {
      const due: Ratio[] = [];
      let span = cycleAt(stretch, stretch.anchorMs);
      const isLast = stretches[index + 1] === undefined;
      const isOpened = (ms: number): boolean => ms < stretch.endMs && (subscription.endMs === undefined ? ms <= lastMs : ms < lastMs);
      while (span !== undefined && isOpened(span.startMs)) {
        const { startMs, endMs, cycle } = span;
        for (const segment of segmentsOf(subscription, { startMs, endMs: isLast ? endMs : Math.min(endMs, stretch.endMs) })) {
          const fee = book.tiers.get(segment.tier)?.fees.get(cycle) ?? 0n;
          due.push(ratio(fee * BigInt(segment.endMs - segment.startMs), endMs - startMs));
        }
        span = cycleAt(stretch, endMs);
      }
      return due;
    }),
  );
};

describe('a subscription from its beginning to its end', () => {
  it('is billed for all of each month that its statement says, once, whatever changes when', () => {
    fc.assert(
      fc.property(subscriptions, uses, (subscription, quantities) => {
        const statements = monthsUsed(quantities);
        const invoices = moments(subscription).map((atMs) => rated({ subscription, atMs, statements }));
        const read = invoices.flatMap(({ usage }) => usage.map(({ period }) => period.start));
        const [{ atMs: beginMs }] = subscription.changes;
        const lastMs = Math.min(subscription.endMs ?? Number.POSITIVE_INFINITY, moments(subscription).at(-1) ?? 0) - 1;
        const months = statements.filter(({ period }) => at(period.end) > beginMs && at(period.start) <= lastMs);
        assert.deepEqual(
          read,
          months.map(({ period }) => period.start),
        );
        for (const { period, lines } of months)
          for (const { meter, quantity } of lines) {
            const parts = invoices.flatMap(({ lines: all, usage }) =>
              usage.some((one) => one.period.start === period.start)
                ? all.flatMap((line) => (line.kind === 'usage' && line.meter === meter ? [line] : []))
                : [],
            );
            assert.equal(compare(sum(parts.map(({ priced }) => exact(priced))), exact(quantity)), 0, `${meter} of ${period.start}`);
          }
      }),
      { numRuns: 60 },
    );
  });

  it('pays the fees that it pays without any use, and each tier for its time', () => {
    fc.assert(
      fc.property(subscriptions, uses, (subscription, quantities) => {
        const all = moments(subscription);
        const used = monthsUsed(quantities);
        const unused = monthsUsed(quantities.map(() => []));
        const fees = all.flatMap((atMs) => feesOf(rated({ subscription, atMs, statements: used })));
        assert.deepEqual(
          fees,
          all.flatMap((atMs) => feesOf(rated({ subscription, atMs, statements: unused }))),
        );
        const off = subtract(whole(fees.reduce((total, { amount }) => total + amount, 0n)), feesDue(subscription));
        assert.ok(compare(multiply(off, off), ratio(fees.length ** 2, 4)) <= 0, 'half a cent a line');
      }),
      { numRuns: 60 },
    );
  });

  it('has the allowance of a month once, however it is cut', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 719 }), { maxLength: 6 }), (hours) => {
        const changes = hours
          .toSorted((a, b) => a - b)
          .map((hour, index): Change => ({ atMs: FIRST + hour * HOUR_MS, tier: 'Starter', cycle: CYCLES[index % 2 === 0 ? 2 : 0] }));
        const subscription: Subscription = { tenant: 'acme', changes: [{ atMs: FIRST, tier: 'Starter', cycle: 'Monthly' }, ...changes] };
        const month = statement(FIRST, nextMonth(FIRST), [used('api_calls', '10000')]);
        const { lines } = rated({ subscription, atMs: nextMonth(FIRST), statements: [month] });
        const usage = lines.flatMap((line) => (line.kind === 'usage' ? [line] : []));
        const over = subtract(sum(usage.map(({ included }) => exact(included))), whole(10_000));
        assert.ok(over.count >= 0n && compare(over, ratio(usage.length, 1_000_000)) <= 0);
        // What lies within the allowance costs nothing, as it costs nothing where nothing changes.
        assert.equal(
          usage.reduce((total, { amount }) => total + amount, 0n),
          0n,
        );
      }),
    );
  });

  it('takes what is carried from a month that it did not fill', () => {
    const beginMs = at('2026-11-16T00:00:00Z');
    const subscription: Subscription = { tenant: 'acme', changes: [{ atMs: beginMs, tier: 'Starter', cycle: 'Monthly' }] };
    const [november, december] = [at('2026-12-01T00:00:00Z'), at('2027-01-01T00:00:00Z')];
    const first = statement(FIRST, november, [used('api_calls', '4000')]);
    const from = { start: formatTime(FIRST), end: formatTime(november) };
    const late = statement(november, december, [{ ...used('api_calls', '3000'), carriedFrom: from }]);
    const { lines } = rated({ subscription, atMs: december, statements: [late], earlier: [first] });
    // Half a month has 5,000.
    assert.deepEqual(
      lines.map(({ kind, amount }) => [kind, amount]),
      [['carried', 200n]],
    );
  });

  it('shows what is carried from before it began, and charges nothing for it', () => {
    const beginMs = at('2026-11-16T00:00:00Z');
    const subscription: Subscription = { tenant: 'acme', changes: [{ atMs: beginMs, tier: 'Starter', cycle: 'Monthly' }] };
    const month = (startMs: number) => ({ start: formatTime(startMs), end: formatTime(nextMonth(startMs)) });
    const [october, december] = [month(at('2026-10-01T00:00:00Z')), at('2026-12-01T00:00:00Z')];
    const carrying = (quantity: string, carriedFrom: { readonly start: string; readonly end: string }) => {
      const lines = [used('api_calls', '5100'), { ...used('api_calls', quantity), carriedFrom }, { ...used('made_up', '1'), carriedFrom }];
      return { subscription, atMs: december, statements: [statement(FIRST, december, lines)] };
    };
    for (const quantity of ['999999999', '-3']) {
      const { lines, total } = rated(carrying(quantity, october));
      assert.deepEqual(
        lines.filter(({ kind }) => kind !== 'usage'),
        [
          { kind: 'before', meter: 'api_calls', unit: '1', period: october, quantity, amount: 0n },
          { kind: 'before', meter: 'made_up', unit: '1', period: october, quantity: '1', amount: 0n },
        ],
      );
      // Half a month has 5,000, and what was used before takes nothing of it.
      assert.equal(total, 10n);
    }
    // Any other time that was never billed is a mistake, and so is what is no quantity.
    const odd = ['__proto__', { ...october, end: formatTime(beginMs + HOUR_MS) }, { start: october.end, end: october.start }];
    for (const one of odd) {
      const period = typeof one === 'string' ? { start: one, end: one } : one;
      assert.deepEqual(codes(carrying('1', period)), ['BILL_STATEMENT_INVALID', 'BILL_STATEMENT_INVALID'], JSON.stringify(period));
    }
    assert.deepEqual(codes(carrying('1e9', october)), ['BILL_STATEMENT_INVALID']);
  });

  it('puts each change and each decision on one invoice', () => {
    fc.assert(
      fc.property(subscriptions, (subscription) => {
        let sinceMs = 0;
        for (const atMs of moments(subscription)) {
          assert.equal(formatTime(dueAt(subscription, atMs).sinceMs), formatTime(sinceMs));
          sinceMs = atMs;
        }
        for (const { atMs } of subscription.changes) assert.ok(atMs <= sinceMs);
      }),
    );
  });
});
