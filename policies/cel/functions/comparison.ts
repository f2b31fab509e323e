// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { unhashable } from '../values/go-type.ts';
import { CelMap } from '../values/map.ts';
import { compareValues, ELEMENT_EFFORT, equalValues, textEffort } from '../values/compare.ts';
import { CelDouble, isJsonMap } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { any, bool, list, map } from './parameters.ts';
import { entry, NO_MATCH, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Outcome, Overload } from './table.ts';

/** Types that have an order; numbers compare across their types (Kubernetes switches that on). */
const ORDERED: readonly (readonly [string, Type, Type])[] = [
  ['bool', types.BOOL, types.BOOL],
  ['int64', types.INT, types.INT],
  ['int64_double', types.INT, types.DOUBLE],
  ['int64_uint64', types.INT, types.UINT],
  ['uint64', types.UINT, types.UINT],
  ['uint64_double', types.UINT, types.DOUBLE],
  ['uint64_int64', types.UINT, types.INT],
  ['double', types.DOUBLE, types.DOUBLE],
  ['double_int64', types.DOUBLE, types.INT],
  ['double_uint64', types.DOUBLE, types.UINT],
  ['string', types.STRING, types.STRING],
  ['bytes', types.BYTES, types.BYTES],
  ['timestamp', types.TIMESTAMP, types.TIMESTAMP],
  ['duration', types.DURATION, types.DURATION],
];

const compareWith =
  (test: (order: number) => boolean) =>
  (evaluation: Evaluation, a: Value, b: Value): Outcome => {
    if (a instanceof CelDouble && Number.isNaN(a.value)) return evaluation.fail('NaN values cannot be ordered');
    const order = compareValues(a, b);
    if (order === undefined) return NO_MATCH;
    return Number.isNaN(order) ? evaluation.fail('NaN values cannot be ordered') : test(order);
  };

/** All overloads of an order share one implementation, which looks at the values. */
const ordering = (name: string, id: string, test: (order: number) => boolean): FunctionEntry => {
  const two = compareWith(test);
  const overload = ([suffix, a, b]: readonly [string, Type, Type]): Overload => ({
    id: `${id}_${suffix}`,
    member: false,
    params: [a, b],
    result: types.BOOL,
    one: undefined,
    two,
    many: undefined,
  });
  return entry(name, ...ORDERED.map(overload));
};

const inList = (evaluation: Evaluation, needle: Value, haystack: readonly Value[]): Value | undefined => {
  if (!evaluation.strain(haystack.length * (ELEMENT_EFFORT + textEffort(needle)))) return undefined;
  for (const element of haystack) {
    const same = equalValues(evaluation, element, needle);
    if (same === true) return true;
    // What can't be compared with the needle is something else.
    if (same === undefined && evaluation.cancelled) return undefined;
  }
  return false;
};

const inMap = (evaluation: Evaluation, needle: Value, haystack: Value): boolean | undefined => {
  if (haystack instanceof CelMap) {
    const broken = typeof needle === 'object' && haystack.size > 0 ? unhashable(needle) : undefined;
    return broken === undefined ? haystack.get(needle) !== undefined : evaluation.breakDown(broken);
  }
  return typeof needle === 'string' && isJsonMap(haystack) && Object.hasOwn(haystack, needle);
};

const A = types.param('A');
const B = types.param('B');

export const comparison: readonly FunctionEntry[] = [
  ordering('_<_', 'less', (order) => order < 0),
  ordering('_<=_', 'less_equals', (order) => order <= 0),
  ordering('_>_', 'greater', (order) => order > 0),
  ordering('_>=_', 'greater_equals', (order) => order >= 0),
  entry(
    '_==_',
    overload2({
      id: 'equals',
      params: [any(A), any(A)],
      result: types.BOOL,
      run: (evaluation, a, b) => equalValues(evaluation, a, b),
    }),
  ),
  entry(
    '_!=_',
    overload2({
      id: 'not_equals',
      params: [any(A), any(A)],
      result: types.BOOL,
      run: (evaluation, a, b) => {
        // What can't be compared is not equal, and that is no error here.
        const same = equalValues(evaluation, a, b);
        return same === undefined && evaluation.cancelled ? undefined : same !== true;
      },
    }),
  ),
  entry(
    '@in',
    overload2({
      id: 'in_list',
      params: [any(A), list(A)],
      result: types.BOOL,
      run: inList,
    }),
    overload2({ id: 'in_map', params: [any(A), map(A, B)], result: types.BOOL, run: inMap }),
  ),
  entry('!_', overload1({ id: 'logical_not', params: [bool], result: types.BOOL, run: (_evaluation, a) => !a })),
];
