// SPDX-License-Identifier: Apache-2.0
import { monthIndexAt, monthsAfter } from '../../../policies/pricing/calendar.ts';
import { cycleAt, periodAt, stretchesOf } from './subscription.ts';
import type { CycleSpan, Period, Subscription } from './subscription.ts';

/** What falls due at a moment: the month that ends, the cycle that begins. */
export type Due = {
  readonly period: Period | undefined;
  readonly opening: CycleSpan | undefined;
  /**
   * A month after the end of the subscription: what was decided within it is settled then, and nothing else. The last month can only be
   * judged when it is over.
   */
  readonly settling: { readonly startMs: number; readonly endMs: number } | undefined;
};

const settlingAt = ({ endMs }: Subscription, atMs: number): Due['settling'] => {
  if (endMs === undefined || !(atMs > endMs)) return undefined;
  const months = monthIndexAt(endMs, atMs);
  return months > 0 && monthsAfter(endMs, months) === atMs ? { startMs: monthsAfter(endMs, months - 1), endMs: atMs } : undefined;
};

export const dueAt = (subscription: Subscription, atMs: number): Due => {
  const last = periodAt(subscription, atMs - 1);
  const running = stretchesOf(subscription).find(({ anchorMs, endMs }) => anchorMs <= atMs && atMs < endMs);
  const cycle = running === undefined ? undefined : cycleAt(running, atMs);
  return {
    period: last?.endMs === atMs ? last : undefined,
    opening: cycle?.startMs === atMs ? cycle : undefined,
    settling: settlingAt(subscription, atMs),
  };
};
