// SPDX-License-Identifier: Apache-2.0
// What holds of every invoice, whatever the subscription and the use.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HOUR_MS, formatTime } from '../../../policies/pricing/calendar.ts';
import type { Brought } from './index.ts';
import { invoiceText } from './invoice.ts';
import type { Invoice } from './invoice.ts';
import { add, compare, multiply, parseDecimal, ratio, subtract, whole } from '../../../policies/pricing/ratio.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';
import { cycleAt, periodAt, segmentsOf, stretchesOf } from './subscription.ts';
import type { Cycle } from '../../../policies/pricing/calendar.ts';
import type { Subscription } from './subscription.ts';
import { testBook } from './test-book.ts';
import { at, START, END, book, subscribed, statement, used, rated } from './test-rating.ts';

const tierNames = fc.constantFrom('Starter', 'Professional', 'Enterprise', 'MissionCritical');
const cycles = fc.constantFrom<Cycle>('Monthly', 'Quarterly', 'Annual');
const micro = (count: bigint): string => `${count / 1_000_000n}.${String(count % 1_000_000n).padStart(6, '0')}`;
const quantities = fc.bigInt({ min: 0n, max: 10n ** 14n }).map(micro);
const METERS = ['api_calls', 'reasoning_units', 'users', 'made_up'];

/** A subscription with changes of tier, and usage of each part of the month that ends in the invoice. */
const scenarios = fc
  .record({
    cycle: cycles,
    first: tierNames,
    later: fc.uniqueArray(fc.record({ hour: fc.integer({ min: 1, max: 24 * 400 }), tier: tierNames }), {
      selector: ({ hour }) => hour,
      maxLength: 6,
    }),
    month: fc.integer({ min: 0, max: 13 }),
    usage: fc.array(fc.array(quantities, { minLength: METERS.length, maxLength: METERS.length }), { minLength: 8, maxLength: 8 }),
  })
  .map(({ cycle, first, later, month, usage }) => {
    const changes = later.toSorted((a, b) => a.hour - b.hour).map(({ hour, tier }) => ({ atMs: START + hour * HOUR_MS, tier, cycle }));
    const subscription: Subscription = { tenant: 'acme', changes: [{ atMs: START, tier: first, cycle }, ...changes] };
    let period = periodAt(subscription, START);
    for (let turn = 0; turn < month; turn += 1) period = periodAt(subscription, period?.endMs ?? START);
    const atMs = period?.endMs ?? START;
    const statements = segmentsOf(subscription, period ?? { startMs: START, endMs: END }).map(({ startMs, endMs }, index) =>
      statement(
        startMs,
        endMs,
        METERS.map((meter, at) => used(meter, usage[index]?.[at] ?? '0')),
      ),
    );
    return { subscription, atMs, statements };
  });

const exact = (text: string): Ratio => parseDecimal(text) ?? ratio(0, 1);

describe('rating', () => {
  it('lines add up to the total, and each line to what it says', () => {
    fc.assert(
      fc.property(scenarios, (input) => {
        const { lines, total } = rated(input);
        assert.equal(
          lines.reduce((sum, { amount }) => sum + amount, 0n),
          total,
        );
        for (const line of lines) {
          if (line.kind !== 'usage') continue;
          const beyond = line.steps.reduce((sum, { quantity }) => add(sum, exact(quantity)), ratio(0, 1));
          if (line.free === undefined) assert.equal(compare(beyond, exact(line.beyond)), 0);
          const cost = line.steps.reduce((sum, step) => add(sum, multiply(exact(step.quantity), exact(step.price))), ratio(0, 1));
          const off = subtract(multiply(cost, whole(100)), whole(line.amount));
          assert.ok(compare(multiply(off, off), ratio(1, 4)) <= 0, 'one rounding, of half a cent at most');
        }
      }),
    );
  });

  it('made again, in whatever order things are given, has the same bytes', () => {
    fc.assert(
      fc.property(scenarios, (input) => {
        const dearer = testBook((text) =>
          text.replace('version: 1', 'version: 2').replace('2026-01-01', '2027-01-15').replace('"99"', '"109"'),
        );
        const once = invoiceText(rated({ ...input, books: [book, dearer] }));
        const again = invoiceText(rated({ ...input, books: [dearer, book], statements: input.statements.toReversed() }));
        assert.equal(once, again);
      }),
      { numRuns: 40 },
    );
  });

  it('more usage never costs less', () => {
    fc.assert(
      fc.property(fc.tuple(tierNames, cycles, fc.constantFrom(...METERS)), quantities, quantities, ([tier, cycle, meter], a, b) => {
        const cost = (quantity: string): bigint =>
          rated({ subscription: subscribed(tier, cycle), statements: [statement(START, END, [used(meter, quantity)])] }).total;
        const [low, high] = compare(exact(a), exact(b)) < 0 ? [a, b] : [b, a];
        assert.ok(cost(low) <= cost(high));
      }),
    );
  });

  it('a discount never raises a price, and the minimum holds', () => {
    const plain = testBook((text) =>
      text
        .replaceAll(/(above: "\d+", basisPoints): \d+/g, '$1: 0')
        .replace('annualDiscountBasisPoints: 2000', 'annualDiscountBasisPoints: 0'),
    );
    fc.assert(
      fc.property(tierNames, quantities, (tier, quantity) => {
        const usage = (by: typeof book): bigint =>
          rated({
            books: [by],
            subscription: subscribed(tier, 'Annual'),
            statements: [statement(START, END, [used('api_calls', quantity)])],
          }).total;
        const [discounted, list] = [usage(book), usage(plain)];
        assert.ok(discounted <= list);
        assert.ok(discounted * 10_000n >= list * 5_600n - 10_000n);
      }),
    );
  });

  it('what credits leave over goes on until it is used up: no invoice is below 0, and nothing is given twice or lost', () => {
    const credits = fc.array(fc.bigInt({ min: 0n, max: 60_000n }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(tierNames, credits, (tier, given) => {
        let brought: Brought | undefined;
        let [paid, entered, left] = [0n, 0n, 0n];
        for (const [month, amount] of given.entries()) {
          const [startMs, atMs] = [Date.UTC(2026, 10 + month), Date.UTC(2026, 11 + month)];
          const about = { reason: 'r', requester: 'ann', approver: 'bob', currency: 'usd', atMs: startMs };
          const adjustments = amount === 0n ? [] : [{ id: `c${month}`, kind: 'Credit' as const, amount, ...about }];
          const statements = [statement(startMs, atMs, [])];
          const { id, total, lines } = rated({ subscription: subscribed(tier), atMs, statements, adjustments, brought });
          assert.ok(total >= 0n);
          assert.equal(
            lines.reduce((sum, line) => sum + line.amount, 0n),
            total,
          );
          const [come, gone] = (['brought', 'forward'] as const).map((kind) => lines.find((line) => line.kind === kind)?.amount ?? 0n);
          assert.equal(come, -left);
          assert.ok(total === 0n || gone === 0n, 'what can be used is used');
          left = gone ?? 0n;
          brought = left === 0n ? undefined : { invoice: id, amount: left, currency: 'usd' };
          paid += total;
          entered += lines.reduce((sum, line) => (line.kind === 'brought' || line.kind === 'forward' ? sum : sum + line.amount), 0n);
        }
        assert.equal(paid, entered + left);
      }),
    );
  });

  it('fees of a cycle come to what each tier costs for its time, within half a cent a line', () => {
    fc.assert(
      fc.property(scenarios, ({ subscription }) => {
        const [{ cycle }] = subscription.changes;
        const [first] = stretchesOf(subscription);
        const span = first === undefined ? undefined : cycleAt(first, START);
        assert.ok(span !== undefined);
        let paid = 0n;
        let count = 0;
        for (let atMs = START; atMs <= span.endMs; atMs = periodAt(subscription, atMs)?.endMs ?? Number.POSITIVE_INFINITY) {
          const period = periodAt(subscription, atMs - 1);
          const statements = (period === undefined ? [] : segmentsOf(subscription, period)).map(({ startMs, endMs }) =>
            statement(startMs, endMs, []),
          );
          for (const line of rated({ subscription, atMs, statements }).lines) {
            if ((line.kind === 'fee' && atMs === span.endMs) || line.kind === 'forward') continue;
            paid += line.amount;
            count += 1;
          }
        }
        const due = segmentsOf(subscription, span).reduce(
          (sum, { startMs, endMs, tier }) => {
            const fee = book.tiers.get(tier)?.fees.get(cycle) ?? 0n;
            return add(sum, ratio(fee * BigInt(endMs - startMs), span.endMs - span.startMs));
          },
          ratio(0, 1),
        );
        const off = subtract(whole(paid), due);
        assert.ok(compare(multiply(off, off), ratio(count * count, 4)) <= 0, `${paid} paid in ${count} lines`);
      }),
    );
  });

  it('a change to the same tier changes nothing but the digest of what was ordered', () => {
    fc.assert(
      fc.property(tierNames, fc.integer({ min: 1, max: 719 }), quantities, (tier, hour, quantity) => {
        const plain = subscribed(tier);
        const touched: Subscription = { ...plain, changes: [plain.changes[0], { atMs: START + hour * HOUR_MS, tier, cycle: 'Monthly' }] };
        const statements = [statement(START, END, [used('api_calls', quantity)])];
        const [one, other] = [rated({ subscription: touched, statements }), rated({ subscription: plain, statements })];
        assert.notEqual(one.orders, other.orders);
        assert.equal(invoiceText({ ...one, orders: other.orders }), invoiceText(other));
      }),
    );
  });

  it('what a month used is spread over its tiers to the last millionth', () => {
    fc.assert(
      fc.property(scenarios, quantities, ({ subscription, atMs }, quantity) => {
        const period = periodAt(subscription, atMs - 1);
        const month = statement(period?.startMs ?? START, atMs, [used('api_calls', quantity)]);
        const spread = rated({ subscription, atMs, statements: [month] }).lines.reduce(
          (sum, line) => (line.kind === 'usage' ? add(sum, exact(line.priced)) : sum),
          ratio(0, 1),
        );
        assert.equal(compare(spread, exact(quantity)), 0);
      }),
    );
  });

  it('usage carried late costs what it would have cost in time', () => {
    const next = at('2027-01-01T00:00:00Z');
    fc.assert(
      fc.property(
        tierNames,
        fc.bigInt({ min: 0n, max: 10n ** 13n }),
        fc.array(fc.bigInt({ min: 0n, max: 10n ** 12n }), { maxLength: 3 }),
        (tier, inTime, late) => {
          const from = { start: formatTime(START), end: formatTime(END) };
          const subscription = subscribed(tier);
          const usageOf = (invoice: Invoice): bigint =>
            invoice.lines.reduce((sum, line) => (line.kind === 'usage' || line.kind === 'carried' ? sum + line.amount : sum), 0n);
          const all = late.reduce((sum, one) => sum + one, inTime);
          const whole = usageOf(rated({ subscription, statements: [statement(START, END, [used('api_calls', micro(all))])] }));
          const earlier = [statement(START, END, [used('api_calls', micro(inTime))])];
          let parts = usageOf(rated({ subscription, statements: earlier }));
          let [startMs, endMs] = [END, next];
          for (const one of late) {
            const carrying = statement(startMs, endMs, [{ ...used('api_calls', micro(one)), carriedFrom: from }]);
            parts += usageOf(rated({ subscription, atMs: endMs, statements: [carrying], earlier }));
            earlier.push(carrying);
            [startMs, endMs] = [endMs, periodAt(subscription, endMs)?.endMs ?? endMs];
          }
          assert.equal(parts, whole);
        },
      ),
    );
  });
});
