// SPDX-License-Identifier: Apache-2.0
// writ bill reconcile: are invoices what prices and ledger say, and does the payment provider know all of the ledger?
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { isRecord } from '../../crds/wire.ts';
import { countStates, entriesAside } from '../../operator/billing/outbox/tables.ts';
import { STATES } from '../../operator/billing/outbox/entry.ts';
import type { Entry, State } from '../../operator/billing/outbox/entry.ts';
import { invoiceText, textDigest } from '../../operator/billing/rating/invoice.ts';
import type { Problem } from '../../policies/problem.ts';
import { startOf } from '../../policies/problem.ts';
import { readText } from '../files.ts';
import { EXIT_FINDINGS, UserError, plural, printJson, printProblems, problemRow } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { openLedger } from '../usage/open-ledger.ts';
import { billOf, readBooks, readSubscription } from './inputs.ts';
import type { BillOptions } from './inputs.ts';
import { addBillOptions } from './options.ts';

const HELP = `
Each invoice of the tenant in FOLDER is rated again from the same prices and statements, and must have the same bytes. With a ledger that
the operator reports from, told is also what the payment provider has not been told yet and what was set aside for a person:
hours that it refused, or that it counts otherwise.

Exit codes: 0 all agree, 1 something does not, 2 wrong use.

Examples:
  writ bill reconcile --invoices invoices --prices prices/*.yaml --subscription acme.yaml --ledger ledger.db`;

type Options = BillOptions & { readonly invoices: string; readonly output: Format };

const momentIn = (path: string): string | undefined => {
  try {
    const value: unknown = JSON.parse(readText(path));
    return isRecord(value) && typeof value['at'] === 'string' ? value['at'] : undefined;
  } catch (error) {
    if (error instanceof UserError) throw error;
    return undefined;
  }
};

const differs = (path: string, message: string): Problem => ({ code: 'BILL_DIFFERS', message, at: startOf(path) });

const compare = async (path: string, options: Options, terminal: Terminal): Promise<Problem | undefined> => {
  const at = momentIn(path);
  if (at === undefined) return differs(path, 'it is no invoice');
  try {
    const { invoice } = await billOf({ ...options, at }, terminal);
    const [kept, again] = [readText(path), invoiceText(invoice)];
    return kept === again ? undefined : differs(path, `it is ${textDigest(kept)}, rated again it is ${textDigest(again)}`);
  } catch (error) {
    const [problem] = error instanceof UserError ? error.problems : [];
    if (problem === undefined) throw error;
    return differs(path, `it cannot be rated again: ${problem.code}: ${problem.message}`);
  }
};

type Outbox = { readonly states: ReadonlyMap<State, number>; readonly aside: readonly Entry[] };

const readOutbox = async (options: Options, terminal: Terminal): Promise<Outbox | undefined> => {
  if (options.ledger === undefined && terminal.env['WRIT_LEDGER'] === undefined) return undefined;
  const open = await openLedger(options.ledger, terminal);
  try {
    return await open.read(async (reader) => ({ states: await countStates(reader), aside: await entriesAside(reader) }));
  } catch {
    // Nothing was ever reported from it: it has no such tables.
    return undefined;
  } finally {
    await open.close();
  }
};

const asideProblem = ({ tenant, meter, hourMs, state, note }: Entry): Problem => ({
  code: 'BILL_SET_ASIDE',
  message: `${tenant}: ${meter} of ${new Date(hourMs).toISOString().slice(0, 16)}Z was ${state}: ${note}`,
});

const reconcile = async (options: Options, terminal: Terminal): Promise<void> => {
  const { tenant } = readSubscription(options, readBooks(options, { ...terminal, err: () => undefined })).subscription;
  const folder = join(options.invoices, tenant);
  let names: readonly string[];
  try {
    names = readdirSync(folder)
      .filter((name) => /^\d{4}-\d\d-\d\dT\d\d\.json$/.test(name))
      .toSorted();
  } catch {
    throw new UserError([{ code: 'FILE_UNREADABLE', message: `${folder}: there is no such folder` }]);
  }
  const problems: Problem[] = [];
  for (const name of names) {
    const problem = await compare(join(folder, name), options, { ...terminal, err: () => undefined });
    if (problem !== undefined) problems.push(problem);
  }
  const outbox = await readOutbox(options, terminal);
  problems.push(...(outbox?.aside ?? []).filter((entry) => entry.tenant === tenant).map(asideProblem));
  if (problems.length > 0) terminal.exit(EXIT_FINDINGS);
  const reports =
    outbox === undefined
      ? undefined
      : Object.fromEntries(STATES.flatMap((state) => (outbox.states.has(state) ? [[state, outbox.states.get(state) ?? 0]] : [])));
  if (options.output === 'json')
    return printJson(terminal, {
      tenant,
      invoices: names.length,
      problems: problems.map(problemRow),
      ...(reports === undefined ? {} : { reports }),
    });
  const bad = problems.filter(({ code }) => code === 'BILL_DIFFERS').length;
  terminal.out(`${tenant}: ${names.length - bad} of ${plural(names.length, 'invoice')} are to the byte what prices and use say\n`);
  for (const [state, count] of Object.entries(reports ?? {})) terminal.out(`  reports ${state}: ${count}\n`);
  printProblems(terminal, problems);
};

export const reconcileCommand = (terminal: Terminal): Command =>
  addBillOptions(new Command('reconcile').description('rate invoices again, and show what the payment provider does not know'))
    .requiredOption('--invoices <folder>', 'where `writ bill close` keeps them')
    .addHelpText('after', HELP)
    .action((options: Options) => reconcile(options, terminal));
