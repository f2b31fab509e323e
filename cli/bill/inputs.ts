// SPDX-License-Identifier: Apache-2.0
// What the commands of `writ bill` read: price books and whose seal they bear, the facts of a subscription, statements of use.
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { adjustmentsFor, readFacts } from '../../operator/billing/rating/facts.ts';
import type { Facts } from '../../operator/billing/rating/facts.ts';
import type { Adjustment } from '../../operator/billing/rating/adjustment.ts';
import { readSlaStatement } from '../../operator/slo/statement.ts';
import { dueAt, rate } from '../../operator/billing/rating/index.ts';
import type { Invoice } from '../../operator/billing/rating/invoice.ts';
import { changeAt, periodAt } from '../../operator/billing/rating/subscription.ts';
import { statementOf } from '../../operator/usage/close.ts';
import { monthOf, nextMonth } from '../../operator/usage/period.ts';
import { storedStatement } from '../../operator/usage/statement.ts';
import type { UsageLine, UsageStatement } from '../../operator/usage/statement.ts';
import { integerOf } from '../../operator/usage/store.ts';
import { storedMeters } from '../../operator/usage/stored-meters.ts';
import { isRecord } from '../../crds/wire.ts';
import { parseDocument } from '../../policies/document/index.ts';
import type { ParsedDocument } from '../../policies/document/index.ts';
import { validateDocument } from '../../policies/document/validate.ts';
import { readBook } from '../../policies/pricing/index.ts';
import type { Book } from '../../policies/pricing/index.ts';
import { TRUSTED_ROOT_FILE, verifyArtifact } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { readBytes, readText } from '../files.ts';
import { bundlePath } from '../signed-file.ts';
import { UsageError, UserError } from '../output.ts';
import type { Terminal } from '../output.ts';
import { checkDigest, trustFrom, versionsBeside } from '../policy-repository.ts';
import { readSeals, sealPathsOf } from '../seal-files.ts';
import { asProblem, openLedger } from '../usage/open-ledger.ts';

export type BillOptions = {
  readonly prices: readonly string[];
  readonly subscription: string;
  readonly statement?: readonly string[];
  readonly ledger?: string;
  readonly sla?: readonly string[];
  readonly at?: string;
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
  if (path === undefined) return undefined;
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

export const readSubscription = ({ subscription }: Pick<BillOptions, 'subscription'>, books: readonly Book[]): Facts => {
  const [first] = books;
  if (first === undefined) throw new UsageError('--prices FILE says what things cost');
  const outcome = readFacts(parsed(subscription), first.currency);
  return outcome.ok ? outcome.facts : refuse(outcome.problems);
};

const BUNDLE_ENDING = bundlePath('');

/** What SLA statements of the tenant give back, or take again. Their signatures lie beside them, so that `*.json` names both. */
const slaAdjustments = (paths: readonly string[], tenant: string): readonly Adjustment[] =>
  paths.flatMap((path) => {
    if (path.endsWith(BUNDLE_ENDING)) return [];
    const statement = readSlaStatement(readText(path));
    if (statement === undefined) return refuse([{ code: 'SLO_STATEMENT_INVALID', message: `${path}: it is no SLA statement` }]);
    if (statement.tenant !== tenant) return [];
    return statement.adjustments.map(({ amount, at, ...rest }) => ({
      ...rest,
      amount: BigInt(amount),
      currency: statement.currency.code,
      atMs: Date.parse(at),
    }));
  });

const MAX_LINES = 10_000;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 253;
const isPeriod = (value: unknown): value is { readonly start: string; readonly end: string } =>
  isRecord(value) && isText(value['start']) && isText(value['end']);

const lineOf = (value: unknown): UsageLine | undefined => {
  if (!isRecord(value)) return undefined;
  const { meter, unit, quantity, carriedFrom } = value;
  if (!isText(meter) || !isText(unit) || !isText(quantity)) return undefined;
  if (carriedFrom === undefined) return { meter, unit, quantity };
  return isPeriod(carriedFrom) ? { meter, unit, quantity, carriedFrom: { start: carriedFrom.start, end: carriedFrom.end } } : undefined;
};

const statementFrom = (value: unknown): UsageStatement | undefined => {
  if (!isRecord(value)) return undefined;
  const { tenant, period, storedBefore, revision, lines } = value;
  if (!isText(tenant) || !isPeriod(period) || !isText(storedBefore) || typeof revision !== 'number' || !Number.isSafeInteger(revision))
    return undefined;
  if (!Array.isArray(lines) || lines.length > MAX_LINES) return undefined;
  const read = lines.flatMap((line: unknown) => lineOf(line) ?? []);
  return read.length === lines.length
    ? { tenant, period: { start: period.start, end: period.end }, storedBefore, revision, lines: read }
    : undefined;
};

/** A statement, or what `writ usage report --output json` prints. */
const statementsIn = (path: string): readonly UsageStatement[] => {
  const wrong = (message: string): never => refuse([{ code: 'BILL_STATEMENT_INVALID', message: `${path}: ${message}` }]);
  let value: unknown;
  try {
    value = JSON.parse(readText(path));
  } catch (error) {
    return error instanceof UserError ? refuse(error.problems) : wrong('it is no JSON');
  }
  const all: readonly unknown[] = isRecord(value) && Array.isArray(value['statements']) ? value['statements'] : [value];
  return all.map((one) => statementFrom(one) ?? wrong('it holds no statement of use'));
};

type Statements = { readonly due: readonly UsageStatement[]; readonly all: readonly UsageStatement[] };

const fromLedger = async (
  options: BillOptions,
  asked: { readonly tenant: string; readonly atMs: number },
  terminal: Terminal,
): Promise<Statements> => {
  const open = await openLedger(options.ledger, terminal);
  try {
    return await open.read(async (reader) => {
      const meters = await storedMeters(reader);
      const months = (
        await reader.all('SELECT DISTINCT billed_ms FROM usage_total WHERE tenant = ? AND billed_ms < ? ORDER BY billed_ms', [
          asked.tenant,
          asked.atMs,
        ])
      ).map((row) => integerOf(row, 'billed_ms'));
      const all: UsageStatement[] = [];
      for (const periodMs of new Set([...months, monthOf(asked.atMs - 1)])) {
        const [closed] = await reader.all(
          'SELECT body, digest FROM usage_statement WHERE period_ms = ? AND tenant = ? ORDER BY revision DESC LIMIT 1',
          [periodMs, asked.tenant],
        );
        const kept = closed === undefined ? undefined : statementFrom(storedStatement(closed));
        all.push(kept ?? (await statementOf(reader, asked.tenant, { periodMs, cutMs: terminal.clock.now(), meterOf: meters.get })));
      }
      return { due: all.slice(-1), all };
    });
  } catch (error) {
    throw asProblem(open.location, error);
  } finally {
    await open.close();
  }
};

/** When the next invoice of the month that runs at `nowMs` falls due. */
const nextDueMs = ({ subscription }: Facts, nowMs: number): number => {
  const running = periodAt(subscription, nowMs);
  return running?.endMs ?? subscription.endMs ?? subscription.changes[0].atMs;
};

const momentOf = (options: BillOptions, facts: Facts, terminal: Terminal): number => {
  const { at } = options;
  if (at === undefined) return nextDueMs(facts, terminal.clock.now());
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) throw new UsageError(`--at ${at}: write a time as 2026-12-01T00:00:00Z`);
  return ms;
};

export type Bill = { readonly invoice: Invoice; readonly tier: string | undefined };

/** The invoice that falls due at --at, or next. */
export const billOf = async (options: BillOptions, terminal: Terminal): Promise<Bill> => {
  const books = readBooks(options, terminal);
  const given = readSubscription(options, books);
  const { subscription } = given;
  const facts: Facts = { ...given, adjustments: [...given.adjustments, ...slaAdjustments(options.sla ?? [], subscription.tenant)] };
  const atMs = momentOf(options, facts, terminal);
  const { tenant } = subscription;
  const { period, settling } = dueAt(subscription, atMs);
  const handed = (options.statement ?? []).flatMap(statementsIn).filter((one) => one.tenant === tenant);
  const usesLedger = options.ledger !== undefined || (handed.length === 0 && terminal.env['WRIT_LEDGER'] !== undefined);
  const statements: Statements =
    usesLedger && period !== undefined && nextMonth(monthOf(atMs - 1)) >= atMs
      ? await fromLedger(options, { tenant, atMs }, terminal)
      : { due: handed, all: handed };
  const dueText = period === undefined ? '' : new Date(period.startMs).toISOString().slice(0, 19);
  const earlier = statements.all.filter((one) => one.period.start.slice(0, 19) < dueText);
  const outcome = rate({
    books,
    subscription,
    atMs,
    statements: statements.due,
    earlier,
    adjustments: adjustmentsFor(facts, { fromMs: (period ?? settling)?.startMs ?? 0, atMs }),
  });
  if (!outcome.ok) return refuse(outcome.problems);
  return { invoice: outcome.invoice, tier: changeAt(subscription, atMs)?.tier };
};
