// SPDX-License-Identifier: Apache-2.0
/**
 * The type checker, between parser and IR, by cel-go's algorithm: types of variables and literals flow upwards, calls are resolved
 * to the overloads that fit, type parameters are unified on the way, and `dyn` fits everywhere.
 *
 * In: a tree, the types of variables, the functions of an environment. Out: for each name what it stands for and for each call its
 * function and overloads, the type of the whole; or everything that is wrong, in cel-go's words and order of checks: first
 * the types, then, if they hold, literals (`literals.ts`). Total: types that grow without bound end in an issue. Only the
 * engine imports it.
 */
import type { Steps } from '../../steps.ts';
import type * as ast from '../syntax/ast.ts';
import { issueAt } from '../syntax/issue.ts';
import type { Issue } from '../syntax/issue.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { CelDouble, CelUint, isBytes } from '../values/value.ts';
import { checkedText } from './checked-text.ts';
import { expectBool, isDue, report, reportMismatch, reportUndeclared, startChecking } from './checking.ts';
import type { BoundCall, CheckInput, Checking, Scope } from './checking.ts';
import { checkComprehension, checkOptMap } from './comprehensions.ts';
import { validateLiterals } from './literals.ts';
import { qualifiedName, typeNames } from './names.ts';
import type { Naming } from './names.ts';
import { resolve, resolveCall } from './resolution.ts';
import { TypesTooLarge } from './substitution.ts';
import { mostGeneral } from './type-relations.ts';

export type { BoundCall, Dialect } from './checking.ts';

export type Checked = {
  readonly type: Type;
  readonly names: ReadonlyMap<ast.Expr, string>;
  readonly calls: ReadonlyMap<ast.Expr, BoundCall>;
  readonly typeOf: (expr: ast.Expr) => Type;
};
export type CheckResult = ({ readonly ok: true } & Checked) | { readonly ok: false; readonly issues: readonly Issue[] };

const literalType = ({ value }: ast.Literal): Type => {
  if (value === null) return types.NULL;
  if (typeof value === 'string') return types.STRING;
  if (typeof value === 'boolean') return types.BOOL;
  if (value instanceof CelDouble) return types.DOUBLE;
  if (value instanceof CelUint) return types.UINT;
  return isBytes(value) ? types.BYTES : types.INT;
};

/** A variable of the caller, or a type. */
const lookUp = (checking: Checking, expr: ast.Expr, name: string): Type | undefined => {
  const isHidden = name === 'optional_type' && !checking.environment.syntax.optionals;
  const named = (isHidden ? undefined : typeNames.get(name)) ?? (checking.environment.types.has(name) ? types.opaque(name) : undefined);
  const type = checking.variables.get(name) ?? (named === undefined ? undefined : types.typeOfType(named));
  if (type !== undefined) checking.names.set(expr, name);
  return type;
};

const checkIdent = (checking: Checking, scope: Scope, expr: ast.Ident): Type =>
  (expr.absolute ? undefined : scope.get(expr.name)) ??
  lookUp(checking, expr, expr.name) ??
  reportUndeclared(checking, expr.offset, expr.name);

const fieldType = (checking: Checking, target: Type, expr: ast.Select): Type => {
  if (target.kind === 'map') return target.value;
  if (target.kind === 'struct') return target.fields.get(expr.field) ?? report(checking, expr.offset, `undefined field '${expr.field}'`);
  if (target.kind === 'param') checking.substitution.isAssignable(types.DYN, target);
  // Kubernetes declares its own types, save addresses, as structs that nobody describes.
  else if (target.kind === 'opaque' && target.name.startsWith('kubernetes.'))
    return report(checking, expr.offset, `unexpected failed resolution of '${target.name}'`);
  else if (target.kind !== 'dyn' && target.kind !== 'error')
    report(checking, expr.offset, `type '${checkedText(target)}' does not support field selection`);
  return types.DYN;
};

const naming = ({ nameSteps }: Checking, scope: Scope): Naming => ({ steps: nameSteps, isBound: (name) => scope.has(name) });

const checkSelect = function* (checking: Checking, scope: Scope, expr: ast.Select): Steps<Type> {
  const name = qualifiedName(expr, naming(checking, scope));
  const whole = name === undefined ? undefined : lookUp(checking, expr, name);
  if (whole !== undefined) return whole;
  const operand = checking.substitution.apply(yield* check(checking, scope, expr.operand));
  const isOptional = operand.kind === 'optional';
  const field = fieldType(checking, isOptional ? operand.element : operand, expr);
  if (expr.mode === 'test') return types.BOOL;
  return checking.substitution.apply(isOptional || expr.mode === 'optional' ? types.optionalOf(field) : field);
};

const checkAll = function* (checking: Checking, scope: Scope, exprs: readonly ast.Expr[]): Steps<readonly Type[]> {
  const found: Type[] = [];
  for (const expr of exprs) found.push(yield* check(checking, scope, expr));
  return found;
};

/**
 * A chain of `&&` or `||`, which cel-go makes a balanced tree of. What is wrong inside has been told there, and is taken for a bool by
 * what is around it: only an operand of the topmost one spoils the type of the whole, which is both of two and the last of three.
 */
const checkLogical = function* (checking: Checking, scope: Scope, expr: ast.Call): Steps<Type> {
  const given = yield* checkAll(checking, scope, expr.args);
  const fits = expr.args.map((arg, index) => expectBool(checking, arg, given[index] ?? types.ERROR));
  const topmost = fits.length > 3 ? [] : fits.length === 3 ? fits.slice(2) : fits;
  return topmost.every(Boolean) ? types.BOOL : types.ERROR;
};

const OPERATORS = new Set(['_?_:_', '_[_]', '_[?_]']);

/** A namespaced function (`optional.of`), else a member of its target, else global. */
const checkCall = function* (checking: Checking, scope: Scope, expr: ast.Call): Steps<Type> {
  if (expr.name === '_&&_' || expr.name === '_||_') return yield* checkLogical(checking, scope, expr);
  const { offset, target } = expr;
  const { functions } = checking.environment;
  const args = (): Steps<readonly Type[]> => checkAll(checking, scope, expr.args);
  if (OPERATORS.has(expr.name)) return resolve(checking, { name: expr.name, args: yield* args(), member: false, offset });
  const prefix = target === undefined ? undefined : qualifiedName(target, naming(checking, scope));
  const bind = (name: string, given: readonly Type[], namespaced: boolean): Type => {
    const member = target !== undefined && !namespaced;
    const { type, fitting } = resolveCall(checking, { name, args: given, member, offset });
    checking.calls.set(expr, { name, namespaced, overloads: fitting, all: functions.get(name) ?? [] });
    return type;
  };
  if (prefix !== undefined && functions.has(`${prefix}.${expr.name}`)) return bind(`${prefix}.${expr.name}`, yield* args(), true);
  const isKnown = functions.has(expr.name);
  const given = yield* args();
  const all = target === undefined ? given : [yield* check(checking, scope, target), ...given];
  return isKnown ? bind(expr.name, all, false) : reportUndeclared(checking, offset, expr.name);
};

/** The type of both; where they don't go together, dyn. */
const join = (checking: Checking, previous: Type | undefined, current: Type): Type => {
  if (previous === undefined) return current;
  return checking.substitution.isAssignable(previous, current) ? mostGeneral(previous, current) : types.DYN;
};

type Item = { readonly optional: boolean; readonly value: ast.Expr };

/** An element or value that may be missing, `?x`, is an optional. */
const itemType = function* (checking: Checking, scope: Scope, item: Item): Steps<Type> {
  const type = yield* check(checking, scope, item.value);
  if (!item.optional) return type;
  if (type.kind === 'optional') return type.element;
  if (type.kind !== 'dyn') reportMismatch(checking, item.value.offset, types.optionalOf(type), type);
  return type;
};

const checkList = function* (checking: Checking, scope: Scope, expr: ast.ListExpr): Steps<Type> {
  let element: Type | undefined;
  for (const item of expr.elements) element = join(checking, element, yield* itemType(checking, scope, item));
  return types.listOf(element ?? checking.substitution.newParameter());
};

const checkMap = function* (checking: Checking, scope: Scope, expr: ast.MapExpr): Steps<Type> {
  let key: Type | undefined;
  let value: Type | undefined;
  for (const entry of expr.entries) {
    key = join(checking, key, yield* check(checking, scope, entry.key));
    value = join(checking, value, yield* itemType(checking, scope, entry));
  }
  return types.mapOf(key ?? checking.substitution.newParameter(), value ?? checking.substitution.newParameter());
};

const checkStruct = (checking: Checking, expr: ast.StructExpr): Type => {
  const name = expr.name.replace(/^\./, '');
  if (typeNames.has(name)) return report(checking, expr.offset, `'${name}' is not a message type`);
  const variable = checking.variables.get(name);
  if (variable === undefined) return reportUndeclared(checking, expr.offset, expr.name);
  return report(checking, expr.offset, `'${checkedText(variable)}' is not a type`);
};

const typeOf = (checking: Checking, scope: Scope, expr: ast.Expr): Type | Steps<Type> => {
  switch (expr.kind) {
    case 'literal':
      return literalType(expr);
    case 'ident':
      return checkIdent(checking, scope, expr);
    case 'select':
      return checkSelect(checking, scope, expr);
    case 'call':
      return checkCall(checking, scope, expr);
    case 'list':
      return checkList(checking, scope, expr);
    case 'map':
      return checkMap(checking, scope, expr);
    case 'struct':
      return checkStruct(checking, expr);
    case 'comprehension':
      return checkComprehension(checking, expr, scope, (inner, part) => check(checking, inner, part));
    case 'optMap':
      return checkOptMap(checking, expr, scope, (inner, part) => check(checking, inner, part));
    default:
      return expr satisfies never;
  }
};

const check = function* (checking: Checking, scope: Scope, expr: ast.Expr): Steps<Type> {
  const outcome = typeOf(checking, scope, expr);
  const found = 'kind' in outcome ? outcome : yield* outcome;
  const type = checking.dialect === 'unchecked' ? types.DYN : checking.substitution.bounded(found);
  checking.types.set(expr, type);
  if (isDue(checking)) yield;
  return type;
};

const inOrder = (issues: readonly Issue[]): readonly Issue[] => issues.toSorted((left, right) => left.offset - right.offset);

/** Total: a typed expression, or issues in the order of the text. Steps of some milliseconds at most. */
export const checkExpr = function* (expr: ast.Expr, given: CheckInput): Steps<CheckResult> {
  const checking = startChecking(given);
  try {
    const type = yield* check(checking, new Map(), expr);
    yield;
    if (checking.issues.length === 0 && checking.dialect === 'kubernetes') validateLiterals(checking, expr);
    yield;
    if (checking.issues.length > 0) return { ok: false, issues: inOrder(checking.issues) };
    const known = (each: ast.Expr): Type => checking.substitution.settled(checking.types.get(each) ?? types.DYN);
    return { ok: true, type: checking.substitution.settled(type), names: checking.names, calls: checking.calls, typeOf: known };
  } catch (error) {
    // RangeError: types nested deeper than the stack.
    if (!(error instanceof TypesTooLarge) && !(error instanceof RangeError)) throw error;
    return { ok: false, issues: [issueAt(given.source, expr.offset, new TypesTooLarge().message)] };
  }
};
