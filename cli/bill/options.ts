// SPDX-License-Identifier: Apache-2.0
// The options by which `preview`, `close` and `reconcile` are told what to rate, and the first two when.
import { Option } from 'commander';
import type { Command } from 'commander';

export const addBillOptions = (command: Command): Command =>
  command
    .requiredOption('--prices <files...>', 'price books, every version that a running cycle began with')
    .requiredOption('--subscription <file>', 'what the tenant has ordered, and adjustments')
    .option('--subscription-key <files...>', 'public keys each of which must have signed that file, PEM')
    .option('--statement <files...>', 'statements of use, as the operator signs them, or `writ usage report --output json` prints them')
    .option('--statement-key <file>', 'public key that must have signed them, PEM; without it they are good for `preview` alone')
    .option('--ledger <file>', 'take them from the ledger instead; default: WRIT_LEDGER')
    .option('--sla <files...>', 'SLA statements whose credits count, as `writ slo statement` writes them; it needs --sla-key')
    .option('--sla-key <file>', 'public key that must have signed them, PEM')
    .option('--trust <file>', 'the trust policy by which the seals of the prices must count')
    .option('--trust-digest <digest>', 'digest that the trust policy must have, sha256:…')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'));

export const addMomentOption = (command: Command): Command =>
  command.option('--at <time>', 'the moment at which the invoice falls due; default: the next after now');
