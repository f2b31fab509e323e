// SPDX-License-Identifier: Apache-2.0
import { goQuote } from './quote.ts';
import type { CelTimestamp } from './time.ts';
import { splitSeconds } from './time.ts';

const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;

/** Making a formatter takes some 50 µs, so those of the zones in use are kept. */
const formatters = new Map<string, Intl.DateTimeFormat | undefined>();
const MAX_ZONES = 64;

const formatterOf = (zone: string): Intl.DateTimeFormat | undefined => {
  if (formatters.has(zone)) return formatters.get(zone);
  let formatter: Intl.DateTimeFormat | undefined;
  try {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    // Intl takes names in any case, Go does not.
    const known = formatter.resolvedOptions().timeZone;
    if (known !== zone && known.toLowerCase() === zone.toLowerCase()) formatter = undefined;
  } catch {
    formatter = undefined;
  }
  if (formatters.size >= MAX_ZONES) formatters.clear();
  formatters.set(zone, formatter);
  return formatter;
};

/** Seconds east of UTC of a named zone at an instant, by asking what its clock shows. */
const zoneOffset = (formatter: Intl.DateTimeFormat, seconds: number): number => {
  const shown = new Map(formatter.formatToParts(new Date(seconds * 1000)).map((part) => [part.type, part.value]));
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(shown.get(type) ?? 0);
  const year = shown.get('era') === 'B' || shown.get('era') === 'BC' ? 1 - number('year') : number('year');
  const clock = new Date(0);
  clock.setUTCFullYear(year, number('month') - 1, number('day'));
  clock.setUTCHours(number('hour'), number('minute'), number('second'));
  return clock.getTime() / 1000 - seconds;
};

const NUMBER = /^[+-]?\d+$/;
/** Farther than any clock is from another, and within what Date can show. */
const MAX_OFFSET_MINUTES = 1_000_000;

/** Minutes east of UTC of `HOURS:MINUTES`, read as cel-go does: any numbers, the minutes with the sign of the hours. */
const offsetMinutes = (zone: string): number | string => {
  const colon = zone.indexOf(':');
  const [hours, minutes] = [zone.slice(0, colon), zone.slice(colon + 1)];
  for (const part of [hours, minutes]) if (!NUMBER.test(part)) return `strconv.Atoi: parsing ${goQuote(part)}: invalid syntax`;
  const offset = Number(hours) * 60 + Number(minutes) * (zone.startsWith('-') ? -1 : 1);
  return Math.abs(offset) > MAX_OFFSET_MINUTES ? `unknown time zone ${zone}` : offset;
};

/** The UTC Date whose UTC fields are what a clock in the zone shows, or why there is none. */
export const clockIn = (timestamp: CelTimestamp, zone: string): Date | string => {
  const { seconds, nanos } = splitSeconds(timestamp.nanos);
  const at = (offsetSeconds: number): Date => new Date((seconds + offsetSeconds) * 1000 + Math.trunc(nanos / 1_000_000));
  // The API server runs in UTC.
  if (zone === '' || zone === 'UTC' || zone === 'Local') return at(0);
  if (zone.includes(':')) {
    const offset = offsetMinutes(zone);
    return typeof offset === 'string' ? offset : at(offset * 60);
  }
  if (/\.\.|^[/\\]/.test(zone)) return 'time: invalid location name';
  if (zone.includes('\0')) return 'invalid argument'; // of opening such a file
  const formatter = ZONE_NAME.test(zone) ? formatterOf(zone) : undefined;
  return formatter === undefined ? `unknown time zone ${zone}` : at(zoneOffset(formatter, seconds));
};

export const utcClock = (timestamp: CelTimestamp): Date => {
  const { seconds, nanos } = splitSeconds(timestamp.nanos);
  return new Date(seconds * 1000 + Math.trunc(nanos / 1_000_000));
};
