// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { goText } from '../values/go-type.ts';
import { CelMap } from '../values/map.ts';
import { keysOf } from '../values/map-keys.ts';
import { CelDuration, CelTimestamp, isZeroTime } from '../values/time.ts';
import { CelDouble, CelOptional, CelUint, isBytes, isJsonMap, isList, NONE } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { any, list, listOf, optional } from './parameters.ts';
import { entry, overload0, overload1, overload2 } from './table.ts';
import type { Library } from './table.ts';

const A = types.param('A');
const OPTIONAL_A = types.optionalOf(A);

/** Is it the value that an unset field of its type would have? */
const isZero = (value: Value): boolean => {
  if (value === null || value === false || value === '' || value === 0) return true;
  if (isList(value) || isBytes(value)) return value.length === 0;
  if (value instanceof CelDouble) return value.value === 0;
  if (value instanceof CelUint) return value.value === 0n;
  if (value instanceof CelMap) return value.size === 0;
  if (value instanceof CelDuration) return value.nanos === 0n;
  if (value instanceof CelTimestamp) return isZeroTime(value);
  return isJsonMap(value) && keysOf(value).length === 0;
};

const unwrap = (evaluation: Evaluation, options: readonly Value[]): Value | undefined => {
  if (!evaluation.strain(options.length)) return undefined;
  const values: Value[] = [];
  for (const option of options) {
    if (!(option instanceof CelOptional)) return evaluation.fail(`value ${goText(option)} is not optional`);
    if (option.value !== undefined) values.push(option.value);
  }
  return values;
};

const element = (value: Value | undefined): Value => (value === undefined ? NONE : new CelOptional(value));

/** `or` and `orValue` look at their argument only when they need it; the call sites know that, these run on both values. */
const optionals: Library['functions'] = [
  entry(
    'optional.of',
    overload1({ id: 'optional_of', params: [any(A)], result: OPTIONAL_A, run: (_evaluation, value) => new CelOptional(value) }),
  ),
  entry('optional.none', overload0({ id: 'optional_none', result: OPTIONAL_A, run: () => NONE })),
  entry(
    'optional.ofNonZeroValue',
    overload1({
      id: 'optional_ofNonZeroValue',
      params: [any(A)],
      result: OPTIONAL_A,
      run: (_evaluation, value) => (isZero(value) ? NONE : new CelOptional(value)),
    }),
  ),
  entry('optional.unwrap', overload1({ id: 'optional_unwrap', params: [listOf(optional(A))], result: types.listOf(A), run: unwrap })),
  entry(
    'unwrapOpt',
    overload1({ id: 'optional_unwrapOpt', member: true, params: [listOf(optional(A))], result: types.listOf(A), run: unwrap }),
  ),
  entry(
    'hasValue',
    overload1({
      id: 'optional_hasValue',
      member: true,
      params: [optional(A)],
      result: types.BOOL,
      run: (_evaluation, option) => option.value !== undefined,
    }),
  ),
  entry(
    'value',
    overload1({
      id: 'optional_value',
      member: true,
      params: [optional(A)],
      result: A,
      run: (evaluation, option) => option.value ?? (option.value === null ? null : evaluation.fail('optional.none() dereference')),
    }),
  ),
  entry(
    'or',
    overload2({
      id: 'optional_or_optional',
      member: true,
      params: [optional(A), optional(A)],
      result: OPTIONAL_A,
      run: (_evaluation, option, other) => (option.value === undefined ? other : option),
    }),
  ),
  entry(
    'orValue',
    overload2({
      id: 'optional_orValue_value',
      member: true,
      params: [optional(A), any(A)],
      result: A,
      run: (_evaluation, option, other) => (option.value === undefined ? other : option.value),
    }),
  ),
  entry(
    'first',
    overload1({ id: 'list_first', member: true, params: [list(A)], result: OPTIONAL_A, run: (_evaluation, items) => element(items[0]) }),
  ),
  entry(
    'last',
    overload1({ id: 'list_last', member: true, params: [list(A)], result: OPTIONAL_A, run: (_evaluation, items) => element(items.at(-1)) }),
  ),
];

export const optionalLibrary: Library = { name: 'optional', since: '1.28', functions: optionals };
