// SPDX-License-Identifier: Apache-2.0
/**
 * What a user is told when something is refused (law 9: a code, a place and a fix).
 *
 * In: nothing. Out: the `Problem` value that travels from the place that found it to a condition, an event, a log line,
 * an admission answer or the command line. Anyone may import it. The catalogue of codes is `problem-codes/`.
 */
import { problemCodes } from './problem-codes/index.ts';
import type { ProblemCode } from './problem-codes/index.ts';

export type { ProblemCode } from './problem-codes/index.ts';

/** A place in a file of a repository; line and column count from 1, column in UTF-16 units as editors show it. */
export type SourcePosition = { readonly file: string; readonly line: number; readonly column: number };

export type Problem = {
  readonly code: ProblemCode;
  readonly message: string;
  /** What to do about it; by default the catalogue's general fix for the code. */
  readonly hint?: string;
  readonly at?: SourcePosition;
  /** A field path such as `spec.validations[0].expression`. */
  readonly path?: string;
};

/** Where a problem of a whole file stands, so that every message leads to a place. */
export const startOf = (file: string): SourcePosition => ({ file, line: 1, column: 1 });

/** The outcome of a step that can refuse its input. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** `file:line:column: CODE: message (fix)`, the one way that a problem is printed on a line. */
export const formatProblem = (problem: Problem): string => {
  const place = problem.at === undefined ? '' : `${problem.at.file}:${problem.at.line}:${problem.at.column}: `;
  const path = problem.path === undefined ? '' : `${problem.path}: `;
  const fix = problem.hint ?? problemCodes[problem.code].fix;
  return `${place}${problem.code}: ${path}${problem.message} (${fix})`;
};
