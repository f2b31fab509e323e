// SPDX-License-Identifier: Apache-2.0
// Where a quantity is priced: the parts of a calendar month in which one tier held within one run of cycles, or a trial, each with its book
// and its share of the time. A statement is of such a part, or of the whole month, and then its quantity falls to the parts by their time.
import type { Problem } from '../../../policies/problem.ts';
import { monthOf } from '../../usage/period.ts';
import type { UsagePeriod } from '../../usage/period.ts';
import type { UsageLine as Measured, UsageStatement } from '../../usage/statement.ts';
import { formatTime, parseTime } from '../../../policies/pricing/calendar.ts';
import { bookSelling } from '../../../policies/pricing/index.ts';
import type { Book } from '../../../policies/pricing/index.ts';
import { ZERO, ceilingQuantity, multiply, parseDecimal, ratio, subtract, whole } from '../../../policies/pricing/ratio.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';
import { partsOf, periodAt } from './subscription.ts';
import type { Part, Period, Subscription } from './subscription.ts';
import { priceUsage } from './usage-price.ts';
import type { Priced } from './usage-price.ts';

export type Place = {
  readonly part: Part;
  readonly book: Book;
  /** Of the whole month: what allowances are cut to. */
  readonly share: Ratio;
  /** Where it begins and ends within the time of the statement, from 0 to 1. */
  readonly from: Ratio;
  readonly to: Ratio;
};

type By = { readonly subscription: Subscription; readonly books: readonly Book[] };

export const periodText = ({ start, end }: UsagePeriod): string => `${start} to ${end}`;
export const samePeriod = (a: UsagePeriod | undefined, b: UsagePeriod): boolean => a?.start === b.start && a.end === b.end;
export const usagePeriod = ({ startMs, endMs }: Pick<Part, 'startMs' | 'endMs'>): UsagePeriod => ({
  start: formatTime(startMs),
  end: formatTime(endMs),
});

const isTrial = ({ part }: Place): boolean => part.stretch.cycle === 'Trial';

const placeOf = (
  books: readonly Book[],
  at: { readonly period: Period; readonly part: Part },
  within: Pick<Place, 'from' | 'to'>,
): Place | Problem => {
  const { period, part } = at;
  // That of the month's beginning, or of the cycles that began within it.
  const book = bookSelling(books, { tier: part.tier, beginMs: Math.max(period.startMs, part.stretch.anchorMs), untilMs: part.startMs });
  if (book === undefined)
    return { code: 'PRICE_BOOK_NONE', message: `the period that ${formatTime(part.startMs)} lies in has no price book` };
  const share = ratio(part.endMs - part.startMs, period.monthEndMs - period.monthStartMs);
  const place: Place = { part, book, share, ...within };
  if (!isTrial(place) && !book.tiers.has(part.tier))
    return { code: 'BILL_TIER_UNKNOWN', message: `${book.name} version ${book.version} sells no ${part.tier.slice(0, 63)}` };
  return place;
};

/** A month that the subscription does not fill has the statement of the whole month, or of its own part. */
const isWhole = (period: Period, { start, end }: UsagePeriod): boolean =>
  [period.monthStartMs, period.startMs].some((ms) => start === formatTime(ms)) &&
  [period.monthEndMs, period.endMs].some((ms) => end === formatTime(ms));

/** The month of the subscription that a statement's period lies in. */
const monthOfStatement = ({ subscription }: By, { start }: UsagePeriod): Period | undefined => {
  const startMs = parseTime(start);
  if (startMs === undefined) return undefined;
  const beginMs = subscription.changes[0].atMs;
  // The month in which it begins has a statement from before.
  return periodAt(subscription, startMs < beginMs && monthOf(beginMs) === startMs ? beginMs : startMs);
};

/** What a statement of `period` is priced by; undefined where no invoice has such a period. */
export const placesOf = (by: By, period: UsagePeriod): readonly (Place | Problem)[] | undefined => {
  const billed = monthOfStatement(by, period);
  if (billed === undefined) return undefined;
  const parts = partsOf(by.subscription, billed);
  if (isWhole(billed, period))
    return parts.map((part) => {
      const lengthMs = billed.endMs - billed.startMs;
      const [from, to] = [ratio(part.startMs - billed.startMs, lengthMs), ratio(part.endMs - billed.startMs, lengthMs)];
      return placeOf(by.books, { period: billed, part }, { from, to });
    });
  const part = parts.find((one) => samePeriod(usagePeriod(one), period));
  return part === undefined ? undefined : [placeOf(by.books, { period: billed, part }, { from: ZERO, to: whole(1) })];
};

/** The last revision of those whose period fits. */
export const newestOf = (statements: readonly UsageStatement[], fits: (period: UsagePeriod) => boolean): UsageStatement | undefined =>
  statements
    .filter((one) => fits(one.period))
    .reduce<UsageStatement | undefined>((best, one) => (best === undefined || one.revision > best.revision ? one : best), undefined);

/** The statements that are to be billed for a period: one for each part where they are all there, else one of the whole; or what is missing. */
export const statementsFor = (
  { subscription }: By,
  period: Period,
  statements: readonly UsageStatement[],
): readonly UsageStatement[] | Problem => {
  const newest = (fits: (period: UsagePeriod) => boolean): UsageStatement | undefined => newestOf(statements, fits);
  const parts = partsOf(subscription, period);
  const given = parts.flatMap((part) => newest((one) => samePeriod(one, usagePeriod(part))) ?? []);
  if (given.length === parts.length) return given;
  const whole = newest((one) => isWhole(period, one));
  if (whole !== undefined) return [whole];
  // What a trial used costs nothing, so nothing is lost where nobody counted it.
  if (parts.every(({ stretch }) => stretch.cycle === 'Trial')) return [];
  const message = `${subscription.tenant}: ${periodText({ start: formatTime(period.monthStartMs), end: formatTime(period.monthEndMs) })}`;
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
  const { book, part, share } = place;
  const usage = isTrial(place) ? undefined : book.tiers.get(part.tier)?.usage.get(meter);
  if (usage === undefined) return { included: ZERO, beyond: ZERO, steps: [], cost: ZERO };
  const isLevel = book.meters.get(meter)?.isLevel === true;
  return priceUsage({ book, usage, meter, annual: part.stretch.cycle === 'Annual', quantity, part: share, isLevel });
};

export const whyFree = (place: Place, meter: string): { readonly free?: 'trial' | 'not priced' } => {
  if (isTrial(place)) return { free: 'trial' };
  return place.book.tiers.get(place.part.tier)?.usage.get(meter)?.overage === undefined ? { free: 'not priced' } : {};
};
