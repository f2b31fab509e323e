// SPDX-License-Identifier: Apache-2.0
import type { Steps } from '../../steps.ts';
import type * as ast from '../syntax/ast.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { checkedText } from './checked-text.ts';
import { expectBool, repeatIssues, report, reportMismatch } from './checking.ts';
import type { Checking, Scope } from './checking.ts';
import { resolve } from './resolution.ts';

/**
 * Macros, with the calls that cel-go's expansions of them are made of: the predicate of `all` is an operand of `&&`, elements of
 * `map` are added to a list, so their errors are those of these operators, at the bracket of the macro.
 */

export type CheckIn = (scope: Scope, expr: ast.Expr) => Steps<Type>;

/** Types of the variables: of a list its index (with two variables) and element, of a map its key and value. */
const variableTypes = (checking: Checking, expr: ast.Comprehension, range: Type): readonly [Type, Type] => {
  const two = expr.second !== undefined;
  if (range.kind === 'list') return two ? [types.INT, range.element] : [range.element, types.ERROR];
  if (range.kind === 'map') return [range.key, range.value];
  if (range.kind === 'dyn' || range.kind === 'error' || range.kind === 'param') {
    // Binds a parameter, so that nothing narrows it later.
    checking.substitution.isAssignable(types.DYN, range);
    return [types.DYN, types.DYN];
  }
  report(
    checking,
    expr.range.offset,
    `expression of type '${checkedText(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
  );
  return [types.ERROR, types.ERROR];
};

type Loop = { readonly expr: ast.Comprehension; readonly first: Type; readonly result: Type };

const applyAt =
  (checking: Checking, offset: number) =>
  (name: string, ...args: readonly Type[]): Type =>
    resolve(checking, { name, args, member: false, offset });

/** What a turn of the loop makes of the result so far. */
const stepType = function* (checking: Checking, { expr, first, result }: Loop, check: (expr: ast.Expr) => Steps<Type>): Steps<Type> {
  const apply = applyAt(checking, expr.offset);
  if (expr.macro === 'all' || expr.macro === 'exists') {
    expectBool(checking, expr.body, yield* check(expr.body));
    return types.BOOL;
  }
  if (expr.macro === 'existsOne') {
    const condition = yield* check(expr.body);
    return apply('_?_:_', condition, apply('_+_', result, types.INT), result);
  }
  const condition = expr.filter === undefined ? undefined : yield* check(expr.filter);
  const body = yield* check(expr.body);
  const step = added(apply, { expr, first, result }, body);
  return condition === undefined ? step : apply('_?_:_', condition, step, result);
};

const added = (apply: ReturnType<typeof applyAt>, { expr, first, result }: Loop, body: Type): Type => {
  if (expr.macro === 'transformMap') return apply('cel.@mapInsert', result, first, body);
  return expr.macro === 'transformMapEntry' ? apply('cel.@mapInsert', result, body) : apply('_+_', result, types.listOf(body));
};

const startType = (checking: Checking, macro: ast.ComprehensionMacro): Type => {
  const { substitution } = checking;
  switch (macro) {
    case 'all':
    case 'exists':
      return types.BOOL;
    case 'existsOne':
      return types.INT;
    case 'filter':
    case 'map':
    case 'transformList':
      return types.listOf(substitution.newParameter());
    case 'transformMap':
    case 'transformMapEntry':
      return types.mapOf(substitution.newParameter(), substitution.newParameter());
    default:
      return macro satisfies never;
  }
};

export const checkComprehension = function* (checking: Checking, expr: ast.Comprehension, scope: Scope, check: CheckIn): Steps<Type> {
  const { substitution } = checking;
  const given = yield* check(scope, expr.range);
  const result = startType(checking, expr.macro);
  const [first, second] = variableTypes(checking, expr, substitution.apply(given));
  const inner = new Map(scope).set(expr.variable, first);
  if (expr.second !== undefined) inner.set(expr.second, second);
  const step = yield* stepType(checking, { expr, first, result }, (part) => check(inner, part));
  if (!substitution.isAssignable(result, step)) reportMismatch(checking, expr.offset, result, step);
  return expr.macro === 'existsOne' ? applyAt(checking, expr.offset)('_==_', result, types.INT) : substitution.apply(result);
};

/** `target.hasValue() ? optional.of(body) : optional.none()` with the variable bound to `target.value()`. */
export const checkOptMap = function* (checking: Checking, expr: ast.OptMap, scope: Scope, check: CheckIn): Steps<Type> {
  const { offset } = expr;
  const before = checking.issues.length;
  const target = yield* check(scope, expr.target);
  repeatIssues(checking, expr, before);
  const ask = (name: string): Type => resolve(checking, { name, args: [target], member: true, offset });
  const apply = applyAt(checking, offset);
  const condition = ask('hasValue');
  const value = ask('value');
  const body = yield* check(new Map(scope).set(expr.variable, value), expr.body);
  return apply('_?_:_', condition, expr.flat ? body : apply('optional.of', body), apply('optional.none'));
};
