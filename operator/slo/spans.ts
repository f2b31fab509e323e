// SPDX-License-Identifier: Apache-2.0
// A month of a subscription → the parts of it in which one tier was paid by one run of cycles, what was promised in each, and what part
// of its fee was paid for it.
import type { Currency } from '../../policies/pricing/money.ts';
import { MONTHS } from '../../policies/pricing/calendar.ts';
import { bookSelling } from '../../policies/pricing/index.ts';
import type { Book, OwedObjective } from '../../policies/pricing/index.ts';
import { ratio, roundHalfEven } from '../../policies/pricing/ratio.ts';
import type { Problem } from '../../policies/problem.ts';
import { cycleAt, partsOf, subscriptionFault } from '../billing/rating/subscription.ts';
import type { Subscription } from '../billing/rating/subscription.ts';
import { versionConflict } from '../billing/rating/index.ts';
import type { Span } from './attainment.ts';

export type PromisedSpan = Span & {
  readonly tier: string;
  readonly book: Book;
  /** Of the span, in the currency's smallest unit, rounded once; 0 in a trial. */
  readonly fee: bigint;
  readonly owed: readonly OwedObjective[];
};

export type SpansOutcome =
  | { readonly ok: true; readonly spans: readonly PromisedSpan[]; readonly currency: Currency }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export const promisedSpans = (input: {
  readonly books: readonly Book[];
  readonly subscription: Subscription;
  /** The month. */
  readonly period: Span;
}): SpansOutcome => {
  const { books, subscription, period } = input;
  const refuse = (problem: Problem): SpansOutcome => ({ ok: false, problems: [problem] });
  const { tenant } = subscription;
  const conflict = versionConflict(books);
  if (conflict !== undefined) return refuse(conflict);
  const fault = subscriptionFault(subscription);
  if (fault !== undefined) return refuse({ code: 'BILL_SUBSCRIPTION_INVALID', message: `subscription of ${tenant}: ${fault}` });
  const spans: PromisedSpan[] = [];
  for (const { startMs, endMs, tier, stretch } of partsOf(subscription, period)) {
    const cycle = cycleAt(stretch, startMs);
    const book = bookSelling(books, { tier, beginMs: cycle?.startMs ?? stretch.anchorMs, untilMs: startMs });
    const month = new Date(period.startMs).toISOString().slice(0, 7);
    if (book === undefined)
      return refuse({ code: 'PRICE_BOOK_NONE', message: `${tenant}: the cycle that ran in ${month} has no price book` });
    const priced = book.tiers.get(tier);
    const fee = cycle === undefined ? 0n : priced?.fees.get(cycle.cycle);
    if (priced === undefined || fee === undefined) {
      const message = `${book.name} version ${book.version} sells no ${tier.slice(0, 63)} by the cycle ${cycle?.cycle ?? 'Monthly'}`;
      return refuse({ code: 'BILL_TIER_UNKNOWN', message });
    }
    const whole = period.endMs - period.startMs;
    const part = ratio(fee * BigInt(endMs - startMs), BigInt(whole) * BigInt(cycle === undefined ? 1 : MONTHS[cycle.cycle]));
    spans.push({ startMs, endMs, tier, book, fee: roundHalfEven(part), owed: priced.owed });
  }
  const [first] = spans;
  if (first === undefined || spans.every(({ owed }) => owed.length === 0))
    return refuse({
      code: 'SLO_NOTHING_PROMISED',
      message: `${tenant} was promised nothing in the month that begins ${new Date(period.startMs).toISOString().slice(0, 10)}`,
    });
  const { currency } = first.book;
  const other = spans.find(({ book }) => book.currency.code !== currency.code);
  if (other !== undefined) return refuse({ code: 'BILL_CURRENCY', message: `${tenant}: ${currency.code} and ${other.book.currency.code}` });
  return { ok: true, spans, currency };
};
