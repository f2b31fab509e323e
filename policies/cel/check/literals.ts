// SPDX-License-Identifier: Apache-2.0
import { compilePattern } from '../functions/pattern.ts';
import type * as ast from '../syntax/ast.ts';
import { childrenOf } from '../syntax/ast.ts';
import type { Type } from '../types/type.ts';
import { NANOS_PER_SECOND, parseDuration, parseTimestamp, timestampOf } from '../values/time.ts';
import { isInt } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { repeatIssues, report, reportMismatch } from './checking.ts';
import type { Checking } from './checking.ts';
import { validateFormat } from './format-clauses.ts';
import { isEquivalent } from './type-relations.ts';

/**
 * What Kubernetes demands of literals in an expression whose types hold: lists and maps of one type each (dyn is a type of its own
 * here), and durations, timestamps, patterns and format texts that are some.
 */

const finalType = (checking: Checking, expr: ast.Expr): Type | undefined => {
  const type = checking.types.get(expr);
  return type === undefined ? undefined : checking.substitution.settled(type);
};

/** The type of an item; of one that may be missing the type that it then has. */
const itemType = (checking: Checking, item: { readonly optional: boolean; readonly value: ast.Expr }): Type | undefined => {
  const type = finalType(checking, item.value);
  return item.optional && type?.kind === 'optional' ? type.element : type;
};

const validateList = (checking: Checking, expr: ast.ListExpr): void => {
  let first: Type | undefined;
  for (const item of expr.elements) {
    const type = itemType(checking, item);
    if (type === undefined) continue;
    if (first !== undefined && !isEquivalent(first, type)) {
      reportMismatch(checking, item.value.offset, first, type);
      return;
    }
    first ??= type;
  }
};

const validateMap = (checking: Checking, expr: ast.MapExpr): void => {
  let first: { readonly key: Type; readonly value: Type } | undefined;
  for (const entry of expr.entries) {
    const [key, value] = [finalType(checking, entry.key), itemType(checking, entry)];
    if (key === undefined || value === undefined) continue;
    first ??= { key, value };
    if (!isEquivalent(first.key, key)) reportMismatch(checking, entry.key.offset, first.key, key);
    if (!isEquivalent(first.value, value)) reportMismatch(checking, entry.value.offset, first.value, value);
  }
};

/** Functions that read a literal, and whether they would take it. cel-go looks at the first argument besides a target. */
const readers: ReadonlyMap<string, (literal: Value) => boolean> = new Map([
  ['duration', (literal: Value) => typeof literal === 'string' && parseDuration(literal) !== undefined],
  [
    'timestamp',
    (literal: Value) =>
      typeof literal === 'string'
        ? parseTimestamp(literal) !== undefined
        : isInt(literal) && timestampOf(BigInt(literal) * NANOS_PER_SECOND) !== undefined,
  ],
  ['matches', (literal: Value) => typeof literal !== 'string' || typeof compilePattern(literal) !== 'string'],
]);

const validateCall = (checking: Checking, expr: ast.Call): void => {
  const [argument] = expr.args;
  const reads = readers.get(expr.name);
  if (reads !== undefined && checking.environment.checksLiterals && argument?.kind === 'literal' && !reads(argument.value))
    report(checking, argument.offset, `invalid ${expr.name} argument`);
  const { target } = expr;
  if (expr.name !== 'format' || target?.kind !== 'literal' || typeof target.value !== 'string' || argument?.kind !== 'list') return;
  const problem = validateFormat(target.value, argument, (part) => finalType(checking, part));
  if (problem !== undefined) report(checking, problem.at?.offset ?? expr.offset, problem.message);
};

/** Reports literals that the API server would refuse. */
export const validateLiterals = (checking: Checking, root: ast.Expr): void => {
  const visit = (expr: ast.Expr, formatted: boolean, validate: (expr: ast.Expr, formatted: boolean) => void): void => {
    const within = formatted || (expr.kind === 'call' && expr.name === 'format');
    for (const child of childrenOf(expr)) {
      const before = checking.issues.length;
      visit(child, within, validate);
      if (expr.kind === 'optMap' && child === expr.target) repeatIssues(checking, expr, before);
    }
    validate(expr, formatted);
  };
  // cel-go's validators go over the whole expression one after the other, which shows where two issues stand at one place.
  visit(root, false, (expr, formatted) => {
    if (expr.kind === 'list' && !formatted) validateList(checking, expr);
    if (expr.kind === 'map' && !formatted) validateMap(checking, expr);
  });
  visit(root, false, (expr) => {
    if (expr.kind === 'call') validateCall(checking, expr);
  });
};
