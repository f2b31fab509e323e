// SPDX-License-Identifier: Apache-2.0
import type { BoundCall, Checked } from '../check/check.ts';
import { callCost } from '../cost/call-cost.ts';
import { compilePattern } from '../functions/pattern.ts';
import { findOverloads } from '../functions/regex.ts';
import type * as ast from '../syntax/ast.ts';
import { issueAt } from '../syntax/issue.ts';
import type { Issue } from '../syntax/issue.ts';
import { SORTED } from '../syntax/macros.ts';
import * as types from '../values/boxed.ts';
import type { CelType } from '../values/boxed.ts';
import { CelError } from '../values/error.ts';
import { goTypeOf } from '../values/go-type.ts';
import { CelDouble, CelUint, isList } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { CIDR, IP } from '../values/ip.ts';
import { buildProgram } from './build.ts';
import { Evaluation } from './evaluation.ts';
import type { Call, Ir } from './ir.ts';

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

type Slot = { readonly slot: number; readonly lazy: boolean };

type Scope = {
  readonly input: LowerInput;
  readonly issues: Issue[];
  readonly references: Set<string>;
  /** The macro variables that are visible here. */
  readonly slots: ReadonlyMap<string, Slot>;
  /** How many variables of macros there are around it: those side by side take turns in the same slots. */
  readonly depth: number;
};

const NOTHING: Ir = { kind: 'constant', offset: 0, value: null };

const report = (scope: Scope, offset: number, message: string): Ir => {
  // The API server's compiler stops at the first.
  if (scope.issues.length === 0) scope.issues.push(issueAt(scope.input.source, offset, message));
  return NOTHING;
};

/** A variable of the caller or a type, where the checker found one. */
const lowerName = (scope: Scope, expr: ast.Expr, steps: number): Ir | undefined => {
  const name = scope.input.checked.names.get(expr);
  if (name === undefined) return undefined;
  if (!scope.input.variables.has(name)) return { kind: 'constant', offset: expr.offset, value: typeValues.get(name) ?? null };
  scope.references.add(name);
  return { kind: 'variable', offset: expr.offset, name, steps };
};

const lowerIdent = (scope: Scope, expr: ast.Ident, steps: number): Ir => {
  const slot = expr.absolute ? undefined : scope.slots.get(expr.name);
  if (slot !== undefined) return { kind: 'local', offset: expr.offset, ...slot, steps };
  return lowerName(scope, expr, steps) ?? NOTHING;
};

const INDEXES = new Set(['_[_]', '_[?_]']);

/** What cel-go resolves as an attribute: a name with whatever fields and indexes follow, and a conditional. */
const isAttribute = (scope: Scope, expr: ast.Expr): boolean => {
  if (expr.kind === 'ident' && !expr.absolute && scope.slots.has(expr.name)) return true;
  const name = scope.input.checked.names.get(expr);
  if (name !== undefined) return scope.input.variables.has(name);
  return expr.kind === 'select' || expr.kind === 'optMap' || (expr.kind === 'call' && (INDEXES.has(expr.name) || expr.name === '_?_:_'));
};

const isConditional = (expr: ast.Expr): boolean => {
  if (expr.kind === 'select') return isConditional(expr.operand);
  if (expr.kind === 'optMap') return true;
  if (expr.kind !== 'call') return false;
  const [first] = expr.args;
  return expr.name === '_?_:_' || (INDEXES.has(expr.name) && first !== undefined && isConditional(first));
};

/** Where an attribute is resolved as a part of another, nothing is charged for it as such. */
const lowerPart = (scope: Scope, expr: ast.Expr): Ir => lower(scope, expr, isAttribute(scope, expr) ? 0 : 1);

/** What fields and indexes are taken of. */
const lowerOperand = (scope: Scope, expr: ast.Expr, steps: number): Ir => {
  if (isAttribute(scope, expr)) return lower(scope, expr, steps);
  const operand = lower(scope, expr, 1);
  return steps === 0 ? operand : { kind: 'relative', offset: expr.offset, operand };
};

const lowerSelect = (scope: Scope, expr: ast.Select, steps: number): Ir => {
  const { offset, field, mode, operand } = expr;
  const isTest = mode === 'test';
  const refund = isTest && steps > 0 && isConditional(operand);
  return (
    lowerName(scope, expr, steps) ?? {
      kind: 'select',
      offset,
      // What a test's chain costs as such, Kubernetes takes off again.
      operand: lowerOperand(scope, operand, isTest ? 0 : steps),
      field,
      mode,
      refund,
    }
  );
};

/** Functions with one implementation for all types; cel-go knows at once which that is. */
const isSingleton = (name: string): boolean => /^(?:[_@!-]|matches$|size$|sort$|dyn$|type$)/.test(name);

const callOf = (bound: BoundCall, args: readonly Ir[], offset: number): Call => {
  const { name, overloads: fitting } = bound;
  const [only] = fitting.length === 1 ? fitting : [];
  const hasty = name === 'format' || (fitting.length > 1 && !isSingleton(name));
  const overloads = isSingleton(name) && name !== '@in' ? bound.all : fitting;
  return { kind: 'call', offset, name, overloads, args, cost: callCost(name, only?.id), hasty };
};

const lowerCall = (scope: Scope, expr: ast.Call): Ir => {
  const bound = scope.input.checked.calls.get(expr);
  if (bound === undefined) return NOTHING;
  const sorted = lowerSorted(scope, expr);
  if (sorted !== undefined) return sorted;
  const operands = expr.target === undefined || bound.namespaced ? expr.args : [expr.target, ...expr.args];
  const call = callOf(
    bound,
    operands.map((operand) => lower(scope, operand, 1)),
    expr.offset,
  );
  return special(scope, call) ?? fold(scope, call);
};

/** Searches for a pattern of a literal have it compiled once. */
const lowerFind = (scope: Scope, call: Call): Ir | undefined => {
  const source = call.args[1];
  if (source?.kind !== 'constant' || typeof source.value !== 'string') return undefined;
  const pattern = compilePattern(source.value);
  if (typeof pattern === 'string') return report(scope, source.offset, `program instantiation failed: ${pattern}`);
  const overloads = findOverloads(call.name, pattern).filter(({ params }) => params.length === call.args.length);
  return { ...call, overloads, hasty: true };
};

const isPlain = (value: Value): boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  typeof value === 'number' ||
  typeof value === 'bigint' ||
  value instanceof CelDouble ||
  value instanceof CelUint;

/** `x in [constants]`: false for none of them, whatever x is. */
const lowerMembership = ({ args, overloads, offset }: Call): Ir | undefined => {
  const [needle, haystack] = args;
  if (overloads.length !== 1 || overloads[0]?.id !== 'in_list' || needle === undefined || haystack?.kind !== 'constant') return undefined;
  if (!isList(haystack.value)) return undefined;
  if (haystack.value.length === 0) return { kind: 'constant', offset, value: false };
  return haystack.value.every(isPlain) ? { kind: 'membership', offset, needle, values: haystack.value, overloads } : undefined;
};

/** Calls that have a form of their own: they look at their arguments only when needed, or can be prepared. */
const special = (scope: Scope, call: Call): Ir | undefined => {
  const { name, args, offset, cost } = call;
  const [first, second] = args;
  if (name === 'find' || name === 'findAll') return lowerFind(scope, call);
  if (first === undefined || second === undefined || args.length !== 2) return undefined;
  if (name === 'or' || name === 'orValue') return { kind: 'alternative', offset, unwrap: name === 'orValue', option: first, other: second };
  if (name === '@in') return lowerMembership(call);
  if (name !== 'matches' || second.kind !== 'constant' || typeof second.value !== 'string') return undefined;
  const pattern = compilePattern(second.value);
  if (typeof pattern === 'string') return report(scope, second.offset, `program instantiation failed: ${pattern}`);
  return { kind: 'match', offset, text: first, pattern, source: second.value, cost };
};

/** Conversions of constants are made when the expression is compiled, as cel-go's optimizer does. */
const CONVERSIONS = new Set(['bool', 'bytes', 'double', 'duration', 'dyn', 'int', 'string', 'timestamp', 'type', 'uint']);

/** Runs a node whose parts are constants; its error refuses the expression where the API server's compiler would. */
const fold = (scope: Scope, ir: Call): Ir => {
  if (!CONVERSIONS.has(ir.name) || ir.args.length !== 1 || !ir.args.every((arg) => arg.kind === 'constant')) return ir;
  const evaluation = new Evaluation({}, 1_000_000);
  const value = buildProgram(ir, undefined)(evaluation);
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
  const value = buildProgram(ir, undefined)(new Evaluation({}, 1_000_000));
  return value === undefined ? ir : { kind: 'constant', offset: ir.offset, value };
};

const OPERATORS = new Map<string, 'and' | 'or'>([
  ['_&&_', 'and'],
  ['_||_', 'or'],
]);

/** How cel-go's planner calls a constant that can be no key; undefined = it can. */
const unfitKey = (key: Value): string | undefined => (isPlain(key) ? undefined : goTypeOf(key));

const lowerOperator = (scope: Scope, expr: ast.Call, steps: number): Ir => {
  const { offset } = expr;
  const logical = OPERATORS.get(expr.name);
  if (logical !== undefined) return { kind: logical, offset, operands: expr.args.map((arg) => lower(scope, arg, 1)) };
  const [first, second, third] = expr.args;
  if (expr.name === '_?_:_' && first !== undefined && second !== undefined && third !== undefined)
    return { kind: 'conditional', offset, condition: lower(scope, first, 1), yes: lowerPart(scope, second), no: lowerPart(scope, third) };
  if (!INDEXES.has(expr.name) || first === undefined || second === undefined) return lowerCall(scope, expr);
  const index = lowerPart(scope, second);
  const goType = index.kind === 'constant' ? unfitKey(index.value) : undefined;
  if (goType !== undefined) return report(scope, second.offset, `program instantiation failed: invalid qualifier type: ${goType}`);
  return { kind: 'index', offset, operand: lowerOperand(scope, first, steps), index, optional: expr.name === '_[?_]' };
};

type Inner = { readonly inner: Scope; readonly slots: readonly number[] };

const withSlots = (scope: Scope, names: readonly string[], lazy = false): Inner => {
  const slots = names.map((_name, index) => scope.depth + index);
  const known = names.map((name, index) => [name, { slot: slots[index] ?? 0, lazy }] as const);
  return { inner: { ...scope, slots: new Map([...scope.slots, ...known]), depth: scope.depth + names.length }, slots };
};

const lowerComprehension = (scope: Scope, expr: ast.Comprehension): Ir => {
  const range = lower(scope, expr.range, 1);
  const { inner, slots } = withSlots(scope, expr.second === undefined ? [expr.variable] : [expr.variable, expr.second]);
  return {
    kind: 'fold',
    offset: expr.offset,
    macro: expr.macro,
    range,
    slot: slots[0] ?? 0,
    secondSlot: slots[1],
    filter: expr.filter === undefined ? undefined : lower(inner, expr.filter, 1),
    body: lower(inner, expr.body, 1),
  };
};

const lowerOptMap = (scope: Scope, expr: ast.OptMap): Ir => {
  const target = lower(scope, expr.target, 1);
  const { inner, slots } = withSlots(scope, [expr.variable], true);
  return { kind: 'optMap', offset: expr.offset, flat: expr.flat, target, slot: slots[0] ?? 0, body: lower(inner, expr.body, 1) };
};

/** `list.sortBy(v, key)`, which the parser writes with optionals; cel-go binds the list by a loop that costs nothing. */
const lowerSorted = (scope: Scope, expr: ast.Call): Ir | undefined => {
  const { target: whole } = expr;
  if (whole?.kind !== 'optMap' || whole.variable !== SORTED || whole.target.kind !== 'call') return undefined;
  const [list] = whole.target.args;
  if (list === undefined) return undefined;
  const target = lower(scope, list, 1);
  const { inner, slots } = withSlots(scope, [SORTED]);
  const body = lower(inner, whole.body, 1);
  return body.kind === 'call' ? { kind: 'bind', offset: expr.offset, target, slot: slots[0] ?? 0, body } : undefined;
};

/** `steps`: what an attribute costs as such here, 1 or 0. */
const lower = (scope: Scope, expr: ast.Expr, steps: number): Ir => {
  switch (expr.kind) {
    case 'literal':
      return { kind: 'constant', offset: expr.offset, value: expr.value };
    case 'ident':
      return lowerIdent(scope, expr, steps);
    case 'select':
      return lowerSelect(scope, expr, steps);
    case 'call':
      return lowerOperator(scope, expr, steps);
    case 'list': {
      const elements = expr.elements.map(({ optional, value }) => ({ optional, value: lower(scope, value, 1) }));
      return foldLiteral({ kind: 'list', offset: expr.offset, elements });
    }
    case 'map': {
      const entries = expr.entries.map(({ optional, key, value, offset }) => ({
        optional,
        key: lower(scope, key, 1),
        value: lower(scope, value, 1),
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
  const scope: Scope = { input, issues: [], references: new Set(), slots: new Map(), depth: 0 };
  const ir = lower(scope, expr, 1);
  return { ir, issues: scope.issues, references: scope.references };
};
