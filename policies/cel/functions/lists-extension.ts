// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { compareValues } from '../values/compare.ts';
import { isList, typeOf } from '../values/value.ts';
import type { CelInt, Value } from '../values/value.ts';
import { isOrdered, ORDERED_TYPES } from './lists.ts';
import { int, list } from './parameters.ts';
import { isElement } from './sets.ts';
import { entry, overload1, overload2, overload3 } from './table.ts';
import type { Library } from './table.ts';

const slice = (
  evaluation: Evaluation,
  { a: items, b: start, c: end }: { a: readonly Value[]; b: CelInt; c: CelInt },
): Value | undefined => {
  const range = `cannot slice(${start}, ${end})`;
  if (start < 0 || end < 0) return evaluation.fail(`${range}, negative indexes not supported`);
  if (start > end) return evaluation.fail(`${range}, start index must be less than or equal to end index`);
  if (items.length < end) return evaluation.fail(`${range}, list is length ${items.length}`);
  return evaluation.strain(Number(end) - Number(start)) ? items.slice(Number(start), Number(end)) : undefined;
};

const MAX_DEPTH = 500;

const flattenInto = (
  evaluation: Evaluation,
  into: Value[],
  about: { readonly items: readonly Value[]; readonly depth: number; readonly level: number },
): boolean => {
  if (!evaluation.strain(20 + about.items.length * 5)) return false;
  for (const item of about.items) {
    if (!isList(item) || about.depth === about.level) into.push(item);
    else if (about.level > MAX_DEPTH) {
      evaluation.fail('value is nested too deeply');
      return false;
    } else if (!flattenInto(evaluation, into, { items: item, depth: about.depth, level: about.level + 1 })) return false;
  }
  return true;
};

const flatten = (evaluation: Evaluation, items: readonly Value[], depth: CelInt): Value | undefined => {
  if (depth < 0) return evaluation.fail('level must be non-negative');
  const flat: Value[] = [];
  return flattenInto(evaluation, flat, { items, depth: Number(depth), level: 0 }) ? flat : undefined;
};

const distinct = (evaluation: Evaluation, items: readonly Value[]): Value | undefined => {
  const seen: Value[] = [];
  for (const item of items) {
    const found = isElement(evaluation, seen, item);
    if (found === undefined || !evaluation.strain(1)) return undefined;
    if (!found) seen.push(item);
  }
  return seen;
};

const sortEffort = (size: number): number => size * 16 * Math.ceil(Math.log2(size + 2));

/** Stable; keys must all be of the type of the first, one that has an order. */
const sortByKeys = (evaluation: Evaluation, items: readonly Value[], keys: readonly Value[]): Value | undefined => {
  if (items.length !== keys.length)
    return evaluation.fail(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${items.length} and ${keys.length} elements respectively`,
    );
  const [first] = keys;
  if (first === undefined) return items;
  if (!isOrdered(first)) return evaluation.fail('list elements must be comparable');
  if (!evaluation.strain(sortEffort(keys.length))) return undefined;
  const { name } = typeOf(first);
  if (!keys.every((key) => typeOf(key).name === name)) return evaluation.fail('list elements must have the same type');
  const order = (left: number, right: number): number => compareValues(keys[left] ?? null, keys[right] ?? null) || 0;
  return Array.from(keys.keys())
    .toSorted(order)
    .map((at) => items[at] ?? null);
};

const range = (evaluation: Evaluation, size: CelInt): Value | undefined => {
  if (size <= 0) return [];
  if (!evaluation.strain(Number(size) * 2)) return undefined;
  const numbers: number[] = [];
  for (let at = 0; at < size; at++) numbers.push(at);
  return numbers;
};

const A = types.param('T');
const LIST = types.listOf(A);

/** Version 3 of cel-go's lists extension. */
export const listsExtension: Library = {
  name: 'lists',
  since: '1.34',
  functions: [
    entry('slice', overload3({ id: 'list_slice', member: true, params: [list(A), int, int], result: LIST, run: slice })),
    entry(
      'flatten',
      overload1({
        id: 'list_flatten',
        member: true,
        params: [list(LIST)],
        result: LIST,
        run: (evaluation, items) => flatten(evaluation, items, 1),
      }),
      overload2({
        id: 'list_flatten_int',
        member: true,
        params: [list(), int],
        result: types.listOf(types.DYN),
        run: flatten,
      }),
    ),
    entry(
      'distinct',
      overload1({
        id: 'list_distinct',
        member: true,
        params: [list(A)],
        result: LIST,
        run: distinct,
      }),
    ),
    entry(
      'reverse',
      overload1({
        id: 'list_reverse',
        member: true,
        params: [list(A)],
        result: LIST,
        run: (evaluation, items) => (evaluation.strain(items.length) ? items.toReversed() : undefined),
      }),
    ),
    entry(
      'sort',
      ...ORDERED_TYPES.map(([, element]) =>
        overload1({
          id: `list_${element.type.kind}_sort`,
          member: true,
          params: [list(element.type)],
          result: types.listOf(element.type),
          run: (evaluation, items) => sortByKeys(evaluation, items, items),
        }),
      ),
    ),
    entry(
      '@sortByAssociatedKeys',
      ...ORDERED_TYPES.map(([, key]) =>
        overload2({
          id: `list_${key.type.kind}_sortByAssociatedKeys`,
          member: true,
          params: [list(A), list(key.type)],
          result: LIST,
          run: sortByKeys,
        }),
      ),
    ),
    entry('lists.range', overload1({ id: 'lists_range', params: [int], result: types.listOf(types.INT), run: range })),
  ],
};
