// SPDX-License-Identifier: Apache-2.0
// The operator process: flags → operator → until SIGTERM.
import { runProgram } from '../process/program.ts';
import { PROGRAM, readConfig } from './config.ts';
import { runOperator } from './wiring.ts';

/** `workerFile`: what a worker thread runs. */
export const startProgram = (workerFile: URL): Promise<void> =>
  runProgram({ program: PROGRAM, readConfig, run: (config, life) => runOperator(config, { ...life, workerFile }) });
