// SPDX-License-Identifier: Apache-2.0
import { cycleAt, periodAt, stretchesOf } from './subscription.ts';
import type { CycleSpan, Period, Subscription } from './subscription.ts';

/** What falls due at a moment: the month that ends, the cycle that begins. */
export type Due = { readonly period: Period | undefined; readonly opening: CycleSpan | undefined };

export const dueAt = (subscription: Subscription, atMs: number): Due => {
  const last = periodAt(subscription, atMs - 1);
  const running = stretchesOf(subscription).find(({ anchorMs, endMs }) => anchorMs <= atMs && atMs < endMs);
  const cycle = running === undefined ? undefined : cycleAt(running, atMs);
  return {
    period: last?.endMs === atMs ? last : undefined,
    opening: cycle?.startMs === atMs ? cycle : undefined,
  };
};
