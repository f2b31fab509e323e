// SPDX-License-Identifier: Apache-2.0
import { matchPattern } from '../functions/pattern.ts';
import type { Pattern } from '../functions/pattern.ts';
import { costOfMatch } from '../functions/cost.ts';
import { NO_MATCH } from '../functions/table.ts';
import type { Outcome, Overload } from '../functions/table.ts';
import { typeOf } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';

/** Operators say `no such overload` alone, functions add their name and the types they got. */
const noOverload = (evaluation: Evaluation, name: string, args: readonly Value[]): undefined =>
  evaluation.fail(
    /^[_@!-]/.test(name) ? 'no such overload' : `no such overload: ${name}(${args.map((arg) => typeOf(arg).name).join(', ')})`,
  );

export type CallSite = { readonly name: string; readonly overloads: readonly Overload[]; readonly offset: number };

type Made = { readonly site: CallSite; readonly overload: Overload; readonly args: readonly Value[] };

/** Charges a call that was made; one that failed costs as much. */
const charged = (evaluation: Evaluation, { site, overload, args }: Made, outcome: Value | undefined): Value | undefined => {
  const failure = evaluation.error;
  const cost = overload.cost === undefined ? 1 : overload.cost(args, outcome, site.overloads.length === 1);
  if (!evaluation.charge(cost)) return undefined;
  if (outcome === undefined) evaluation.error = failure;
  return outcome;
};

/** A call that no overload takes costs what the first would have. */
const refused = (evaluation: Evaluation, site: CallSite, args: readonly Value[]): undefined => {
  noOverload(evaluation, site.name, args);
  const [overload] = site.overloads;
  if (overload !== undefined) charged(evaluation, { site, overload, args }, undefined);
  return undefined;
};

/** A call whose argument failed is made all the same, and fails with it. */
const failedWith = (evaluation: Evaluation): undefined => {
  const failure = evaluation.error;
  if (!evaluation.cancelled && evaluation.charge(1)) evaluation.error = failure;
  return undefined;
};

const unaryCall = (site: CallSite, argument: Node): Node => {
  const { overloads, offset } = site;
  return (evaluation) => {
    const a = argument(evaluation);
    if (a === undefined) return failedWith(evaluation);
    evaluation.at = offset;
    for (const overload of overloads) {
      const outcome: Outcome = overload.one === undefined ? NO_MATCH : overload.one(evaluation, a);
      if (outcome !== NO_MATCH) return charged(evaluation, { site, overload, args: [a] }, outcome);
    }
    return refused(evaluation, site, [a]);
  };
};

/** Both sides of a binary call are evaluated before an error of either counts, as cel-go does; the left one's error stands. */
const rightAfterFailure = (evaluation: Evaluation, right: Node): undefined => {
  const failure = evaluation.error;
  if (evaluation.cancelled) return undefined;
  if (right(evaluation) === undefined && evaluation.cancelled) return undefined;
  evaluation.error = failure;
  return failedWith(evaluation);
};

/** One call with two evaluated arguments. */
export const invokeTwo = (evaluation: Evaluation, site: CallSite, a: Value, b: Value): Value | undefined => {
  evaluation.at = site.offset;
  for (const overload of site.overloads) {
    const outcome: Outcome = overload.two === undefined ? NO_MATCH : overload.two(evaluation, a, b);
    if (outcome !== NO_MATCH) return charged(evaluation, { site, overload, args: [a, b] }, outcome);
  }
  return refused(evaluation, site, [a, b]);
};

export type BinaryOperation = (evaluation: Evaluation, a: Value, b: Value) => Value | undefined;

/** Evaluates both sides, then the operation. */
export const binaryNode = (left: Node, right: Node, operation: BinaryOperation): Node => {
  return (evaluation) => {
    const a = left(evaluation);
    if (a === undefined) return rightAfterFailure(evaluation, right);
    const b = right(evaluation);
    return b === undefined ? failedWith(evaluation) : operation(evaluation, a, b);
  };
};

const variadicCall = (site: CallSite, args: readonly Node[]): Node => {
  const { overloads, offset } = site;
  return (evaluation) => {
    const values: Value[] = [];
    for (const argument of args) {
      const value = argument(evaluation);
      if (value === undefined) return undefined;
      values.push(value);
    }
    evaluation.at = offset;
    for (const overload of overloads) {
      const outcome: Outcome = overload.many === undefined ? NO_MATCH : overload.many(evaluation, values);
      if (outcome !== NO_MATCH) return charged(evaluation, { site, overload, args: values }, outcome);
    }
    return refused(evaluation, site, values);
  };
};

export const callNode = (site: CallSite, args: readonly Node[]): Node => {
  const [first, second] = args;
  if (first !== undefined && args.length === 1) return unaryCall(site, first);
  if (first !== undefined && second !== undefined && args.length === 2)
    return binaryNode(first, second, (evaluation, a, b) => invokeTwo(evaluation, site, a, b));
  return variadicCall(site, args);
};

/** `text.matches('literal')` */
export const matchNode = (text: Node, pattern: Pattern, about: { readonly source: string; readonly offset: number }): Node => {
  return (evaluation) => {
    const value = text(evaluation);
    if (value === undefined) return undefined;
    evaluation.at = about.offset;
    if (typeof value !== 'string') return noOverload(evaluation, 'matches', [value, about.source]);
    if (!evaluation.charge(costOfMatch(value, about.source))) return undefined;
    return matchPattern(evaluation, pattern, value);
  };
};
