// SPDX-License-Identifier: Apache-2.0
// Cycles and months, in UTC. A month that has no such day ends with its last one, and the next is counted
// from the anchor again: 31 January, 28 February, 31 March.

export const CYCLES = ['Monthly', 'Quarterly', 'Annual'] as const;
export type Cycle = (typeof CYCLES)[number];

export const HOUR_MS = 3_600_000;

export const MONTHS: Readonly<Record<Cycle, number>> = { Monthly: 1, Quarterly: 3, Annual: 12 };

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month + 1, 0)).getUTCDate();

/** `months` after the anchor, epoch milliseconds. */
export const monthsAfter = (anchorMs: number, months: number): number => {
  const anchor = new Date(anchorMs);
  const first = new Date(Date.UTC(anchor.getUTCFullYear(), anchor.getUTCMonth() + months, 1));
  const [year, month] = [first.getUTCFullYear(), first.getUTCMonth()];
  const day = Math.min(anchor.getUTCDate(), daysIn(year, month));
  return Date.UTC(year, month, day) + (anchorMs % (24 * HOUR_MS));
};

/** Which month after the anchor `atMs` lies in, from 0 on; a boundary belongs to the month that it begins. */
export const monthIndexAt = (anchorMs: number, atMs: number): number => {
  const [anchor, at] = [new Date(anchorMs), new Date(atMs)];
  let index = (at.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + at.getUTCMonth() - anchor.getUTCMonth() + 1;
  while (monthsAfter(anchorMs, index) > atMs) index -= 1;
  return index;
};

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

/** Epoch milliseconds; undefined for anything but a UTC time whose date there is. */
export const parseTime = (text: string): number | undefined => {
  const ms = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  // 30 February would be read as a day in March.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== text.slice(0, 19) ? undefined : ms;
};

/** To the second, as usage statements write it. */
export const formatTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
