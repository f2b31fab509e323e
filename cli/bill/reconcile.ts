// SPDX-License-Identifier: Apache-2.0
// writ bill reconcile: are invoices what prices and ledger say, and does the payment provider know all of the ledger?
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { isRecord } from '../../crds/wire.ts';
import { STEPS_WITH_DRIFT, accountOfTenant, billingSteps } from '../../operator/billing/accounts/tables.ts';
import type { Account } from '../../operator/billing/accounts/tables.ts';
import { allCompared } from '../../operator/billing/compared.ts';
import type { Compared } from '../../operator/billing/compared.ts';
import { issuedOnRecord } from '../../operator/billing/issued.ts';
import type { IssuedOnRecord } from '../../operator/billing/issued.ts';
import { countStates, entriesAside } from '../../operator/billing/outbox/tables.ts';
import { STATES } from '../../operator/billing/outbox/entry.ts';
import type { Entry, State } from '../../operator/billing/outbox/entry.ts';
import { textAsKept } from '../../operator/billing/rating/earlier.ts';
import { textDigest } from '../../operator/billing/rating/invoice.ts';
import { changeAt } from '../../operator/billing/rating/subscription.ts';
import type { Change, Subscription } from '../../operator/billing/rating/subscription.ts';
import { monthOf, nextMonth } from '../../operator/usage/period.ts';
import { formatTime, parseTime } from '../../policies/pricing/calendar.ts';
import { waitsOf } from '../../operator/billing/waits.ts';
import type { Waiting } from '../../operator/billing/waits.ts';
import type { Problem } from '../../policies/problem.ts';
import { startOf } from '../../policies/problem.ts';
import { readText } from '../files.ts';
import { EXIT_FINDINGS, UserError, plural, printJson, printProblems, problemRow } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { readPublicKeyFile } from '../public-key.ts';
import { signatureFault } from '../signed-by.ts';
import { bundlePath } from '../signed-file.ts';
import { openLedger } from '../usage/open-ledger.ts';
import { invoicePath } from './kept.ts';
import { recordProblems } from './on-record.ts';
import { billOf, readBooks, readSubscription } from './inputs.ts';
import type { BillOptions } from './inputs.ts';
import { addBillOptions } from './options.ts';
import { unsignedStatements } from './statements.ts';

const HELP = `
Each invoice in FOLDER/TENANT is rated again from the same prices and statements, and must have the same bytes, the name of its own
moment and a signature by that key. One that an earlier version closed may hold no digest of what was ordered: that is told. A signature whose invoice is gone is told of. With a ledger that
the operator reports from, told is also what the payment provider has not been told yet and what was set aside for a person:
hours that it refused, or that it counts otherwise; invoices that wait since hours differed when they were compared last; frozen months of which it is not known to count all; invoices that the operator has put on record (--invoice-dir) and whose file
says something else or is gone; and where a subscription that the operator keeps there is, or is to become, something
else than the facts of the subscription say.
How far it is, is told on standard error every two seconds.

Exit codes: 0 all agree, 1 something does not, or there is no invoice, 2 wrong use.

Examples:
  writ bill reconcile --invoices invoices --key billing.pub --prices prices/*.yaml --trust trust.yaml --subscription acme.yaml \\
    --ledger ledger.db`;

/** Whoever waits longer is told how far it is. */
const PROGRESS_MS = 2_000;

type Options = Omit<BillOptions, 'at'> & { readonly invoices: string; readonly key: string; readonly output: Format };

const readInvoice = (path: string): { readonly at: string; readonly value: unknown } | undefined => {
  try {
    const value: unknown = JSON.parse(readText(path));
    const at = isRecord(value) ? value['at'] : undefined;
    return typeof at === 'string' && !Number.isNaN(Date.parse(at)) ? { at, value } : undefined;
  } catch (error) {
    if (error instanceof UserError) throw error;
    return undefined;
  }
};

const differing = (path: string, message: string): Problem => ({ code: 'BILL_DIFFERS', message, at: startOf(path) });

/** What is wrong with an invoice, or what it does not tell; neither where it is all that it should be. */
type Again = { readonly problem?: Problem; readonly untold?: string | undefined };

const rateAgain = async (path: string, options: Options & { readonly tenant: string }, terminal: Terminal): Promise<Again> => {
  const differs = (message: string): Again => ({ problem: differing(path, message) });
  const read = readInvoice(path);
  if (read === undefined) return differs('it is no invoice');
  const { at } = read;
  if (path !== invoicePath(options.invoices, { tenant: options.tenant, at })) return differs(`it is the invoice of ${at}, by another name`);
  try {
    const { invoice, unsure } = await billOf({ ...options, at }, terminal);
    if (unsure !== undefined) return differs(`${unsure.code}: ${unsure.message}`);
    const [kept, again] = [readText(path), textAsKept(invoice, read.value)];
    if (kept === again.text) return { untold: again.untold };
    return differs(`it is ${textDigest(kept)}, rated again it is ${textDigest(again.text)}`);
  } catch (error) {
    const [problem] = error instanceof UserError ? error.problems : [];
    if (problem === undefined) throw error;
    return differs(`it cannot be rated again: ${problem.code}: ${problem.message}`);
  }
};

type Found = { readonly invoices: readonly string[]; readonly bundles: readonly string[] };

const findInvoices = (folder: string, tenant: string): Found => {
  const place = join(folder, tenant);
  const names = existsSync(place)
    ? readdirSync(place)
        .filter((name) => name.endsWith('.json'))
        .toSorted()
    : [];
  const isBundle = (name: string): boolean => name.endsWith(bundlePath(''));
  const [invoices, bundles] = [names.filter((name) => !isBundle(name)), names.filter(isBundle)];
  if (names.length === 0) throw new UserError([{ code: 'FILE_UNREADABLE', message: `${folder}: there is no invoice for ${tenant}` }]);
  return { invoices: invoices.map((name) => join(place, name)), bundles: bundles.map((name) => join(place, name)) };
};

type Outbox = {
  readonly states: ReadonlyMap<State, number>;
  readonly aside: readonly Entry[];
  readonly waits: readonly Waiting[];
  readonly compared: readonly Compared[];
  /** Undefined where the ledger is older than its record of what was issued. */
  readonly issued: readonly IssuedOnRecord[] | undefined;
};
type Asked = { readonly tenant: string; readonly isCustomer: boolean };

const readOutbox = async (options: Options, asked: Asked, terminal: Terminal): Promise<Outbox | undefined> => {
  if (options.ledger === undefined && terminal.env['WRIT_LEDGER'] === undefined) return undefined;
  const open = await openLedger(options.ledger, terminal);
  try {
    return await open.read(async (reader) => {
      const steps = await billingSteps(reader);
      // Nothing was ever reported from a ledger that has no such tables.
      if (steps === 0) return undefined;
      return {
        states: await countStates(reader),
        aside: await entriesAside(reader),
        waits: await waitsOf(reader, { ...asked, nowMs: terminal.clock.now() }),
        compared: steps < STEPS_WITH_DRIFT ? [] : await allCompared(reader),
        issued: await issuedOnRecord(reader, asked.tenant),
      };
    });
  } finally {
    await open.close();
  }
};

/** What the operator read back last of the tenant's subscription; undefined where it keeps none. */
const readAccount = async (options: Options, tenant: string, terminal: Terminal): Promise<Account | undefined> => {
  if (options.ledger === undefined && terminal.env['WRIT_LEDGER'] === undefined) return undefined;
  const open = await openLedger(options.ledger, terminal);
  try {
    return await open.read((reader) => accountOfTenant(reader, tenant));
  } finally {
    await open.close();
  }
};

const waitProblem = ({ tenant, periodMs, why }: Waiting): Problem => ({
  code: 'BILL_STATEMENT_WAITING',
  message: `${tenant}: ${new Date(periodMs).toISOString().slice(0, 7)}: ${why}`,
});

const driftProblems = ({ tenant, invoice, atMs, sum }: Compared): readonly Problem[] => {
  const when = `when it was compared last, at ${formatTime(atMs)}`;
  const problems: Problem[] = [];
  if (sum.hours > 0)
    problems.push({ code: 'BILL_DRIFT', message: `${tenant}: ${plural(sum.hours, 'hour')} of ${invoice} differed ${when}` });
  if (sum.unread > 0)
    problems.push({
      code: 'BILL_DRAFT_UNREAD',
      message: `${tenant}: ${plural(sum.unread, 'hour')} of ${invoice} could not be read at the payment provider ${when}`,
    });
  return problems;
};

type Ordered = Pick<Change, 'tier' | 'cycle'> | undefined;
const orderText = (ordered: Ordered): string => (ordered === undefined ? 'nothing' : `${ordered.tier}, ${ordered.cycle}`);

/** Where the provider subscribes something else than the facts say, now or with the next month. */
const accountProblems = (account: Account, subscription: Subscription, nowMs: number): readonly Problem[] => {
  const { tenant, subscription: id, customer, terms, next, problem } = account;
  const wrong = (message: string): Problem => ({ code: 'BILL_SUBSCRIPTION_DIFFERS', message: `${tenant}: ${message}` });
  const problems: Problem[] = problem === undefined ? [] : [{ ...problem, message: `${tenant}: ${problem.message}` }];
  if (subscription.customer !== undefined && customer !== '' && subscription.customer !== customer)
    problems.push(wrong(`the provider bills ${customer}, the subscription says ${subscription.customer}`));
  if (id === '' || terms === undefined) return problems;
  const { endMs = Number.POSITIVE_INFINITY } = subscription;
  const paidMs = Math.max(nowMs, terms.anchorMs);
  const laterMs = next?.atMs ?? nextMonth(monthOf(paidMs));
  for (const [atMs, there] of [
    [paidMs, terms],
    [Math.max(laterMs, paidMs), next === undefined ? terms : next.terms],
  ] as const) {
    const said: Ordered = atMs >= endMs ? undefined : changeAt(subscription, atMs);
    if (said?.tier !== there?.tier || said?.cycle !== there?.cycle)
      problems.push(wrong(`at ${formatTime(atMs)} ${id} is ${orderText(there)}; the subscription says ${orderText(said)}`));
  }
  return problems;
};

const asideProblem = ({ tenant, meter, hourMs, state, note }: Entry): Problem => ({
  code: 'BILL_SET_ASIDE',
  message: `${tenant}: ${meter} of ${new Date(hourMs).toISOString().slice(0, 16)}Z was ${state}: ${note}`,
});

const reconcile = async (options: Options, terminal: Terminal): Promise<void> => {
  const unsigned = unsignedStatements(options);
  if (unsigned !== undefined) throw new UserError([unsigned]);
  const { subscription } = readSubscription(options, readBooks(options, terminal));
  const { tenant } = subscription;
  const { invoices, bundles } = findInvoices(options.invoices, tenant);
  const key = readPublicKeyFile(options.key).publicKey;
  const problems: Problem[] = bundles
    .filter((path) => !invoices.some((invoice) => bundlePath(invoice) === path))
    .map((path) => differing(path, 'the invoice that it signs is not there'));
  const notes: string[] = [];
  let good = 0;
  let toldMs = terminal.clock.monotonicMs();
  for (const [index, path] of invoices.entries()) {
    if (terminal.clock.monotonicMs() - toldMs >= PROGRESS_MS) {
      toldMs = terminal.clock.monotonicMs();
      terminal.err(`${index} of ${plural(invoices.length, 'invoice')}, ${problems.length} wrong so far\n`);
    }
    const fault = signatureFault(path, key);
    const unsigned: readonly Problem[] = fault === undefined ? [] : [{ code: 'BILL_UNSIGNED', message: fault }];
    const { problem, untold } = await rateAgain(path, { ...options, tenant }, { ...terminal, err: () => undefined });
    const wrong = [...unsigned, ...(problem === undefined ? [] : [problem])];
    if (untold !== undefined) notes.push(`${path}: ${untold}`);
    if (wrong.length === 0) good += 1;
    problems.push(...wrong);
  }
  const account = await readAccount(options, tenant, terminal);
  const isCustomer = subscription.customer !== undefined || (account !== undefined && account.customer !== '');
  const outbox = await readOutbox(options, { tenant, isCustomer }, terminal);
  problems.push(...(outbox?.aside ?? []).filter((entry) => entry.tenant === tenant).map(asideProblem));
  problems.push(...(outbox?.waits ?? []).map(waitProblem));
  problems.push(...(outbox?.compared ?? []).filter((one) => one.tenant === tenant).flatMap(driftProblems));
  problems.push(
    ...recordProblems(outbox?.issued, (id) => {
      const at = id.slice(tenant.length + 1);
      if (parseTime(at) === undefined) return undefined;
      const path = invoicePath(options.invoices, { tenant, at });
      return { place: path, text: existsSync(path) ? readText(path) : undefined };
    }),
  );
  if (account !== undefined) problems.push(...accountProblems(account, subscription, terminal.clock.now()));
  if (problems.length > 0) terminal.exit(EXIT_FINDINGS);
  const reports =
    outbox === undefined
      ? undefined
      : Object.fromEntries(STATES.flatMap((state) => (outbox.states.has(state) ? [[state, outbox.states.get(state) ?? 0]] : [])));
  if (options.output === 'json')
    return printJson(terminal, {
      tenant,
      invoices: invoices.length,
      problems: problems.map(problemRow),
      ...(notes.length === 0 ? {} : { notes }),
      ...(reports === undefined ? {} : { reports }),
      ...(outbox?.issued === undefined ? {} : { onRecord: outbox.issued.map(({ id, digest }) => ({ id, digest })) }),
      ...(account === undefined ? {} : { account: { customer: account.customer, subscription: account.subscription } }),
    });
  const count = invoices.length;
  const are = good === 1 || count === 1 ? 'is' : 'are';
  terminal.out(`${tenant}: ${good} of ${plural(count, 'invoice')} ${are} signed, and to the byte what prices and use say\n`);
  for (const note of notes) terminal.out(`  ${note}\n`);
  for (const [state, hours] of Object.entries(reports ?? {})) terminal.out(`  reports ${state}: ${hours}\n`);
  if (outbox?.issued !== undefined) terminal.out(`  invoices and SLA statements on record: ${outbox.issued.length}\n`);
  if (account !== undefined)
    terminal.out(`  subscription ${account.subscription === '' ? 'none' : account.subscription}: ${orderText(account.terms)}\n`);
  printProblems(terminal, problems);
};

export const reconcileCommand = (terminal: Terminal): Command =>
  addBillOptions(new Command('reconcile').description('rate invoices again, and show what the payment provider does not know'))
    .requiredOption('--invoices <folder>', 'where `writ bill close` keeps them')
    .requiredOption('--key <file>', 'public key that must have signed them, PEM')
    .addHelpText('after', HELP)
    .action((options: Options) => reconcile(options, terminal));
