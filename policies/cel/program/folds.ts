// SPDX-License-Identifier: Apache-2.0
import { CelError } from '../values/error.ts';
import { goText, goTypeOf, unhashable } from '../values/go-type.ts';
import { CelMap } from '../values/map.ts';
import { keysOf } from '../values/map-keys.ts';
import { isJsonMap, isList, typeOf } from '../values/value.ts';
import type { JsonMap, Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';
import type { Passing } from './field-equality.ts';

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
  /** Whether the findings are to number the elements. */
  readonly numbered: boolean;
  readonly passing?: Passing | undefined;
};

/** What a comprehension runs over: values of its first variable (undefined = the positions) and of its second. */
type Range = {
  readonly size: number;
  readonly firsts: readonly Value[] | undefined;
  readonly seconds: readonly Value[] | JsonMap;
  /** What the findings call the first element of a list; -1 = nothing. */
  readonly base: number;
};

const NO_VALUES: readonly Value[] = [];

const baseOf = ({ findings }: Evaluation, list: readonly Value[], { numbered }: FoldParts): number =>
  findings !== undefined && numbered ? findings.baseOf(list) : -1;

const rangeOf = (evaluation: Evaluation, value: Value, parts: FoldParts): Range | undefined => {
  const paired = parts.secondSlot !== undefined;
  if (isList(value)) {
    const base = baseOf(evaluation, value, parts);
    return { size: value.length, base, ...(paired ? { firsts: undefined, seconds: value } : { firsts: value, seconds: NO_VALUES }) };
  }
  if (value instanceof CelMap) {
    if (!evaluation.strain(value.size)) return undefined;
    const entries = Array.from(value.entries());
    return {
      size: entries.length,
      firsts: entries.map(({ key }) => key),
      seconds: paired ? entries.map((entry) => entry.value) : NO_VALUES,
      base: -1,
    };
  }
  if (isJsonMap(value)) {
    const firsts = keysOf(value);
    if (!evaluation.strain(firsts.length)) return undefined;
    return { size: firsts.length, firsts, seconds: paired ? value : NO_VALUES, base: -1 };
  }
  evaluation.at = parts.offset;
  const type = goTypeOf(value);
  return evaluation.fail(paired ? `unsupported comprehension range type: ${type}` : `got '${type}', expected iterable type`);
};

/** Of an object the value under the key, which is its own. */
const secondAt = ({ firsts, seconds }: Range, index: number): Value => {
  if (isValues(seconds)) return seconds[index] ?? null;
  const key = firsts?.[index];
  return typeof key === 'string' ? (seconds[key] ?? null) : null;
};

const isValues = (seconds: Range | Range['seconds']): seconds is readonly Value[] => Array.isArray(seconds);

const bind = (evaluation: Evaluation, parts: FoldParts, range: Range, index: number): void => {
  const { slot, secondSlot } = parts;
  const element = range.base < 0 ? -1 : range.base + index;
  evaluation.locals[slot] = range.firsts === undefined ? index : (range.firsts[index] ?? null);
  evaluation.elements[slot] = secondSlot === undefined ? element : -1;
  if (secondSlot === undefined) return;
  evaluation.locals[secondSlot] = secondAt(range, index);
  evaluation.elements[secondSlot] = element;
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
    const value = parts.range(evaluation);
    if (value === undefined) return undefined;
    if (parts.secondSlot === undefined && isList(value)) return quantify(evaluation, value, quantifier);
    const range = rangeOf(evaluation, value, parts);
    return range === undefined ? undefined : quantify(evaluation, range, quantifier);
  };
};

/** A list of elements stands for its range. */
const quantify = (
  evaluation: Evaluation,
  range: Range | readonly Value[],
  { parts, decides, noOverload }: Quantifier,
): Value | undefined => {
  const steps = decides ? 4 : 3;
  const plain = isValues(range);
  const size = plain ? range.length : range.size;
  const { findings } = evaluation;
  const base = plain ? baseOf(evaluation, range, parts) : -1;
  const passed = plain ? (parts.passing?.(evaluation, range, base) ?? 0) : 0;
  let failure: CelError | undefined;
  for (let index = passed; index < size; index++) {
    if (!evaluation.chargeEach(steps)) return undefined;
    if (plain) {
      evaluation.locals[parts.slot] = range[index] ?? null;
      if (findings !== undefined) evaluation.elements[parts.slot] = base < 0 ? -1 : base + index;
    } else bind(evaluation, parts, range, index);
    const value = parts.body(evaluation);
    if (value === decides) return evaluation.chargeEach(index + 1 < size ? steps : 1) ? decides : undefined;
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
      if (passed === undefined || (passed === true && !evaluation.chargeEach(2))) return undefined;
      if (passed === true) count++;
      else if (passed !== false) failure = passed;
    }
    if (!evaluation.chargeEach(2)) return undefined;
    if (failure === undefined) return count === 1;
    evaluation.error = failure;
    return undefined;
  };
};

/** Collects what the body gives for each element that passes; false = the evaluation is over or has failed. */
type Collect = (evaluation: Evaluation, element: Value, key: Value) => boolean;

/**
 * How a macro joins a result to what it has: `reading` what it has and whatever else comes before the body, `joining` after it. `hasty`:
 * once something failed, the body is not evaluated any more.
 */
type Joining = { readonly reading: number; readonly joining: (evaluation: Evaluation) => boolean; readonly hasty: boolean };

/** One element that passed; an error stays the first one. */
const join = (evaluation: Evaluation, parts: FoldParts, about: CollectParts): CelError | undefined => {
  const { failure, add, joining: macro } = about;
  if (!evaluation.chargeEach(failure !== undefined && macro.hasty ? 1 : macro.reading)) return evaluation.error;
  if (failure !== undefined && macro.hasty) return failure;
  const value = parts.body(evaluation);
  if (value === undefined && evaluation.cancelled) return evaluation.error;
  const broken = value === undefined ? evaluation.error : undefined;
  if (!macro.joining(evaluation)) return evaluation.error;
  if (failure !== undefined || broken !== undefined || value === undefined) return failure ?? broken;
  return add(evaluation, value, evaluation.locals[parts.slot] ?? null) ? undefined : evaluation.error;
};

type CollectParts = { readonly joining: Joining; readonly add: Collect; readonly failure?: CelError };

const collect = (evaluation: Evaluation, parts: FoldParts, about: CollectParts & { readonly noOverload: CelError }): boolean => {
  const range = resolve(evaluation, parts);
  if (range === undefined) return false;
  let failure: CelError | undefined;
  for (let index = 0; index < range.size; index++) {
    bind(evaluation, parts, range, index);
    const passed = parts.filter === undefined ? true : passes(evaluation, parts.filter, about.noOverload);
    if (passed === undefined) return false;
    if (passed === false) continue;
    failure = passed === true ? join(evaluation, parts, failure === undefined ? about : { ...about, failure }) : passed;
    if (failure?.final === true) return false;
  }
  if (!evaluation.charge(1)) return false;
  if (failure !== undefined) evaluation.error = failure;
  return failure === undefined;
};

/** `accumulator + [element]`: reading it 1, the list 10 unless it is a constant, the sum 1. */
const INTO_LIST: Joining = { reading: 1, joining: (evaluation) => evaluation.charge(10) && evaluation.charge(1), hasty: false };
const CONSTANT_INTO_LIST: Joining = { reading: 1, joining: (evaluation) => evaluation.charge(1), hasty: false };

/** `map`, `filter` and `transformList` */
export const listNode = (parts: FoldParts, isConstant: boolean): Node => {
  const joining = isConstant ? CONSTANT_INTO_LIST : INTO_LIST;
  const noOverload = new CelError('no such overload', parts.offset);
  return (evaluation) => {
    const list: Value[] = [];
    const add: Collect = (_evaluation, element) => {
      list.push(element);
      return true;
    };
    return collect(evaluation, parts, { joining, noOverload, add }) ? list : undefined;
  };
};

const insert = (evaluation: Evaluation, map: CelMap, key: Value, value: Value): boolean => {
  const broken = typeof key === 'object' ? unhashable(key) : undefined;
  if (broken === undefined && map.insert(key, value)) return true;
  if (broken === undefined) evaluation.fail(`insert failed: key ${goText(key)} already exists`);
  else evaluation.breakDown(broken);
  return false;
};

const INSERTING = (evaluation: Evaluation): boolean => evaluation.charge(1);

/** Reading the accumulator 1, the call that inserts 1, and where the key is given, reading it 1. */
const INTO_MAP: Readonly<Record<'transformMap' | 'transformMapEntry', Joining>> = {
  transformMap: { reading: 2, joining: INSERTING, hasty: true },
  transformMapEntry: { reading: 1, joining: INSERTING, hasty: false },
};

/** `transformMap` keeps the keys, `transformMapEntry` takes whole entries from what its body gives. */
export const mapNode = (parts: FoldParts, macro: 'transformMap' | 'transformMapEntry'): Node => {
  const noOverload = new CelError('no such overload', parts.offset);
  const addEntries = (evaluation: Evaluation, map: CelMap, entries: Value): boolean => {
    evaluation.at = parts.offset;
    if (entries instanceof CelMap) return Array.from(entries.entries()).every(({ key, value }) => insert(evaluation, map, key, value));
    if (isJsonMap(entries)) return Object.entries(entries).every(([key, value]) => insert(evaluation, map, key, value));
    evaluation.fail(`no such overload: cel.@mapInsert(map, ${typeOf(entries).name})`);
    return false;
  };
  return (evaluation) => {
    const map = new CelMap();
    const add: Collect = (evaluation, element, key) => {
      if (!evaluation.strain(4)) return false;
      return macro === 'transformMap' ? insert(evaluation, map, key, element) : addEntries(evaluation, map, element);
    };
    return collect(evaluation, parts, { joining: INTO_MAP[macro], noOverload, add }) ? map : undefined;
  };
};
