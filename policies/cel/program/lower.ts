// SPDX-License-Identifier: Apache-2.0
import type { Checked } from '../check/check.ts';
import { foldedConversions } from '../functions/conversions.ts';
import { compilePattern } from '../functions/pattern.ts';
import { findOverloads } from '../functions/regex.ts';
import type * as ast from '../syntax/ast.ts';
import { issueAt } from '../syntax/issue.ts';
import type { Issue } from '../syntax/issue.ts';
import * as types from '../values/boxed.ts';
import { CelType } from '../values/boxed.ts';
import { CelError } from '../values/error.ts';
import { CelMap } from '../values/map.ts';
import { CelDuration, CelTimestamp } from '../values/time.ts';
import type { Value } from '../values/value.ts';
import { CIDR, IP } from '../values/ip.ts';
import { build } from './build.ts';
import { Evaluation } from './evaluation.ts';
import type { Ir } from './ir.ts';

/** Names that stand for types. */
const typeValues: ReadonlyMap<string, CelType> = new Map(
  [
    types.BOOL,
    types.BYTES,
    CIDR,
    types.DOUBLE,
    types.DURATION,
    types.INT,
    IP,
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

export type LowerInput = { readonly source: string; readonly variables: ReadonlyMap<string, unknown>; readonly checked: Checked };
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

/** A variable of the caller or a type, where the checker found one. */
const lowerName = (scope: Scope, expr: ast.Expr): Ir | undefined => {
  const name = scope.input.checked.names.get(expr);
  if (name === undefined) return undefined;
  if (!scope.input.variables.has(name)) return { kind: 'constant', offset: expr.offset, value: typeValues.get(name) ?? null };
  scope.references.add(name);
  return { kind: 'variable', offset: expr.offset, name };
};

const lowerIdent = (scope: Scope, expr: ast.Ident): Ir => {
  const slot = expr.absolute ? undefined : scope.slots.get(expr.name);
  if (slot !== undefined) return { kind: 'local', offset: expr.offset, slot };
  return lowerName(scope, expr) ?? NOTHING;
};

const lowerSelect = (scope: Scope, expr: ast.Select): Ir =>
  lowerName(scope, expr) ?? {
    kind: 'select',
    offset: expr.offset,
    operand: lower(scope, expr.operand),
    field: expr.field,
    mode: expr.mode,
  };

const lowerCall = (scope: Scope, expr: ast.Call): Ir => {
  const bound = scope.input.checked.calls.get(expr);
  if (bound === undefined) return NOTHING;
  const operands = expr.target === undefined || bound.namespaced ? expr.args : [expr.target, ...expr.args];
  const args = operands.map((operand) => lower(scope, operand));
  const { name, overloads } = bound;
  return special(scope, { name, args, offset: expr.offset }) ?? fold(scope, { kind: 'call', offset: expr.offset, name, overloads, args });
};

type PlainCall = { readonly name: string; readonly args: readonly Ir[]; readonly offset: number };

/** Searches for a pattern of a literal have it compiled once. */
const lowerFind = (scope: Scope, { name, args, offset }: PlainCall): Ir | undefined => {
  const source = args[1];
  if (source?.kind !== 'constant' || typeof source.value !== 'string') return undefined;
  const pattern = compilePattern(source.value);
  if (typeof pattern === 'string') return report(scope, source.offset, `program instantiation failed: ${pattern}`);
  const overloads = findOverloads(name, pattern).filter(({ params }) => params.length === args.length);
  return { kind: 'call', offset, name, overloads, args };
};

/** Calls that have a form of their own: they look at their arguments only when needed, or can be prepared. */
const special = (scope: Scope, call: PlainCall): Ir | undefined => {
  const { name, args, offset } = call;
  const [first, second] = args;
  if (name === 'find' || name === 'findAll') return lowerFind(scope, call);
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

/** How cel-go's planner calls a constant that can be no key; undefined = it can. */
const unfitKey = (key: Value): string | undefined => {
  if (key === null) return 'types.Null';
  if (key instanceof Uint8Array) return 'types.Bytes';
  if (Array.isArray(key)) return '*types.baseList';
  if (key instanceof CelType) return '*types.Type';
  if (key instanceof CelTimestamp) return 'types.Timestamp';
  if (key instanceof CelDuration) return 'types.Duration';
  return key instanceof CelMap ? '*types.baseMap' : undefined;
};

const lowerOperator = (scope: Scope, expr: ast.Call): Ir => {
  const { offset } = expr;
  const logical = OPERATORS.get(expr.name);
  if (logical !== undefined) return { kind: logical, offset, operands: expr.args.map((arg) => lower(scope, arg)) };
  const [first, second, third] = expr.args;
  if (expr.name === '_?_:_' && first !== undefined && second !== undefined && third !== undefined)
    return { kind: 'conditional', offset, condition: lower(scope, first), yes: lower(scope, second), no: lower(scope, third) };
  const isIndex = expr.name === '_[_]' || expr.name === '_[?_]';
  if (!isIndex || first === undefined || second === undefined) return lowerCall(scope, expr);
  const index = lower(scope, second);
  const goType = index.kind === 'constant' ? unfitKey(index.value) : undefined;
  if (goType !== undefined) return report(scope, second.offset, `program instantiation failed: invalid qualifier type: ${goType}`);
  return { kind: 'index', offset, operand: lower(scope, first), index, optional: expr.name === '_[?_]' };
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
      return NOTHING;
    case 'comprehension':
      return lowerComprehension(scope, expr);
    case 'optMap':
      return lowerOptMap(scope, expr);
    default:
      return expr satisfies never;
  }
};

/** Checked syntax tree → IR; constants that can't be converted are issues. */
export const lowerExpr = (expr: ast.Expr, input: LowerInput): Lowered => {
  const scope: Scope = { input, issues: [], references: new Set(), slots: new Map(), counter: { slots: 0 } };
  const ir = lower(scope, expr);
  return { ir, issues: scope.issues, references: scope.references };
};
