// SPDX-License-Identifier: Apache-2.0
// Fees: the cycle that begins, and what changes of tier or cycle did to the one that runs.
import type { Problem } from '../../../policies/problem.ts';
import { formatTime } from '../../../policies/pricing/calendar.ts';
import type { Due } from './due.ts';
import type { FeeLine } from './invoice.ts';
import { toMinor } from '../../../policies/pricing/money.ts';
import { bookSelling } from '../../../policies/pricing/index.ts';
import type { Book } from '../../../policies/pricing/index.ts';
import { formatDecimal, multiply, negate, ratio, whole } from '../../../policies/pricing/ratio.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';
import { changeAt, cycleAt, stretchesOf } from './subscription.ts';
import type { CycleSpan, Subscription } from './subscription.ts';

export type FeeLines = { readonly lines: readonly FeeLine[]; readonly books: readonly Book[]; readonly problems: readonly Problem[] };

type Wanted = { readonly kind: FeeLine['kind']; readonly tier: string; readonly span: CycleSpan; readonly fromMs: number };

/** In the order of time: what is given back before what is charged. */
const wantedLines = (subscription: Subscription, due: Due, atMs: number): readonly Wanted[] => {
  const wanted: Wanted[] = [];
  const { opening, sinceMs } = due;
  const stretches = stretchesOf(subscription);
  for (const { atMs: changeMs, tier } of subscription.changes) {
    if (changeMs < sinceMs || changeMs >= atMs) continue;
    const stretch = stretches.find(({ anchorMs, endMs }) => anchorMs <= changeMs && changeMs < endMs);
    const running = stretch === undefined ? undefined : cycleAt(stretch, changeMs);
    // One at the cycle's beginning is what the fee in advance was for.
    if (running === undefined || changeMs <= running.startMs) continue;
    const before = changeAt(subscription, changeMs - 1)?.tier;
    if (before === undefined || before === tier) continue;
    wanted.push({ kind: 'unused', tier: before, span: running, fromMs: changeMs });
    wanted.push({ kind: 'remaining', tier, span: running, fromMs: changeMs });
  }
  const cut = stretches.find(({ anchorMs, endMs }) => anchorMs < atMs && endMs === atMs);
  const running = cut === undefined || opening === undefined ? undefined : cycleAt(cut, atMs - 1);
  const before = changeAt(subscription, atMs - 1)?.tier;
  if (running !== undefined && atMs < running.endMs && before !== undefined)
    wanted.push({ kind: 'unused', tier: before, span: running, fromMs: atMs });
  const tier = changeAt(subscription, atMs)?.tier;
  if (opening !== undefined && tier !== undefined) wanted.push({ kind: 'fee', tier, span: opening, fromMs: opening.startMs });
  return wanted;
};

export const feeLines = (input: {
  readonly books: readonly Book[];
  readonly subscription: Subscription;
  readonly due: Due;
  readonly atMs: number;
}): FeeLines => {
  const lines: FeeLine[] = [];
  const books: Book[] = [];
  const problems: Problem[] = [];
  for (const { kind, tier, span, fromMs } of wantedLines(input.subscription, input.due, input.atMs)) {
    const book = bookSelling(input.books, { tier, beginMs: span.startMs, untilMs: fromMs });
    if (book === undefined) {
      problems.push({ code: 'PRICE_BOOK_NONE', message: `the cycle that began at ${formatTime(span.startMs)} has no price book` });
      continue;
    }
    const priced = book.tiers.get(tier);
    const fee = priced?.fees.get(span.cycle);
    if (priced === undefined || fee === undefined) {
      const message = `${book.name} version ${book.version} sells no ${tier.slice(0, 63)} by the cycle ${span.cycle}`;
      problems.push({ code: 'BILL_TIER_UNKNOWN', message });
      continue;
    }
    const part = ratio(span.endMs - fromMs, span.endMs - span.startMs);
    const list: Ratio = ratio(fee, 10n ** BigInt(book.currency.minorDigits));
    const exact = multiply(list, kind === 'fee' ? whole(1) : part);
    books.push(book);
    lines.push({
      kind,
      tier,
      cycle: span.cycle,
      period: { start: formatTime(fromMs), end: formatTime(span.endMs) },
      list: formatDecimal(list),
      ...(priced.promise === undefined ? {} : { promise: priced.promise }),
      book: book.digest,
      amount: toMinor(kind === 'unused' ? negate(exact) : exact, book.currency),
    });
  }
  return { lines, books, problems };
};
