// SPDX-License-Identifier: Apache-2.0
// For tests of rating: statements of use, and the invoices that the price book for tests makes of them.
import type { UsageLine, UsageStatement } from '../../usage/statement.ts';
import { formatTime, parseTime } from '../../../policies/pricing/calendar.ts';
import { rate } from './index.ts';
import type { RatingInput } from './index.ts';
import type { Invoice, InvoiceLine } from './invoice.ts';
import type { Cycle } from '../../../policies/pricing/calendar.ts';
import type { Subscription } from './subscription.ts';
import { testBook } from './test-book.ts';

export const at = (text: string): number => parseTime(text) ?? Number.NaN;
export const START = at('2026-11-01T00:00:00Z');
export const END = at('2026-12-01T00:00:00Z');
export const book = testBook();

export const subscribed = (tier: string, cycle: Cycle = 'Monthly'): Subscription => ({
  tenant: 'acme',
  changes: [{ atMs: START, tier, cycle }],
});
export const statement = (
  startMs: number,
  endMs: number,
  lines: readonly UsageLine[],
  others: Partial<UsageStatement> = {},
): UsageStatement => ({
  tenant: 'acme',
  period: { start: formatTime(startMs), end: formatTime(endMs) },
  storedBefore: '2026-12-03T00:00:00.000Z',
  revision: 1,
  lines,
  ...others,
});
export const used = (meter: string, quantity: string, unit = '1'): UsageLine => ({ meter, unit, quantity });
export const rated = (input: Partial<RatingInput> & Pick<RatingInput, 'subscription'>): Invoice => {
  const outcome = rate({ books: [book], atMs: END, statements: [], ...input });
  if (!outcome.ok) throw new Error(outcome.problems.map(({ code, message }) => `${code}: ${message}`).join('; '));
  return outcome.invoice;
};
export const codes = (input: Partial<RatingInput> & Pick<RatingInput, 'subscription'>): readonly string[] => {
  const outcome = rate({ books: [book], atMs: END, statements: [], ...input });
  return outcome.ok ? [] : outcome.problems.map(({ code }) => code);
};
export const amounts = (invoice: Invoice): readonly (readonly [string, number])[] =>
  invoice.lines.map((line: InvoiceLine) => [line.kind, Number(line.amount)]);
