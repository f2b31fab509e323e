// SPDX-License-Identifier: Apache-2.0
import { shorterTraversal, textTraversal } from '../cost/sizes.ts';
import { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import { binaryNode, callTwo, invokeTwo } from './calls.ts';
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

/** Questions about two texts: `text.startsWith(part)`. */
const textTest =
  (
    site: CallSite,
    about: { readonly cost: (text: string, part: string) => number; readonly test: (text: string, part: string) => boolean },
  ): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a !== 'string' || typeof b !== 'string') return callTwo(evaluation, site, a, b);
    evaluation.at = site.offset;
    if (!evaluation.charge(about.cost(a, b)) || !evaluation.strain(a.length >> 3)) return undefined;
    return about.test(a, b);
  };

const costOfBoth = (text: string, part: string): number => textTraversal(text) * textTraversal(part);

const operations = new Map<string, (site: CallSite) => BinaryOperation>([
  ['startsWith', (site) => textTest(site, { cost: textTraversal, test: (text, part) => text.startsWith(part) })],
  ['endsWith', (site) => textTest(site, { cost: textTraversal, test: (text, part) => text.endsWith(part) })],
  ['contains', (site) => textTest(site, { cost: costOfBoth, test: (text, part) => text.includes(part) })],
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

/** A binary operator with a fast path; undefined = it has none. */
export const operatorNode = (site: CallSite, left: Node, right: Node): Node | undefined => {
  const operation = operations.get(site.name);
  return operation === undefined ? undefined : binaryNode(site, { left, right }, operation(site));
};

/** `x in [constants]`: free of charge. */
export const membershipNode = (site: CallSite, needle: Node, haystack: readonly Value[]): Node => {
  const texts = haystack.every((value) => typeof value === 'string') ? new Set<Value>(haystack) : undefined;
  return (evaluation: Evaluation) => {
    const value = needle(evaluation);
    if (value === undefined) return undefined;
    return typeof value === 'string' && texts !== undefined ? texts.has(value) : invokeTwo(evaluation, site, value, haystack);
  };
};
