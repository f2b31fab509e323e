// SPDX-License-Identifier: Apache-2.0
// For tests: runs a command within this process, where it must speak to a server of the test.
import { CommanderError } from 'commander';
import { systemClock } from '../process/clock.ts';
import type { Clock } from '../process/clock.ts';
import { createProgram, withHelp } from './commands.ts';
import { UsageError, UserError } from './output.ts';
import type { Terminal } from './output.ts';
import type { Ran } from './spawn-writ.ts';

const nothing = async function* (): AsyncGenerator<string> {};

export const runInProcess = async (
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  clock: Clock = systemClock,
): Promise<Ran> => {
  let [out, err, code] = ['', '', 0];
  const terminal: Terminal = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    input: nothing(),
    env,
    clock,
    exit: (given) => void (code = Math.max(code, given)),
  };
  try {
    await (await createProgram(terminal, withHelp(argv))).parseAsync([...withHelp(argv)], { from: 'user' });
  } catch (error) {
    if (!(error instanceof UserError || error instanceof UsageError || error instanceof CommanderError)) throw error;
    err += error.message;
    code = error instanceof UserError ? error.exitCode : 2;
  }
  return { code, out, err };
};
