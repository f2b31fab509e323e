// SPDX-License-Identifier: Apache-2.0
// writ bill preview: what the next invoice says, or would say if the month ended now.
import { Command } from 'commander';
import { invoiceText } from '../../operator/billing/rating/invoice.ts';
import type { Format, Terminal } from '../output.ts';
import { looseText } from '../usage/loose-ends.ts';
import { billOf, refuseTwoSources } from './inputs.ts';
import type { BillOptions } from './inputs.ts';
import { invoiceTable } from './invoice-table.ts';
import { addBillOptions, addMomentOption } from './options.ts';

const HELP = `
Nothing is written. With --output json the very bytes are printed that \`writ bill close\` would sign; what the invoice before left is known by --invoices alone. Told on standard error is what keeps
it from signing them: that statements given by --statement are signed by nobody who is named, that the month is not frozen, that the ledger knows nothing of the tenant or the month, or that no --trust says whose seal the prices must bear.

Examples:
  writ bill preview --prices prices.yaml --trust trust.yaml --subscription acme.yaml --ledger ledger.db
  writ bill preview --prices prices/*.yaml --trust trust.yaml --subscription acme.yaml --statement november.json --at 2026-12-01T00:00:00Z`;

export const previewCommand = (terminal: Terminal): Command =>
  addMomentOption(addBillOptions(new Command('preview').description('show an invoice with its lines')))
    .option(
      '--invoices <folder>',
      'where `writ bill close` keeps invoices: what those before say is told, and refunds are held against them',
    )
    .addHelpText('after', HELP)
    .action(async (options: BillOptions & { readonly output: Format }) => {
      refuseTwoSources(options);
      const { invoice, unsure } = await billOf(options, terminal);
      if (unsure !== undefined) {
        const why = unsure.code === 'BILL_MONTH_OPEN' ? 'the month is still open, ' : '';
        terminal.err(`${why}\`writ bill close\` refuses it: ${unsure.message}\n`);
      }
      if (options.statement === undefined) terminal.err(await looseText(options.ledger, invoice.tenant, terminal));
      terminal.out(options.output === 'json' ? invoiceText(invoice) : invoiceTable(invoice));
    });
