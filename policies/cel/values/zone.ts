// SPDX-License-Identifier: Apache-2.0
import type { CelTimestamp } from './time.ts';
import { splitSeconds } from './time.ts';

const OFFSET = /^([+-]?)(\d{1,2}):(\d{2})$/;
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
      calendar: 'iso8601',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
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

/** The UTC Date whose UTC fields are what a clock in the zone shows; undefined = there is no such zone. */
export const clockIn = (timestamp: CelTimestamp, zone: string | undefined): Date | undefined => {
  const { seconds, nanos } = splitSeconds(timestamp.nanos);
  const at = (offsetSeconds: number): Date => new Date((seconds + offsetSeconds) * 1000 + Math.trunc(nanos / 1_000_000));
  if (zone === undefined || zone === '' || zone === 'UTC') return at(0);
  const offset = OFFSET.exec(zone);
  if (offset !== null) {
    const [, sign = '', hours = '0', minutes = '0'] = offset;
    return at((Number(hours) * 60 + Number(minutes)) * 60 * (sign === '-' ? -1 : 1));
  }
  const formatter = ZONE_NAME.test(zone) ? formatterOf(zone) : undefined;
  return formatter === undefined ? undefined : at(zoneOffset(formatter, seconds));
};
