// SPDX-License-Identifier: Apache-2.0
// Usage: one statement for each part of the month in which one tier held, one line for each of its meters; and what was heard of
// after its period had been billed, as the difference that it makes there.
import type { Problem } from '../../../policies/problem.ts';
import type { UsageLine as Measured, UsagePeriod, UsageStatement } from '../../usage/statement.ts';
import { formatTime, parseTime } from './calendar.ts';
import type { Due } from './index.ts';
import type { UsageLine } from './invoice.ts';
import { toMinor } from './money.ts';
import { bookAt } from './price-book.ts';
import type { Book } from './price-book.ts';
import { ZERO, add, formatDecimal, multiply, parseDecimal, ratio } from './ratio.ts';
import type { Ratio } from './ratio.ts';
import { periodAt, segmentsOf } from './subscription.ts';
import type { Segment, Subscription } from './subscription.ts';
import { priceUsage } from './usage-price.ts';
import type { Priced } from './usage-price.ts';

export type UsageLines = {
  readonly lines: readonly UsageLine[];
  readonly books: readonly Book[];
  /** The statements that were billed, in the order of time. */
  readonly read: readonly UsageStatement[];
  readonly problems: readonly Problem[];
};

type Input = {
  readonly books: readonly Book[];
  readonly subscription: Subscription;
  readonly due: Due;
  readonly statements: readonly UsageStatement[];
  readonly earlier: readonly UsageStatement[];
};

const samePeriod = (a: UsagePeriod | undefined, b: UsagePeriod): boolean => a?.start === b.start && a.end === b.end;
const periodText = ({ start, end }: UsagePeriod): string => `${start} to ${end}`;

/** Where and by what a quantity is priced. */
type Place = { readonly segment: Segment; readonly book: Book; readonly part: Ratio; readonly annual: boolean; readonly isTrial: boolean };

const placeOf = ({ subscription, books }: Input, segment: Segment): Place | Problem => {
  const period = periodAt(subscription, segment.startMs);
  const book = period === undefined ? undefined : bookAt(books, period.startMs);
  if (period === undefined || book === undefined)
    return { code: 'PRICE_BOOK_NONE', message: `the period that ${formatTime(segment.startMs)} lies in has no price book` };
  const { cycle } = period.stretch;
  const part = ratio(segment.endMs - segment.startMs, period.monthEndMs - period.startMs);
  return { segment, book, part, annual: cycle === 'Annual', isTrial: cycle === 'Trial' };
};

/** `line.quantity` in the priced unit, or why not. */
const pricedQuantity = ({ book }: Place, line: Measured, tenant: string): Ratio | Problem => {
  const quantity = parseDecimal(line.quantity);
  const name = line.meter.slice(0, 63);
  if (quantity === undefined || (quantity.count < 0n && line.carriedFrom === undefined))
    return { code: 'BILL_STATEMENT_INVALID', message: `${tenant}: ${name} ${line.quantity.slice(0, 40)} is no quantity` };
  const meter = book.meters.get(line.meter);
  if (meter === undefined) return quantity;
  if (meter.unit !== line.unit)
    return { code: 'BILL_UNIT', message: `${tenant}: ${name} is measured in ${line.unit.slice(0, 63)} and priced in ${meter.unit}` };
  return multiply(quantity, { count: meter.per.of, of: meter.per.count });
};

const price = (place: Place, meter: string, quantity: Ratio): Priced => {
  const usage = place.isTrial ? undefined : place.book.tiers.get(place.segment.tier)?.usage.get(meter);
  if (usage === undefined) return { included: ZERO, beyond: ZERO, steps: [], cost: ZERO };
  return priceUsage({ book: place.book, usage, meter, annual: place.annual, quantity, part: place.part });
};

const whyFree = (place: Place, meter: string): Pick<UsageLine, 'free'> => {
  if (place.isTrial) return { free: 'trial' };
  return place.book.tiers.get(place.segment.tier)?.usage.get(meter)?.overage === undefined ? { free: 'not priced' } : {};
};

/** What was billed of that period and meter until now, in the priced unit; undefined where its statement is not here. */
const billedBefore = (input: Input, place: Place, { meter }: Measured, period: UsagePeriod): Ratio | Problem | undefined => {
  if (!input.earlier.some((statement) => samePeriod(statement.period, period))) return undefined;
  let sum = ZERO;
  for (const statement of input.earlier) {
    for (const line of statement.lines) {
      if (line.meter !== meter || !samePeriod(line.carriedFrom ?? statement.period, period)) continue;
      const quantity = pricedQuantity(place, line, statement.tenant);
      if ('code' in quantity) return quantity;
      sum = add(sum, quantity);
    }
  }
  return sum;
};

type Rated = { readonly line: UsageLine; readonly book: Book } | Problem;

const carried = (input: Input, line: Measured & { readonly carriedFrom: UsagePeriod }, sums: Map<string, Ratio>): Rated => {
  const { carriedFrom: period } = line;
  const { tenant } = input.subscription;
  const [startMs, endMs] = [parseTime(period.start), parseTime(period.end)];
  const segment =
    startMs === undefined || endMs === undefined || endMs <= startMs ? undefined : segmentsOf(input.subscription, { startMs, endMs })[0];
  if (segment === undefined || segment.startMs !== startMs || segment.endMs !== endMs)
    return { code: 'BILL_STATEMENT_INVALID', message: `${tenant}: ${periodText(period)} is no part of a month in which one tier held` };
  const place = placeOf(input, segment);
  if ('code' in place) return place;
  const quantity = pricedQuantity(place, line, tenant);
  if ('code' in quantity) return quantity;
  const key = `${line.meter} ${periodText(period)}`;
  const before = sums.get(key) ?? billedBefore(input, place, line, period);
  if (before === undefined)
    return {
      code: 'BILL_STATEMENT_MISSING',
      message: `${tenant}: the statement of ${periodText(period)}, from which ${line.meter} is carried`,
    };
  if ('code' in before) return before;
  const now = add(before, quantity);
  sums.set(key, now);
  const [old, priced] = [price(place, line.meter, before), price(place, line.meter, now)];
  const { currency } = place.book;
  return {
    book: place.book,
    line: {
      kind: 'carried',
      ...told(place, line, { quantity: now, priced }),
      period,
      quantity: line.quantity,
      // The difference of two invoices, each rounded as it was or would have been.
      amount: toMinor(priced.cost, currency) - toMinor(old.cost, currency),
    },
  };
};

const told = (
  place: Place,
  line: Measured,
  { quantity, priced }: { readonly quantity: Ratio; readonly priced: Priced },
): Omit<UsageLine, 'kind' | 'amount'> => ({
  tier: place.segment.tier,
  meter: line.meter,
  unit: line.unit,
  period: { start: formatTime(place.segment.startMs), end: formatTime(place.segment.endMs) },
  quantity: line.quantity,
  priced: formatDecimal(quantity),
  included: formatDecimal(priced.included),
  beyond: formatDecimal(priced.beyond),
  steps: priced.steps,
  ...whyFree(place, line.meter),
  book: place.book.digest,
});

const rateLine = (input: Input, place: Place, line: Measured, sums: Map<string, Ratio>): Rated => {
  if (line.carriedFrom !== undefined) return carried(input, { ...line, carriedFrom: line.carriedFrom }, sums);
  const quantity = pricedQuantity(place, line, input.subscription.tenant);
  if ('code' in quantity) return quantity;
  const priced = price(place, line.meter, quantity);
  return {
    book: place.book,
    line: { kind: 'usage', ...told(place, line, { quantity, priced }), amount: toMinor(priced.cost, place.book.currency) },
  };
};

/** `steps` add up to `beyond`, which is what the property tests hold. */
export const usageLines = (input: Input): UsageLines => {
  const { period } = input.due;
  const { tenant } = input.subscription;
  const segments = period === undefined ? [] : segmentsOf(input.subscription, period);
  const lines: UsageLine[] = [];
  const books: Book[] = [];
  const read: UsageStatement[] = [];
  const problems: Problem[] = [];
  const sums = new Map<string, Ratio>();
  for (const segment of segments) {
    const wanted: UsagePeriod = { start: formatTime(segment.startMs), end: formatTime(segment.endMs) };
    const statement = input.statements
      .filter((one) => samePeriod(one.period, wanted))
      .reduce<UsageStatement | undefined>((best, one) => (best === undefined || one.revision > best.revision ? one : best), undefined);
    if (statement === undefined) {
      problems.push({ code: 'BILL_STATEMENT_MISSING', message: `${tenant}: ${periodText(wanted)}, tier ${segment.tier}` });
      continue;
    }
    if (statement.tenant !== tenant) {
      problems.push({ code: 'BILL_STATEMENT_INVALID', message: `a statement of ${statement.tenant.slice(0, 63)} was given for ${tenant}` });
      continue;
    }
    const place = placeOf(input, segment);
    if ('code' in place) {
      problems.push(place);
      continue;
    }
    if (!place.isTrial && !place.book.tiers.has(segment.tier)) {
      problems.push({
        code: 'BILL_TIER_UNKNOWN',
        message: `${place.book.name} version ${place.book.version} sells no ${segment.tier.slice(0, 63)}`,
      });
      continue;
    }
    read.push(statement);
    const doubled = doubledMeter(statement);
    if (doubled !== undefined)
      problems.push({ code: 'BILL_STATEMENT_INVALID', message: `${tenant}: ${doubled.slice(0, 63)} stands there twice` });
    for (const line of statement.lines) {
      const rated = rateLine(input, place, line, sums);
      if ('code' in rated) problems.push(rated);
      else {
        lines.push(rated.line);
        books.push(rated.book);
      }
    }
  }
  return { lines, books, read, problems };
};

/** Two lines of one meter would each have the allowance. */
const doubledMeter = ({ lines }: UsageStatement): string | undefined => {
  const seen = new Set<string>();
  for (const { meter, carriedFrom } of lines) {
    const key = carriedFrom === undefined ? meter : `${meter} from ${periodText(carriedFrom)}`;
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
};
