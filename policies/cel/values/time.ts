// SPDX-License-Identifier: Apache-2.0
import { Boxed, DURATION, TIMESTAMP } from './boxed.ts';
import type { CelType } from './boxed.ts';
import { INT_MAX, INT_MIN } from './integer.ts';

export const NANOS_PER_SECOND = 1_000_000_000n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z, the range of google.protobuf.Timestamp. */
const TIMESTAMP_MIN = -62_135_596_800n * NANOS_PER_SECOND;
const TIMESTAMP_MAX = 253_402_300_800n * NANOS_PER_SECOND - 1n;

/**
 * A point in time, in nanoseconds since 1970-01-01T00:00:00Z, and the offset from UTC that it was written with: its text keeps it,
 * nothing else looks at it.
 */
export class CelTimestamp extends Boxed {
  readonly nanos: bigint;
  readonly offsetSeconds: number;

  constructor(nanos: bigint, offsetSeconds = 0) {
    super();
    this.nanos = nanos;
    this.offsetSeconds = offsetSeconds;
  }

  override get type(): CelType {
    return TIMESTAMP;
  }
}

/** A span of time in nanoseconds, 64 bits as Go's time.Duration. */
export class CelDuration extends Boxed {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    super();
    this.nanos = nanos;
  }

  override get type(): CelType {
    return DURATION;
  }
}

export const timestampOf = (nanos: bigint, offsetSeconds = 0): CelTimestamp | undefined =>
  nanos < TIMESTAMP_MIN || nanos > TIMESTAMP_MAX ? undefined : new CelTimestamp(nanos, offsetSeconds);

export const durationOf = (nanos: bigint): CelDuration | undefined =>
  nanos < INT_MIN || nanos > INT_MAX ? undefined : new CelDuration(nanos);

const floorDivide = (value: bigint, by: bigint): bigint => {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
};

/** Whole seconds since the epoch and the nanoseconds above them. */
export const splitSeconds = (nanos: bigint): { readonly seconds: number; readonly nanos: number } => {
  const seconds = floorDivide(nanos, NANOS_PER_SECOND);
  return { seconds: Number(seconds), nanos: Number(nanos - seconds * NANOS_PER_SECOND) };
};

const fraction = (nanos: bigint): string => (nanos === 0n ? '' : `.${nanos.toString().padStart(9, '0').replace(/0+$/, '')}`);

const offsetText = (offsetSeconds: number): string => {
  const minutes = Math.abs(offsetSeconds) / 60;
  const pair = (part: number): string => part.toString().padStart(2, '0');
  return offsetSeconds === 0 ? 'Z' : `${offsetSeconds < 0 ? '-' : '+'}${pair(Math.trunc(minutes / 60))}:${pair(minutes % 60)}`;
};

/** RFC 3339 at the timestamp's own offset, with as many fraction digits as needed. */
export const formatTimestamp = ({ nanos: total, offsetSeconds }: CelTimestamp): string => {
  const { seconds, nanos } = splitSeconds(total);
  const iso = new Date((seconds + offsetSeconds) * 1000).toISOString();
  return `${iso.slice(0, 19)}${fraction(BigInt(nanos))}${offsetText(offsetSeconds)}`;
};

/** The same in UTC. */
export const formatTimestampUtc = ({ nanos }: CelTimestamp): string => formatTimestamp(new CelTimestamp(nanos));

/** The first instant of the year 1, which Go takes for no time at all. */
export const isZeroTime = ({ nanos }: CelTimestamp): boolean => nanos === TIMESTAMP_MIN;

/** As `string(…)` gives it: the seconds are a double in Go, which only long durations show. */
export const formatDuration = (duration: CelDuration): string => {
  if (duration.nanos > -MAX_EXACT && duration.nanos < MAX_EXACT) return formatDurationExactly(duration);
  return `${Number(duration.nanos / NANOS_PER_SECOND) + Number(duration.nanos % NANOS_PER_SECOND) / 1e9}s`;
};

/** Nanoseconds whose seconds, as a double, have all of their digits. */
const MAX_EXACT = 10n ** 15n;

/** Seconds with a fraction and `s`, the JSON form of google.protobuf.Duration. */
export const formatDurationExactly = (duration: CelDuration): string => {
  const size = duration.nanos < 0n ? -duration.nanos : duration.nanos;
  return `${duration.nanos < 0n ? '-' : ''}${size / NANOS_PER_SECOND}${fraction(size % NANOS_PER_SECOND)}s`;
};

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** Reads RFC 3339; undefined when it is not one or out of range. */
export const parseTimestamp = (text: string): CelTimestamp | undefined => {
  const parts = RFC3339.exec(text);
  if (parts === null) return undefined;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', digits = '', sign = '', zoneHour = '0', zoneMinute = '0'] =
    parts;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // Date rolls 02-30 over to 03-01: such a day is no day.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  const zone = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60 * (sign === '-' ? -1 : 1);
  const seconds = date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - zone;
  return timestampOf(BigInt(seconds) * NANOS_PER_SECOND + BigInt(digits.slice(0, 9).padEnd(9, '0')), zone);
};

const UNIT_NANOS = new Map<string, bigint>([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', NANOS_PER_SECOND],
  ['m', 60n * NANOS_PER_SECOND],
  ['h', 3600n * NANOS_PER_SECOND],
]);

const DURATION_PART = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;

/** Reads what Go's time.ParseDuration reads (`1h30m`, `-1.5s`, `0`); undefined when it is not one or out of range. */
export const parseDuration = (text: string): CelDuration | undefined => {
  const negative = text.startsWith('-');
  const body = negative || text.startsWith('+') ? text.slice(1) : text;
  if (body === '0') return new CelDuration(0n);
  if (body === '' || body.length > 200) return undefined;
  let total = 0n;
  DURATION_PART.lastIndex = 0;
  while (DURATION_PART.lastIndex < body.length) {
    const part = DURATION_PART.exec(body);
    if (part === null) return undefined;
    const [, whole = '', decimals = '', unit = ''] = part;
    const unitNanos = UNIT_NANOS.get(unit);
    if (unitNanos === undefined || (whole === '' && decimals === '')) return undefined;
    total += BigInt(whole) * unitNanos + (decimals === '' ? 0n : (BigInt(decimals) * unitNanos) / 10n ** BigInt(decimals.length));
  }
  return durationOf(negative ? -total : total);
};
