// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { int64, INT_MIN, UINT_MAX } from '../values/integer.ts';
import { CelDuration, durationOf, timestampOf } from '../values/time.ts';
import { CelDouble, CelUint } from '../values/value.ts';
import type { CelInt, Value } from '../values/value.ts';
import { bytes, double, duration, int, list, string, timestamp, uint } from './parameters.ts';
import { entry, NO_MATCH, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Outcome } from './table.ts';

const OVERFLOW = 'integer overflow';
const UINT_OVERFLOW = 'unsigned integer overflow';

const intResult = (evaluation: Evaluation, value: bigint): Value | undefined => int64(value) ?? evaluation.fail(OVERFLOW);

const uintResult = (evaluation: Evaluation, value: bigint): Value | undefined =>
  value < 0n || value > UINT_MAX ? evaluation.fail(UINT_OVERFLOW) : new CelUint(value);

// A result that is a safe integer was computed without rounding: else the exact sum lies outside of ±2^53 as well.
// `+ 0` turns -0, which is no integer, into 0.
const addInts = (evaluation: Evaluation, a: CelInt, b: CelInt): Value | undefined => {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return intResult(evaluation, BigInt(a) + BigInt(b));
};

const subtractInts = (evaluation: Evaluation, a: CelInt, b: CelInt): Value | undefined => {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return intResult(evaluation, BigInt(a) - BigInt(b));
};

const multiplyInts = (evaluation: Evaluation, a: CelInt, b: CelInt): Value | undefined => {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return intResult(evaluation, BigInt(a) * BigInt(b));
};

const divideInts = (evaluation: Evaluation, a: CelInt, b: CelInt): Value | undefined => {
  if (b === 0) return evaluation.fail('division by zero');
  if (typeof a === 'number' && typeof b === 'number') return (a - (a % b)) / b + 0;
  return intResult(evaluation, BigInt(a) / BigInt(b));
};

const moduloInts = (evaluation: Evaluation, a: CelInt, b: CelInt): Value | undefined => {
  if (b === 0) return evaluation.fail('modulus by zero');
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0;
  if (a === INT_MIN && b === -1) return evaluation.fail(OVERFLOW);
  return intResult(evaluation, BigInt(a) % BigInt(b));
};

/** Joined text is bounded by the effort of the evaluation: doubling a string forty times must end early. */
const addStrings = (evaluation: Evaluation, a: string, b: string): Value | undefined =>
  evaluation.strain((a.length + b.length) >> 3) ? a + b : undefined;

const addBytes = (evaluation: Evaluation, a: Uint8Array, b: Uint8Array): Value | undefined => {
  if (!evaluation.strain((a.length + b.length) >> 3)) return undefined;
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
};

/** A list takes this beside its elements, which are written and later collected. */
const LIST_EFFORT = 20;

const addLists = (evaluation: Evaluation, a: readonly Value[], b: readonly Value[]): Value | undefined =>
  evaluation.strain(LIST_EFFORT + (a.length + b.length) * 2) ? a.concat(b) : undefined;

const A = types.param('A');
const TIMESTAMP_OVERFLOW = 'timestamp overflow';

const add = entry(
  '_+_',
  overload2({ id: 'add_int64', params: [int, int], result: types.INT, run: addInts }),
  overload2({ id: 'add_string', params: [string, string], result: types.STRING, run: addStrings }),
  overload2({
    id: 'add_double',
    params: [double, double],
    result: types.DOUBLE,
    run: (_evaluation, a, b) => new CelDouble(a.value + b.value),
  }),
  overload2({ id: 'add_list', params: [list(A), list(A)], result: types.listOf(A), run: addLists }),
  overload2({
    id: 'add_uint64',
    params: [uint, uint],
    result: types.UINT,
    run: (evaluation, a, b) => uintResult(evaluation, a.value + b.value),
  }),
  overload2({ id: 'add_bytes', params: [bytes, bytes], result: types.BYTES, run: addBytes }),
  overload2({
    id: 'add_duration_duration',
    params: [duration, duration],
    result: types.DURATION,
    run: (evaluation, a, b) => durationOf(a.nanos + b.nanos) ?? evaluation.fail(OVERFLOW),
  }),
  overload2({
    id: 'add_duration_timestamp',
    params: [duration, timestamp],
    result: types.TIMESTAMP,
    run: (evaluation, a, b) => timestampOf(a.nanos + b.nanos, b.offsetSeconds) ?? evaluation.fail(TIMESTAMP_OVERFLOW),
  }),
  overload2({
    id: 'add_timestamp_duration',
    params: [timestamp, duration],
    result: types.TIMESTAMP,
    run: (evaluation, a, b) => timestampOf(a.nanos + b.nanos, a.offsetSeconds) ?? evaluation.fail(TIMESTAMP_OVERFLOW),
  }),
);

/** `a + b` of values whose types are not known yet. */
export const addValues = (evaluation: Evaluation, a: Value, b: Value): Value | undefined => {
  for (const { two } of add.overloads) {
    const sum: Outcome = two === undefined ? NO_MATCH : two(evaluation, a, b);
    if (sum !== NO_MATCH) return sum;
  }
  return evaluation.fail('no such overload');
};

const subtract = entry(
  '_-_',
  overload2({ id: 'subtract_int64', params: [int, int], result: types.INT, run: subtractInts }),
  overload2({
    id: 'subtract_double',
    params: [double, double],
    result: types.DOUBLE,
    run: (_evaluation, a, b) => new CelDouble(a.value - b.value),
  }),
  overload2({
    id: 'subtract_uint64',
    params: [uint, uint],
    result: types.UINT,
    run: (evaluation, a, b) => uintResult(evaluation, a.value - b.value),
  }),
  overload2({
    id: 'subtract_duration_duration',
    params: [duration, duration],
    result: types.DURATION,
    run: (evaluation, a, b) => durationOf(a.nanos - b.nanos) ?? evaluation.fail(OVERFLOW),
  }),
  overload2({
    id: 'subtract_timestamp_duration',
    params: [timestamp, duration],
    result: types.TIMESTAMP,
    run: (evaluation, a, b) => timestampOf(a.nanos - b.nanos, a.offsetSeconds) ?? evaluation.fail(TIMESTAMP_OVERFLOW),
  }),
  overload2({
    id: 'subtract_timestamp_timestamp',
    params: [timestamp, timestamp],
    result: types.DURATION,
    run: (evaluation, a, b) => durationOf(a.nanos - b.nanos) ?? evaluation.fail(OVERFLOW),
  }),
);

const multiply = entry(
  '_*_',
  overload2({ id: 'multiply_int64', params: [int, int], result: types.INT, run: multiplyInts }),
  overload2({
    id: 'multiply_double',
    params: [double, double],
    result: types.DOUBLE,
    run: (_evaluation, a, b) => new CelDouble(a.value * b.value),
  }),
  overload2({
    id: 'multiply_uint64',
    params: [uint, uint],
    result: types.UINT,
    run: (evaluation, a, b) => uintResult(evaluation, a.value * b.value),
  }),
);

const divide = entry(
  '_/_',
  overload2({ id: 'divide_int64', params: [int, int], result: types.INT, run: divideInts }),
  overload2({
    id: 'divide_double',
    params: [double, double],
    result: types.DOUBLE,
    run: (_evaluation, a, b) => new CelDouble(a.value / b.value),
  }),
  overload2({
    id: 'divide_uint64',
    params: [uint, uint],
    result: types.UINT,
    run: (evaluation, a, b) => (b.value === 0n ? evaluation.fail('division by zero') : new CelUint(a.value / b.value)),
  }),
);

const modulo = entry(
  '_%_',
  overload2({ id: 'modulo_int64', params: [int, int], result: types.INT, run: moduloInts }),
  overload2({
    id: 'modulo_uint64',
    params: [uint, uint],
    result: types.UINT,
    run: (evaluation, a, b) => (b.value === 0n ? evaluation.fail('modulus by zero') : new CelUint(a.value % b.value)),
  }),
);

/** Durations have a negation that the checker does not know: only a dynamic one is negated. */
const negateDynamic = (evaluation: Evaluation, value: Value): Outcome => {
  if (value instanceof CelDouble) return new CelDouble(-value.value);
  return value instanceof CelDuration ? (durationOf(-value.nanos) ?? evaluation.fail(OVERFLOW)) : NO_MATCH;
};

const negate = entry(
  '-_',
  overload1({ id: 'negate_int64', params: [int], result: types.INT, run: (evaluation, a) => subtractInts(evaluation, 0, a) }),
  { ...overload1({ id: 'negate_double', params: [double], result: types.DOUBLE, run: (_evaluation, a) => a }), one: negateDynamic },
);

export const arithmetic: readonly FunctionEntry[] = [add, subtract, multiply, divide, modulo, negate];
