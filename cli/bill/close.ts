// SPDX-License-Identifier: Apache-2.0
// writ bill close: an invoice as a file under a signature, once. Whoever bills elsewhere takes it from there; whoever doubts it checks
// the signature with cosign or `writ verify-bundle`, and reckons it again with `writ bill reconcile`.
import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { invoiceText, textDigest } from '../../operator/billing/rating/invoice.ts';
import { formatMoney } from '../../policies/pricing/money.ts';
import { readText } from '../files.ts';
import { UserError, printJson } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { readPrivateKey } from '../private-key.ts';
import { signatureFault } from '../signed-by.ts';
import { bundlePath, writeSigned } from '../signed-file.ts';
import { keySigner } from '../signing/signer.ts';
import { invoicePath, refuseOutOfOrder } from './kept.ts';
import { billOf, refuseTwoSources } from './inputs.ts';
import type { BillOptions } from './inputs.ts';
import { addBillOptions, addMomentOption } from './options.ts';

const HELP = `
FOLDER/TENANT/2026-12-01T00.json is the invoice, and beside it is its signature, a Sigstore bundle. An invoice that is there
already is never written again: closing twice gives the same bytes, or is refused. Refused too is a signature that is there and is not
by the key, a month that the ledger has not frozen, which it does two days after the month's end, a statement that was made before
that, a tenant or a month of which the ledger knows nothing, a --statement that --statement-key did not sign, refunds of more than an invoice in FOLDER came to, prices without --trust, and an invoice that would bring or leave a credit where a later one was closed already: what one leaves over the next one in FOLDER brings. A signature that is missing is made.

Exit codes: 0 closed, now or before, 1 refused, 2 wrong use.

Examples:
  writ bill close --prices prices.yaml --trust trust.yaml --subscription acme.yaml --ledger ledger.db \\
    --at 2026-12-01T00:00:00Z --key billing.key --out invoices
  cosign verify-blob --key billing.pub --bundle invoices/acme/2026-12-01T00.json.sigstore.json invoices/acme/2026-12-01T00.json`;

type Options = BillOptions & { readonly out: string; readonly key: string; readonly output: Format };

const close = async (options: Options, terminal: Terminal): Promise<void> => {
  refuseTwoSources(options);
  if (options.trust === undefined)
    throw new UserError([{ code: 'BILL_PRICES_UNCHECKED', message: 'no --trust says whose seal the prices must bear' }]);
  const { invoice, before, unsure } = await billOf({ ...options, invoices: options.out }, terminal);
  if (unsure !== undefined) throw new UserError([unsure]);
  if (Date.parse(invoice.at) > terminal.clock.now())
    throw new UserError([{ code: 'BILL_MONTH_OPEN', message: `what falls due at ${invoice.at} is not due yet` }]);
  const text = invoiceText(invoice);
  const path = invoicePath(options.out, invoice);
  const key = await readPrivateKey(options.key, terminal);
  const isThere = existsSync(path);
  if (isThere && readText(path) !== text)
    throw new UserError([
      { code: 'BILL_CLOSED', message: `${path} says something else: ${textDigest(readText(path))}, now ${textDigest(text)}` },
    ]);
  const fault = isThere && existsSync(bundlePath(path)) ? signatureFault(path, createPublicKey(key)) : undefined;
  // Nothing is carried that the key does not answer for.
  const foreign = before === undefined ? undefined : signatureFault(before, createPublicKey(key));
  for (const wrong of [fault, foreign]) if (wrong !== undefined) throw new UserError([{ code: 'BILL_UNSIGNED', message: wrong }]);
  if (!isThere) refuseOutOfOrder(options.out, invoice);
  const bundle = await writeSigned({ path, text, signer: keySigner(key) });
  const told = { path, bundle, digest: textDigest(text), total: Number(invoice.total), currency: invoice.currency.code, isNew: !isThere };
  if (options.output === 'json') return printJson(terminal, told);
  terminal.out(`${path}: ${formatMoney(invoice.total, invoice.currency)}, ${told.digest}${isThere ? ', closed before' : ''}\n`);
};

export const closeCommand = (terminal: Terminal): Command =>
  addMomentOption(addBillOptions(new Command('close').description('write an invoice as a signed file, once')))
    .requiredOption('--out <folder>', 'where invoices are kept')
    .requiredOption('--key <file>', 'private key in PEM by which invoices are signed')
    .addHelpText('after', HELP)
    .action((options: Options) => close(options, terminal));
