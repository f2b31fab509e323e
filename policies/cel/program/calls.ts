// SPDX-License-Identifier: Apache-2.0
import { readingAll } from '../cost/call-cost.ts';
import type { CallCost } from '../cost/call-cost.ts';
import { treeEffort } from '../cost/sizes.ts';
import { matchPattern } from '../functions/pattern.ts';
import type { Pattern } from '../functions/pattern.ts';
import { refusalText } from '../functions/refusal.ts';
import { looselyRead } from '../functions/regex.ts';
import { sizeOf } from '../values/text.ts';
import { NO_MATCH } from '../functions/table.ts';
import type { Outcome, Overload } from '../functions/table.ts';
import { isList } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';

const noOverload = (evaluation: Evaluation, name: string, args: readonly Value[]): undefined => evaluation.fail(refusalText(name, args));

/** `hasty`: after a failed argument the others are not evaluated and nothing is charged, as cel-go does where it calls by a list. */
export type CallSite = {
  readonly name: string;
  readonly overloads: readonly Overload[];
  readonly offset: number;
  readonly cost: CallCost;
  readonly hasty: boolean;
};

/** What a call costs is known after it: it may depend on the result, and a call that failed costs as well. */
export const settle = (
  evaluation: Evaluation,
  cost: CallCost,
  made: { readonly first: Value | undefined; readonly second: Value | undefined; readonly result: Value | undefined },
): Value | undefined => {
  if (made.result === undefined && evaluation.cancelled) return undefined;
  if (cost === readingAll && !evaluation.strain(treeEffort(made.first, evaluation.effort))) return undefined;
  const due = typeof cost === 'number' ? cost : cost(made.first, made.second, made.result);
  if (typeof due === 'string') return evaluation.breakDown(due);
  return evaluation.charge(due) ? made.result : undefined;
};

/** Too short for its reading to be announced. */
const isShort = (value: Value): value is string => typeof value === 'string' && value.length < 256;

const unaryCall = (site: CallSite, argument: Node): Node => {
  const { name, overloads, offset, cost } = site;
  const run = (evaluation: Evaluation, first: Value): Value | undefined => {
    evaluation.at = offset;
    if (!evaluation.read(first)) return undefined;
    for (const overload of overloads) {
      const outcome: Outcome = overload.one === undefined ? NO_MATCH : overload.one(evaluation, first);
      if (outcome !== NO_MATCH) return outcome;
    }
    return noOverload(evaluation, name, [first]);
  };
  const isSize = name === 'size' && cost === 1;
  return (evaluation) => {
    const first = argument(evaluation);
    if (isSize && first !== undefined && (isShort(first) || isList(first))) {
      evaluation.at = offset;
      return evaluation.charge(1) ? (typeof first === 'string' ? sizeOf(first) : first.length) : undefined;
    }
    return settle(evaluation, cost, { first, second: undefined, result: first === undefined ? undefined : run(evaluation, first) });
  };
};

/** One call with two evaluated arguments, but for its cost. */
export const invokeTwo = (evaluation: Evaluation, site: CallSite, a: Value, b: Value): Value | undefined => {
  evaluation.at = site.offset;
  if (!evaluation.read(a) || !evaluation.read(b)) return undefined;
  for (const overload of site.overloads) {
    const outcome: Outcome = overload.two === undefined ? NO_MATCH : overload.two(evaluation, a, b);
    if (outcome !== NO_MATCH) return outcome;
  }
  return noOverload(evaluation, site.name, [a, b]);
};

/** The same with its cost. */
export const callTwo = (evaluation: Evaluation, site: CallSite, first: Value, second: Value): Value | undefined =>
  settle(evaluation, site.cost, { first, second, result: invokeTwo(evaluation, site, first, second) });

/** Both sides of a binary call are evaluated before an error of either counts; the left one's error stands. */
export const afterFailure = (evaluation: Evaluation, site: CallSite, right: Node): undefined => {
  const failure = evaluation.error;
  if (site.hasty || evaluation.cancelled) return undefined;
  const second = right(evaluation);
  if (second === undefined && evaluation.cancelled) return undefined;
  evaluation.error = failure;
  settle(evaluation, site.cost, { first: undefined, second, result: undefined });
  return undefined;
};

export type BinaryOperation = (evaluation: Evaluation, a: Value, b: Value) => Value | undefined;

/** Evaluates both sides, then the operation, which charges the call. */
export const binaryNode = (site: CallSite, sides: { readonly left: Node; readonly right: Node }, operation: BinaryOperation): Node => {
  const { left, right } = sides;
  return (evaluation) => {
    const a = left(evaluation);
    if (a === undefined) return afterFailure(evaluation, site, right);
    const b = right(evaluation);
    if (b !== undefined) return operation(evaluation, a, b);
    settle(evaluation, site.cost, { first: a, second: undefined, result: undefined });
    return undefined;
  };
};

const variadicCall = (site: CallSite, args: readonly Node[]): Node => {
  const { name, overloads, offset, cost } = site;
  const run = (evaluation: Evaluation, values: readonly Value[]): Value | undefined => {
    evaluation.at = offset;
    if (!values.every((value) => evaluation.read(value))) return undefined;
    for (const overload of overloads) {
      const outcome: Outcome = overload.many === undefined ? NO_MATCH : overload.many(evaluation, values);
      if (outcome !== NO_MATCH) return outcome;
    }
    return noOverload(evaluation, name, values);
  };
  return (evaluation) => {
    const values: Value[] = [];
    for (const argument of args) {
      const value = argument(evaluation);
      if (value === undefined) break;
      values.push(value);
    }
    // A call is charged once its last argument was evaluated, whatever came of that.
    if (values.length < args.length - 1) return undefined;
    const result = values.length < args.length ? undefined : run(evaluation, values);
    return settle(evaluation, cost, { first: values[0], second: values[1], result });
  };
};

export const callNode = (site: CallSite, args: readonly Node[]): Node => {
  const [left, right] = args;
  if (left !== undefined && args.length === 1) return unaryCall(site, left);
  if (left !== undefined && right !== undefined && args.length === 2)
    return binaryNode(site, { left, right }, (evaluation, a, b) => callTwo(evaluation, site, a, b));
  return variadicCall(site, args);
};

export type MatchParts = { readonly offset: number; readonly cost: (text: Value) => number | string };

/** `text.matches('literal')` */
export const matchNode = (text: Node, pattern: Pattern, { offset, cost }: MatchParts): Node => {
  return (evaluation) => {
    const first = text(evaluation);
    if (first === undefined) return undefined;
    evaluation.at = offset;
    const subject = typeof first === 'string' ? first : looselyRead(first);
    if (typeof subject !== 'string') evaluation.fail('no such overload');
    // What is too dear is not even searched.
    const due = cost(first);
    if (typeof due !== 'number' || !evaluation.charge(due)) return undefined;
    return typeof subject === 'string' ? matchPattern(evaluation, pattern, subject) : undefined;
  };
};
