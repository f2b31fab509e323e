// SPDX-License-Identifier: Apache-2.0
import type { Environment } from '../functions/environment.ts';
import type { Overload } from '../functions/table.ts';
import type * as ast from '../syntax/ast.ts';
import { issueAt } from '../syntax/issue.ts';
import type { Issue } from '../syntax/issue.ts';
import { SORTED } from '../syntax/macros.ts';
import { BOOL, ERROR } from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { checkedText, signatureText } from './checked-text.ts';
import { mostSteps, typeNames } from './names.ts';
import { Substitution } from './substitution.ts';

/**
 * A call as its types bind it: the function (its name has dots if it is one of a namespace), the overloads that fit, and all of them:
 * a static type may promise more than its value keeps (`[1] + self.l`).
 */
export type BoundCall = {
  readonly name: string;
  readonly namespaced: boolean;
  readonly overloads: readonly Overload[];
  readonly all: readonly Overload[];
};

/**
 * How strict: as Kubernetes is; as cel-go is by itself, which lets literals mix types; or with names only, where everything has
 * the type dyn.
 */
export type Dialect = 'kubernetes' | 'standard' | 'unchecked';

/** The state of checking one expression. */
export type Checking = {
  readonly source: string;
  readonly dialect: Dialect;
  readonly environment: Environment;
  readonly variables: ReadonlyMap<string, Type>;
  /** Selects in the longest name of a variable, a type or a function. */
  readonly nameSteps: number;
  readonly substitution: Substitution;
  readonly issues: Issue[];
  /** As found; parameters in them may become known later. */
  readonly types: Map<ast.Expr, Type>;
  /** Names (with dots) that stand for a variable of the caller or a type. */
  readonly names: Map<ast.Expr, string>;
  readonly calls: Map<ast.Expr, BoundCall>;
  /** What was done when it was put aside last. */
  rested: number;
};

/** In steps over types: what a node takes besides these, and about a millisecond of both. */
const NODE_WORK = 100;
const WORK_A_STEP = 25_000;

/** Whether so much was done since it last said so that others are to have their turn. */
export const isDue = (checking: Checking): boolean => {
  const done = checking.types.size * NODE_WORK + checking.substitution.spent;
  if (done - checking.rested < WORK_A_STEP) return false;
  checking.rested = done;
  return true;
};

/** Types of the macro variables that are visible at some place. */
export type Scope = ReadonlyMap<string, Type>;

/** cel-go tells no more than these of one expression. */
const MAX_ISSUES = 100;

export type CheckInput = Pick<Checking, 'source' | 'dialect' | 'environment' | 'variables'>;

const libraryNames = new WeakMap<Environment, number>();

const libraryNameSteps = (environment: Environment): number => {
  const known = libraryNames.get(environment);
  if (known !== undefined) return known;
  const steps = mostSteps([...typeNames.keys(), ...environment.types.keys(), ...environment.functions.keys()]);
  libraryNames.set(environment, steps);
  return steps;
};

export const startChecking = (given: CheckInput): Checking => ({
  ...given,
  nameSteps: Math.max(mostSteps(given.variables.keys()), libraryNameSteps(given.environment)),
  substitution: new Substitution(),
  issues: [],
  types: new Map(),
  names: new Map(),
  calls: new Map(),
  rested: 0,
});

/** Notes what is wrong; the type of what is wrong fits everywhere. */
export const report = (checking: Checking, offset: number, message: string): Type => {
  if (checking.issues.length < MAX_ISSUES) checking.issues.push(issueAt(checking.source, offset, message));
  return ERROR;
};

/** The macro copies what stands before `.optMap(…)`, so whatever is wrong with it is told twice; `sortBy` only looks like one. */
export const repeatIssues = (checking: Checking, { variable }: ast.OptMap, before: number): void => {
  if (variable === SORTED) return;
  for (const issue of checking.issues.slice(before)) report(checking, issue.offset, issue.message);
};

export const reportUndeclared = (checking: Checking, offset: number, name: string): Type =>
  report(checking, offset, `undeclared reference to '${name}' (in container '')`);

export const reportMismatch = (checking: Checking, offset: number, expected: Type, found: Type): Type =>
  report(checking, offset, `expected type '${checkedText(expected)}' but found '${checkedText(found)}'`);

/** Operands of `&&` and `||` are told about one by one. */
export const expectBool = (checking: Checking, expr: ast.Expr, type: Type): boolean => {
  if (checking.substitution.isAssignable(type, BOOL)) return true;
  reportMismatch(checking, expr.offset, BOOL, type);
  return false;
};

export type Application = { readonly name: string; readonly args: readonly Type[]; readonly member: boolean; readonly offset: number };

export const reportNoOverload = (checking: Checking, { name, args, member, offset }: Application): Type => {
  const given = args.map((type) => checking.substitution.apply(type, true));
  return report(checking, offset, `found no matching overload for '${name}' applied to '${signatureText(given, member)}'`);
};
