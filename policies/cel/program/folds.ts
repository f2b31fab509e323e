// SPDX-License-Identifier: Apache-2.0
import { CelError } from '../values/error.ts';
import { CelMap } from '../values/map.ts';
import { isJsonMap, isList, typeOf } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { keyText } from './access.ts';
import type { Evaluation, Node } from './evaluation.ts';

/**
 * Comprehensions, one closure each instead of cel-go's general fold, with the fold's errors and steps: per iteration the steps that
 * reading the accumulator, testing the loop condition and joining the result take there.
 */

export type FoldParts = {
  readonly range: Node;
  readonly slot: number;
  readonly secondSlot: number | undefined;
  readonly filter: Node | undefined;
  readonly body: Node;
  readonly offset: number;
};

/** What a comprehension runs over: values of its first variable (undefined = the positions) and of its second. */
type Range = { readonly size: number; readonly firsts: readonly Value[] | undefined; readonly seconds: readonly Value[] };

const NO_VALUES: readonly Value[] = [];

/** Go's names of the types that can't be iterated over. */
const goNames = new Map<string, string>([
  ['bool', 'types.Bool'],
  ['bytes', 'types.Bytes'],
  ['double', 'types.Double'],
  ['google.protobuf.Duration', 'types.Duration'],
  ['google.protobuf.Timestamp', 'types.Timestamp'],
  ['int', 'types.Int'],
  ['null_type', 'types.Null'],
  ['optional_type', '*types.Optional'],
  ['string', 'types.String'],
  ['type', '*types.Type'],
  ['uint', 'types.Uint'],
]);

const rangeOf = (evaluation: Evaluation, value: Value, parts: FoldParts): Range | undefined => {
  const paired = parts.secondSlot !== undefined;
  if (isList(value))
    return paired ? { size: value.length, firsts: undefined, seconds: value } : { size: value.length, firsts: value, seconds: NO_VALUES };
  if (value instanceof CelMap) {
    if (!evaluation.strain(value.size)) return undefined;
    const entries = Array.from(value.entries());
    return {
      size: entries.length,
      firsts: entries.map(({ key }) => key),
      seconds: paired ? entries.map((entry) => entry.value) : NO_VALUES,
    };
  }
  if (isJsonMap(value)) {
    const firsts = Object.keys(value);
    if (!evaluation.strain(firsts.length)) return undefined;
    return { size: firsts.length, firsts, seconds: paired ? Object.values(value) : NO_VALUES };
  }
  evaluation.at = parts.offset;
  const name = typeOf(value).name;
  return evaluation.fail(`got '${goNames.get(name) ?? name}', expected iterable type`);
};

const bind = (evaluation: Evaluation, parts: FoldParts, range: Range, index: number): void => {
  evaluation.locals[parts.slot] = range.firsts === undefined ? index : (range.firsts[index] ?? null);
  if (parts.secondSlot !== undefined) evaluation.locals[parts.secondSlot] = range.seconds[index] ?? null;
};

const resolve = (evaluation: Evaluation, parts: FoldParts): Range | undefined => {
  const value = parts.range(evaluation);
  return value === undefined ? undefined : rangeOf(evaluation, value, parts);
};

type Quantifier = { readonly parts: FoldParts; readonly decides: boolean; readonly noOverload: CelError };

/** `all` (decided by false) and `exists` (decided by true) absorb errors as `&&` and `||` do. */
export const quantifierNode = (parts: FoldParts, decides: boolean): Node => {
  const quantifier: Quantifier = { parts, decides, noOverload: new CelError('no such overload', parts.offset) };
  return (evaluation) => {
    const range = resolve(evaluation, parts);
    return range === undefined ? undefined : quantify(evaluation, range, quantifier);
  };
};

const quantify = (evaluation: Evaluation, range: Range, { parts, decides, noOverload }: Quantifier): Value | undefined => {
  const steps = decides ? 4 : 3;
  let failure: CelError | undefined;
  for (let index = 0; index < range.size; index++) {
    if (!evaluation.charge(steps)) return undefined;
    bind(evaluation, parts, range, index);
    const value = parts.body(evaluation);
    if (value === decides) return evaluation.charge(index + 1 < range.size ? steps : 1) ? decides : undefined;
    if (value === !decides) continue;
    if (value !== undefined) failure ??= noOverload;
    else if (evaluation.cancelled) return undefined;
    else failure ??= evaluation.error;
  }
  if (!evaluation.charge(1)) return undefined;
  if (failure === undefined) return !decides;
  evaluation.error = failure;
  return undefined;
};

/** True when the element passes; an error of the condition replaces any earlier one, as in cel-go's `p ? step : accumulator`. */
const passes = (evaluation: Evaluation, filter: Node, noOverload: CelError): boolean | CelError | undefined => {
  const value = filter(evaluation);
  if (value === true || value === false) return value;
  if (value !== undefined) return noOverload;
  return evaluation.cancelled ? undefined : (evaluation.error ?? noOverload);
};

export const existsOneNode = (parts: FoldParts): Node => {
  const noOverload = new CelError('no such overload', parts.offset);
  return (evaluation) => {
    const range = resolve(evaluation, parts);
    if (range === undefined) return undefined;
    let failure: CelError | undefined;
    let count = 0;
    for (let index = 0; index < range.size; index++) {
      bind(evaluation, parts, range, index);
      const passed = passes(evaluation, parts.body, noOverload);
      if (passed === undefined || !evaluation.charge(passed === true ? 2 : 1)) return undefined;
      if (passed === true) count++;
      else if (passed !== false) failure = passed;
    }
    if (!evaluation.charge(2)) return undefined;
    if (failure === undefined) return count === 1;
    evaluation.error = failure;
    return undefined;
  };
};

/** Collects what the body gives for each element that passes; false = the evaluation is over or has failed. */
type Collect = (evaluation: Evaluation, element: Value, key: Value) => boolean;

const collect = (
  evaluation: Evaluation,
  parts: FoldParts,
  about: { readonly steps: number; readonly noOverload: CelError; readonly add: Collect },
): boolean => {
  const range = resolve(evaluation, parts);
  if (range === undefined) return false;
  let failure: CelError | undefined;
  for (let index = 0; index < range.size; index++) {
    bind(evaluation, parts, range, index);
    const passed = parts.filter === undefined ? true : passes(evaluation, parts.filter, about.noOverload);
    if (passed === undefined || !evaluation.charge(passed === true ? about.steps : 1)) return false;
    if (passed === false) continue;
    if (passed !== true) {
      failure = passed;
      continue;
    }
    const value = parts.body(evaluation);
    if (value !== undefined && (failure !== undefined || about.add(evaluation, value, evaluation.locals[parts.slot] ?? null))) continue;
    if (evaluation.cancelled) return false;
    failure ??= evaluation.error;
  }
  if (!evaluation.charge(1)) return false;
  if (failure !== undefined) evaluation.error = failure;
  return failure === undefined;
};

/** cel-go joins `accumulator + [element]`: reading it 1, the list 10, the call 1. */
const LIST_STEPS = 12;

/** `map`, `filter` and `transformList` */
export const listNode = (parts: FoldParts): Node => {
  const noOverload = new CelError('no such overload', parts.offset);
  return (evaluation) => {
    const list: Value[] = [];
    const add: Collect = (_evaluation, element) => {
      list.push(element);
      return true;
    };
    return collect(evaluation, parts, { steps: LIST_STEPS, noOverload, add }) ? list : undefined;
  };
};

const insert = (evaluation: Evaluation, map: CelMap, key: Value, value: Value): boolean => {
  if (map.insert(key, value)) return true;
  evaluation.fail(`insert failed: key '${keyText(key)}' already exists`);
  return false;
};

/** Reading the accumulator 1, the call that inserts 1, and where the key is given, reading it 1. */
const MAP_STEPS = { transformMap: 3, transformMapEntry: 2 } as const;

/** `transformMap` keeps the keys, `transformMapEntry` takes whole entries from what its body gives. */
export const mapNode = (parts: FoldParts, macro: 'transformMap' | 'transformMapEntry'): Node => {
  const noOverload = new CelError('no such overload', parts.offset);
  const addEntries = (evaluation: Evaluation, map: CelMap, entries: Value): boolean => {
    evaluation.at = parts.offset;
    if (entries instanceof CelMap) return Array.from(entries.entries()).every(({ key, value }) => insert(evaluation, map, key, value));
    if (isJsonMap(entries)) return Object.entries(entries).every(([key, value]) => insert(evaluation, map, key, value));
    evaluation.error = noOverload;
    return false;
  };
  return (evaluation) => {
    const map = new CelMap();
    const add: Collect = (evaluation, element, key) => {
      if (!evaluation.strain(4)) return false;
      return macro === 'transformMap' ? insert(evaluation, map, key, element) : addEntries(evaluation, map, element);
    };
    return collect(evaluation, parts, { steps: MAP_STEPS[macro], noOverload, add }) ? map : undefined;
  };
};
