// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import { Boxed, CelType } from './boxed.ts';
import { CelMap } from './map.ts';
import { keysOf } from './map-keys.ts';
import { CelDuration, CelTimestamp } from './time.ts';
import { CelDouble, CelOptional, CelUint, isBytes, isInt, isJsonMap, isList } from './value.ts';
import type { CelInt, Value } from './value.ts';
import { compareText } from './text.ts';

/** Data nested deeper than this is not compared: the stack is finite and objects are hostile. */
const MAX_DEPTH = 1_000;

const order = (left: CelInt, right: CelInt): number => (left < right ? -1 : left > right ? 1 : 0);

/** NaN when the values have no order (a NaN among them); undefined when they aren't both numbers. */
const compareNumbers = (left: Value, right: Value): number | undefined => {
  const a = left instanceof CelUint ? left.value : left;
  const b = right instanceof CelUint ? right.value : right;
  if (isInt(a) && isInt(b)) return order(a, b);
  // As cel-go, an int is rounded to a double before it is compared with one.
  const x = a instanceof CelDouble ? a.value : isInt(a) ? Number(a) : undefined;
  const y = b instanceof CelDouble ? b.value : isInt(b) ? Number(b) : undefined;
  if (x === undefined || y === undefined) return undefined;
  return Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : order(x, y);
};

const compareBytes = (left: Uint8Array, right: Uint8Array): number => {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
};

/** The order of two values of ordered types: negative, 0, positive; undefined = they can't be ordered, NaN = one is NaN. */
export const compareValues = (left: Value, right: Value): number | undefined => {
  if (typeof left === 'string') return typeof right === 'string' ? compareText(left, right) : undefined;
  if (typeof left === 'boolean') return typeof right === 'boolean' ? Number(left) - Number(right) : undefined;
  if (left instanceof CelTimestamp) return right instanceof CelTimestamp ? order(left.nanos, right.nanos) : undefined;
  if (left instanceof CelDuration) return right instanceof CelDuration ? order(left.nanos, right.nanos) : undefined;
  if (isBytes(left)) return isBytes(right) ? compareBytes(left, right) : undefined;
  return compareNumbers(left, right);
};

/** Looking at an element, and at a text that may be equal up to its end. */
export const ELEMENT_EFFORT = 6;
export const textEffort = (value: Value): number => (typeof value === 'string' ? value.length >> 5 : 0);

const equalLists = (evaluation: Evaluation, left: readonly Value[], right: readonly Value[], depth: number): boolean | undefined => {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    const element = left[index] ?? null;
    if (!evaluation.strain(ELEMENT_EFFORT + textEffort(element))) return undefined;
    const same = equalValues(evaluation, element, right[index] ?? null, depth + 1);
    if (same === false || evaluation.cancelled) return same;
  }
  return true;
};

type MapView = {
  readonly size: number;
  readonly get: (key: Value) => Value | undefined;
  readonly keys: readonly Value[];
};

const mapView = (value: Value): MapView | undefined => {
  if (value instanceof CelMap)
    return {
      size: value.size,
      get: (key) => value.get(key),
      keys: Array.from(value.entries(), ({ key }) => key),
    };
  if (!isJsonMap(value)) return undefined;
  const keys = keysOf(value);
  const get = (key: Value): Value | undefined => (typeof key === 'string' && Object.hasOwn(value, key) ? value[key] : undefined);
  return { size: keys.length, get, keys };
};

/** Finding a key in both. */
const KEY_EFFORT = 40;

const equalMaps = (evaluation: Evaluation, left: MapView, right: MapView, depth: number): boolean | undefined => {
  if (left.size !== right.size) return false;
  if (!evaluation.strain(left.size * KEY_EFFORT)) return undefined;
  for (const key of left.keys) {
    const [value, other] = [left.get(key), right.get(key)];
    if (value === undefined || other === undefined) return false;
    const same = equalValues(evaluation, value, other, depth + 1);
    if (same === false || evaluation.cancelled) return same;
  }
  return true;
};

const equalBoxed = (evaluation: Evaluation, left: Boxed, right: Value, depth: number): boolean | undefined => {
  if (left instanceof CelTimestamp) return right instanceof CelTimestamp && left.nanos === right.nanos;
  if (left instanceof CelDuration) return right instanceof CelDuration && left.nanos === right.nanos;
  if (left instanceof CelType) return right instanceof CelType && left.name === right.name;
  if (!(left instanceof CelOptional)) return left.sameAs(right) ?? evaluation.fail('no such overload');
  if (!(right instanceof CelOptional)) return false;
  if (left.value === undefined || right.value === undefined) return left.value === right.value;
  // cel-go asks the value itself, which of Kubernetes' own types knows no null; elsewhere null is looked for first.
  if (right.value === null && left.value instanceof Boxed) return equalBoxed(evaluation, left.value, null, depth + 1);
  return equalValues(evaluation, left.value, right.value, depth + 1);
};

/** `==`: values of types that can't be equal are unequal, never an error. undefined = the budget or depth ran out. */
export const equalValues = (evaluation: Evaluation, left: Value, right: Value, depth = 0): boolean | undefined => {
  if (left === right) return !(left instanceof CelDouble && Number.isNaN(left.value));
  if (left === null || right === null || typeof left === 'string' || typeof left === 'boolean') return false;
  const numbers = compareNumbers(left, right);
  if (numbers !== undefined) return numbers === 0;
  if (isInt(left)) return false;
  if (depth > MAX_DEPTH) return evaluation.fail('value is nested too deeply');
  if (!evaluation.strain(2)) return undefined;
  if (isList(left)) return isList(right) ? equalLists(evaluation, left, right, depth) : false;
  if (isBytes(left)) return isBytes(right) && compareBytes(left, right) === 0;
  if (left instanceof Boxed && !(left instanceof CelMap)) return equalBoxed(evaluation, left, right, depth);
  const leftMap = mapView(left);
  const rightMap = mapView(right);
  return leftMap !== undefined && rightMap !== undefined && equalMaps(evaluation, leftMap, rightMap, depth);
};
