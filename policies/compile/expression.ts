// SPDX-License-Identifier: Apache-2.0
// One expression of a policy to one program or its problems. Policies of a set share many expressions, and a set is
// compiled anew at each change, so programs, and what is wrong with those that are none, are kept by what they were compiled from.
import { Buffer } from 'node:buffer';
import { compileInSteps, createSharing } from '../cel/index.ts';
import type { Issue, Program, ResultType } from '../cel/index.ts';
import type { Steps } from '../steps.ts';
import type { Problem, SourcePosition } from '../problem.ts';
import { signatureOf } from './declarations.ts';
import type { Declarations } from './declarations.ts';
import { createKept } from './kept.ts';

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

/** In UTF-16 units, of sources and of what was wrong with them: thousands of usual expressions, or the policies of 50 that are as long as may be. */
const MOST_KEPT = 1_000_000;
const kept = createKept<Outcome>(MOST_KEPT);
/** Of all that a decision gives to its policies these are the same for each, from the first match condition to the last message. */
const sharing = createSharing(['object', 'oldObject', 'request', 'workload', 'agent', 'tenant']);

/** One expression may be wrong in hundreds of places, and each time name a type as long as itself many times over. */
const MOST_MESSAGES = 10;
const MOST_MESSAGE = 300;

/** A part of a text holds on to all of it, so this is a copy. */
const shortened = (text: string): string =>
  text.length <= MOST_MESSAGE ? text : Buffer.from(`${text.slice(0, MOST_MESSAGE)}…`).toString();

const messagesOf = (issues: readonly Issue[]): readonly string[] => {
  const told = issues.slice(0, MOST_MESSAGES).map(({ message, line, column }) => `${line}:${column}: ${shortened(message)}`);
  return issues.length <= MOST_MESSAGES ? told : [...told, `and ${issues.length - MOST_MESSAGES} more of the same expression`];
};

const compiled = function* (expression: Expression): Steps<Outcome> {
  const { source, result, declarations } = expression;
  const key = JSON.stringify([source, result, signatureOf(declarations)]);
  const known = kept.recall(key);
  if (known !== undefined) return known;
  const options = { variables: declarations, result };
  const outcome = yield* compileInSteps(source, source.length > SHARED_AT_MOST ? options : { ...options, sharing });
  const made: Outcome = outcome.ok ? { program: outcome.program } : { messages: messagesOf(outcome.issues) };
  const told = 'messages' in made ? made.messages.reduce((sum, message) => sum + message.length, 0) : 0;
  kept.keep(key, made, key.length + told);
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
