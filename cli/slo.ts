// SPDX-License-Identifier: Apache-2.0
// writ slo: what tenants were promised and got, each command in the folder `slo/`.
import { Command } from 'commander';
import type { Terminal } from './output.ts';
import { statementCommand } from './slo/statement.ts';
import { statusCommand } from './slo/status.ts';
import { verifyCommand } from './slo/verify.ts';

const HELP = `
Good and valid answers are in the ledger by the minute, as Writ's webhook counted them. A minute keeps a promise where the promised share of
its answers was good, or where it is known that nobody asked. A minute of which nothing is known never does.

Exit codes: 0 good, 1 something was found or refused, 2 wrong use. \`writ slo COMMAND --help\` tells more.

Examples:
  writ slo status --ledger ledger.db
  writ slo statement --prices prices.yaml --trust trust.yaml --subscription acme.yaml --ledger ledger.db --month 2026-10`;

export const sloCommand = (terminal: Terminal): Command => {
  const group = new Command('slo')
    .description('show error budgets, and state what was promised and kept')
    .helpCommand(false)
    .addHelpText('after', HELP);
  for (const make of [statusCommand, statementCommand, verifyCommand]) group.addCommand(make(terminal));
  return group;
};
