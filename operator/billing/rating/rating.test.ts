// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Adjustment } from './adjustment.ts';
import { HOUR_MS, formatTime, monthsAfter } from '../../../policies/pricing/calendar.ts';
import { dueAt } from './index.ts';
import { textDigest } from './invoice.ts';
import { statementText } from '../../usage/statement.ts';
import type { RatingInput } from './index.ts';
import type { Subscription } from './subscription.ts';
import { testBook } from './test-book.ts';
import { at, START, END, book, subscribed, statement, used, rated, codes, amounts } from './test-rating.ts';

describe('an invoice', () => {
  it('that opens a subscription asks for the fee in advance', () => {
    const invoice = rated({ subscription: subscribed('Starter'), atMs: START });
    assert.deepEqual(amounts(invoice), [['fee', 9900]]);
    assert.equal(invoice.period, undefined);
  });

  it('bills what goes beyond what is included', () => {
    const lines = [
      used('api_calls', '12345'),
      used('reasoning_units', '1000.5'),
      used('storage_bytes', '7250000000', 'By'),
      used('users', '9'),
    ];
    const invoice = rated({ subscription: subscribed('Starter'), statements: [statement(START, END, lines)] });
    // 2,345 at $0.001; half a unit at $0.10; 2.25 GB at $2; users are not priced.
    assert.deepEqual(amounts(invoice), [
      ['fee', 9900],
      ['usage', 234],
      ['usage', 5],
      ['usage', 450],
      ['usage', 0],
    ]);
    assert.equal(invoice.total, 10589n);
    const users = invoice.lines.at(-1);
    assert.ok(users?.kind === 'usage' && users.free === 'not priced');
  });

  it('takes off volume first and then the year, not below the minimum', () => {
    const lines = [used('reasoning_units', '2001000')];
    const [line] = rated({
      subscription: subscribed('Starter', 'Annual'),
      statements: [statement(START, END, lines)],
    }).lines;
    assert.ok(line?.kind === 'usage');
    assert.deepEqual(
      line.steps.map(({ quantity, price }) => [quantity, price]),
      [
        ['10000', '0.08'],
        ['90000', '0.072'],
        ['900000', '0.064'],
        ['1000000', '0.056'],
      ],
    );
    assert.equal(line.amount, 800_00n + 6_480_00n + 57_600_00n + 56_000_00n);
    const floored = testBook((text) => text.replace('minimumBasisPoints: 5600', 'minimumBasisPoints: 7500'));
    const [other] = rated({
      books: [floored],
      subscription: subscribed('Starter', 'Annual'),
      statements: [statement(START, END, lines)],
    }).lines;
    assert.ok(other?.kind === 'usage');
    assert.deepEqual(
      other.steps.map(({ price }) => price),
      ['0.08', '0.075', '0.075', '0.075'],
    );
    assert.deepEqual(rated({ subscription: subscribed('Free'), statements: [statement(START, END, [])] }).discounts, [
      'list',
      'volume',
      'annual',
      'minimum',
    ]);
  });

  it('of an upgrade in mid-month gives back, charges, and cuts allowances', () => {
    const middle = START + 15 * 24 * HOUR_MS;
    const subscription: Subscription = {
      tenant: 'acme',
      changes: [
        { atMs: START, tier: 'Starter', cycle: 'Monthly' },
        { atMs: middle, tier: 'Professional', cycle: 'Monthly' },
      ],
    };
    const statements = [statement(START, middle, [used('api_calls', '6000')]), statement(middle, END, [used('api_calls', '60000')])];
    const invoice = rated({ subscription, statements });
    assert.deepEqual(amounts(invoice), [
      ['unused', -4950],
      ['remaining', 14950],
      ['fee', 29900],
      ['usage', 100],
      ['usage', 700],
    ]);
  });

  it('spreads the usage of a whole month over its tiers by time, and a level over none', () => {
    const middle = START + 15 * 24 * HOUR_MS;
    const subscription: Subscription = {
      tenant: 'acme',
      changes: [
        { atMs: START, tier: 'Starter', cycle: 'Monthly' },
        { atMs: middle, tier: 'Professional', cycle: 'Monthly' },
      ],
    };
    const priced = testBook((text) => text.replaceAll(/(meter: users, included: "\d+")/g, '$1, overage: "10"'));
    const month = statement(START, END, [used('api_calls', '120000'), used('users', '25')]);
    // 60,000 calls of each half: 55,000 beyond, 5,000 of them above the mark for half a month, and 10,000; 20 users beyond 5 for half a month, none beyond 25.
    assert.deepEqual(amounts(rated({ books: [priced], subscription, statements: [month] })).slice(3), [
      ['usage', 5450],
      ['usage', 700],
      ['usage', 10_000],
      ['usage', 0],
    ]);
    const endMs = middle + HOUR_MS;
    const ended = rated({ books: [priced], subscription: { ...subscribed('Starter'), endMs }, statements: [month] });
    assert.equal(ended.usage.length, 1, 'the statement of a whole month will do for one that was cut short');
    assert.equal(ended.period?.end, formatTime(endMs));
  });

  it('of a change of cycle ends the running one', () => {
    const middle = START + 15 * 24 * HOUR_MS;
    const subscription: Subscription = {
      tenant: 'acme',
      changes: [
        { atMs: START, tier: 'Starter', cycle: 'Monthly' },
        { atMs: middle, tier: 'Starter', cycle: 'Annual' },
      ],
    };
    const opening = rated({ subscription, atMs: middle });
    assert.deepEqual(amounts(opening), [
      ['unused', -4950],
      ['fee', 95000],
    ]);
    assert.equal(opening.period, undefined, 'the month goes on');
    // 10,005 calls: 5,003 and 5,002, of 5,000 included in each half; the second has the annual discount.
    const month = rated({ subscription, statements: [statement(START, END, [used('api_calls', '10005'), used('users', '3')])] });
    assert.deepEqual(
      month.lines.map((line) => (line.kind === 'usage' ? [line.meter, line.priced, line.included, line.steps[0]?.price] : line.kind)),
      [
        ['api_calls', '5002.5', '5000', '0.001'],
        ['api_calls', '5002.5', '5000', '0.0008'],
        ['users', '3', '5', undefined],
        ['users', '3', '5', undefined],
      ],
    );
    assert.deepEqual(codes({ subscription, atMs: monthsAfter(middle, 1) }), ['BILL_NO_BOUNDARY'], 'use is billed by calendar months');
  });

  it('of a trial costs nothing, and the first fee is due when it ends', () => {
    const trialEndMs = START + 15 * 24 * HOUR_MS;
    const subscription: Subscription = { ...subscribed('Enterprise'), trialEndMs };
    assert.deepEqual(codes({ subscription, atMs: START }), ['BILL_NO_BOUNDARY']);
    assert.deepEqual(amounts(rated({ subscription, atMs: trialEndMs })), [['fee', 99900]]);
    const invoice = rated({ subscription, statements: [statement(START, END, [used('api_calls', '2000002')])] });
    assert.deepEqual(
      invoice.lines.map((line) => (line.kind === 'usage' ? [line.priced, line.free, line.included] : line.kind)),
      [
        ['1000001', 'trial', '0'],
        ['1000001', undefined, '500000'],
      ],
    );
    assert.deepEqual(codes({ subscription }), ['BILL_STATEMENT_MISSING']);
    // A month that is all trial needs no statement.
    const longer = { ...subscription, trialEndMs: END + HOUR_MS };
    assert.deepEqual([rated({ subscription: longer }).total, rated({ subscription: longer }).lines], [0n, []]);
  });

  it('settles a month after the end what was decided since, and only that', () => {
    const subscription: Subscription = { ...subscribed('Starter'), endMs: END };
    const credit: Adjustment = {
      id: 'sla-2026-11-availability-r1',
      kind: 'Credit',
      amount: 990n,
      currency: 'usd',
      reason: 'availability of 2026-11',
      requester: 'writ slo statement',
      approver: 'the schedule of standard version 1',
      atMs: at('2026-12-03T00:00:00Z'),
    };
    const settled = at('2027-01-01T00:00:00Z');
    assert.deepEqual(dueAt(subscription, settled).settling, { startMs: END, endMs: settled });
    assert.deepEqual(dueAt(subscription, at('2027-03-01T00:00:00Z')).settling, {
      startMs: at('2027-02-01T00:00:00Z'),
      endMs: at('2027-03-01T00:00:00Z'),
    });
    const invoice = rated({ subscription, atMs: settled, adjustments: [credit] });
    assert.deepEqual(amounts(invoice), [
      ['credit', -990],
      ['forward', 990],
    ]);
    assert.deepEqual([invoice.total, invoice.period], [0n, undefined]);
    // Nothing of the next month falls due that only has something to bring.
    const brought = { invoice: invoice.id, amount: 990n, currency: 'usd' };
    assert.deepEqual(codes({ subscription, atMs: at('2027-02-01T00:00:00Z'), brought }), ['BILL_NO_BOUNDARY']);
    assert.deepEqual(codes({ subscription, atMs: settled, adjustments: [credit], brought: { ...brought, currency: 'eur' } }), [
      'BILL_CURRENCY',
    ]);
    const many = { ...brought, amount: BigInt(Number.MAX_SAFE_INTEGER) };
    assert.deepEqual(codes({ subscription, atMs: settled, adjustments: [credit], brought: many }), ['BILL_AMOUNT_RANGE']);
    for (const atMs of [settled - HOUR_MS, settled + HOUR_MS]) {
      assert.deepEqual(codes({ subscription, atMs, adjustments: [credit] }), ['BILL_NO_BOUNDARY']);
    }
    assert.deepEqual(codes({ subscription, atMs: settled }), ['BILL_NO_BOUNDARY'], 'there is nothing to settle');
    assert.equal(dueAt(subscribed('Starter'), settled).settling, undefined, 'it goes on');
  });

  it('after the end bills the last usage and no fee', () => {
    const endMs = START + 10 * 24 * HOUR_MS;
    const subscription: Subscription = { ...subscribed('Starter'), endMs };
    const invoice = rated({ subscription, statements: [statement(START, endMs, [used('reasoning_units', '433.333334')])] });
    assert.deepEqual(amounts(invoice), [['usage', 1000]]);
    assert.deepEqual(codes({ subscription, atMs: endMs }), ['BILL_NO_BOUNDARY'], 'the month of the statement is not over');
  });

  it('stays with the price book that its month and its cycle began with', () => {
    const dearer = testBook((text) =>
      text
        .replace('version: 1', 'version: 2')
        .replace('2026-01-01', '2026-11-15')
        .replace('monthly: "99"', 'monthly: "199"')
        .replaceAll('overage: "0.10"', 'overage: "9"'),
    );
    const statements = [statement(START, END, [used('reasoning_units', '1010')])];
    const invoice = rated({ subscription: subscribed('Starter'), books: [dearer, book], statements });
    assert.deepEqual(amounts(invoice), [
      ['fee', 19900],
      ['usage', 100],
    ]);
    assert.deepEqual(
      invoice.books.map(({ version }) => version),
      [1, 2],
    );
  });

  it('bills a tier that the book of the cycle did not sell by the first that did', () => {
    const newer = (version: number, fromDay: string, annual: string) =>
      testBook((text) =>
        text
          .replace('version: 1', `version: ${version}`)
          .replace('2026-01-01', fromDay)
          .replace('name: Professional', 'name: Premium')
          .replace('annual: "2870"', `annual: "${annual}"`),
      );
    const [second, third] = [newer(2, '2026-11-05', '3650'), newer(3, '2026-11-20', '7300')];
    const moved = at('2026-11-10T00:00:00Z');
    const changes: Subscription['changes'] = [
      { atMs: START, tier: 'Starter', cycle: 'Annual' },
      { atMs: moved, tier: 'Premium', cycle: 'Annual' },
    ];
    const left = { atMs: at('2026-11-25T00:00:00Z'), tier: 'Starter', cycle: 'Annual' } as const;
    const input = { books: [book, second, third], statements: [statement(START, END, [])] };
    assert.deepEqual(amounts(rated({ ...input, subscription: { tenant: 'acme', changes } })), [
      ['unused', -92_658],
      ['remaining', 356_000],
    ]);
    const back = rated({ ...input, subscription: { tenant: 'acme', changes: [...changes, left] } });
    // What it paid is what it gets back: 3650 for 365 days.
    assert.deepEqual(amounts(back).slice(2, 3), [['unused', -341_000]]);
    assert.deepEqual(codes({ ...input, books: [book, third], subscription: { tenant: 'acme', changes } }), ['BILL_TIER_UNKNOWN']);
    // One that was corrected before it came into effect was never a price.
    const corrected = { ...input, books: [book, second, newer(3, '2026-11-05', '7300')] };
    assert.deepEqual(amounts(rated({ ...corrected, subscription: { tenant: 'acme', changes } }))[1], ['remaining', 712_000]);
  });

  it('carries what came late as the difference that it makes there', () => {
    const next = at('2027-01-01T00:00:00Z');
    const from = { start: formatTime(START), end: formatTime(END) };
    const november = statement(START, END, [used('api_calls', '9000')]);
    const late = statement(END, next, [used('api_calls', '1'), { ...used('api_calls', '4000'), carriedFrom: from }]);
    const input = { subscription: subscribed('Starter'), atMs: next, statements: [late] };
    // 9,000 and 4,000 are 3,000 beyond November's 10,000.
    assert.deepEqual(amounts(rated({ ...input, earlier: [november] })), [
      ['fee', 9900],
      ['usage', 0],
      ['carried', 300],
    ]);
    assert.deepEqual(amounts(rated({ ...input, earlier: [november, november] }))[2], ['carried', 300], 'given twice it is there once');
    assert.deepEqual(codes(input), ['BILL_STATEMENT_MISSING']);
    const later = at('2027-02-01T00:00:00Z');
    const again = statement(next, later, [{ ...used('api_calls', '-2000'), carriedFrom: from }]);
    const corrected = rated({ ...input, atMs: later, statements: [again], earlier: [november, late] });
    assert.deepEqual(amounts(corrected)[1], ['carried', -200]);
  });

  it('settles after the end what was used before and heard of late, and nothing that was used since', () => {
    const next = at('2027-01-01T00:00:00Z');
    const from = { start: formatTime(START), end: formatTime(END) };
    const november = statement(START, END, [used('api_calls', '9000')]);
    const since = { start: formatTime(END), end: formatTime(next) };
    const december = statement(END, next, [used('api_calls', '70000'), { ...used('api_calls', '4000'), carriedFrom: from }]);
    const input = { subscription: { ...subscribed('Starter'), endMs: END }, earlier: [november] };
    const invoice = rated({ ...input, atMs: next, statements: [december] });
    assert.deepEqual([amounts(invoice), invoice.period], [[['carried', 300]], undefined]);
    assert.deepEqual(
      invoice.usage.map(({ period, digest }) => [period, digest]),
      [[since, textDigest(statementText(december))]],
    );
    const later = at('2027-02-01T00:00:00Z');
    const january = statement(next, later, [{ ...used('api_calls', '5'), carriedFrom: since }]);
    assert.deepEqual(codes({ ...input, atMs: later, statements: [january] }), ['BILL_NO_BOUNDARY']);
    assert.deepEqual(codes({ ...input, earlier: [], atMs: next, statements: [december] }), ['BILL_STATEMENT_MISSING']);
  });

  it('has credits and charges with who asked and who approved, and keeps refunds apart', () => {
    const one = { currency: 'usd', reason: 'late answer', requester: 'ann', approver: 'bob', atMs: START };
    const adjustments: readonly Adjustment[] = [
      { ...one, id: 'c-2', kind: 'Charge', amount: 7n },
      { ...one, id: 'c-1', kind: 'Credit', amount: 100n },
      { ...one, id: 'c-1', kind: 'Credit', amount: 100n },
      { ...one, id: 'r-1', kind: 'Refund', amount: 5n, invoice: 'acme/2026-11-01T00:00:00Z' },
    ];
    const invoice = rated({ subscription: subscribed('Starter'), statements: [statement(START, END, [])], adjustments });
    assert.deepEqual(amounts(invoice), [
      ['fee', 9900],
      ['credit', -100],
      ['charge', 7],
    ]);
    assert.equal(invoice.total, 9807n);
    assert.deepEqual(
      invoice.refunds.map(({ id, amount }) => [id, amount]),
      [['r-1', 5n]],
    );
  });
});

describe('what cannot be billed is refused with a code', () => {
  const month = statement(START, END, [used('api_calls', '1')]);
  const subscription = subscribed('Starter');
  const credit: Adjustment = {
    id: 'c',
    kind: 'Credit',
    amount: 1n,
    currency: 'usd',
    reason: 'r',
    requester: 'ann',
    approver: 'bob',
    atMs: START,
  };
  const wrong: readonly (readonly [string, Partial<RatingInput>, string])[] = [
    ['no statement', {}, 'BILL_STATEMENT_MISSING'],
    ['a statement of another period', { statements: [statement(START, END + HOUR_MS, [])] }, 'BILL_STATEMENT_MISSING'],
    ['a statement of another tenant', { statements: [{ ...month, tenant: 'evil' }] }, 'BILL_STATEMENT_INVALID'],
    ['a negative quantity', { statements: [statement(START, END, [used('api_calls', '-1')])] }, 'BILL_STATEMENT_INVALID'],
    ['an exponent', { statements: [statement(START, END, [used('api_calls', '1e9')])] }, 'BILL_STATEMENT_INVALID'],
    ['a meter twice', { statements: [statement(START, END, [used('api_calls', '1'), used('api_calls', '2')])] }, 'BILL_STATEMENT_INVALID'],
    ['another unit', { statements: [statement(START, END, [used('api_calls', '1', 'kilo')])] }, 'BILL_UNIT'],
    ['two statements of one revision', { statements: [month, statement(START, END, [used('api_calls', '2')])] }, 'BILL_STATEMENT_CONFLICT'],
    ['an id that says two things', { statements: [month], adjustments: [credit, { ...credit, amount: 2n }] }, 'BILL_ADJUSTMENT_CONFLICT'],
    ['a moment between', { atMs: END - HOUR_MS }, 'BILL_NO_BOUNDARY'],
    ['no number for a moment', { atMs: Number.NaN }, 'BILL_NO_BOUNDARY'],
    ['no price book', { books: [], statements: [month] }, 'PRICE_BOOK_NONE'],
    ['a tier that is not sold', { subscription: subscribed('constructor'), statements: [month] }, 'BILL_TIER_UNKNOWN'],
    ['a cycle that is not sold', { subscription: subscribed('Free', 'Annual'), atMs: START }, 'BILL_TIER_UNKNOWN'],
    [
      'two books of a version',
      { books: [book, testBook((text) => text.replace('"99"', '"98"'))], statements: [month] },
      'PRICE_BOOK_CONFLICT',
    ],
    ['approved by who asked', { statements: [month], adjustments: [{ ...credit, approver: 'ann' }] }, 'BILL_ADJUSTMENT_INVALID'],
    [
      'approved by who asked, with blanks',
      { statements: [month], adjustments: [{ ...credit, approver: ' ann ' }] },
      'BILL_ADJUSTMENT_INVALID',
    ],
    [
      'approved by who asked, by another case',
      { statements: [month], adjustments: [{ ...credit, approver: 'Ann' }] },
      'BILL_ADJUSTMENT_INVALID',
    ],
    [
      'approved by who asked, by other code points',
      { statements: [month], adjustments: [{ ...credit, requester: 'zo\u00eb', approver: 'zoe\u0308' }] },
      'BILL_ADJUSTMENT_INVALID',
    ],
    [
      'approved by nobody that can be seen',
      { statements: [month], adjustments: [{ ...credit, approver: '\u200b' }] },
      'BILL_ADJUSTMENT_INVALID',
    ],
    ['at no time', { statements: [month], adjustments: [{ ...credit, atMs: Number.NaN }] }, 'BILL_ADJUSTMENT_INVALID'],
    ['without a reason', { statements: [month], adjustments: [{ ...credit, reason: ' ' }] }, 'BILL_ADJUSTMENT_INVALID'],
    ['of nothing', { statements: [month], adjustments: [{ ...credit, amount: 0n }] }, 'BILL_ADJUSTMENT_INVALID'],
    ['a refund of nothing', { statements: [month], adjustments: [{ ...credit, kind: 'Refund' }] }, 'BILL_ADJUSTMENT_INVALID'],
    ['two currencies', { statements: [month], adjustments: [{ ...credit, currency: 'eur' }] }, 'BILL_CURRENCY'],
    ['more than can be written', { statements: [statement(START, END, [used('api_calls', '9'.repeat(24))])] }, 'BILL_AMOUNT_RANGE'],
  ];
  for (const [what, change, code] of wrong) {
    it(what, () => assert.ok(codes({ subscription, ...change }).includes(code), JSON.stringify(codes({ subscription, ...change }))));
  }
});
