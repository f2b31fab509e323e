// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { typeText } from '../types/type.ts';
import { INT_MAX, INT_MIN, int64, UINT_MAX } from '../values/integer.ts';
import { formatDouble } from '../values/text.ts';
import {
  formatDuration,
  formatTimestamp,
  NANOS_PER_SECOND,
  parseDuration,
  parseTimestamp,
  splitSeconds,
  timestampOf,
} from '../values/time.ts';
import { CelDouble, CelUint, typeOf } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { any, bool, bytes, double, duration, int, string, timestamp, uint } from './parameters.ts';
import { entry, overload1 } from './table.ts';
import type { FunctionEntry, Overload, Parameter } from './table.ts';

const cannot = (evaluation: Evaluation, from: Type, to: Type): undefined =>
  evaluation.fail(`type conversion error from '${typeText(from)}' to '${typeText(to)}'`);

const INTEGER = /^[+-]?[0-9]+$/;
const UNSIGNED = /^[0-9]+$/;
const FLOAT = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const HEX_FLOAT = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)$/;
/** Between digits, or behind the prefix. */
const UNDERSCORE = /(?<=[0-9a-fA-F]|^[+-]?0[xX])_(?=[0-9a-fA-F])/g;
const DECIMAL_UNDERSCORE = /(?<=[0-9])_(?=[0-9])/g;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;
/** Longer digit strings can't be in range, and BigInt of them would be slow. */
const MAX_DIGITS = 400;

/** What reading or writing a short value takes. */
const TEXT_EFFORT = 110;

const parseInteger = (text: string): bigint | undefined =>
  INTEGER.test(text) && text.length < MAX_DIGITS ? BigInt(text.replace(/^\+/, '')) : undefined;

const stringToInt = (evaluation: Evaluation, text: string): Value | undefined => {
  const parsed = parseInteger(text);
  return (parsed === undefined ? undefined : int64(parsed)) ?? cannot(evaluation, types.STRING, types.INT);
};

const stringToUint = (evaluation: Evaluation, text: string): Value | undefined => {
  const parsed = UNSIGNED.test(text) ? parseInteger(text) : undefined;
  return parsed === undefined || parsed > UINT_MAX ? cannot(evaluation, types.STRING, types.UINT) : new CelUint(parsed);
};

/** Go's hexadecimal floats: `0x1.8p3`. */
const parseHexFloat = (text: string): number => {
  const [, sign = '', whole = '', fraction = '', exponent = ''] = HEX_FLOAT.exec(text) ?? [];
  const digits = whole + fraction;
  // Up to 13 digits fit a double's mantissa; more would need rounding of their own.
  if (digits === '' || digits.length > 13 || exponent.length > 5) return Number.NaN;
  const value = Number.parseInt(digits, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -value : value;
};

const stringToDouble = (evaluation: Evaluation, text: string): Value | undefined => {
  if (/^[+-]?nan$/i.test(text)) return new CelDouble(Number.NaN);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return new CelDouble(infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
  const isHex = /^[+-]?0[xX]/.test(text);
  const digits = text.includes('_') ? text.replaceAll(isHex ? UNDERSCORE : DECIMAL_UNDERSCORE, '') : text;
  const parsed = isHex ? parseHexFloat(digits) : FLOAT.test(digits) ? Number(digits) : Number.NaN;
  return Number.isFinite(parsed) ? new CelDouble(parsed) : cannot(evaluation, types.STRING, types.DOUBLE);
};

const BOOLEANS = new Map<string, boolean>([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false] as const),
]);

const doubleToInt = (evaluation: Evaluation, { value }: CelDouble): Value | undefined => {
  if (!Number.isFinite(value) || value <= Number(INT_MIN) || value >= Number(INT_MAX)) return evaluation.fail('integer overflow');
  return int64(BigInt(Math.trunc(value)));
};

const doubleToUint = (evaluation: Evaluation, { value }: CelDouble): Value | undefined => {
  if (!Number.isFinite(value) || value < 0 || value >= Number(UINT_MAX)) return evaluation.fail('unsigned integer overflow');
  return new CelUint(BigInt(Math.trunc(value)));
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const bytesToString = (evaluation: Evaluation, value: Uint8Array): Value | undefined => {
  try {
    return decoder.decode(value);
  } catch {
    return evaluation.fail('invalid UTF-8 in bytes, cannot convert to string');
  }
};

const identity = <T extends Value>(id: string, parameter: Parameter<T>): Overload =>
  overload1({ id, params: [parameter], result: parameter.type, run: (_evaluation, value) => value });

const toInt = entry(
  'int',
  identity('int64_to_int64', int),
  overload1({ id: 'double_to_int64', effort: 30, params: [double], result: types.INT, run: doubleToInt }),
  overload1({ id: 'duration_to_int64', params: [duration], result: types.INT, run: (_evaluation, value) => int64(value.nanos) }),
  overload1({ id: 'string_to_int64', effort: TEXT_EFFORT, params: [string], result: types.INT, run: stringToInt }),
  overload1({
    id: 'timestamp_to_int64',
    effort: 100,
    params: [timestamp],
    result: types.INT,
    run: (_evaluation, value) => splitSeconds(value.nanos).seconds,
  }),
  overload1({
    id: 'uint64_to_int64',
    params: [uint],
    result: types.INT,
    run: (evaluation, { value }) => int64(value) ?? evaluation.fail('integer overflow'),
  }),
);

const toUint = entry(
  'uint',
  identity('uint64_to_uint64', uint),
  overload1({ id: 'double_to_uint64', params: [double], result: types.UINT, run: doubleToUint }),
  overload1({
    id: 'int64_to_uint64',
    params: [int],
    result: types.UINT,
    run: (evaluation, value) => (value < 0 ? evaluation.fail('unsigned integer overflow') : new CelUint(BigInt(value))),
  }),
  overload1({ id: 'string_to_uint64', effort: TEXT_EFFORT, params: [string], result: types.UINT, run: stringToUint }),
);

const toDouble = entry(
  'double',
  identity('double_to_double', double),
  overload1({ id: 'int64_to_double', params: [int], result: types.DOUBLE, run: (_evaluation, value) => new CelDouble(Number(value)) }),
  overload1({ id: 'string_to_double', effort: TEXT_EFFORT, params: [string], result: types.DOUBLE, run: stringToDouble }),
  overload1({
    id: 'uint64_to_double',
    params: [uint],
    result: types.DOUBLE,
    run: (_evaluation, { value }) => new CelDouble(Number(value)),
  }),
);

const toBool = entry(
  'bool',
  identity('bool_to_bool', bool),
  overload1({
    id: 'string_to_bool',
    params: [string],
    result: types.BOOL,
    run: (evaluation, text) => BOOLEANS.get(text) ?? cannot(evaluation, types.STRING, types.BOOL),
  }),
);

const toText = entry(
  'string',
  identity('string_to_string', string),
  overload1({ id: 'bool_to_string', params: [bool], result: types.STRING, run: (_evaluation, value) => String(value) }),
  overload1({ id: 'bytes_to_string', effort: TEXT_EFFORT, params: [bytes], result: types.STRING, run: bytesToString }),
  overload1({
    id: 'double_to_string',
    effort: 2 * TEXT_EFFORT,
    params: [double],
    result: types.STRING,
    run: (_evaluation, { value }) => formatDouble(value),
  }),
  overload1({
    id: 'duration_to_string',
    effort: 4 * TEXT_EFFORT,
    params: [duration],
    result: types.STRING,
    run: (_evaluation, value) => formatDuration(value),
  }),
  overload1({ id: 'int64_to_string', params: [int], result: types.STRING, run: (_evaluation, value) => String(value) }),
  overload1({
    id: 'timestamp_to_string',
    effort: 4 * TEXT_EFFORT,
    params: [timestamp],
    result: types.STRING,
    run: (_evaluation, value) => formatTimestamp(value),
  }),
  overload1({ id: 'uint64_to_string', params: [uint], result: types.STRING, run: (_evaluation, { value }) => String(value) }),
);

const toBytes = entry(
  'bytes',
  identity('bytes_to_bytes', bytes),
  overload1({
    id: 'string_to_bytes',
    effort: TEXT_EFFORT,
    params: [string],
    result: types.BYTES,
    run: (evaluation, text) => (evaluation.strain(text.length) ? new TextEncoder().encode(text) : undefined),
  }),
);

const toTimestamp = entry(
  'timestamp',
  identity('timestamp_to_timestamp', timestamp),
  overload1({
    id: 'int64_to_timestamp',
    effort: 60,
    params: [int],
    result: types.TIMESTAMP,
    run: (evaluation, seconds) => timestampOf(BigInt(seconds) * NANOS_PER_SECOND) ?? evaluation.fail('timestamp overflow'),
  }),
  overload1({
    id: 'string_to_timestamp',
    effort: 4 * TEXT_EFFORT,
    params: [string],
    result: types.TIMESTAMP,
    run: (evaluation, text) => parseTimestamp(text) ?? cannot(evaluation, types.STRING, types.TIMESTAMP),
  }),
);

const toDuration = entry(
  'duration',
  identity('duration_to_duration', duration),
  overload1({
    // Declared, but there is no such conversion.
    id: 'int64_to_duration',
    params: [int],
    result: types.DURATION,
    run: (evaluation) => cannot(evaluation, types.INT, types.DURATION),
  }),
  overload1({
    id: 'string_to_duration',
    effort: 3 * TEXT_EFFORT,
    params: [string],
    result: types.DURATION,
    run: (evaluation, text) => parseDuration(text) ?? cannot(evaluation, types.STRING, types.DURATION),
  }),
);

const A = types.param('A');

export const conversions: readonly FunctionEntry[] = [
  toInt,
  toUint,
  toDouble,
  toBool,
  toText,
  toBytes,
  toTimestamp,
  toDuration,
  entry('dyn', overload1({ id: 'to_dyn', params: [any(A)], result: types.DYN, run: (_evaluation, value) => value })),
  entry('type', overload1({ id: 'type', params: [any(A)], result: types.typeOfType(A), run: (_evaluation, value) => typeOf(value) })),
];
