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
import type * as ast from '../syntax/ast.ts';
import { issueAt } from '../syntax/issue.ts';
import type { Issue } from '../syntax/issue.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { CelDouble, CelUint, isBytes } from '../values/value.ts';
import { checkedText } from './checked-text.ts';
import { expectBool, report, reportMismatch, reportUndeclared, startChecking } from './checking.ts';
import type { BoundCall, CheckInput, Checking, Scope } from './checking.ts';
import { checkComprehension, checkOptMap } from './comprehensions.ts';
import { validateLiterals } from './literals.ts';
import { qualifiedName, typeNames } from './names.ts';
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

const checkSelect = (checking: Checking, scope: Scope, expr: ast.Select): Type => {
  const name = qualifiedName(expr, (ident) => scope.has(ident));
  const whole = name === undefined ? undefined : lookUp(checking, expr, name);
  if (whole !== undefined) return whole;
  const operand = checking.substitution.apply(check(checking, scope, expr.operand));
  const isOptional = operand.kind === 'optional';
  const field = fieldType(checking, isOptional ? operand.element : operand, expr);
  if (expr.mode === 'test') return types.BOOL;
  return checking.substitution.apply(isOptional || expr.mode === 'optional' ? types.optionalOf(field) : field);
};

/**
 * A chain of `&&` or `||`, which cel-go makes a balanced tree of. What is wrong inside has been told there, and is taken for a bool by
 * what is around it: only an operand of the topmost one spoils the type of the whole, which is both of two and the last of three.
 */
const checkLogical = (checking: Checking, scope: Scope, expr: ast.Call): Type => {
  const operands = expr.args.map((arg) => ({ arg, type: check(checking, scope, arg) }));
  const fits = operands.map(({ arg, type }) => expectBool(checking, arg, type));
  const topmost = fits.length > 3 ? [] : fits.length === 3 ? fits.slice(2) : fits;
  return topmost.every(Boolean) ? types.BOOL : types.ERROR;
};

const OPERATORS = new Set(['_?_:_', '_[_]', '_[?_]']);

/** A namespaced function (`optional.of`), else a member of its target, else global. */
const checkCall = (checking: Checking, scope: Scope, expr: ast.Call): Type => {
  if (expr.name === '_&&_' || expr.name === '_||_') return checkLogical(checking, scope, expr);
  const { offset, target } = expr;
  const { functions } = checking.environment;
  const args = (): readonly Type[] => expr.args.map((arg) => check(checking, scope, arg));
  if (OPERATORS.has(expr.name)) return resolve(checking, { name: expr.name, args: args(), member: false, offset });
  const prefix = target === undefined ? undefined : qualifiedName(target, (ident) => scope.has(ident));
  const bind = (name: string, given: readonly Type[], namespaced: boolean): Type => {
    const member = target !== undefined && !namespaced;
    const { type, fitting } = resolveCall(checking, { name, args: given, member, offset });
    checking.calls.set(expr, { name, namespaced, overloads: fitting, all: functions.get(name) ?? [] });
    return type;
  };
  if (prefix !== undefined && functions.has(`${prefix}.${expr.name}`)) return bind(`${prefix}.${expr.name}`, args(), true);
  const isKnown = functions.has(expr.name);
  const given = args();
  const all = target === undefined ? given : [check(checking, scope, target), ...given];
  return isKnown ? bind(expr.name, all, false) : reportUndeclared(checking, offset, expr.name);
};

/** The type of both; where they don't go together, dyn. */
const join = (checking: Checking, previous: Type | undefined, current: Type): Type => {
  if (previous === undefined) return current;
  return checking.substitution.isAssignable(previous, current) ? mostGeneral(previous, current) : types.DYN;
};

/** An element or value that may be missing, `?x`, is an optional. */
const itemType = (checking: Checking, scope: Scope, item: { readonly optional: boolean; readonly value: ast.Expr }): Type => {
  const type = check(checking, scope, item.value);
  if (!item.optional) return type;
  if (type.kind === 'optional') return type.element;
  if (type.kind !== 'dyn') reportMismatch(checking, item.value.offset, types.optionalOf(type), type);
  return type;
};

const checkList = (checking: Checking, scope: Scope, expr: ast.ListExpr): Type => {
  let element: Type | undefined;
  for (const item of expr.elements) element = join(checking, element, itemType(checking, scope, item));
  return types.listOf(element ?? checking.substitution.newParameter());
};

const checkMap = (checking: Checking, scope: Scope, expr: ast.MapExpr): Type => {
  let key: Type | undefined;
  let value: Type | undefined;
  for (const entry of expr.entries) {
    key = join(checking, key, check(checking, scope, entry.key));
    value = join(checking, value, itemType(checking, scope, entry));
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

const typeOf = (checking: Checking, scope: Scope, expr: ast.Expr): Type => {
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

const check = (checking: Checking, scope: Scope, expr: ast.Expr): Type => {
  const found = typeOf(checking, scope, expr);
  const type = checking.dialect === 'unchecked' ? types.DYN : found;
  checking.types.set(expr, type);
  return type;
};

const inOrder = (issues: readonly Issue[]): readonly Issue[] => issues.toSorted((left, right) => left.offset - right.offset);

/** Total: a typed expression, or issues in the order of the text. */
export const checkExpr = (expr: ast.Expr, given: CheckInput): CheckResult => {
  const checking = startChecking(given);
  try {
    const type = check(checking, new Map(), expr);
    if (checking.issues.length === 0 && checking.dialect === 'kubernetes') validateLiterals(checking, expr);
    if (checking.issues.length > 0) return { ok: false, issues: inOrder(checking.issues) };
    const known = (each: ast.Expr): Type => checking.substitution.apply(checking.types.get(each) ?? types.DYN, true);
    return { ok: true, type: checking.substitution.apply(type, true), names: checking.names, calls: checking.calls, typeOf: known };
  } catch (error) {
    // RangeError: types nested deeper than the stack.
    if (!(error instanceof TypesTooLarge) && !(error instanceof RangeError)) throw error;
    return { ok: false, issues: [issueAt(given.source, expr.offset, new TypesTooLarge().message)] };
  }
};
