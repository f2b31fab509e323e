// SPDX-License-Identifier: Apache-2.0
// One expression of a policy to one program or its problems. Policies of a set share many expressions, and a set is
// compiled anew at each change, so programs, and what is wrong with those that are none, are kept by what they were compiled from.
import { compileInSteps, createSharing } from '../cel/index.ts';
import type { Program, ResultType, Steps } from '../cel/index.ts';
import type { Problem, SourcePosition } from '../problem.ts';
import { signatureOf } from './declarations.ts';
import type { Declarations } from './declarations.ts';

export type FieldPath = readonly (string | number)[];
export type PositionOf = (path: FieldPath) => SourcePosition;

export type Expression = {
  readonly source: string;
  readonly path: FieldPath;
  readonly declarations: Declarations;
  readonly result: ResultType;
};

export const pathText = (path: FieldPath): string =>
  path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');

/** `line:column` within the expression leads to the place within the file only for a plain one-line scalar, so it is told in the text. */
export const problemAt = (
  code: Problem['code'],
  message: string,
  place: { readonly path: FieldPath; readonly positionOf: PositionOf | undefined },
): Problem => {
  const at = place.positionOf?.(place.path);
  return { code, message, path: pathText(place.path), ...(at === undefined ? {} : { at }) };
};

/** What is longer has hardly anything in common with others, and to look for it takes as long as to compile it. */
const SHARED_AT_MOST = 4_000;

type Outcome = { readonly program: Program } | { readonly messages: readonly string[] };

const MAX_KEPT = 20_000;
const kept = new Map<string, Outcome>();
/** Of all that a decision gives to its policies these are the same for each, from the first match condition to the last message. */
const sharing = createSharing(['object', 'oldObject', 'request', 'workload', 'agent', 'tenant']);

const compiled = function* (expression: Expression): Steps<Outcome> {
  const { source, result, declarations } = expression;
  const key = JSON.stringify([source, result, signatureOf(declarations)]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const options = { variables: declarations, result };
  const outcome = yield* compileInSteps(source, source.length > SHARED_AT_MOST ? options : { ...options, sharing });
  const made: Outcome = outcome.ok
    ? { program: outcome.program }
    : { messages: outcome.issues.map(({ message, line, column }) => `${line}:${column}: ${message}`) };
  const oldest = kept.size >= MAX_KEPT ? kept.keys().next().value : undefined;
  if (oldest !== undefined) kept.delete(oldest);
  kept.set(key, made);
  return made;
};

/** Adds what is wrong to `problems`. */
export const compileExpression = function* (
  expression: Expression,
  { positionOf, problems }: { readonly positionOf: PositionOf | undefined; readonly problems: Problem[] },
): Steps<Program | undefined> {
  const place = { path: expression.path, positionOf };
  const outcome = yield* compiled(expression);
  yield;
  if ('messages' in outcome) {
    for (const message of outcome.messages) problems.push(problemAt('POLICY_EXPRESSION', message, place));
    return undefined;
  }
  return outcome.program;
};
