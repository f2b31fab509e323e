// SPDX-License-Identifier: Apache-2.0
/**
 * How functions are declared. A library is a list of functions, each with overloads: a typed signature for the checker and an
 * implementation that first looks at its arguments' run-time types. What calls cost is in `cost/`. The table of an
 * environment is the libraries put together; overloads of one name from several libraries join.
 *
 * An implementation returns a value, or undefined after `evaluation.fail(…)`.
 */
import type { Evaluation } from '../program/evaluation.ts';
import type { Type } from '../types/type.ts';
import type { CelType } from '../values/boxed.ts';
import type { Value } from '../values/value.ts';

/** "These arguments are not mine": the next overload is tried. */
export const NO_MATCH = Symbol('no matching overload');
export type Outcome = Value | undefined | typeof NO_MATCH;

/** A parameter: its static type, and the test that a run-time value must pass. */
export type Parameter<T extends Value> = { readonly type: Type; readonly accepts: (value: Value) => value is T };

export type Overload = {
  readonly id: string;
  /** Called as `target.f(…)`; the target is the first parameter. */
  readonly member: boolean;
  readonly params: readonly Type[];
  readonly result: Type;
  /** One of the three, by the number of parameters. */
  readonly one: ((evaluation: Evaluation, a: Value) => Outcome) | undefined;
  readonly two: ((evaluation: Evaluation, a: Value, b: Value) => Outcome) | undefined;
  readonly many: ((evaluation: Evaluation, args: readonly Value[]) => Outcome) | undefined;
};

export type FunctionEntry = { readonly name: string; readonly overloads: readonly Overload[] };

/** `since`: the Kubernetes minor whose environments have it first. `types`: those that expressions may name. */
export type Library = {
  readonly name: string;
  readonly since: string;
  readonly types?: readonly CelType[];
  readonly functions: readonly FunctionEntry[];
};

/** `effort`: what every call takes beside what `run` announces, where that is more than a step's worth. */
type Common = { readonly id: string; readonly member?: boolean; readonly result: Type; readonly effort?: number };
type Spec0 = Common & { readonly run: (evaluation: Evaluation) => Value | undefined };
type Spec1<A extends Value> = Common & {
  readonly params: readonly [Parameter<A>];
  readonly run: (evaluation: Evaluation, a: A) => Value | undefined;
};
type Spec2<A extends Value, B extends Value> = Common & {
  readonly params: readonly [Parameter<A>, Parameter<B>];
  readonly run: (evaluation: Evaluation, a: A, b: B) => Value | undefined;
};
type Spec3<A extends Value, B extends Value, C extends Value> = Common & {
  readonly params: readonly [Parameter<A>, Parameter<B>, Parameter<C>];
  readonly run: (evaluation: Evaluation, args: { readonly a: A; readonly b: B; readonly c: C }) => Value | undefined;
};
type Spec4<A extends Value, B extends Value, C extends Value, D extends Value> = Common & {
  readonly params: readonly [Parameter<A>, Parameter<B>, Parameter<C>, Parameter<D>];
  readonly run: (evaluation: Evaluation, args: { readonly a: A; readonly b: B; readonly c: C; readonly d: D }) => Value | undefined;
};

const overload = (
  spec: Common,
  params: readonly { readonly type: Type }[],
  run: Partial<Pick<Overload, 'one' | 'two' | 'many'>>,
): Overload => ({
  id: spec.id,
  member: spec.member ?? false,
  params: params.map((parameter) => parameter.type),
  result: spec.result,
  one: run.one,
  two: run.two,
  many: run.many,
});

export const overload0 = (spec: Spec0): Overload => overload(spec, [], { many: (evaluation) => spec.run(evaluation) });

export const overload1 = <A extends Value>(spec: Spec1<A>): Overload => {
  const [first] = spec.params;
  const { run, effort = 0 } = spec;
  const one: Overload['one'] = (evaluation, a) => {
    if (!first.accepts(a)) return NO_MATCH;
    return effort === 0 || evaluation.strain(effort) ? run(evaluation, a) : undefined;
  };
  return overload(spec, spec.params, { one });
};

export const overload2 = <A extends Value, B extends Value>(spec: Spec2<A, B>): Overload => {
  const [first, second] = spec.params;
  const { run, effort = 0 } = spec;
  const two: Overload['two'] = (evaluation, a, b) => {
    if (!first.accepts(a) || !second.accepts(b)) return NO_MATCH;
    return effort === 0 || evaluation.strain(effort) ? run(evaluation, a, b) : undefined;
  };
  return overload(spec, spec.params, { two });
};

export const overload3 = <A extends Value, B extends Value, C extends Value>(spec: Spec3<A, B, C>): Overload => {
  const [first, second, third] = spec.params;
  const many: Overload['many'] = (evaluation, [a = null, b = null, c = null]) =>
    first.accepts(a) && second.accepts(b) && third.accepts(c) ? spec.run(evaluation, { a, b, c }) : NO_MATCH;
  return overload(spec, spec.params, { many });
};

export const overload4 = <A extends Value, B extends Value, C extends Value, D extends Value>(spec: Spec4<A, B, C, D>): Overload => {
  const [first, second, third, fourth] = spec.params;
  const many: Overload['many'] = (evaluation, [a = null, b = null, c = null, d = null]) =>
    first.accepts(a) && second.accepts(b) && third.accepts(c) && fourth.accepts(d) ? spec.run(evaluation, { a, b, c, d }) : NO_MATCH;
  return overload(spec, spec.params, { many });
};

export const entry = (name: string, ...overloads: readonly Overload[]): FunctionEntry => ({ name, overloads });
