// SPDX-License-Identifier: Apache-2.0
import { addStrings } from '../functions/arithmetic.ts';
import { textTraversal } from '../functions/cost.ts';
import { compareValues } from '../values/compare.ts';
import { sizeOf } from '../values/text.ts';
import { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import { binaryNode, invokeTwo } from './calls.ts';
import type { BinaryOperation, CallSite } from './calls.ts';
import type { Evaluation, Node } from './evaluation.ts';

/**
 * The operators that policies use most, with the common types first; anything else goes the way of every call, so that there is
 * one meaning.
 */

/** The cost of comparing two texts: that of reading the shorter. */
const textCost = (a: string, b: string): number => Math.min(textTraversal(a), textTraversal(b));

const equality =
  (site: CallSite, equal: boolean): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a === 'string' && typeof b === 'string') return evaluation.charge(textCost(a, b)) ? (a === b) === equal : undefined;
    if (typeof a === 'number' && typeof b === 'number') return evaluation.charge(1) ? (a === b) === equal : undefined;
    if (typeof a === 'boolean' || a === null) return evaluation.charge(1) ? (a === b) === equal : undefined;
    return invokeTwo(evaluation, site, a, b);
  };

const ordering =
  (site: CallSite, test: (order: number) => boolean): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return evaluation.charge(1) ? test(a - b) : undefined;
    const order = typeof a === 'string' && typeof b === 'string' ? compareValues(a, b) : undefined;
    if (order === undefined || typeof a !== 'string' || typeof b !== 'string') return invokeTwo(evaluation, site, a, b);
    return evaluation.charge(textCost(a, b)) ? test(order) : undefined;
  };

const arithmetic =
  (site: CallSite, compute: (a: number, b: number) => number): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a === 'number' && typeof b === 'number') {
      const result = compute(a, b);
      if (Number.isSafeInteger(result)) return evaluation.charge(1) ? result + 0 : undefined;
    }
    return invokeTwo(evaluation, site, a, b);
  };

const addition = (site: CallSite): BinaryOperation => {
  const numbers = arithmetic(site, (a, b) => a + b);
  return (evaluation, a, b) => {
    if (typeof a !== 'string' || typeof b !== 'string') return numbers(evaluation, a, b);
    return evaluation.charge(Math.ceil((sizeOf(a) + sizeOf(b)) * 0.1)) ? addStrings(evaluation, a, b) : undefined;
  };
};

/** Questions about two texts: `text.startsWith(part)`. */
const textTest =
  (
    site: CallSite,
    about: { readonly cost: (text: string, part: string) => number; readonly test: (text: string, part: string) => boolean },
  ): BinaryOperation =>
  (evaluation, a, b) => {
    if (typeof a !== 'string' || typeof b !== 'string') return invokeTwo(evaluation, site, a, b);
    evaluation.at = site.offset;
    if (!evaluation.charge(about.cost(a, b)) || !evaluation.strain(a.length >> 3)) return undefined;
    return about.test(a, b);
  };

const costOfPart = (_text: string, part: string): number => textTraversal(part);
const costOfBoth = (text: string, part: string): number => textTraversal(text) * textTraversal(part);

const operations = new Map<string, (site: CallSite) => BinaryOperation>([
  ['startsWith', (site) => textTest(site, { cost: costOfPart, test: (text, part) => text.startsWith(part) })],
  ['endsWith', (site) => textTest(site, { cost: costOfPart, test: (text, part) => text.endsWith(part) })],
  ['contains', (site) => textTest(site, { cost: costOfBoth, test: (text, part) => text.includes(part) })],
  ['_==_', (site) => equality(site, true)],
  ['_!=_', (site) => equality(site, false)],
  ['_<_', (site) => ordering(site, (order) => order < 0)],
  ['_<=_', (site) => ordering(site, (order) => order <= 0)],
  ['_>_', (site) => ordering(site, (order) => order > 0)],
  ['_>=_', (site) => ordering(site, (order) => order >= 0)],
  ['_+_', addition],
  ['_-_', (site) => arithmetic(site, (a, b) => a - b)],
  ['_*_', (site) => arithmetic(site, (a, b) => a * b)],
]);

/** `!operand` */
export const notNode = (site: CallSite, operand: Node): Node => {
  const noOverload = new CelError('no such overload', site.offset);
  return (evaluation) => {
    const value = operand(evaluation);
    if (typeof value === 'boolean') return evaluation.charge(1) ? !value : undefined;
    if (value !== undefined) evaluation.error = noOverload;
    return undefined;
  };
};

/** A binary operator with a fast path; undefined = it has none. */
export const operatorNode = (site: CallSite, left: Node, right: Node): Node | undefined => {
  const operation = operations.get(site.name);
  return operation === undefined ? undefined : binaryNode(left, right, operation(site));
};

/** `x in [constants]` where all are texts. */
export const membershipNode = (site: CallSite, needle: Node, haystack: readonly Value[]): Node => {
  const texts = new Set<Value>(haystack);
  const cost = Math.max(1, haystack.length);
  return (evaluation: Evaluation) => {
    const value = needle(evaluation);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return invokeTwo(evaluation, site, value, haystack);
    return evaluation.charge(cost) ? texts.has(value) : undefined;
  };
};
