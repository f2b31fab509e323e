// SPDX-License-Identifier: Apache-2.0
// What is stated of a month: never more than is known, each credit once, and every revision the difference to what was given.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compare, whole } from '../../policies/pricing/ratio.ts';
import { MINUTE_MS } from '../../policies/service-level/counts.ts';
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import { adjustmentProblem } from '../billing/rating/adjustment.ts';
import type { Exclusion } from '../../policies/service-level/exclusion.ts';
import { textDigest } from '../billing/rating/invoice.ts';
import type { Subscription } from '../billing/rating/subscription.ts';
import { bookFrom, testBook } from '../billing/rating/test-book.ts';
import { attainmentOf, percentText } from './attainment.ts';
import { slaStatement } from './index.ts';
import type { SlaInput } from './index.ts';
import type { Levels, MinuteCount } from './levels.ts';
import { promisedSpans } from './spans.ts';
import { standingOf } from './standing.ts';
import { readSlaStatement, slaText } from './statement.ts';
import type { SlaStatement } from './statement.ts';

const OCTOBER = { startMs: Date.UTC(2026, 9), endMs: Date.UTC(2026, 10) };
const MINUTES = 31 * 1440;
const CUT = Date.UTC(2026, 10, 3);

/** Every minute of October known and quiet, but for those that are changed. */
const october = (change: ReadonlyMap<number, MinuteCount | undefined> = new Map()): Levels => {
  const minutes = new Map<number, MinuteCount>();
  for (let index = 0; index < MINUTES; index += 1) {
    const found = change.has(index) ? change.get(index) : { valid: 0n, good: 0n };
    if (found !== undefined) minutes.set(OCTOBER.startMs + index * MINUTE_MS, found);
  }
  return { minutes, told: { target: '99.9', withinMs: Number.POSITIVE_INFINITY, atMs: OCTOBER.endMs } };
};
const bad = { valid: 1n, good: 0n };
/** The first so many minutes are such. */
const first = (count: number, minute: MinuteCount | undefined): ReadonlyMap<number, MinuteCount | undefined> =>
  new Map(Array.from({ length: count }, (_, index) => [index, minute]));

const enterprise: Subscription = { tenant: 'acme', changes: [{ atMs: Date.UTC(2026, 5), tier: 'Enterprise', cycle: 'Monthly' }] };

type Rest = {
  readonly exclusions?: readonly Exclusion[];
  readonly before?: SlaStatement;
  readonly cutMs?: number;
  readonly subscription?: Subscription;
};
const state = (levels: { readonly [name in ObjectiveName]?: Levels }, rest: Rest = {}): SlaStatement => {
  const { exclusions = [], before, cutMs = CUT, subscription = enterprise } = rest;
  const promised = promisedSpans({ books: [testBook()], subscription, period: OCTOBER });
  if (!promised.ok) return assert.fail(promised.problems.map(({ message }) => message).join());
  const known = new Map(
    OBJECTIVES.flatMap((name) => {
      const counted = levels[name];
      return counted === undefined ? [] : [[name, counted] as const];
    }),
  );
  const text = before === undefined ? undefined : slaText(before);
  const kept = text === undefined ? undefined : readSlaStatement(text);
  const input: SlaInput = {
    tenant: 'acme',
    period: OCTOBER,
    spans: promised.spans,
    currency: promised.currency,
    exclusions,
    levels: promised.spans.map(() => known),
    cutMs,
    ...(kept === undefined || text === undefined ? {} : { previous: { statement: kept, text } }),
  };
  return slaStatement(input);
};
const all = october();

describe('attainment', () => {
  const span = { startMs: 0, endMs: 120 * MINUTE_MS };
  const count = fc
    .tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 1000 }))
    .map(([a, b]): MinuteCount => ({ valid: BigInt(Math.max(a, b)), good: BigInt(Math.min(a, b)) }));
  const known = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 119 }), count), { maxLength: 150 })
    .map((list) => new Map(list.map(([index, one]) => [index * MINUTE_MS, one])));
  const target = fc.constantFrom('0', '50', '95', '99.5', '99.999999', '100');
  const excluded = fc
    .array(fc.tuple(fc.integer({ min: -10, max: 130 }), fc.integer({ min: 1, max: 40 })), { maxLength: 3 })
    .map((list) => list.map(([from, length]) => ({ startMs: from * MINUTE_MS, endMs: (from + length) * MINUTE_MS })));

  it('never rises when something that was known is taken away', () => {
    fc.assert(
      fc.property(known, target, excluded, fc.nat(), (minutes, percent, without, pick) => {
        const whole = attainmentOf({ minutes, span, excluded: without, target: percent });
        const less = new Map(minutes);
        less.delete([...minutes.keys()][pick % Math.max(1, minutes.size)] ?? 0);
        const rest = attainmentOf({ minutes: less, span, excluded: without, target: percent });
        assert.ok(compare(rest.attained, whole.attained) <= 0);
        assert.ok(rest.bad + rest.missing >= whole.bad + whole.missing);
        assert.equal(rest.minutes, whole.minutes);
      }),
    );
  });

  it('is Kept or Missed only where no missing minute could change it', () => {
    fc.assert(
      fc.property(known, target, (minutes, percent) => {
        const found = attainmentOf({ minutes, span, excluded: [], target: percent });
        const filled = (one: MinuteCount): boolean => {
          const full = new Map(Array.from({ length: 120 }, (_, index) => [index * MINUTE_MS, minutes.get(index * MINUTE_MS) ?? one]));
          return attainmentOf({ minutes: full, span, excluded: [], target: percent }).verdict === 'Kept';
        };
        const outcomes = [filled({ valid: 0n, good: 0n }), percent === '0' ? found.missing === 0 || filled(bad) : filled(bad)];
        const expected = outcomes[0] === false ? 'Missed' : outcomes[1] === true ? 'Kept' : 'Unknown';
        assert.equal(found.verdict, expected);
        assert.equal(found.good + found.bad + found.missing, 120);
      }),
    );
  });

  it('counts a minute by the share of its answers, to the last digit', () => {
    const one = (valid: bigint, good: bigint, percent: string): number =>
      attainmentOf({ minutes: new Map([[0, { valid, good }]]), span: { startMs: 0, endMs: MINUTE_MS }, excluded: [], target: percent })
        .good;
    assert.deepEqual([one(1000n, 999n, '99.9'), one(1001n, 999n, '99.9'), one(0n, 0n, '100'), one(3n, 3n, '100')], [1, 0, 1, 1]);
    assert.equal(percentText({ count: 999_999_999n * 100n, of: 1_000_000_000n }), '99.999999', 'what fell short is not rounded up');
  });
});

describe('a statement', () => {
  it('gives back what the schedule says, to the cent, whatever was out', () => {
    const steps = [
      { below: 99.9, basisPoints: 1000 },
      { below: 99, basisPoints: 2500 },
      { below: 95, basisPoints: 10_000 },
    ];
    const outage = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 2300 }));
    fc.assert(
      fc.property(outage, outage, (badMinutes, missing) => {
        const change = new Map([...first(badMinutes + missing, undefined), ...first(badMinutes, bad)]);
        const made = state({ availability: october(change), 'admission-latency': all });
        const good = MINUTES - badMinutes - missing;
        // Thousandths of a percent are exact in whole numbers here.
        const missed = steps.findLast(({ below }) => good * 100_000 < Math.round(below * 1000) * MINUTES);
        const owed = missed === undefined ? 0 : (99_900 * missed.basisPoints) / 10_000;
        assert.equal(made.total, owed);
        assert.equal(
          made.adjustments.reduce((sum, { amount }) => sum + amount, 0),
          owed,
        );
        const [found] = made.spans[0]?.objectives ?? [];
        assert.deepEqual([found?.missing, found?.budgetUsedMinutes], [missing, badMinutes + missing]);
      }),
      { numRuns: 15 },
    );
  });

  it('counts a month of which nothing is known as one in which nothing was kept', () => {
    const made = state({});
    const [found] = made.spans[0]?.objectives ?? [];
    assert.deepEqual([found?.verdict, found?.attained, found?.missing, made.total], ['Unknown', '0', MINUTES, 99_900]);
    assert.equal(made.spans[0]?.objectives[1]?.credit?.amount, 0, 'no more is given back than was paid');
    assert.deepEqual(
      made.adjustments.map(({ id, kind, amount }) => [id, kind, amount]),
      [['sla-2026-10-availability-r1', 'Credit', 99_900]],
    );
  });

  it('has the same bytes when it is made again, and is read again as it was written', () => {
    const [once, again] = [state({ availability: october(first(50, bad)) }), state({ availability: october(first(50, bad)) })];
    assert.equal(slaText(once), slaText(again));
    const kept = readSlaStatement(slaText(once));
    assert.deepEqual([kept?.credits, kept?.adjustments, kept?.revision], [once.credits, once.adjustments, 1]);
    for (const { amount, at, ...rest } of once.adjustments)
      assert.equal(adjustmentProblem({ ...rest, amount: BigInt(amount), currency: 'usd', atMs: Date.parse(at) }), undefined);
  });

  it('is corrected by revisions that each give or take the difference', () => {
    const minutes = fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(minutes, (outages) => {
        let before: SlaStatement | undefined;
        let given = 0;
        const ids = new Set<string>();
        for (const [index, minutesOut] of outages.entries()) {
          const made = state(
            { availability: october(first(minutesOut, bad)), 'admission-latency': all },
            { cutMs: CUT + index * 1000, ...(before === undefined ? {} : { before }) },
          );
          for (const { id, kind, amount } of made.adjustments) {
            assert.ok(!ids.has(id) && amount > 0);
            ids.add(id);
            given += kind === 'Credit' ? amount : -amount;
          }
          assert.equal(given, made.total);
          assert.equal(made.revision, index + 1);
          assert.equal(made.previous?.digest, before === undefined ? undefined : textDigest(slaText(before)));
          before = made;
        }
      }),
      { numRuns: 5 },
    );
  });

  it('leaves out what was excluded, and says so', () => {
    const exclusion: Exclusion = {
      id: 'upgrade',
      kind: 'Maintenance',
      fromMs: OCTOBER.startMs,
      toMs: OCTOBER.startMs + 100 * MINUTE_MS,
      announcedMs: OCTOBER.startMs - 100 * 3_600_000,
      reason: 'new database',
      requester: 'ann',
      approver: 'bob',
    };
    const out = { availability: october(first(100, bad)), 'admission-latency': all };
    assert.equal(state(out).total, 9990);
    const made = state(out, { exclusions: [exclusion, { ...exclusion, id: 'later', fromMs: CUT, toMs: CUT + 1 }] });
    const [found] = made.spans[0]?.objectives ?? [];
    assert.deepEqual([made.total, found?.excluded, found?.attained, made.exclusions.length], [0, 100, '100', 1]);
  });

  it('judges each tier of a month by itself, and by what was paid for it', () => {
    const subscription: Subscription = {
      tenant: 'acme',
      changes: [
        { atMs: Date.UTC(2026, 8, 1), tier: 'Starter', cycle: 'Monthly' },
        { atMs: OCTOBER.startMs + 15 * 86_400_000, tier: 'Enterprise', cycle: 'Monthly' },
      ],
      endMs: OCTOBER.endMs - 86_400_000,
    };
    const made = state({ availability: october(first(1440, bad)), 'admission-latency': all }, { subscription });
    assert.deepEqual(
      made.spans.map(({ tier, fee, objectives }) => [tier, fee, objectives[0]?.minutes, objectives[0]?.attained, objectives.length]),
      [
        // 99.00 × 15/31, and 999.00 × 15/31: the last day was not ordered.
        ['Starter', 4790, 15 * 1440, '93.333333', 1],
        ['Enterprise', 48_339, 15 * 1440, '100', 2],
      ],
    );
    assert.deepEqual([made.total, made.adjustments.length], [240, 1]);
    const trial = { ...enterprise, trialEndMs: OCTOBER.endMs };
    assert.deepEqual([state({}, { subscription: trial }).total, state({}, { subscription: trial }).adjustments], [0, []]);
  });

  it('judges apart what was paid otherwise, the tier being the same', () => {
    const cut = OCTOBER.startMs + 86_400_000;
    const told = (subscription: Subscription): readonly unknown[] => {
      const made = state({ availability: october(first(1440, bad)), 'admission-latency': all }, { subscription });
      return [made.spans.map(({ period, fee, objectives }) => [Date.parse(period.start), fee, objectives[0]?.attained]), made.total];
    };
    // The bad day was in the trial, and cost nothing; 99.00 × 30/31 were paid for what came after.
    const trial: Subscription = {
      tenant: 'acme',
      changes: [{ atMs: Date.UTC(2026, 8, 1), tier: 'Starter', cycle: 'Monthly' }],
      trialEndMs: cut,
    };
    assert.deepEqual(told(trial), [
      [
        [OCTOBER.startMs, 0, '0'],
        [cut, 9581, '100'],
      ],
      0,
    ]);
    // A day at 950.00 a year, all of which was bad, then by the month.
    const monthly: Subscription = {
      tenant: 'acme',
      changes: [
        { atMs: Date.UTC(2026, 8, 1), tier: 'Starter', cycle: 'Annual' },
        { atMs: cut, tier: 'Starter', cycle: 'Monthly' },
      ],
    };
    const [spans, total] = told(monthly);
    assert.deepEqual(spans, [
      [OCTOBER.startMs, 255, '0'],
      [cut, 9581, '100'],
    ]);
    assert.ok(typeof total === 'number' && total > 0 && total <= 255);
  });

  it('is refused where nothing was promised, or no price is known', () => {
    const refused = (subscription: Subscription, books = [testBook()]): unknown => {
      const outcome = promisedSpans({ books, subscription, period: OCTOBER });
      return outcome.ok ? outcome.spans.length : outcome.problems.map(({ code }) => code);
    };
    const of = (tier: string, atMs = Date.UTC(2026, 5)): Subscription => ({ tenant: 'acme', changes: [{ atMs, tier, cycle: 'Monthly' }] });
    assert.deepEqual(refused(of('Free')), ['SLO_NOTHING_PROMISED']);
    assert.deepEqual(refused(of('Starter', CUT - (CUT % 3_600_000))), ['SLO_NOTHING_PROMISED']);
    assert.deepEqual(refused(of('constructor')), ['BILL_TIER_UNKNOWN']);
    assert.deepEqual(refused(of('Starter'), []), ['PRICE_BOOK_NONE']);
  });

  it('is not read from what is none', () => {
    const good = slaText(state({}));
    assert.notEqual(readSlaStatement(good), undefined);
    for (const text of [
      '',
      '[]',
      '{}',
      '{"format":"writ.dev/sla-statement/v1"}',
      good.replaceAll('"amount":99900', '"amount":-1'),
      good.replace('"Credit"', '"Refund"'),
    ])
      assert.equal(readSlaStatement(text), undefined, text.slice(0, 60));
    fc.assert(fc.property(fc.jsonValue(), (value) => readSlaStatement(JSON.stringify(value)) === undefined));
  });
});

describe('a price book', () => {
  it('gives back more where less was kept, and nothing of what it does not promise', () => {
    const rows: readonly (readonly [from: string, to: string, path: string])[] = [
      ['below: "99.5", basisPoints: 1000', 'below: "99.6", basisPoints: 1000', 'spec.tiers[2].promise.credits[0].below'],
      [
        'below: "99.0", basisPoints: 2500}\n    usage',
        'below: "99.5", basisPoints: 2500}\n    usage',
        'spec.tiers[2].promise.credits[1].below',
      ],
      ['below: "99.5", basisPoints: 1000', 'below: "99.5", basisPoints: 2500', 'spec.tiers[2].promise.credits[1].basisPoints'],
      ['availability: "99.5"\n      latencyMs: 2000', 'latencyMs: 2000', 'spec.tiers[2].promise.credits[0].objective'],
      [
        'availability: "99.5"\n      latencyMs: 2000',
        'availability: "99.5"\n      latencyShare: "95"',
        'spec.tiers[2].promise.latencyShare',
      ],
      ['availability: "99.5"', 'availability: "101"', 'spec.tiers[2].promise.availability'],
      ['availability: "99.5"', 'availability: "99.5"\n      policyEvaluation: "100.1"', 'spec.tiers[2].promise.policyEvaluation'],
      [
        '{objective: availability, below: "99.5"',
        '{objective: policy-evaluation, below: "99.5"',
        'spec.tiers[2].promise.credits[0].objective',
      ],
    ];
    for (const [from, to, path] of rows) {
      const outcome = bookFrom((text) => text.replace(from, to));
      assert.deepEqual(
        outcome.ok ? [] : outcome.problems.map((problem) => `${problem.code} ${problem.path}`).slice(0, 1),
        [`PRICE_BOOK_INVALID ${path}`],
        to,
      );
    }
  });
});

describe('how an objective stands', () => {
  const now = Date.UTC(2026, 9, 10, 12);
  const upTo = (endMs: number, change: (index: number) => MinuteCount | undefined): Levels => {
    const minutes = new Map<number, MinuteCount>();
    for (let atMs = OCTOBER.startMs; atMs < endMs; atMs += MINUTE_MS) {
      const found = change((endMs - atMs) / MINUTE_MS);
      if (found !== undefined) minutes.set(atMs, found);
    }
    return { minutes, told: { target: '99.9', withinMs: Number.POSITIVE_INFINITY, atMs: OCTOBER.endMs } };
  };
  const stand = (levels: Levels) => standingOf({ tenant: 'acme', objective: 'availability', levels, month: OCTOBER, nowMs: now });
  const busy = { valid: 600n, good: 600n };

  it('burns as the alerts do', () => {
    const quiet = stand(upTo(now, () => busy));
    assert.deepEqual([quiet?.state, percentText(quiet?.left ?? whole(0)), quiet?.burn.get('3d')?.count], ['Good', '44.64', 0n]);
    // 2 % of the last hour: twenty times too fast.
    const fast = stand(upTo(now, (ago) => (ago <= 40 ? { valid: 600n, good: 570n } : busy)));
    assert.equal(fast?.state, 'Page');
    assert.deepEqual(compare(fast?.burn.get('5m') ?? whole(0), whole(50)), 0);
    // One failure of few wakes nobody.
    assert.notEqual(stand(upTo(now, (ago) => (ago === 2 ? { valid: 3n, good: 2n } : { valid: 0n, good: 0n })))?.state, 'Page');
    assert.equal(stand(upTo(now, (ago) => (ago <= 1440 ? { valid: 1000n, good: 999n } : busy)))?.state, 'Good');
    assert.equal(stand(upTo(now, (ago) => (ago > 100 && ago < 200 ? bad : busy)))?.state, 'Spent');
  });

  it('is Unknown when nothing is heard, and silence uses the budget up', () => {
    assert.equal(stand(upTo(now - 16 * MINUTE_MS, () => busy))?.attainment.missing, 0);
    const silent = stand(upTo(now - 30 * MINUTE_MS, () => busy));
    assert.deepEqual([silent?.state, silent?.attainment.missing, percentText(silent?.left ?? whole(0))], ['Unknown', 13, '31.64']);
    assert.equal(stand({ minutes: new Map(), told: undefined }), undefined);
  });
});
