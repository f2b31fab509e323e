// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { intOf } from '../values/integer.ts';
import { NANOS_PER_SECOND } from '../values/time.ts';
import type { CelDuration, CelTimestamp } from '../values/time.ts';
import type { Value } from '../values/value.ts';
import { clockIn, utcClock } from '../values/zone.ts';
import { duration, string, timestamp } from './parameters.ts';
import { entry, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Overload } from './table.ts';

const DAY_MS = 86_400_000;

/** What a named zone's clock costs when its rules must be looked up first. */
const CLOCK_EFFORT = 130;
const ZONE_EFFORT = 20_000;

const inZone = (
  evaluation: Evaluation,
  at: { readonly time: CelTimestamp; readonly zone: string },
  read: (clock: Date) => number,
): Value | undefined => {
  if (!evaluation.strain(ZONE_EFFORT)) return undefined;
  const clock = clockIn(at.time, at.zone);
  return typeof clock === 'string' ? evaluation.fail(clock) : read(clock);
};

const dayOfYear = (clock: Date): number => {
  const first = new Date(clock.getTime());
  first.setUTCMonth(0, 1);
  return Math.round((clock.getTime() - first.getTime()) / DAY_MS);
};

/** Accessors of a timestamp: in UTC, and in the zone of the second argument. */
const ofTimestamp = (id: string, read: (clock: Date) => number): readonly Overload[] => [
  overload1({
    id: `timestamp_to_${id}`,
    member: true,
    params: [timestamp],
    result: types.INT,
    effort: CLOCK_EFFORT,
    run: (_evaluation, time) => read(utcClock(time)),
  }),
  overload2({
    id: `timestamp_to_${id}_with_tz`,
    member: true,
    params: [timestamp, string],
    result: types.INT,
    run: (evaluation, time, zone) => inZone(evaluation, { time, zone }, read),
  }),
];

const ofDuration = (id: string, read: (nanos: bigint) => bigint): Overload =>
  overload1({
    id: `duration_to_${id}`,
    member: true,
    params: [duration],
    result: types.INT,
    run: (_evaluation: Evaluation, value: CelDuration) => intOf(read(value.nanos)),
  });

/** Whole units as Go's float64 has them: what is a hair below the next one is that, once the number is large. */
const wholeUnits =
  (unit: bigint) =>
  (nanos: bigint): bigint =>
    BigInt(Math.trunc(Number(nanos / unit) + Number(nanos % unit) / Number(unit)));

export const timeAccessors: readonly FunctionEntry[] = [
  entry('getFullYear', ...ofTimestamp('year', (clock) => clock.getUTCFullYear())),
  entry('getMonth', ...ofTimestamp('month', (clock) => clock.getUTCMonth())),
  entry('getDayOfYear', ...ofTimestamp('day_of_year', dayOfYear)),
  entry('getDayOfMonth', ...ofTimestamp('day_of_month', (clock) => clock.getUTCDate() - 1)),
  entry('getDate', ...ofTimestamp('day_of_month_1_based', (clock) => clock.getUTCDate())),
  entry('getDayOfWeek', ...ofTimestamp('day_of_week', (clock) => clock.getUTCDay())),
  entry('getHours', ...ofTimestamp('hours', (clock) => clock.getUTCHours()), ofDuration('hours', wholeUnits(3600n * NANOS_PER_SECOND))),
  entry(
    'getMinutes',
    ...ofTimestamp('minutes', (clock) => clock.getUTCMinutes()),
    ofDuration('minutes', wholeUnits(60n * NANOS_PER_SECOND)),
  ),
  entry('getSeconds', ...ofTimestamp('seconds', (clock) => clock.getUTCSeconds()), ofDuration('seconds', wholeUnits(NANOS_PER_SECOND))),
  entry(
    'getMilliseconds',
    ...ofTimestamp('milliseconds', (clock) => clock.getUTCMilliseconds()),
    ofDuration('milliseconds', (nanos) => nanos / 1_000_000n),
  ),
];
