// SPDX-License-Identifier: Apache-2.0
import { shorterTraversal, textTraversal } from '../cost/sizes.ts';
import { CelError } from '../values/error.ts';
import { unhashable } from '../values/go-type.ts';
import type { Value } from '../values/value.ts';
import { isJsonMap } from '../values/value.ts';
import { afterFailure, binaryNode, callTwo, invokeTwo, settle } from './calls.ts';
import type { BinaryOperation, CallSite } from './calls.ts';
import type { Evaluation, Node } from './evaluation.ts';

/**
 * The operators that policies use most, with the common types first; anything else goes the way of every call, so that there is
 * one meaning.
 */

const equality =
  (site: CallSite, equal: boolean): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a === 'string' && typeof b === 'string') return evaluation.charge(shorterTraversal(a, b)) ? (a === b) === equal : undefined;
    if (typeof a === 'number' && typeof b === 'number') return evaluation.charge(1) ? (a === b) === equal : undefined;
    if ((typeof a === 'boolean' && typeof b === 'boolean') || (a === null && b === null))
      return evaluation.charge(1) ? (a === b) === equal : undefined;
    return callTwo(evaluation, site, a, b);
  };

const ordering =
  (site: CallSite, test: (order: number) => boolean): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a === 'number' && typeof b === 'number' && site.cost === 1) return evaluation.charge(1) ? test(a - b) : undefined;
    return callTwo(evaluation, site, a, b);
  };

const arithmetic =
  (site: CallSite, compute: (a: number, b: number) => number): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a === 'number' && typeof b === 'number' && site.cost === 1) {
      const result = compute(a, b);
      if (Number.isSafeInteger(result)) return evaluation.charge(1) ? result + 0 : undefined;
    }
    return callTwo(evaluation, site, a, b);
  };

const operations = new Map<string, (site: CallSite) => BinaryOperation>([
  ['_==_', (site) => equality(site, true)],
  ['_!=_', (site) => equality(site, false)],
  ['_<_', (site) => ordering(site, (order) => order < 0)],
  ['_<=_', (site) => ordering(site, (order) => order <= 0)],
  ['_>_', (site) => ordering(site, (order) => order > 0)],
  ['_>=_', (site) => ordering(site, (order) => order >= 0)],
  ['_+_', (site) => arithmetic(site, (a, b) => a + b)],
  ['_-_', (site) => arithmetic(site, (a, b) => a - b)],
  ['_*_', (site) => arithmetic(site, (a, b) => a * b)],
]);

/** `x == 'text'` and `x != 'text'`, the commonest comparison of policies. */
const textEqualityNode = (site: CallSite, left: Node, text: string): Node => {
  const equal = site.name === '_==_';
  const cost = textTraversal(text);
  const size = text.length * 2;
  return (evaluation) => {
    const a = left(evaluation);
    if (typeof a !== 'string') return a === undefined ? afterFailure(evaluation, site, () => text) : callTwo(evaluation, site, a, text);
    return evaluation.charge(a.length >= size ? cost : shorterTraversal(a, text)) ? (a === text) === equal : undefined;
  };
};

/** What is asked about a text and a part of it, by the name of the function; reading the text costs, for `contains` as often as its part. */
const textTests = new Map<string, { readonly test: (text: string, part: string) => boolean; readonly timesPart: boolean }>([
  ['startsWith', { test: (text, part) => text.startsWith(part), timesPart: false }],
  ['endsWith', { test: (text, part) => text.endsWith(part), timesPart: false }],
  ['contains', { test: (text, part) => text.includes(part), timesPart: true }],
]);

/** `text.startsWith(part)` and the like. */
const textTestNode = (site: CallSite, left: Node, right: Node): Node | undefined => {
  const about = textTests.get(site.name);
  if (about === undefined) return undefined;
  const { test, timesPart } = about;
  const { offset } = site;
  return binaryNode(site, { left, right }, (evaluation, a, b) => {
    if (typeof a !== 'string' || typeof b !== 'string') return callTwo(evaluation, site, a, b);
    evaluation.at = offset;
    const cost = textTraversal(a) * (timesPart ? textTraversal(b) : 1);
    return evaluation.charge(cost) && evaluation.strain((a.length + b.length) >> 3) ? test(a, b) : undefined;
  });
};

/** `'key' in map`; anything but an object of JSON goes the way of every call. */
const keyNode = (site: CallSite, key: string, right: Node): Node => {
  const cost = typeof site.cost === 'number' ? site.cost : undefined;
  return (evaluation) => {
    const map = right(evaluation);
    if (map === undefined) {
      settle(evaluation, site.cost, { first: key, second: undefined, result: undefined });
      return undefined;
    }
    if (cost === undefined || !isJsonMap(map)) return callTwo(evaluation, site, key, map);
    return evaluation.charge(cost) ? Object.hasOwn(map, key) : undefined;
  };
};

/** `!operand` */
export const notNode = (site: CallSite, operand: Node): Node => {
  const noOverload = new CelError('no such overload', site.offset);
  return (evaluation) => {
    const value = operand(evaluation);
    if (value === undefined) return evaluation.chargeFailed(1);
    if (!evaluation.charge(1)) return undefined;
    if (typeof value === 'boolean') return !value;
    evaluation.error = noOverload;
    return undefined;
  };
};

/** A side of an operator, and its value where that is a constant. */
export type Side = { readonly node: Node; readonly constant: Value | undefined };

/** A binary operator with a fast path; undefined = it has none. */
export const operatorNode = (
  site: CallSite,
  { node: left, constant: first }: Side,
  { node: right, constant: second }: Side,
): Node | undefined => {
  if (site.name === '@in' && typeof first === 'string') return keyNode(site, first, right);
  if (typeof second === 'string') {
    if (site.name === '_==_' || site.name === '_!=_') return textEqualityNode(site, left, second);
  }
  const test = textTestNode(site, left, right);
  if (test !== undefined) return test;
  const operation = operations.get(site.name);
  return operation === undefined ? undefined : binaryNode(site, { left, right }, operation(site));
};

/** `x in [constants]`: free of charge. */
export const membershipNode = (site: CallSite, needle: Node, haystack: readonly Value[]): Node => {
  const texts = haystack.every((value) => typeof value === 'string') ? new Set<Value>(haystack) : undefined;
  return (evaluation: Evaluation) => {
    const value = needle(evaluation);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && texts !== undefined) return texts.has(value);
    // cel-go makes a map of the constants.
    const broken = typeof value === 'object' ? unhashable(value) : undefined;
    if (broken === undefined) return invokeTwo(evaluation, site, value, haystack);
    evaluation.at = site.offset;
    return evaluation.breakDown(broken);
  };
};
