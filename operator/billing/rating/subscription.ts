// SPDX-License-Identifier: Apache-2.0
// What a tenant has ordered, and when: the facts by which fees, periods and allowances are found. All times are on the hour, since
// usage is reported to payment providers by the hour; of several changes in one hour the last counts.
import { HOUR_MS, MONTHS, monthIndexAt, monthsAfter } from '../../../policies/pricing/calendar.ts';
import type { Cycle } from '../../../policies/pricing/calendar.ts';
import { monthOf, nextMonth } from '../../usage/period.ts';

/** From `atMs` on. A change of the cycle ends the running one and begins the new one there. */
export type Change = { readonly atMs: number; readonly tier: string; readonly cycle: Cycle };

export type Subscription = {
  readonly tenant: string;
  /** The customer's id at the payment provider. */
  readonly customer?: string;
  /** Ascending; the first is the beginning. */
  readonly changes: readonly [Change, ...(readonly Change[])];
  /** The first paid cycle begins here; what is used before costs nothing. */
  readonly trialEndMs?: number;
  /** Fees paid for the running cycle stay paid: what is given back is a refund that somebody approves. */
  readonly endMs?: number;
};

/** Four digits for the year. */
const LATEST_MS = Date.UTC(9000, 0, 1);
const isInRange = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0 && ms < LATEST_MS;

/** What is wrong with the facts, or undefined. */
export const subscriptionFault = ({ changes, trialEndMs, endMs }: Subscription): string | undefined => {
  const times = [...changes.map(({ atMs }) => atMs), ...[trialEndMs, endMs].filter((ms) => ms !== undefined)];
  if (!times.every(isInRange)) return 'every time must lie in the years 1970 to 8999';
  if (!times.every((ms) => ms % HOUR_MS === 0)) return 'every time must be on the hour';
  if (changes.some(({ atMs }, index) => atMs <= (changes[index - 1]?.atMs ?? Number.NEGATIVE_INFINITY)))
    return 'changes must be in the order of time';
  if (trialEndMs !== undefined && trialEndMs <= changes[0].atMs) return 'a trial must end after the beginning';
  if (endMs !== undefined && endMs <= changes[0].atMs) return 'the end must lie after the beginning';
  if (endMs !== undefined && changes.some(({ atMs }) => atMs >= endMs))
    return 'a change lies after the end: take it out, or the end where the tenant came back';
  return undefined;
};

/** Undefined before the beginning. */
export const changeAt = ({ changes }: Subscription, atMs: number): Change | undefined => changes.findLast((change) => change.atMs <= atMs);

/** A run of cycles with one anchor; `endMs` may be infinite. */
export type Stretch = { readonly anchorMs: number; readonly endMs: number; readonly cycle: Cycle | 'Trial' };

export const stretchesOf = (subscription: Subscription): readonly Stretch[] => {
  const { changes, trialEndMs, endMs: last = Number.POSITIVE_INFINITY } = subscription;
  const beginMs = changes[0].atMs;
  const paidFromMs = trialEndMs ?? beginMs;
  const paidCycle = changeAt(subscription, paidFromMs)?.cycle ?? changes[0].cycle;
  const starts: { readonly anchorMs: number; readonly cycle: Cycle | 'Trial' }[] = [
    ...(trialEndMs === undefined ? [] : [{ anchorMs: beginMs, cycle: 'Trial' as const }]),
    { anchorMs: paidFromMs, cycle: paidCycle },
  ];
  let running: Cycle = paidCycle;
  for (const { atMs, cycle } of changes) {
    if (atMs <= paidFromMs || cycle === running) continue;
    running = cycle;
    starts.push({ anchorMs: atMs, cycle });
  }
  return starts
    .map((start, index) => ({ ...start, endMs: Math.min(starts[index + 1]?.anchorMs ?? last, last) }))
    .filter(({ anchorMs, endMs }) => anchorMs < endMs);
};

/** A calendar month, cut to the time of the subscription. Use is billed by these, whatever cycles and trials do; it ends in an invoice. */
export type Period = {
  readonly startMs: number;
  readonly endMs: number;
  /** The whole month, as statements of use have it. */
  readonly monthStartMs: number;
  readonly monthEndMs: number;
};

/** Undefined before the beginning and after the end. */
export const periodAt = ({ changes, endMs: lastMs = Number.POSITIVE_INFINITY }: Subscription, atMs: number): Period | undefined => {
  const beginMs = changes[0].atMs;
  if (!(atMs >= beginMs && atMs < Math.min(lastMs, LATEST_MS))) return undefined;
  const monthStartMs = monthOf(atMs);
  const monthEndMs = nextMonth(monthStartMs);
  return { startMs: Math.max(monthStartMs, beginMs), endMs: Math.min(monthEndMs, lastMs), monthStartMs, monthEndMs };
};

export type CycleSpan = { readonly startMs: number; readonly endMs: number; readonly cycle: Cycle };

/** The paid cycle that `atMs` lies in, whole, even where the stretch ends before it does; undefined in a trial. */
export const cycleAt = ({ anchorMs, cycle }: Stretch, atMs: number): CycleSpan | undefined => {
  if (cycle === 'Trial' || atMs < anchorMs) return undefined;
  const months = MONTHS[cycle];
  const index = Math.floor(monthIndexAt(anchorMs, atMs) / months) * months;
  return { startMs: monthsAfter(anchorMs, index), endMs: monthsAfter(anchorMs, index + months), cycle };
};

/** A span in which one tier held. */
export type Segment = { readonly startMs: number; readonly endMs: number; readonly tier: string };

/** They tile the period; neighbours of one tier are one. */
export const segmentsOf = (subscription: Subscription, { startMs, endMs }: Pick<Period, 'startMs' | 'endMs'>): readonly Segment[] => {
  const segments: Segment[] = [];
  const cuts = [startMs, ...subscription.changes.map(({ atMs }) => atMs).filter((atMs) => atMs > startMs && atMs < endMs)];
  for (const [index, cut] of cuts.entries()) {
    const tier = changeAt(subscription, cut)?.tier;
    const end = cuts[index + 1] ?? endMs;
    const before = segments.at(-1);
    if (tier === undefined) continue;
    if (before?.tier === tier) segments[segments.length - 1] = { ...before, endMs: end };
    else segments.push({ startMs: cut, endMs: end, tier });
  }
  return segments;
};

/** A part of a period in which one tier held within one run of cycles. */
export type Part = Segment & { readonly stretch: Stretch };

/** They tile the period. */
export const partsOf = (subscription: Subscription, period: Pick<Period, 'startMs' | 'endMs'>): readonly Part[] =>
  stretchesOf(subscription).flatMap((stretch) => {
    const [startMs, endMs] = [Math.max(stretch.anchorMs, period.startMs), Math.min(stretch.endMs, period.endMs)];
    return startMs < endMs ? segmentsOf(subscription, { startMs, endMs }).map((segment) => ({ ...segment, stretch })) : [];
  });
