// SPDX-License-Identifier: Apache-2.0
import { runProgram } from '../process/program.ts';
import { PROGRAM, readConfig } from './config.ts';
import { runOperator } from './wiring.ts';

await runProgram({ program: PROGRAM, readConfig, run: runOperator });
