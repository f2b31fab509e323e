// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HOUR_MS, formatTime, monthIndexAt, monthsAfter, parseTime } from '../../../policies/pricing/calendar.ts';
import { cycleAt, partsOf, periodAt, stretchesOf, subscriptionFault } from './subscription.ts';
import type { Change, Subscription } from './subscription.ts';

const at = (text: string): number => parseTime(text) ?? Number.NaN;
const month = (text: string): string => formatTime(at(text));

describe('months', () => {
  it('end with the last day where there is no such day, and come back to it', () => {
    const anchor = at('2026-01-31T06:00:00Z');
    assert.deepEqual(
      [1, 2, 3, 13].map((months) => formatTime(monthsAfter(anchor, months))),
      ['2026-02-28T06:00:00Z', '2026-03-31T06:00:00Z', '2026-04-30T06:00:00Z', '2027-02-28T06:00:00Z'].map(month),
    );
  });

  it('follow each other without a gap, and a time lies in the one that says so', () => {
    const hours = fc.integer({ min: 0, max: 24 * 365 * 60 }).map((hour) => hour * HOUR_MS);
    fc.assert(
      fc.property(hours, hours, (anchorMs, laterMs) => {
        const atMs = anchorMs + laterMs;
        const index = monthIndexAt(anchorMs, atMs);
        assert.ok(monthsAfter(anchorMs, index) <= atMs && atMs < monthsAfter(anchorMs, index + 1));
      }),
    );
  });

  it('a date that there is not is no time', () => {
    for (const text of ['2026-02-30T00:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01', '2026-01-01T00:00:00+01:00', 'constructor', ''])
      assert.equal(parseTime(text), undefined, text);
  });
});

const cycles = fc.constantFrom('Monthly', 'Quarterly', 'Annual');
const tiers = fc.constantFrom('Starter', 'Professional', 'Enterprise');
const START = at('2026-01-31T10:00:00Z');

const subscriptions: fc.Arbitrary<Subscription> = fc
  .record({
    first: fc.record({ tier: tiers, cycle: cycles }),
    later: fc.uniqueArray(fc.record({ hour: fc.integer({ min: 1, max: 12_000 }), tier: tiers, cycle: cycles }), {
      selector: ({ hour }) => hour,
      maxLength: 5,
    }),
    trial: fc.option(fc.integer({ min: 1, max: 1_000 })),
    end: fc.option(fc.integer({ min: 1, max: 14_000 })),
  })
  .map(({ first, later, trial, end }) => ({
    tenant: 'acme',
    changes: [
      { atMs: START, ...first },
      ...later
        .filter(({ hour }) => end === null || hour < end)
        .toSorted((a, b) => a.hour - b.hour)
        .map(({ hour, tier, cycle }): Change => ({ atMs: START + hour * HOUR_MS, tier, cycle })),
    ],
    ...(trial === null ? {} : { trialEndMs: START + trial * HOUR_MS }),
    ...(end === null ? {} : { endMs: START + end * HOUR_MS }),
  }));

describe('a subscription', () => {
  it('is cut into periods that tile its time, each into parts that tile it', () => {
    fc.assert(
      fc.property(subscriptions, (subscription) => {
        assert.equal(subscriptionFault(subscription), undefined);
        let cursor = START;
        for (let turn = 0; turn < 30; turn += 1) {
          const period = periodAt(subscription, cursor);
          if (period === undefined) {
            assert.equal(cursor, subscription.endMs);
            return;
          }
          assert.equal(period.startMs, cursor);
          assert.ok(period.endMs > cursor && period.endMs <= period.monthEndMs && period.startMs >= period.monthStartMs);
          assert.match(formatTime(period.monthStartMs), /-01T00:00:00Z$/);
          const parts = partsOf(subscription, period);
          assert.equal(parts[0]?.startMs, period.startMs);
          assert.equal(parts.at(-1)?.endMs, period.endMs);
          for (const [index, { endMs, tier, stretch }] of parts.entries()) {
            const next = parts[index + 1];
            assert.ok(next === undefined || next.startMs === endMs);
            assert.ok(next === undefined || next.tier !== tier || next.stretch.anchorMs !== stretch.anchorMs);
          }
          cursor = period.endMs;
        }
      }),
    );
  });

  it('a paid cycle is made of whole months', () => {
    fc.assert(
      fc.property(subscriptions, fc.integer({ min: 0, max: 11_000 }), (subscription, hour) => {
        const atMs = START + hour * HOUR_MS;
        const stretch = stretchesOf(subscription).find(({ anchorMs, endMs }) => anchorMs <= atMs && atMs < endMs);
        const cycle = stretch === undefined ? undefined : cycleAt(stretch, atMs);
        if (stretch === undefined || stretch.cycle === 'Trial') return assert.equal(cycle, undefined);
        assert.ok(cycle !== undefined && cycle.startMs <= atMs && atMs < cycle.endMs);
        assert.equal(
          cycle.endMs,
          monthsAfter(
            stretch.anchorMs,
            monthIndexAt(stretch.anchorMs, cycle.startMs) + { Monthly: 1, Quarterly: 3, Annual: 12 }[stretch.cycle],
          ),
        );
      }),
    );
  });

  it('facts that contradict each other are told', () => {
    const first: Change = { atMs: START, tier: 'Starter', cycle: 'Monthly' };
    const faults: readonly (readonly [Subscription, RegExp])[] = [
      [{ tenant: 'a', changes: [{ ...first, atMs: START + 1 }] }, /on the hour/],
      [{ tenant: 'a', changes: [{ ...first, atMs: Number.NaN }] }, /years 1970 to 8999/],
      [{ tenant: 'a', changes: [{ ...first, atMs: -HOUR_MS }] }, /years 1970 to 8999/],
      [{ tenant: 'a', changes: [first, first] }, /order of time/],
      [{ tenant: 'a', changes: [first], trialEndMs: START }, /trial/],
      [{ tenant: 'a', changes: [first], endMs: START }, /end/],
      [{ tenant: 'a', changes: [first, { ...first, atMs: START + HOUR_MS }], endMs: START + HOUR_MS }, /after the end/],
    ];
    for (const [subscription, message] of faults) assert.match(subscriptionFault(subscription) ?? '', message);
  });
});
