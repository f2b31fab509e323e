// SPDX-License-Identifier: Apache-2.0
import { foldedConversions } from '../functions/conversions.ts';
import { absentNamespaces } from '../functions/environment.ts';
import type { Environment } from '../functions/environment.ts';
import { compilePattern } from '../functions/pattern.ts';
import type * as ast from '../syntax/ast.ts';
import { issueAt } from '../syntax/issue.ts';
import type { Issue } from '../syntax/issue.ts';
import * as types from '../values/boxed.ts';
import type { CelType } from '../values/boxed.ts';
import { CelError } from '../values/error.ts';
import { build } from './build.ts';
import { Evaluation } from './evaluation.ts';
import type { Ir } from './ir.ts';

/** Names that stand for types. */
const typeNames: ReadonlyMap<string, CelType> = new Map(
  [
    types.BOOL,
    types.BYTES,
    types.DOUBLE,
    types.DURATION,
    types.INT,
    types.LIST,
    types.MAP,
    types.NULL,
    types.OPTIONAL,
    types.STRING,
    types.TIMESTAMP,
    types.TYPE,
    types.UINT,
  ].map((type) => [type.name, type]),
);

export type LowerInput = { readonly source: string; readonly variables: ReadonlySet<string>; readonly environment: Environment };
export type Lowered = { readonly ir: Ir; readonly issues: readonly Issue[]; readonly references: ReadonlySet<string> };

type Scope = {
  readonly input: LowerInput;
  readonly issues: Issue[];
  readonly references: Set<string>;
  /** Slots of the macro variables that are visible here. */
  readonly slots: ReadonlyMap<string, number>;
  readonly counter: { slots: number };
};

const NOTHING: Ir = { kind: 'constant', offset: 0, value: null };

const report = (scope: Scope, offset: number, message: string): Ir => {
  scope.issues.push(issueAt(scope.input.source, offset, message));
  return NOTHING;
};

const undeclared = (scope: Scope, offset: number, name: string, absent?: string): Ir =>
  report(
    scope,
    offset,
    `undeclared reference to '${name}' (in container '')${absent === undefined ? '' : `: Kubernetes has no ${absent}`}`,
  );

/** `a.b.c` of plain selects on a name that no macro binds; undefined for anything else. */
const qualifiedName = (scope: Scope, expr: ast.Expr): string | undefined => {
  if (expr.kind === 'ident') return scope.slots.has(expr.name) && !expr.absolute ? undefined : expr.name;
  if (expr.kind !== 'select' || expr.mode !== 'plain') return undefined;
  const operand = qualifiedName(scope, expr.operand);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
};

const lowerName = (scope: Scope, name: string, offset: number): Ir | undefined => {
  if (scope.input.variables.has(name)) {
    scope.references.add(name);
    return { kind: 'variable', offset, name };
  }
  const type = typeNames.get(name);
  return type === undefined ? undefined : { kind: 'constant', offset, value: type };
};

const lowerIdent = (scope: Scope, expr: ast.Ident): Ir => {
  const slot = expr.absolute ? undefined : scope.slots.get(expr.name);
  if (slot !== undefined) return { kind: 'local', offset: expr.offset, slot };
  return lowerName(scope, expr.name, expr.offset) ?? undeclared(scope, expr.offset, expr.name);
};

const lowerSelect = (scope: Scope, expr: ast.Select): Ir => {
  const name = qualifiedName(scope, expr);
  const whole = name === undefined ? undefined : lowerName(scope, name, expr.offset);
  if (whole !== undefined) return whole;
  return { kind: 'select', offset: expr.offset, operand: lower(scope, expr.operand), field: expr.field, mode: expr.mode };
};

const rootOf = (expr: ast.Expr): ast.Ident | undefined =>
  expr.kind === 'ident' ? expr : expr.kind === 'select' ? rootOf(expr.operand) : undefined;

/** A namespaced function (`optional.of`), else a member of its target, else global. */
const lowerCall = (scope: Scope, expr: ast.Call): Ir => {
  const { functions } = scope.input.environment;
  const prefix = expr.target === undefined ? undefined : qualifiedName(scope, expr.target);
  const namespaced = prefix === undefined ? undefined : `${prefix}.${expr.name}`;
  const isNamespaced = namespaced !== undefined && functions.has(namespaced);
  const name = isNamespaced ? namespaced : expr.name;
  const target = isNamespaced ? undefined : expr.target;
  const overloads = functions.get(name);
  const root = expr.target === undefined ? undefined : rootOf(expr.target);
  if (
    overloads === undefined &&
    root !== undefined &&
    prefix !== undefined &&
    absentNamespaces.has(root.name) &&
    !scope.input.variables.has(root.name)
  )
    return undeclared(scope, root.offset, root.name, `${prefix}.${expr.name}`);
  const operands = target === undefined ? expr.args : [target, ...expr.args];
  const args = operands.map((operand) => lower(scope, operand));
  if (overloads === undefined) return undeclared(scope, expr.offset, name);
  const fitting = overloads.filter((overload) => overload.member === (target !== undefined) && overload.params.length === args.length);
  if (fitting.length > 0)
    return (
      special(scope, { name, args, offset: expr.offset }) ??
      fold(scope, { kind: 'call', offset: expr.offset, name, overloads: fitting, args })
    );
  const given = expr.args.map(() => 'dyn').join(', ');
  return report(
    scope,
    expr.offset,
    `found no matching overload for '${name}' applied to '${target === undefined ? '' : 'dyn.'}(${given})'`,
  );
};

type PlainCall = { readonly name: string; readonly args: readonly Ir[]; readonly offset: number };

/** Calls that have a form of their own: they look at their arguments only when needed, or can be prepared. */
const special = (scope: Scope, { name, args, offset }: PlainCall): Ir | undefined => {
  const [first, second] = args;
  if (first === undefined || second === undefined || args.length !== 2) return undefined;
  if (name === 'or' || name === 'orValue') return { kind: 'alternative', offset, unwrap: name === 'orValue', option: first, other: second };
  if (name !== 'matches' || second.kind !== 'constant' || typeof second.value !== 'string') return undefined;
  const pattern = compilePattern(second.value);
  if (typeof pattern === 'string') return report(scope, second.offset, `program instantiation failed: ${pattern}`);
  return { kind: 'match', offset, text: first, pattern, source: second.value };
};

/** Runs a node whose parts are constants; its error refuses the expression where the API server's compiler would. */
const fold = (scope: Scope, ir: Ir): Ir => {
  if (ir.kind !== 'call' || !foldedConversions.has(ir.name) || !ir.args.every((arg) => arg.kind === 'constant')) return ir;
  const evaluation = new Evaluation({}, { remaining: 1_000_000 });
  const value = build(ir)(evaluation);
  if (value === undefined)
    return report(scope, ir.offset, `program instantiation failed: ${(evaluation.error ?? new CelError('')).message}`);
  return { kind: 'constant', offset: ir.offset, value };
};

/** Lists and maps of constants are made once. An error (a repeated key) is left for run time. */
const foldLiteral = (ir: Ir): Ir => {
  const parts =
    ir.kind === 'list'
      ? ir.elements.map(({ value }) => value)
      : ir.kind === 'map'
        ? ir.entries.flatMap(({ key, value }) => [key, value])
        : [];
  if (!parts.every((part) => part.kind === 'constant')) return ir;
  const value = build(ir)(new Evaluation({}, { remaining: 1_000_000 }));
  return value === undefined ? ir : { kind: 'constant', offset: ir.offset, value };
};

const OPERATORS = new Map<string, 'and' | 'or'>([
  ['_&&_', 'and'],
  ['_||_', 'or'],
]);

const lowerOperator = (scope: Scope, expr: ast.Call): Ir => {
  const { offset } = expr;
  const logical = OPERATORS.get(expr.name);
  if (logical !== undefined) return { kind: logical, offset, operands: expr.args.map((arg) => lower(scope, arg)) };
  const [first, second, third] = expr.args;
  if (expr.name === '_?_:_' && first !== undefined && second !== undefined && third !== undefined)
    return { kind: 'conditional', offset, condition: lower(scope, first), yes: lower(scope, second), no: lower(scope, third) };
  const isIndex = expr.name === '_[_]' || expr.name === '_[?_]';
  if (!isIndex || first === undefined || second === undefined) return lowerCall(scope, expr);
  return { kind: 'index', offset, operand: lower(scope, first), index: lower(scope, second), optional: expr.name === '_[?_]' };
};

const withSlots = (scope: Scope, names: readonly string[]): { readonly inner: Scope; readonly slots: readonly number[] } => {
  const slots = names.map(() => scope.counter.slots++);
  return {
    inner: { ...scope, slots: new Map([...scope.slots, ...names.map((name, index) => [name, slots[index] ?? 0] as const)]) },
    slots,
  };
};

const lowerComprehension = (scope: Scope, expr: ast.Comprehension): Ir => {
  const range = lower(scope, expr.range);
  const { inner, slots } = withSlots(scope, expr.second === undefined ? [expr.variable] : [expr.variable, expr.second]);
  return {
    kind: 'fold',
    offset: expr.offset,
    macro: expr.macro,
    range,
    slot: slots[0] ?? 0,
    secondSlot: slots[1],
    filter: expr.filter === undefined ? undefined : lower(inner, expr.filter),
    body: lower(inner, expr.body),
  };
};

const lowerOptMap = (scope: Scope, expr: ast.OptMap): Ir => {
  const target = lower(scope, expr.target);
  const { inner, slots } = withSlots(scope, [expr.variable]);
  return { kind: 'optMap', offset: expr.offset, flat: expr.flat, target, slot: slots[0] ?? 0, body: lower(inner, expr.body) };
};

const lower = (scope: Scope, expr: ast.Expr): Ir => {
  switch (expr.kind) {
    case 'literal':
      return { kind: 'constant', offset: expr.offset, value: expr.value };
    case 'ident':
      return lowerIdent(scope, expr);
    case 'select':
      return lowerSelect(scope, expr);
    case 'call':
      return lowerOperator(scope, expr);
    case 'list': {
      const elements = expr.elements.map(({ optional, value }) => ({ optional, value: lower(scope, value) }));
      return foldLiteral({ kind: 'list', offset: expr.offset, elements });
    }
    case 'map': {
      const entries = expr.entries.map(({ optional, key, value, offset }) => ({
        optional,
        key: lower(scope, key),
        value: lower(scope, value),
        offset,
      }));
      return foldLiteral({ kind: 'map', offset: expr.offset, entries });
    }
    case 'struct':
      for (const value of expr.values) lower(scope, value);
      return undeclared(scope, expr.offset, expr.name);
    case 'comprehension':
      return lowerComprehension(scope, expr);
    case 'optMap':
      return lowerOptMap(scope, expr);
    default:
      return expr satisfies never;
  }
};

/** Syntax tree → IR, with every name that nothing declares as an issue. */
export const lowerExpr = (expr: ast.Expr, input: LowerInput): Lowered => {
  const scope: Scope = { input, issues: [], references: new Set(), slots: new Map(), counter: { slots: 0 } };
  const ir = lower(scope, expr);
  return { ir, issues: scope.issues, references: scope.references };
};
