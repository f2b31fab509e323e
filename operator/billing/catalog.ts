// SPDX-License-Identifier: Apache-2.0
/**
 * A price book → the products and prices that a payment provider sells by, and what of it cannot be said there exactly.
 *
 * Pure. One product a tier; a price for each fee, and for each meter that is reported one in graduated steps, all of them named by book,
 * version and tier: what a version costs never changes, a new version has prices of its own. Whoever makes subscriptions at the
 * provider picks prices by these names.
 */
import { MONTHS } from '../../policies/pricing/calendar.ts';
import type { Cycle } from '../../policies/pricing/calendar.ts';
import type { Book, Meter, TierUsage, VolumeStep } from '../../policies/pricing/index.ts';
import { ZERO, add, formatDecimal, larger, multiply, ratio, whole } from '../../policies/pricing/ratio.ts';
import type { Ratio } from '../../policies/pricing/ratio.ts';
import type { Encoding } from './outbox/entry.ts';

/** Up to `upTo` units of the meter, the last without end; in the currency's smallest unit, 12 digits after the point at most. */
export type PriceTier = { readonly upTo: number | undefined; readonly unitAmount: string };

export type CatalogPrice = {
  /** By which it is found: no two that are active share it. */
  readonly lookupKey: string;
  readonly product: string;
  readonly tier: string;
  readonly currency: string;
  readonly months: number;
} & (
  | { readonly kind: 'fee'; readonly cycle: Cycle; /** In the currency's smallest unit. */ readonly amount: number }
  | {
      readonly kind: 'metered';
      readonly meter: string;
      /** Of an annual cycle, where that makes it cheaper. */
      readonly annual: boolean;
      readonly encoding: Encoding;
      readonly tiers: readonly PriceTier[];
    }
);

export type Catalog = {
  readonly products: readonly { readonly id: string; readonly name: string }[];
  readonly prices: readonly CatalogPrice[];
  /** What is not sold there, and why. */
  readonly left: readonly {
    /** Empty: of every tier. */ readonly tier: string;
    /** Undefined: of every cycle. */ readonly cycle?: Cycle;
    readonly what: string;
    readonly why: string;
  }[];
};

/** Digits after the point as Stripe counts them (docs.stripe.com/currencies), where they are not 2. */
const NO_DIGITS = new Set('bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '));
const OTHER_DIGITS = new Set('bhd jod kwd omr tnd isk ugx huf twd'.split(' '));
const MOST_NAME = 180;
const WHOLE = 10_000;
const FRACTION = 10n ** 12n;

const isWhole = ({ count, of }: Ratio): boolean => count % of === 0n;
const wholeNumber = ({ count, of }: Ratio): number | undefined => {
  const value = Number(count / of);
  return count % of === 0n && Number.isSafeInteger(value) ? value : undefined;
};

const shareOfList = (book: Book, volume: number, annual: boolean): Ratio =>
  larger(ratio((WHOLE - volume) * (WHOLE - (annual ? book.annualBasisPoints : 0)), WHOLE * WHOLE), ratio(book.minimumBasisPoints, WHOLE));

/** The steps of rating, in units of the meter; undefined where a boundary or a price would have to be rounded. */
const tiersOf = (
  book: Book,
  meter: Meter,
  usage: TierUsage & { readonly overage: Ratio },
  annual: boolean,
): readonly PriceTier[] | undefined => {
  const marks: readonly VolumeStep[] = [{ above: ZERO, basisPoints: 0 }, ...(book.volume.get(meter.name) ?? [])];
  const tiers: PriceTier[] = [];
  const free = wholeNumber(multiply(usage.included, meter.per));
  if (free === undefined) return undefined;
  if (free > 0) tiers.push({ upTo: free, unitAmount: '0' });
  for (const [index, { basisPoints }] of marks.entries()) {
    const next = marks[index + 1];
    const upTo = next === undefined ? undefined : wholeNumber(multiply(add(usage.included, next.above), meter.per));
    const price = multiply(multiply(usage.overage, shareOfList(book, basisPoints, annual)), {
      count: 10n ** BigInt(book.currency.minorDigits) * meter.per.of,
      of: meter.per.count,
    });
    if ((next !== undefined && upTo === undefined) || !isWhole(multiply(price, whole(FRACTION)))) return undefined;
    tiers.push({ upTo, unitAmount: formatDecimal(price) });
  }
  return tiers;
};

/** `reported`: the meters that the provider is told of. */
export const catalogOf = (book: Book, reported: ReadonlyMap<string, Encoding>): Catalog => {
  const left: { tier: string; cycle?: Cycle; what: string; why: string }[] = [];
  const { code, minorDigits } = book.currency;
  if (OTHER_DIGITS.has(code) || minorDigits !== (NO_DIGITS.has(code) ? 0 : 2))
    return {
      products: [],
      prices: [],
      left: [
        { tier: '', what: `${book.name} version ${book.version}`, why: `${code} with ${minorDigits} digits is counted otherwise there` },
      ],
    };
  const products: { id: string; name: string }[] = [];
  const prices: CatalogPrice[] = [];
  for (const tier of book.tiers.values()) {
    const product = `writ_${book.name}_${tier.name}`;
    const key = `writ_${book.name}_v${book.version}_${tier.name}`;
    if (`${key}_${'m'.repeat(63)}_annual`.length > MOST_NAME + 63) {
      left.push({ tier: tier.name, what: key, why: 'the name is too long there' });
      continue;
    }
    products.push({ id: product, name: `${book.name}: ${tier.name}` });
    const sold = { product, tier: tier.name, currency: code };
    for (const [cycle, fee] of tier.fees) {
      const amount = wholeNumber(whole(fee));
      const lookupKey = `${key}_${cycle}`;
      if (amount === undefined || amount > 99_999_999)
        left.push({ tier: tier.name, cycle, what: lookupKey, why: 'the fee is larger than can be charged there' });
      else prices.push({ ...sold, lookupKey, months: MONTHS[cycle], kind: 'fee', cycle, amount });
    }
    const variants: readonly boolean[] = book.annualBasisPoints > 0 && tier.fees.has('Annual' satisfies Cycle) ? [false, true] : [false];
    for (const [name, usage] of tier.usage) {
      const [meter, encoding] = [book.meters.get(name), reported.get(name)];
      if (meter === undefined || encoding === undefined || usage.overage === undefined) continue;
      for (const annual of variants) {
        const lookupKey = `${key}_${name}${annual ? '_annual' : ''}`;
        const tiers = meter.isLevel ? undefined : tiersOf(book, meter, { ...usage, overage: usage.overage }, annual);
        if (tiers === undefined)
          left.push({
            tier: tier.name,
            ...(annual ? { cycle: 'Annual' } : {}),
            what: lookupKey,
            why: 'its price cannot be said there without rounding',
          });
        else prices.push({ ...sold, lookupKey, months: 1, kind: 'metered', meter: name, annual, encoding, tiers });
      }
    }
  }
  return { products, prices, left };
};
