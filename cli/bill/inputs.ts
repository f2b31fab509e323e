// SPDX-License-Identifier: Apache-2.0
// What the commands of `writ bill` read: price books and whose seal they bear, the facts of a subscription.
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { adjustmentsFor, readFacts } from '../../operator/billing/rating/facts.ts';
import type { Facts } from '../../operator/billing/rating/facts.ts';
import { adjustmentConflict, adjustmentProblem } from '../../operator/billing/rating/adjustment.ts';
import type { Adjustment } from '../../operator/billing/rating/adjustment.ts';
import { readSlaStatement } from '../../operator/slo/statement.ts';
import { dueAt, nextDueMs, rate } from '../../operator/billing/rating/index.ts';
import type { Invoice } from '../../operator/billing/rating/invoice.ts';
import { parseTime } from '../../policies/pricing/calendar.ts';
import { formatMoney } from '../../policies/pricing/money.ts';
import { parseDocument } from '../../policies/document/index.ts';
import type { ParsedDocument } from '../../policies/document/index.ts';
import { validateDocument } from '../../policies/document/validate.ts';
import { readBook } from '../../policies/pricing/index.ts';
import type { Book } from '../../policies/pricing/index.ts';
import { TRUSTED_ROOT_FILE, verifyArtifact } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { readBytes, readText } from '../files.ts';
import { readPublicKeyFile } from '../public-key.ts';
import { bundleFault, signatureFault } from '../signed-by.ts';
import { bundlePath } from '../signed-file.ts';
import { UsageError, UserError, plural } from '../output.ts';
import type { Terminal } from '../output.ts';
import { checkDigest, trustFrom, versionsBeside } from '../policy-repository.ts';
import { readSeals, sealPathsOf } from '../seal-files.ts';
import { broughtTo, refundProblems, untold } from './kept.ts';
import { handedStatements, ledgerStatements, unsignedStatements } from './statements.ts';
import type { Statements } from './statements.ts';

export type BillOptions = {
  readonly prices: readonly string[];
  readonly subscription: string;
  readonly subscriptionKey?: readonly string[];
  readonly statement?: readonly string[];
  readonly statementKey?: string;
  readonly ledger?: string;
  readonly sla?: readonly string[];
  readonly slaKey?: string;
  readonly at?: string;
  /** Where those are that were closed before. */
  readonly invoices?: string;
  readonly trust?: string;
  readonly trustDigest?: string;
};

const refuse = (problems: readonly Problem[]): never => {
  throw new UserError(problems);
};

const parsed = (path: string): ParsedDocument => {
  const outcome = parseDocument(readBytes(path), path);
  return outcome.ok ? outcome.document : refuse(outcome.problems);
};

type PriceOptions = Pick<BillOptions, 'prices' | 'trust' | 'trustDigest'>;

const readTrust = ({ trust: path, trustDigest }: PriceOptions, atMs: number): Trust | undefined => {
  if (path === undefined) {
    if (trustDigest !== undefined) throw new UsageError('--trust-digest: --trust FILE says which trust policy must have it');
    return undefined;
  }
  const root = join(dirname(path), TRUSTED_ROOT_FILE);
  const trustedRoot = existsSync(root) ? readBytes(root) : undefined;
  return trustFrom({
    path,
    bytes: readBytes(path),
    bundles: readSeals(path),
    trustedRoot,
    chain: versionsBeside(path),
    pinned: checkDigest(trustDigest),
    at: atMs,
  });
};

/** Every version given; of sealed ones where a trust policy is given. */
export const readBooks = (options: PriceOptions, terminal: Terminal): readonly Book[] => {
  const nowMs = terminal.clock.now();
  const trust = readTrust(options, nowMs);
  return options.prices.map((path) => {
    if (trust !== undefined) {
      const outcome = verifyArtifact({ bytes: readBytes(path), bundles: sealPathsOf(path).map(readText), file: path }, trust, nowMs);
      if (!outcome.ok) refuse(outcome.problems);
    }
    const document = parsed(path);
    const fitted = validateDocument(document);
    if (!fitted.ok) return refuse(fitted.problems);
    if (fitted.kind !== 'PriceBook')
      return refuse([{ code: 'PRICE_BOOK_INVALID', message: `it is a ${fitted.kind}`, at: document.positionOf(['kind']) }]);
    const read = readBook(fitted.object, document);
    if (!read.ok) return refuse(read.problems);
    if (trust === undefined) terminal.err(`prices assumed, no --trust is given: ${path} ${read.book.digest}\n`);
    return read.book;
  });
};

type SubscriptionOptions = Pick<BillOptions, 'subscription' | 'subscriptionKey'>;

/** Each of the keys must have signed the file, in one of the bundles beside it. */
const refuseUnsigned = ({ subscription, subscriptionKey = [] }: SubscriptionOptions): void => {
  const bundles = sealPathsOf(subscription);
  for (const path of subscriptionKey) {
    const key = readPublicKeyFile(path).publicKey;
    if (bundles.every((bundle) => bundleFault(subscription, { bundle, key }) !== undefined))
      refuse([
        {
          code: 'BILL_SUBSCRIPTION_UNSIGNED',
          message: `${subscription}: none of ${plural(bundles.length, 'signature')} beside it is by ${path}`,
        },
      ]);
  }
};

export const readSubscription = (options: SubscriptionOptions, books: readonly Book[]): Facts => {
  const [first] = books;
  if (first === undefined) throw new UsageError('--prices FILE says what things cost');
  refuseUnsigned(options);
  const outcome = readFacts(parsed(options.subscription), first.currency);
  return outcome.ok ? outcome.facts : refuse(outcome.problems);
};

const BUNDLE_ENDING = bundlePath('');

/** What SLA statements of the tenant give back, or take again. Their signatures lie beside them, so that `*.json` names both. */
const slaAdjustments = ({ sla = [], slaKey }: Pick<BillOptions, 'sla' | 'slaKey'>, tenant: string): readonly Adjustment[] => {
  if (sla.length === 0) {
    if (slaKey !== undefined) throw new UsageError('--sla-key: --sla FILE says which statements it must have signed');
    return [];
  }
  if (slaKey === undefined) throw new UsageError('--sla: --sla-key FILE says whose signature the statements must bear');
  const key = readPublicKeyFile(slaKey).publicKey;
  return sla.flatMap((path) => {
    if (path.endsWith(BUNDLE_ENDING)) return [];
    const fault = signatureFault(path, key);
    if (fault !== undefined) return refuse([{ code: 'SLO_STATEMENT_UNSIGNED', message: fault }]);
    const statement = readSlaStatement(readText(path));
    if (statement === undefined) return refuse([{ code: 'SLO_STATEMENT_INVALID', message: `${path}: it is no SLA statement` }]);
    if (statement.tenant !== tenant)
      return refuse([{ code: 'BILL_CREDIT_FOREIGN', message: `${path}: it is for ${statement.tenant}, and the bill for ${tenant}` }]);
    return statement.adjustments.map(({ amount, at, ...rest }) => ({
      ...rest,
      amount: BigInt(amount),
      currency: statement.currency.code,
      atMs: Date.parse(at),
    }));
  });
};

const momentOf = (options: BillOptions, facts: Facts, terminal: Terminal): number => {
  const { at } = options;
  if (at === undefined) return nextDueMs(facts.subscription, terminal.clock.now());
  const ms = parseTime(at);
  if (ms === undefined) throw new UsageError(`--at ${at}: write a time as 2026-12-01T00:00:00Z`);
  return ms;
};

/** For one invoice, which takes its use from one of them. */
export const refuseTwoSources = ({ ledger, statement }: BillOptions): void => {
  if (ledger !== undefined && statement !== undefined) throw new UsageError('--ledger and --statement: give one of them');
};

export type Bill = {
  readonly invoice: Invoice;
  /** Where the invoice is kept that left something for this one. */
  readonly before: string | undefined;
  /** Why it is not to be signed: statements are not signed, months not frozen, or the ledger knows nothing of tenant or month. */
  readonly unsure: Problem | undefined;
};

const unsureOf = ({ open, unheard }: Statements): Problem | undefined =>
  unheard ?? (open.length === 0 ? undefined : { code: 'BILL_MONTH_OPEN', message: `not frozen yet: ${open.join(', ')}` });

/** The invoice that falls due at --at, or next. */
export const billOf = async (options: BillOptions, terminal: Terminal): Promise<Bill> => {
  const books = readBooks(options, terminal);
  const given = readSubscription(options, books);
  const { subscription } = given;
  const levels = slaAdjustments(options, subscription.tenant);
  const facts: Facts = { ...given, adjustments: [...given.adjustments, ...levels] };
  const atMs = momentOf(options, facts, terminal);
  const { tenant } = subscription;
  const { period, settling, sinceMs } = dueAt(subscription, atMs);
  const monthMs = period?.monthStartMs ?? settling?.startMs;
  const unsigned = unsignedStatements(options);
  const handed = handedStatements(options.statement ?? [], { tenant, atMs });
  const usesLedger = options.ledger !== undefined || (handed.all.length === 0 && terminal.env['WRIT_LEDGER'] !== undefined);
  const statements: Statements =
    usesLedger && monthMs !== undefined ? await ledgerStatements(options.ledger, { tenant, atMs }, terminal) : handed;
  const dueText = monthMs === undefined ? '' : new Date(monthMs).toISOString().slice(0, 19);
  const earlier = statements.all.filter((one) => one.period.start.slice(0, 19) < dueText);
  const adjustments = adjustmentsFor(facts, { fromMs: sinceMs, atMs });
  for (const { id, atMs: givenMs } of levels.filter((one) => !adjustments.includes(one)))
    terminal.err(
      `not on this invoice: ${id} of ${new Date(givenMs).toISOString()}; it falls on the one of the month in which it was stated\n`,
    );
  const [{ currency } = { currency: undefined }] = books;
  if (currency !== undefined) {
    const asked = { facts, atMs, sinceMs, adjustments, currency, folder: options.invoices };
    const wrong = [adjustmentConflict(facts.adjustments), ...facts.adjustments.map(adjustmentProblem), ...refundProblems(asked)];
    const problems = wrong.filter((one) => one !== undefined);
    if (problems.length > 0) refuse(problems);
    for (const line of untold(asked)) terminal.err(`${line}\n`);
  }
  const before = options.invoices === undefined ? undefined : broughtTo(options.invoices, { tenant, atMs });
  const outcome = rate({
    books,
    subscription,
    atMs,
    statements: statements.due,
    earlier,
    adjustments,
    brought: before,
  });
  if (!outcome.ok) return refuse(outcome.problems);
  const left = outcome.invoice.lines.find(({ kind }) => kind === 'forward')?.amount;
  if (left !== undefined && subscription.endMs !== undefined && atMs >= subscription.endMs)
    terminal.err(
      `the subscription has ended, and ${formatMoney(left, outcome.invoice.currency)} are left: pay them back by a Refund, and enter a Charge of as much\n`,
    );
  // After the end a tenant of whom nothing is heard owes nothing more.
  const asked = period === undefined ? { ...statements, unheard: undefined } : statements;
  return { invoice: outcome.invoice, before: before?.path, unsure: unsigned ?? (monthMs === undefined ? undefined : unsureOf(asked)) };
};
