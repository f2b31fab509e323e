// SPDX-License-Identifier: Apache-2.0
/**
 * Rating: price books, a subscription, usage statements, adjustments → the invoice that falls due at one moment, or all that is
 * in its way.
 *
 * Pure, total, without a clock: the same input gives the same bytes for ever, which is how an invoice is proven right later.
 * Fees are paid in advance of a cycle, usage after each calendar month. A change of tier within a cycle gives the old fee's
 * rest back and charges the new one's; allowances are cut to the time that a tier held. A month or cycle stays with the price
 * book in effect when it began. What credits leave over goes to the next invoice. Imported by the rest of operator/billing and by the command line.
 */
import type { Problem } from '../../../policies/problem.ts';
import type { UsageStatement } from '../../usage/statement.ts';
import { statementText } from '../../usage/statement.ts';
import { adjustmentConflict, adjustmentProblem } from './adjustment.ts';
import type { Adjustment } from './adjustment.ts';
import { formatTime } from '../../../policies/pricing/calendar.ts';
import { feeLines } from './fees.ts';
import { DISCOUNT_ORDER, INVOICE_FORMAT, ROUNDING, textDigest } from './invoice.ts';
import type { AdjustmentLine, Invoice, InvoiceLine } from './invoice.ts';
import { MOST_MINOR } from '../../../policies/pricing/money.ts';
import { bookAt } from '../../../policies/pricing/index.ts';
import type { Book } from '../../../policies/pricing/index.ts';
import { subscriptionFault } from './subscription.ts';
import type { Subscription } from './subscription.ts';
import { ordersText } from './orders.ts';
import { usageLines } from './usage-lines.ts';
import { dueAt } from './due.ts';

export { decidedDueMs, dueAt, nextDueMs } from './due.ts';

export type RatingInput = {
  /** All versions that may matter, in any order. */
  readonly books: readonly Book[];
  readonly subscription: Subscription;
  /** The beginning of a cycle, or the end of a calendar month, epoch milliseconds. */
  readonly atMs: number;
  /** Of the calendar month that ends then: one, or one for each part of it in which one tier held. */
  readonly statements: readonly UsageStatement[];
  /** Those that were billed before; needed only where a line is carried from their periods. */
  readonly earlier?: readonly UsageStatement[];
  /** Those that are to be on this invoice. */
  readonly adjustments?: readonly Adjustment[];
  /** What the invoice before this one has left. */
  readonly brought?: Brought | undefined;
};

/** `amount`: above 0, in the currency's smallest unit. */
export type Brought = { readonly invoice: string; readonly amount: bigint; readonly currency: string };

export type RatingOutcome =
  | { readonly ok: true; readonly invoice: Invoice }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const adjustmentLines = (adjustments: readonly Adjustment[]): readonly AdjustmentLine[] =>
  adjustments.flatMap(({ id, kind, reason, requester, approver, amount }) =>
    kind === 'Refund'
      ? []
      : [
          {
            kind: kind === 'Credit' ? ('credit' as const) : ('charge' as const),
            id,
            reason,
            requester,
            approver,
            amount: kind === 'Credit' ? -amount : amount,
          },
        ],
  );

export const versionConflict = (books: readonly Book[]): Problem | undefined => {
  const seen = new Map<number, string>();
  for (const { version, digest, name } of books) {
    const other = seen.get(version);
    if (other !== undefined && other !== digest)
      return { code: 'PRICE_BOOK_CONFLICT', message: `version ${version} of price book ${name} is there twice, ${other} and ${digest}` };
    seen.set(version, digest);
  }
  return undefined;
};

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

export const rate = (input: RatingInput): RatingOutcome => {
  const { subscription, books, atMs } = input;
  const refuse = (...problems: readonly Problem[]): RatingOutcome => ({ ok: false, problems });
  const conflict = versionConflict(books);
  if (conflict !== undefined) return refuse(conflict);
  const fault = subscriptionFault(subscription);
  if (fault !== undefined)
    return refuse({
      code: 'BILL_SUBSCRIPTION_INVALID',
      message: `subscription of ${subscription.tenant}: ${fault}`,
      hint: 'correct the times',
    });
  const doubled = adjustmentConflict(input.adjustments ?? []);
  if (doubled !== undefined) return refuse(doubled);
  const due = dueAt(subscription, atMs);
  const adjustments = [...new Map((input.adjustments ?? []).map((one) => [one.id, one])).values()].toSorted(byId);
  const usage = usageLines({ books, subscription, due, statements: input.statements, earlier: input.earlier ?? [] });
  const isSettled = due.settling === undefined || adjustments.length + usage.lines.length + usage.problems.length === 0;
  if (due.period === undefined && due.opening === undefined && isSettled)
    return refuse({ code: 'BILL_NO_BOUNDARY', message: `nothing of ${subscription.tenant} falls due at ${shown(atMs)}` });

  const bad = adjustments.flatMap((one) => adjustmentProblem(one) ?? []);
  const fees = feeLines({ books, subscription, due, atMs });
  const problems = [...bad, ...fees.problems, ...usage.problems];
  if (problems.length > 0) return refuse(...problems);

  const { brought } = input;
  const entered: readonly InvoiceLine[] = [
    ...fees.lines,
    ...usage.lines,
    ...adjustmentLines(adjustments),
    ...(brought === undefined ? [] : [{ kind: 'brought' as const, invoice: brought.invoice, amount: -brought.amount }]),
  ];
  const sum = entered.reduce((all, { amount }) => all + amount, 0n);
  const lines = sum < 0n ? [...entered, { kind: 'forward' as const, amount: -sum }] : entered;
  const used = new Map([...fees.books, ...usage.books].map((book) => [book.digest, book]));
  const standing = bookAt(books, due.opening?.startMs ?? due.period?.startMs ?? atMs);
  const currency = [...used.values()][0]?.currency ?? standing?.currency;
  if (currency === undefined) return refuse({ code: 'PRICE_BOOK_NONE', message: `no price book is in effect at ${shown(atMs)}` });
  const codes = new Set([
    ...[...used.values()].map(({ currency }) => currency.code),
    ...adjustments.map((one) => one.currency),
    ...(brought === undefined ? [] : [brought.currency]),
    currency.code,
  ]);
  if (codes.size > 1) return refuse({ code: 'BILL_CURRENCY', message: `${subscription.tenant}: ${[...codes].toSorted().join(' and ')}` });
  const total = lines.reduce((all, { amount }) => all + amount, 0n);
  if ([total, ...lines.map(({ amount }) => amount)].some((amount) => amount > MOST_MINOR || amount < -MOST_MINOR))
    return refuse({ code: 'BILL_AMOUNT_RANGE', message: `the invoice of ${subscription.tenant} at ${shown(atMs)}` });

  const { tenant, customer } = subscription;
  const at = formatTime(atMs);
  const invoice: Invoice = {
    format: INVOICE_FORMAT,
    id: `${tenant}/${at}`,
    tenant,
    ...(customer === undefined ? {} : { customer }),
    at,
    ...(due.period === undefined ? {} : { period: { start: formatTime(due.period.startMs), end: formatTime(due.period.endMs) } }),
    currency: { code: currency.code, minorDigits: currency.minorDigits },
    orders: textDigest(ordersText(subscription, { atMs, adjustments })),
    discounts: DISCOUNT_ORDER,
    rounding: ROUNDING,
    books: [...used.values()].toSorted((a, b) => a.version - b.version).map(({ name, version, digest }) => ({ name, version, digest })),
    usage: usage.read.map((statement) => ({
      period: { start: statement.period.start, end: statement.period.end },
      revision: statement.revision,
      digest: textDigest(statementText(statement)),
    })),
    lines,
    total,
    refunds: adjustments.flatMap(({ id, kind, amount, reason, requester, approver, invoice }) =>
      kind === 'Refund' ? [{ id, invoice: invoice ?? '', amount, reason, requester, approver }] : [],
    ),
  };
  return { ok: true, invoice };
};

const shown = (ms: number): string => (Number.isSafeInteger(ms) && Math.abs(ms) < 8e15 ? formatTime(ms) : String(ms));
