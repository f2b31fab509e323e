// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { compareValues, equalValues, textEffort } from '../values/compare.ts';
import { CelDuration } from '../values/time.ts';
import { CelDouble, CelUint } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { addValues } from './arithmetic.ts';
import { any, bool, bytes, double, duration, int, list, listOf, string, timestamp, uint } from './parameters.ts';
import { entry, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Library, Overload, Parameter } from './table.ts';

type Named = readonly [string, Parameter<Value>];

const named = <T extends Value>(name: string, parameter: Parameter<T>): Named => [
  name,
  { type: parameter.type, accepts: (value): value is Value => parameter.accepts(value) },
];

/** Types whose values have an order, in the order in which overloads are tried. */
export const ORDERED_TYPES: readonly Named[] = [
  named('int', int),
  named('uint', uint),
  named('double', double),
  named('bool', bool),
  named('duration', duration),
  named('timestamp', timestamp),
  named('string', string),
  named('bytes', bytes),
];

/** Has the value a type of an ordered one? */
export const isOrdered = (value: Value): boolean =>
  typeof value === 'string' || typeof value === 'number' || ORDERED_TYPES.some(([, parameter]) => parameter.accepts(value));

/** Elements of a list of mixed types that can't be compared with each other are passed over, as Kubernetes does. */
const isAfter = (left: Value, right: Value): boolean => (compareValues(left, right) ?? 0) > 0;

const ELEMENT_EFFORT = 20;

const allOrdered = (evaluation: Evaluation, items: readonly Value[]): boolean => {
  if (!evaluation.strain(items.length * ELEMENT_EFFORT)) return false;
  if (items.every(isOrdered)) return true;
  evaluation.fail('no such overload');
  return false;
};

const isSorted = (evaluation: Evaluation, items: readonly Value[]): Value | undefined => {
  if (!evaluation.strain(items.length * ELEMENT_EFFORT)) return undefined;
  for (const [at, item] of items.entries()) {
    if (!isOrdered(item)) return evaluation.fail('no such overload');
    const before = items[at - 1];
    if (before !== undefined && isAfter(before, item)) return false;
  }
  return true;
};

const extreme =
  (name: 'min' | 'max') =>
  (evaluation: Evaluation, items: readonly Value[]): Value | undefined => {
    if (!allOrdered(evaluation, items)) return undefined;
    const [first, ...rest] = items;
    if (first === undefined) return evaluation.fail(`${name} called on empty list`);
    return rest.reduce((best, item) => ((name === 'min' ? isAfter(best, item) : isAfter(item, best)) ? item : best), first);
  };

const sumFrom =
  (zero: Value) =>
  (evaluation: Evaluation, items: readonly Value[]): Value | undefined => {
    if (!evaluation.strain(items.length * ELEMENT_EFFORT)) return undefined;
    let sum = zero;
    for (const item of items) {
      const next = addValues(evaluation, sum, item);
      if (next === undefined) return undefined;
      sum = next;
    }
    return sum;
  };

/** Of an element; a text of a list is found to be another one only by looking into it. */
const SEARCH_EFFORT = 10;

/** The first index of those given whose element equals the value, else -1; elements that can't be compared are passed over. */
const search = (
  evaluation: Evaluation,
  items: readonly Value[],
  about: { readonly value: Value; readonly backwards: boolean },
): Value | undefined => {
  if (!evaluation.strain(items.length * (SEARCH_EFFORT + textEffort(about.value)))) return undefined;
  const { value, backwards } = about;
  const by = backwards ? -1 : 1;
  for (let at = backwards ? items.length - 1 : 0; at >= 0 && at < items.length; at += by) {
    const item = items[at] ?? null;
    if (typeof item === 'string' && typeof value === 'string' && item.length !== value.length) continue;
    const same = equalValues(evaluation, item, value);
    if (same === true) return at;
    if (same === undefined && evaluation.cancelled) return undefined;
  }
  return -1;
};

const ofOrdered = (
  name: string,
  id: (type: string) => string,
  about: { readonly result?: typeof types.BOOL; readonly run: ReturnType<typeof extreme> },
): FunctionEntry =>
  entry(
    name,
    ...ORDERED_TYPES.map(([type, parameter]) =>
      overload1({
        id: id(type),
        member: true,
        params: [listOf(parameter)],
        result: about.result ?? parameter.type,
        run: about.run,
      }),
    ),
  );

const SUMMABLE: readonly (readonly [Named, Value])[] = [
  [named('int', int), 0],
  [named('uint', uint), new CelUint(0n)],
  [named('double', double), new CelDouble(0)],
  [named('duration', duration), new CelDuration(0n)],
];

const sum = (): readonly Overload[] =>
  SUMMABLE.map(([[type, parameter], zero]) =>
    overload1({
      id: `list_${type}_sum_${type}`,
      member: true,
      params: [listOf(parameter)],
      result: parameter.type,
      run: sumFrom(zero),
    }),
  );

const A = types.param('A');

const indexOf = (name: string, id: string, backwards: boolean): FunctionEntry =>
  entry(
    name,
    overload2({
      id,
      member: true,
      params: [list(A), any(A)],
      result: types.INT,
      run: (evaluation, items, value) => search(evaluation, items, { value, backwards }),
    }),
  );

export const listsLibrary: Library = {
  name: 'kubernetes.lists',
  since: '1.0',
  functions: [
    ofOrdered('isSorted', (type) => `list_${type}_is_sorted_bool`, { result: types.BOOL, run: isSorted }),
    entry('sum', ...sum()),
    ofOrdered('max', (type) => `list_${type}_max_${type}`, { run: extreme('max') }),
    ofOrdered('min', (type) => `list_${type}_min_${type}`, { run: extreme('min') }),
    indexOf('indexOf', 'list_a_index_of_int', false),
    indexOf('lastIndexOf', 'list_a_last_index_of_int', true),
  ],
};

const includes = (evaluation: Evaluation, items: readonly Value[], value: Value): Value | undefined => {
  const found = search(evaluation, items, { value, backwards: false });
  return found === undefined ? undefined : found !== -1;
};

/** A list includes its elements; any other value only itself. */
export const includesLibrary: Library = {
  name: 'kubernetes.lists.includes',
  since: '1.37',
  functions: [
    entry(
      'includes',
      overload2({ id: 'list_includes', member: true, params: [list(A), any(A)], result: types.BOOL, run: includes }),
      overload2({
        id: 'value_includes',
        member: true,
        params: [any(A), any(A)],
        result: types.BOOL,
        run: (evaluation, one, value) => includes(evaluation, [one], value),
      }),
    ),
  ],
};
