// SPDX-License-Identifier: Apache-2.0
/**
 * One run of the command line in this process.
 *
 * In: arguments, files, standard input. Out: results on standard output, problems on standard error, and an exit code: 0
 * good, 1 something was found or refused, 2 wrong use. A person's mistake is told in words; WRIT_DEBUG=1 adds the stack.
 * The commands are in `commands.ts`; `main.ts` alone imports this one.
 */
import { CommanderError } from 'commander';
import { systemClock } from '../process/clock.ts';
import { askSecret } from './ask-secret.ts';
import { createProgram, usageExits, withHelp } from './commands.ts';
import { EXIT_FINDINGS, EXIT_USAGE, UsageError, UserError, printProblems } from './output.ts';
import type { Terminal } from './output.ts';

const report = (error: unknown, terminal: Terminal, usageExit: number): void => {
  if (error instanceof CommanderError) {
    // Commander has told it already; asking for help is no mistake.
    terminal.exit(error.exitCode === 0 ? 0 : usageExit);
    return;
  }
  if (error instanceof UserError) {
    printProblems(terminal, error.problems);
    terminal.exit(error.exitCode);
  } else if (error instanceof UsageError) {
    terminal.err(`error: ${error.message}\n`);
    terminal.exit(usageExit);
  } else {
    terminal.err(`error: ${error instanceof Error ? error.message : String(error)} (a defect of writ; WRIT_DEBUG=1 tells where)\n`);
    terminal.exit(EXIT_FINDINGS);
  }
  if (terminal.env['WRIT_DEBUG'] === '1' && error instanceof Error) terminal.err(`${error.stack ?? ''}\n`);
};

/**
 * `writ … | head` closes the pipe early: that is no error, and nobody is left to tell it to. But what is found still counts: the command
 * goes on to its end, unheard, and its code is the one that it comes to.
 */
const writerTo = (stream: NodeJS.WriteStream): Terminal['out'] => {
  let isClosed = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !isClosed) process.exit(process.exitCode || EXIT_FINDINGS);
    isClosed = true;
  });
  return (text) => {
    if (!isClosed) stream.write(text);
  };
};

export const run = async (given: readonly string[]): Promise<void> => {
  const argv = withHelp(given);
  const terminal: Terminal = {
    out: writerTo(process.stdout),
    err: writerTo(process.stderr),
    input: process.stdin,
    ...(process.stdin.isTTY ? { askSecret: (question) => askSecret(question, process.stdin, (text) => process.stderr.write(text)) } : {}),
    env: process.env,
    clock: systemClock,
    exit: (code) => {
      process.exitCode = Math.max(Number(process.exitCode ?? 0), code);
    },
  };
  try {
    const program = await createProgram(terminal, argv);
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    report(error, terminal, usageExits.get(argv[0] ?? '') ?? EXIT_USAGE);
  }
};
