// SPDX-License-Identifier: Apache-2.0
// writ usage: what the ledger holds, each command in the folder `usage/`.
import { Command } from 'commander';
import type { Terminal } from './output.ts';
import { reportCommand } from './usage/report.ts';
import { verifyCommand } from './usage/verify.ts';

const HELP = `
The ledger is what --ledger of the operator names: its file (a copy of it, or the live one), or the URL of PostgreSQL in WRIT_LEDGER.
Nothing is ever written to it, nor beside it.

Exit codes: 0 good, 1 something was found, 2 wrong use. \`writ usage COMMAND --help\` tells more.

Examples:
  writ usage report --ledger ledger.db --month 2026-11
  writ usage verify --ledger ledger.db`;

export const usageCommand = (terminal: Terminal): Command => {
  const group = new Command('usage').description('show and verify what tenants used').helpCommand(false).addHelpText('after', HELP);
  for (const make of [reportCommand, verifyCommand]) group.addCommand(make(terminal));
  return group;
};
