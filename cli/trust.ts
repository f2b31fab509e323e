// SPDX-License-Identifier: Apache-2.0
// writ trust: the commands around trust.yaml, each in the folder `trust/`.
import { Command } from 'commander';
import type { Terminal } from './output.ts';
import { addCommand, initCommand, rotateCommand } from './trust/change.ts';
import { checkCommand, showCommand } from './trust/inspect.ts';

const HELP = `
Exit codes: 0 good, 1 something was found or refused, 2 wrong use. \`writ trust COMMAND --help\` tells more.

Examples:
  writ trust init --key alice=alice.pub --key bob=bob.pub
  writ trust rotate --principal alice --key alice-2027.pub
  writ trust check --trust-digest sha256:2c26…`;

export const trustCommand = (terminal: Terminal): Command => {
  const group = new Command('trust').description('make and hand on the trust policy').helpCommand(false).addHelpText('after', HELP);
  for (const make of [initCommand, addCommand, rotateCommand, showCommand, checkCommand]) group.addCommand(make(terminal));
  return group;
};
