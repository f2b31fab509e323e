// SPDX-License-Identifier: Apache-2.0
/**
 * The Common Expression Language as Kubernetes has it: expressions are compiled once (lexer → parser → checker → IR → closures, no code is
 * generated) and evaluated without I/O, clock or exceptions, within a budget of steps.
 *
 * In: the text of an expression and the names it may use, with their types; then values for these names, made of JSON by `parseJson` or `fromJson`, or
 * lazy structs derived from `Fields`. Out: a value, or a CelError with cel-go's words and the place in the source. This file is the
 * whole public surface; the folder depends on re2js alone and on steps.ts beside it; README.md describes both. Anyone may import it.
 */
import { finish } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { checkExpr } from './check/check.ts';
import type { Checked, Dialect } from './check/check.ts';
import { estimateChecked } from './cost/estimate.ts';
import type { CostEstimate } from './cost/estimate.ts';
import { environmentOf, NEWEST_VERSION } from './functions/environment.ts';
import { buildProgram } from './program/build.ts';
import { EFFORT_LIMIT, Evaluation } from './program/evaluation.ts';
import type { Node } from './program/evaluation.ts';
import type { Memo } from './program/memo.ts';
import { lowerExpr } from './program/lower.ts';
import type { Bindings } from './program/bindings.ts';
import type { Budget, Program } from './program/program.ts';
import type { Sharing } from './program/sharing.ts';
import type { Expr } from './syntax/ast.ts';
import { issueAt } from './syntax/issue.ts';
import type { Issue } from './syntax/issue.ts';
import { parse } from './syntax/parser.ts';
import { DYN, typeText } from './types/type.ts';
import type { Type } from './types/type.ts';
import { CelError, EFFORT_EXCEEDED } from './values/error.ts';
import type { Value } from './values/value.ts';

export { compilePattern } from './functions/pattern.ts';
export type { Pattern } from './functions/pattern.ts';
export { Authorizer, ResourceCheck } from './values/authorizer.ts';
export type { Access, AccessAnswer, AccessQuestion, AccessResource, AccessUser } from './values/authorizer.ts';
export { CelType } from './values/boxed.ts';
export { CelError, isBudgetError, isCelError, isEffortError } from './values/error.ts';
export { endOfString, parseJson } from './values/json-text.ts';
export { fromJson, toJson } from './values/json.ts';
export { trimSpace } from './values/text.ts';
export { isIdentifier } from './syntax/identifier.ts';
export { CelMap } from './values/map.ts';
export { CelDuration, CelTimestamp } from './values/time.ts';
export { CelDouble, CelOptional, CelUint, Fields, NONE } from './values/value.ts';
export type { CelInt, JsonMap, Value } from './values/value.ts';
export type { Bindings } from './program/bindings.ts';
export type { Budget, Program } from './program/program.ts';
export { createSharing } from './program/sharing.ts';
export type { Sharing } from './program/sharing.ts';
export { Memo } from './program/memo.ts';
export type { Dialect } from './check/check.ts';
export type { CostEstimate } from './cost/estimate.ts';
export type { Issue } from './syntax/issue.ts';
export * as celTypes from './types/type.ts';
export type { Type } from './types/type.ts';

/** What the expression must give; exact as Kubernetes has it (`dyn` is not `bool`). */
export type ResultType = 'bool' | 'string' | 'string-or-null' | 'any';

export type CompileOptions = {
  /** What the expression may use: names alone (their type is dyn), or with types. A name with dots is one variable. */
  readonly variables: readonly string[] | Readonly<Record<string, Type>>;
  readonly result?: ResultType;
  /** The Kubernetes minor whose functions are known, `1.36` by default. */
  readonly version?: string;
  /** `kubernetes` by default; `standard` lets lists and maps mix types, `unchecked` takes every type for dyn. */
  readonly dialect?: Dialect;
  /** Programs that share cost less memory and, in sets of many, less time; their errors tell no place (offset -1). */
  readonly sharing?: Sharing;
};

export type CompileResult = { readonly ok: true; readonly program: Program } | { readonly ok: false; readonly issues: readonly Issue[] };

type RunParts = { readonly bindings: Bindings; readonly budget: Budget; readonly memo: Memo | undefined };

const run = (root: Node, { bindings, budget, memo }: RunParts): Value | CelError => {
  const granted = Math.min(budget.effort ?? EFFORT_LIMIT, EFFORT_LIMIT);
  const evaluation =
    memo === undefined ? new Evaluation(bindings, budget.remaining, granted) : memo.take(bindings, budget.remaining, granted);
  try {
    const value = root(evaluation);
    return value === undefined ? (evaluation.error ?? new CelError('evaluation failed')) : value;
  } catch (error) {
    // The last net: a stack that data nested too deeply has used up. Nothing else here throws.
    if (error instanceof RangeError) return new CelError(EFFORT_EXCEEDED, evaluation.at, 'budget');
    throw error;
  } finally {
    memo?.giveBack(evaluation);
    budget.remaining = evaluation.remaining;
    if (budget.effort !== undefined) budget.effort -= granted - evaluation.effort;
  }
};

const isNames = (variables: CompileOptions['variables']): variables is readonly string[] => Array.isArray(variables);

const declared = (variables: CompileOptions['variables']): ReadonlyMap<string, Type> =>
  new Map(isNames(variables) ? variables.map((name) => [name, DYN]) : Object.entries(variables));

/** Why a result of this type is not what was asked for; undefined = it is. */
const refusedResult = (type: Type, wanted: ResultType): string | undefined => {
  const text = typeText(type);
  // A scalar that may be null counts as one.
  const plain = type.kind === 'wrapper' ? typeText(type.of) : text;
  if (wanted === 'any' || plain === wanted) return undefined;
  if (wanted !== 'string-or-null') return `must evaluate to ${wanted} but got ${text}`;
  return plain === 'string' || plain === 'null_type' ? undefined : `must evaluate to one of [string null_type] but got ${text}`;
};

type CheckedSource = { readonly ok: true; readonly expr: Expr; readonly checked: Checked; readonly variables: ReadonlyMap<string, Type> };

const check = function* (
  source: string,
  options: CompileOptions,
): Steps<CheckedSource | { readonly ok: false; readonly issues: readonly Issue[] }> {
  const environment = environmentOf(options.version ?? NEWEST_VERSION);
  const parsed = parse(source, environment.syntax);
  if (!parsed.ok) return parsed;
  yield;
  const variables = declared(options.variables);
  const checked = yield* checkExpr(parsed.expr, { source, variables, environment, dialect: options.dialect ?? 'kubernetes' });
  return checked.ok ? { ok: true, expr: parsed.expr, checked, variables } : checked;
};

/**
 * What Kubernetes estimates the expression to cost at least and at most, with data of unknown size; undefined if it does not compile.
 * An estimate above the budget of an expression says that data can be large enough to exceed it.
 */
export const estimateCost = (source: string, options: CompileOptions): CostEstimate | undefined => {
  const found = finish(check(source, options));
  return found.ok ? estimateChecked(found.expr, found.checked) : undefined;
};

/** `compile` in steps. Checking rests as it goes; parsing, lowering and building are one step each, however long the expression: a text of 20,000 characters may take some 10 ms in one of them. */
export const compileInSteps = function* (source: string, options: CompileOptions): Steps<CompileResult> {
  const found = yield* check(source, options);
  if (!found.ok) return found;
  const { expr, checked, variables } = found;
  const refused = refusedResult(checked.type, options.result ?? 'any');
  if (refused !== undefined) return { ok: false, issues: [issueAt(source, 0, refused)] };
  const { ir, issues, references } = lowerExpr(expr, { source, variables, checked });
  if (issues.length > 0) return { ok: false, issues: issues.toSorted((left, right) => left.offset - right.offset) };
  yield;
  const root = buildProgram(ir, options.sharing);
  const evaluate = (bindings: Bindings, budget: Budget, memo?: Memo): Value | CelError => run(root, { bindings, budget, memo });
  // Estimates are asked for by people only, so the tree is not kept for them.
  const estimate = (): CostEstimate => estimateCost(source, options) ?? { min: 0, max: 0 };
  return { ok: true, program: { source, references, type: checked.type, evaluate, estimateCost: estimate } };
};

/** Expression text → program, or everything that is wrong with it. Total. */
export const compile = (source: string, options: CompileOptions): CompileResult => finish(compileInSteps(source, options));
