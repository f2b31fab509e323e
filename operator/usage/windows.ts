// SPDX-License-Identifier: Apache-2.0
// How much of a limit is used, from memory: a cell for each minute of the last two hours and for each hour of the last 35 days, of
// the series that some limit speaks of. A cell that lies in the window in part counts as a whole, so a limit is reached a
// little early and never late.
import { NOTHING, addTally } from './meters.ts';
import type { Tally } from './meters.ts';
import { HOUR_MS, LATEST_MS, hourOf, monthOf } from './period.ts';

/** Milliseconds, or the calendar month in UTC. */
export type LimitWindow = number | 'Month';

const MINUTE_MS = 60_000;
const FINE_MS = 2 * HOUR_MS;

type Cells = Map<number, Tally>;
type Series = { readonly minutes: Cells; readonly hours: Cells };

export type HourTally = { readonly hourMs: number; readonly tally: Tally };

export type Windows = {
  has(tenant: string, meter: string): boolean;
  /** Begins to follow a series, with what the ledger holds of it. */
  follow(series: { readonly tenant: string; readonly meter: string }, held: readonly HourTally[], nowMs: number): void;
  /** Keeps only those series. */
  retain(wanted: (tenant: string, meter: string) => boolean): void;
  add(event: { readonly tenant: string; readonly meter: string; readonly atMs: number; readonly value: bigint }): void;
  used(series: { readonly tenant: string; readonly meter: string }, window: LimitWindow, nowMs: number): Tally;
  /** Forgets what no window reaches. */
  prune(nowMs: number): void;
};

/** How far back the longest window may reach. */
export const LONGEST_WINDOW_MS = LATEST_MS;

const addTo = (cells: Cells, atMs: number, tally: Tally): void => void cells.set(atMs, addTally(cells.get(atMs) ?? NOTHING, tally));

const drop = (cells: Cells, beforeMs: number): void => {
  for (const atMs of cells.keys()) if (atMs < beforeMs) cells.delete(atMs);
};

/** Of cells that end after `sinceMs`. */
const sumSince = (cells: Cells, sinceMs: number, lengthMs: number): Tally => {
  let sum = NOTHING;
  for (const [atMs, tally] of cells) if (atMs + lengthMs > sinceMs) sum = addTally(sum, tally);
  return sum;
};

export const createWindows = (): Windows => {
  const all = new Map<string, Series>();
  const keyOf = (tenant: string, meter: string): string => `${tenant}\n${meter}`;
  return {
    has: (tenant, meter) => all.has(keyOf(tenant, meter)),
    follow: ({ tenant, meter }, held, nowMs) => {
      const series: Series = { minutes: new Map(), hours: new Map() };
      for (const { hourMs, tally } of held) {
        addTo(series.hours, hourMs, tally);
        // Its minutes are not known any more: as late as it can have been.
        if (hourMs + HOUR_MS > nowMs - FINE_MS)
          addTo(series.minutes, minuteOf(Math.min(hourMs + HOUR_MS - 1, Math.max(nowMs, hourMs))), tally);
      }
      all.set(keyOf(tenant, meter), series);
    },
    retain: (wanted) => {
      for (const key of all.keys()) {
        const [tenant = '', meter = ''] = key.split('\n');
        if (!wanted(tenant, meter)) all.delete(key);
      }
    },
    add: ({ tenant, meter, atMs, value }) => {
      const series = all.get(keyOf(tenant, meter));
      if (series === undefined) return;
      const tally = { count: 1, sum: value, peak: value };
      addTo(series.minutes, minuteOf(atMs), tally);
      addTo(series.hours, hourOf(atMs), tally);
    },
    used: ({ tenant, meter }, window, nowMs) => {
      const series = all.get(keyOf(tenant, meter));
      if (series === undefined) return NOTHING;
      if (window === 'Month') return sumSince(series.hours, monthOf(nowMs), HOUR_MS);
      return window <= FINE_MS ? sumSince(series.minutes, nowMs - window, MINUTE_MS) : sumSince(series.hours, nowMs - window, HOUR_MS);
    },
    prune: (nowMs) => {
      for (const { minutes, hours } of all.values()) {
        drop(minutes, nowMs - FINE_MS - MINUTE_MS);
        drop(hours, nowMs - LONGEST_WINDOW_MS - HOUR_MS);
      }
    },
  };
};

const minuteOf = (atMs: number): number => Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
