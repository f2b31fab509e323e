// SPDX-License-Identifier: Apache-2.0
// Time as the ledger cuts it: hours for seals, calendar months in UTC for statements.

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Events may come this late and this early (Stripe takes no others either). */
export const LATEST_MS = 35 * DAY_MS;
export const EARLIEST_MS = 5 * 60_000;
/** A period is closed this long after its end. */
export const FREEZE_AFTER_MS = 48 * HOUR_MS;
/** An hour is sealed this long after its end. */
export const SEAL_AFTER_MS = 15 * 60_000;

export const hourOf = (atMs: number): number => Math.floor(atMs / HOUR_MS) * HOUR_MS;

/** Begin of the calendar month. */
export const monthOf = (atMs: number): number => {
  const at = new Date(atMs);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth());
};

/** Begin of the month after the one that begins at `startMs`. */
export const nextMonth = (startMs: number): number => {
  const start = new Date(startMs);
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1);
};

/** `[start, end)` in RFC 3339 UTC to the second: 2026-11-01T00:00:00Z. */
export type UsagePeriod = { readonly start: string; readonly end: string };

/** RFC 3339 to the second. */
const secondText = (atMs: number): string => new Date(atMs).toISOString().replace('.000Z', 'Z');

export const periodOf = (startMs: number): UsagePeriod => ({ start: secondText(startMs), end: secondText(nextMonth(startMs)) });

// Before 2000 there is nothing, and a year below 100 would be read as one of 1900; after 9998 a month's end cannot be written.
const [FIRST_MONTH, LAST_MONTH] = ['2000-01', '9998-12'];

/** `2026-11` → its begin; undefined for anything else. */
export const parseMonth = (text: string): number | undefined => {
  const [, year, month] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text) ?? [];
  if (year === undefined || month === undefined || text < FIRST_MONTH || text > LAST_MONTH) return undefined;
  return Date.UTC(Number(year), Number(month) - 1);
};
