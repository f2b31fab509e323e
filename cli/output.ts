// SPDX-License-Identifier: Apache-2.0
/**
 * How every command speaks: its terminal, its exit codes, and problems as text or JSON.
 *
 * In: what a command found. Out: lines on standard output (results) and standard error (problems and notes), and the exit
 * code. Imported by the commands of this folder only. A command that cannot go on throws a `UserError`; `main.ts` prints
 * it without a stack.
 */
import { formatProblem } from '../policies/problem.ts';
import type { Problem } from '../policies/problem.ts';
import { problemCodes } from '../policies/problem-codes/index.ts';
import type { Clock } from '../process/clock.ts';

/** Something was found, or refused. */
export const EXIT_FINDINGS = 1;
/** The command was called wrongly. */
export const EXIT_USAGE = 2;

export type Terminal = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly input: AsyncIterable<Uint8Array | string>;
  /** Asks the person for a password; absent where nobody sits before the terminal. */
  readonly askSecret?: (question: string) => Promise<string | undefined>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** The code with which the process ends; the highest given counts. */
  readonly exit: (code: number) => void;
};

export class UserError extends Error {
  readonly problems: readonly Problem[];
  readonly exitCode: number;

  constructor(problems: readonly Problem[], exitCode: number = EXIT_FINDINGS) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
    this.exitCode = exitCode;
  }
}

/** Wrong use of a command, told in one sentence. */
export class UsageError extends Error {}

export type Format = 'text' | 'json';

/** The shape of a problem in every JSON output. */
export const problemRow = (problem: Problem): object => ({
  code: problem.code,
  message: problem.message,
  fix: problem.hint ?? problemCodes[problem.code].fix,
  ...(problem.path === undefined ? {} : { path: problem.path }),
  ...(problem.at === undefined ? {} : { file: problem.at.file, line: problem.at.line, column: problem.at.column }),
});

export const printJson = (terminal: Terminal, value: unknown): void => terminal.out(`${JSON.stringify(value, null, 2)}\n`);

export const printProblems = (terminal: Terminal, problems: readonly Problem[]): void => {
  for (const problem of problems) terminal.err(`${formatProblem(problem)}\n`);
};

export const printWarnings = (terminal: Terminal, warnings: readonly Problem[]): void => {
  for (const warning of warnings) terminal.err(`warning: ${formatProblem(warning)}\n`);
};

export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
