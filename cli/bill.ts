// SPDX-License-Identifier: Apache-2.0
// writ bill: from prices and use to invoices, each command in the folder `bill/`.
import { Command } from 'commander';
import { closeCommand } from './bill/close.ts';
import { previewCommand } from './bill/preview.ts';
import { reconcileCommand } from './bill/reconcile.ts';
import type { Terminal } from './output.ts';

const HELP = `
Prices are sealed documents of kind PriceBook. What a tenant has ordered stands in a file:

  tenant: acme
  changes:
  - {at: "2026-11-01T00:00:00Z", tier: Starter, cycle: Monthly}
  - {at: "2026-11-16T00:00:00Z", tier: Professional, cycle: Monthly}
  adjustments:
  - {id: late-1, kind: Credit, amount: "25.00", reason: late answer, requester: ann, approver: bob, at: "2026-11-20T00:00:00Z"}

Exit codes: 0 good, 1 something was found or refused, 2 wrong use. \`writ bill COMMAND --help\` tells more.

Examples:
  writ bill preview --prices prices.yaml --trust trust.yaml --subscription acme.yaml --ledger ledger.db`;

export const billCommand = (terminal: Terminal): Command => {
  const group = new Command('bill')
    .description('rate use by price books, close invoices and check them')
    .helpCommand(false)
    .addHelpText('after', HELP);
  for (const make of [previewCommand, closeCommand, reconcileCommand]) group.addCommand(make(terminal));
  return group;
};
