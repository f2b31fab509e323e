// SPDX-License-Identifier: Apache-2.0
// How fast an error budget may be spent before somebody is told: the recipe of the Site Reliability Workbook, chapter 5. The rules for
// Prometheus, the OpenSLO documents and `writ slo status` go by this one table.

/** Days that an error budget of the rules lasts. */
export const BUDGET_DAYS = 30;

export type BurnWindow = {
  readonly severity: 'page' | 'ticket';
  /** Share of the period's budget that is gone when it fires, in percent. */
  readonly budgetPercent: number;
  readonly long: string;
  readonly longMinutes: number;
  /** So that it ends soon after the cause has. */
  readonly short: string;
  readonly shortMinutes: number;
};

export const burnWindows: readonly BurnWindow[] = [
  { severity: 'page', budgetPercent: 2, long: '1h', longMinutes: 60, short: '5m', shortMinutes: 5 },
  { severity: 'page', budgetPercent: 5, long: '6h', longMinutes: 360, short: '30m', shortMinutes: 30 },
  { severity: 'ticket', budgetPercent: 10, long: '1d', longMinutes: 1440, short: '2h', shortMinutes: 120 },
  { severity: 'ticket', budgetPercent: 10, long: '3d', longMinutes: 4320, short: '6h', shortMinutes: 360 },
];

/** How many times faster than the budget allows, in tenths: 144 for 2 % of it in one hour of 30 days. */
export const burnTenths = ({ budgetPercent, longMinutes }: Pick<BurnWindow, 'budgetPercent' | 'longMinutes'>): number =>
  Math.round((budgetPercent * BUDGET_DAYS * 1440) / (longMinutes * 10));

/** 14.4. */
export const burnFactor = (window: Pick<BurnWindow, 'budgetPercent' | 'longMinutes'>): number => burnTenths(window) / 10;

/** Every window, the shortest first. */
export const allWindows: readonly { readonly name: string; readonly minutes: number }[] = [
  ...new Map(
    burnWindows.flatMap(({ long, longMinutes, short, shortMinutes }) => [[short, shortMinutes] as const, [long, longMinutes] as const]),
  ),
]
  .map(([name, minutes]) => ({ name, minutes }))
  .toSorted((a, b) => a.minutes - b.minutes);

/** One failure among few is no reason to wake anybody. */
export const LEAST_BAD_EVENTS = 5;
