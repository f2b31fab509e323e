// SPDX-License-Identifier: Apache-2.0
// When invoices fall due: with the beginning of each cycle, and with the end of each calendar month, whose use it bills.
import { monthOf, nextMonth } from '../../usage/period.ts';
import { cycleAt, periodAt, stretchesOf } from './subscription.ts';
import type { CycleSpan, Period, Subscription } from './subscription.ts';

/** What falls due at a moment: the month that ends, the cycle that begins. */
export type Due = {
  readonly period: Period | undefined;
  readonly opening: CycleSpan | undefined;
  /** What changed or was decided from here on stands on this invoice: the moment of the one before, 0 for the first. */
  readonly sinceMs: number;
  /**
   * A calendar month after the end of the subscription: what was decided within it is settled then, and use of before that was heard of
   * in it. The last month can only be judged when it is over.
   */
  readonly settling: { readonly startMs: number; readonly endMs: number } | undefined;
};

const isMoment = (ms: number): boolean => Number.isFinite(new Date(ms).getTime());

const openingAt = (subscription: Subscription, atMs: number): CycleSpan | undefined => {
  const running = stretchesOf(subscription).find(({ anchorMs, endMs }) => anchorMs <= atMs && atMs < endMs);
  const cycle = running === undefined ? undefined : cycleAt(running, atMs);
  return cycle?.startMs === atMs ? cycle : undefined;
};

/** The last invoice before `atMs`, whether it had a line or none. */
const dueBefore = (subscription: Subscription, atMs: number): number => {
  const openings = stretchesOf(subscription).flatMap((stretch) =>
    stretch.anchorMs < atMs ? (cycleAt(stretch, Math.min(atMs, stretch.endMs) - 1)?.startMs ?? []) : [],
  );
  const monthMs = monthOf(atMs - 1);
  return Math.max(0, ...openings, ...(monthMs > subscription.changes[0].atMs ? [monthMs] : []));
};

const NOTHING: Due = { period: undefined, opening: undefined, sinceMs: 0, settling: undefined };

export const dueAt = (subscription: Subscription, atMs: number): Due => {
  if (!isMoment(atMs) || !isMoment(atMs - 1)) return NOTHING;
  const monthMs = monthOf(atMs - 1);
  const endsMonth = nextMonth(monthMs) === atMs;
  const period = endsMonth ? periodAt(subscription, Math.min(atMs, subscription.endMs ?? atMs) - 1) : undefined;
  const isAfter = subscription.endMs !== undefined && monthMs >= subscription.endMs;
  return {
    period: period?.monthEndMs === atMs ? period : undefined,
    opening: openingAt(subscription, atMs),
    sinceMs: dueBefore(subscription, atMs),
    settling: endsMonth && isAfter ? { startMs: monthMs, endMs: atMs } : undefined,
  };
};

/** When the first invoice after `nowMs` falls due. */
export const nextDueMs = (subscription: Subscription, nowMs: number): number => {
  const { changes, endMs } = subscription;
  const stretches = stretchesOf(subscription);
  const [first] = stretches;
  if (first !== undefined && first.cycle !== 'Trial' && nowMs < first.anchorMs) return first.anchorMs;
  const fromMs = Math.max(nowMs, changes[0].atMs);
  const monthEndMs = nextMonth(monthOf(Math.min(fromMs, (endMs ?? Number.POSITIVE_INFINITY) - 1)));
  const openings = stretches.flatMap((stretch) => {
    if (stretch.cycle === 'Trial') return [];
    if (stretch.anchorMs > fromMs) return [stretch.anchorMs];
    const next = cycleAt(stretch, fromMs)?.endMs;
    return next !== undefined && next < stretch.endMs ? [next] : [];
  });
  return Math.min(monthEndMs, ...openings);
};

/** When that falls due which is decided at `atMs`; after the end of it all, with the end of each calendar month. */
export const decidedDueMs = (subscription: Subscription, atMs: number): number => {
  const nextMs = nextDueMs(subscription, atMs);
  return nextMs > atMs ? nextMs : nextMonth(monthOf(atMs));
};
