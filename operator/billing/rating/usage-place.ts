// SPDX-License-Identifier: Apache-2.0
// Where a quantity is priced: the parts of a month in which one tier held, each with its book and its share of the time. A statement
// is of such a part, or of the whole month, and then its quantity falls to the parts by their time.
import type { Problem } from '../../../policies/problem.ts';
import type { UsagePeriod } from '../../usage/period.ts';
import type { UsageLine as Measured, UsageStatement } from '../../usage/statement.ts';
import { formatTime, parseTime } from '../../../policies/pricing/calendar.ts';
import { bookAt } from '../../../policies/pricing/index.ts';
import type { Book } from '../../../policies/pricing/index.ts';
import { ZERO, ceilingQuantity, multiply, parseDecimal, ratio, subtract, whole } from '../../../policies/pricing/ratio.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';
import { periodAt, segmentsOf } from './subscription.ts';
import type { Period, Segment, Subscription } from './subscription.ts';
import { priceUsage } from './usage-price.ts';
import type { Priced } from './usage-price.ts';

export type Place = {
  readonly segment: Segment;
  readonly book: Book;
  /** Of the whole month: what allowances are cut to. */
  readonly part: Ratio;
  /** Where it begins and ends within the time of the statement, from 0 to 1. */
  readonly from: Ratio;
  readonly to: Ratio;
  readonly annual: boolean;
  readonly isTrial: boolean;
};

type By = { readonly subscription: Subscription; readonly books: readonly Book[] };

export const periodText = ({ start, end }: UsagePeriod): string => `${start} to ${end}`;
export const samePeriod = (a: UsagePeriod | undefined, b: UsagePeriod): boolean => a?.start === b.start && a.end === b.end;
export const usagePeriod = ({ startMs, endMs }: Pick<Segment, 'startMs' | 'endMs'>): UsagePeriod => ({
  start: formatTime(startMs),
  end: formatTime(endMs),
});

const placeOf = ({ subscription, books }: By, segment: Segment, within: Pick<Place, 'from' | 'to'>): Place | Problem => {
  const period = periodAt(subscription, segment.startMs);
  const book = period === undefined ? undefined : bookAt(books, period.startMs);
  if (period === undefined || book === undefined)
    return { code: 'PRICE_BOOK_NONE', message: `the period that ${formatTime(segment.startMs)} lies in has no price book` };
  const isTrial = period.stretch.cycle === 'Trial';
  if (!isTrial && !book.tiers.has(segment.tier))
    return { code: 'BILL_TIER_UNKNOWN', message: `${book.name} version ${book.version} sells no ${segment.tier.slice(0, 63)}` };
  const part = ratio(segment.endMs - segment.startMs, period.monthEndMs - period.startMs);
  return { segment, book, part, ...within, annual: period.stretch.cycle === 'Annual', isTrial };
};

/** A month that was cut short has the statement of the whole month. */
const isWhole = (period: Period, { start, end }: UsagePeriod): boolean =>
  start === formatTime(period.startMs) && (end === formatTime(period.endMs) || end === formatTime(period.monthEndMs));

/** What a statement of `period` is priced by; undefined where no invoice has such a period. */
export const placesOf = (by: By, period: UsagePeriod): readonly (Place | Problem)[] | undefined => {
  const startMs = parseTime(period.start);
  const billed = startMs === undefined ? undefined : periodAt(by.subscription, startMs);
  if (billed === undefined) return undefined;
  const segments = segmentsOf(by.subscription, billed);
  if (isWhole(billed, period))
    return segments.map((segment) => {
      const lengthMs = billed.endMs - billed.startMs;
      const [from, to] = [ratio(segment.startMs - billed.startMs, lengthMs), ratio(segment.endMs - billed.startMs, lengthMs)];
      return placeOf(by, segment, { from, to });
    });
  const segment = segments.find((one) => samePeriod(usagePeriod(one), period));
  return segment === undefined ? undefined : [placeOf(by, segment, { from: ZERO, to: whole(1) })];
};

/** The statements that are to be billed for a period: one for each part where they are all there, else one of the whole; or what is missing. */
export const statementsFor = (
  { subscription }: By,
  period: Period,
  statements: readonly UsageStatement[],
): readonly UsageStatement[] | Problem => {
  const newest = (fits: (period: UsagePeriod) => boolean): UsageStatement | undefined =>
    statements
      .filter((one) => fits(one.period))
      .reduce<UsageStatement | undefined>((best, one) => (best === undefined || one.revision > best.revision ? one : best), undefined);
  const segments = segmentsOf(subscription, period);
  const parts = segments.flatMap((segment) => newest((one) => samePeriod(one, usagePeriod(segment))) ?? []);
  if (parts.length === segments.length) return parts;
  const whole = newest((one) => isWhole(period, one));
  if (whole !== undefined) return [whole];
  // What a trial used costs nothing, so nothing is lost where nobody counted it.
  if (period.stretch.cycle === 'Trial') return [];
  const message = `${subscription.tenant}: ${periodText(usagePeriod(period))}`;
  return { code: 'BILL_STATEMENT_MISSING', message };
};

/** `line.quantity` in the priced unit, or why not. */
export const pricedQuantity = ({ book }: Place, line: Measured, tenant: string): Ratio | Problem => {
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

/** What of a statement's quantity the place has, or all of it where it is a level that holds at every moment. Parts add up to the whole. */
export const quantityAt = (place: Place, meter: string, quantity: Ratio): Ratio => {
  const isAll = place.from.count === 0n && place.to.count === place.to.of;
  if (isAll || place.book.meters.get(meter)?.isLevel === true) return quantity;
  const until = (share: Ratio): Ratio => (share.count === share.of ? quantity : ceilingQuantity(multiply(quantity, share)));
  return subtract(until(place.to), until(place.from));
};

export const priceAt = (place: Place, meter: string, quantity: Ratio): Priced => {
  const usage = place.isTrial ? undefined : place.book.tiers.get(place.segment.tier)?.usage.get(meter);
  if (usage === undefined) return { included: ZERO, beyond: ZERO, steps: [], cost: ZERO };
  const isLevel = place.book.meters.get(meter)?.isLevel === true;
  return priceUsage({ book: place.book, usage, meter, annual: place.annual, quantity, part: place.part, isLevel });
};

export const whyFree = (place: Place, meter: string): { readonly free?: 'trial' | 'not priced' } => {
  if (place.isTrial) return { free: 'trial' };
  return place.book.tiers.get(place.segment.tier)?.usage.get(meter)?.overage === undefined ? { free: 'not priced' } : {};
};
