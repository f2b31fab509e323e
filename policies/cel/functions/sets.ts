// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { ELEMENT_EFFORT, equalValues, textEffort } from '../values/compare.ts';
import type { Value } from '../values/value.ts';
import { list } from './parameters.ts';
import { entry, overload2 } from './table.ts';
import type { FunctionEntry, Library } from './table.ts';

/** Is the value among the elements? Those that can't be compared with it are others; undefined = the evaluation is over. */
export const isElement = (evaluation: Evaluation, items: readonly Value[], value: Value): boolean | undefined => {
  if (!evaluation.strain(items.length * (ELEMENT_EFFORT + textEffort(value)))) return undefined;
  for (const item of items) {
    const same = equalValues(evaluation, item, value);
    if (same === true) return true;
    if (same === undefined && evaluation.cancelled) return undefined;
  }
  return false;
};

const contains = (evaluation: Evaluation, items: readonly Value[], part: readonly Value[]): boolean | undefined => {
  for (const value of part) {
    const found = isElement(evaluation, items, value);
    if (found !== true) return found;
  }
  return true;
};

const intersects = (evaluation: Evaluation, items: readonly Value[], others: readonly Value[]): boolean | undefined => {
  for (const item of items) {
    const found = isElement(evaluation, others, item);
    if (found !== false) return found;
  }
  return false;
};

const equivalent = (evaluation: Evaluation, left: readonly Value[], right: readonly Value[]): boolean | undefined => {
  const holds = contains(evaluation, left, right);
  return holds === true ? contains(evaluation, right, left) : holds;
};

const A = types.param('T');

const setFunction = (name: string, run: typeof contains): FunctionEntry =>
  entry(
    `sets.${name}`,
    overload2({
      id: `list_sets_${name}_list`,
      params: [list(A), list(A)],
      result: types.BOOL,
      run,
    }),
  );

export const setsLibrary: Library = {
  name: 'sets',
  since: '1.29',
  functions: [setFunction('contains', contains), setFunction('equivalent', equivalent), setFunction('intersects', intersects)],
};
