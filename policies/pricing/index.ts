// SPDX-License-Identifier: Apache-2.0
/**
 * A PriceBook's document → prices that can be reckoned with, or what is wrong with it beyond its schema.
 *
 * In: an object that fits its schema, and the document that it was read from. Out: fees in the currency's smallest unit, exact
 * prices, marks in order. Whether its seal counts is the caller's question. Pure and total. Anyone may import it; the numbers
 * (ratio.ts), money and months that it is reckoned in are here too.
 */
import type { PriceBook } from '../../crds/generated/objects.ts';
import type { ParsedDocument } from '../document/index.ts';
import { formatPath } from '../document/json.ts';
import type { JsonPath } from '../document/json.ts';
import type { Problem } from '../problem.ts';
import { CYCLES, parseTime } from './calendar.ts';
import type { Cycle } from './calendar.ts';
import { parseMoney } from './money.ts';
import type { Currency } from './money.ts';
import { compare, parseDecimal, whole } from './ratio.ts';
import type { Ratio } from './ratio.ts';

export type Meter = {
  readonly name: string;
  readonly unit: string;
  /** How many of the statement's units make a priced one. */
  readonly per: Ratio;
  readonly priced: string;
  readonly isLevel: boolean;
  readonly report: 'Absolute' | 'Delta' | 'None';
};

export type TierUsage = { readonly included: Ratio; readonly overage: Ratio | undefined };

export type PricedTier = {
  readonly name: string;
  /** In the currency's smallest unit. */
  readonly fees: ReadonlyMap<Cycle, bigint>;
  readonly usage: ReadonlyMap<string, TierUsage>;
  readonly promise: { readonly availability?: string; readonly latencyMs?: number } | undefined;
};

export type VolumeStep = { readonly above: Ratio; readonly basisPoints: number };

export type Book = {
  readonly name: string;
  readonly version: number;
  /** Of the document's bytes. */
  readonly digest: string;
  readonly effectiveFromMs: number;
  readonly currency: Currency;
  readonly meters: ReadonlyMap<string, Meter>;
  readonly tiers: ReadonlyMap<string, PricedTier>;
  /** Ascending. */
  readonly volume: ReadonlyMap<string, readonly VolumeStep[]>;
  readonly annualBasisPoints: number;
  readonly minimumBasisPoints: number;
};

export type BookOutcome = { readonly ok: true; readonly book: Book } | { readonly ok: false; readonly problems: readonly Problem[] };

const FEE_FIELDS = { Monthly: 'monthly', Quarterly: 'quarterly', Annual: 'annual' } as const satisfies Readonly<Record<Cycle, string>>;

type Spec = PriceBook['spec'];
type Fault = (path: JsonPath, message: string) => void;

const decimal = (text: string | undefined, missing: Ratio): Ratio => (text === undefined ? missing : (parseDecimal(text) ?? missing));

const metersOf = (spec: Spec, fault: Fault): ReadonlyMap<string, Meter> =>
  new Map(
    (spec.meters ?? []).map(({ name, unit, per, priced, level, report }, index) => {
      const each = decimal(per, whole(1));
      if (each.count <= 0n) fault(['spec', 'meters', index, 'per'], 'it must be more than 0');
      return [name, { name, unit, per: each, priced: priced ?? unit, isLevel: level === true, report: report ?? 'None' }];
    }),
  );

const tiersOf = (spec: Spec, currency: Currency, fault: Fault): ReadonlyMap<string, PricedTier> =>
  new Map(
    (spec.tiers ?? []).map(({ name, fees, usage = [], promise }, index) => {
      const priced = new Map<Cycle, bigint>();
      for (const cycle of CYCLES) {
        const text = fees[FEE_FIELDS[cycle]];
        const fee = text === undefined ? undefined : parseMoney(text, currency);
        if (text !== undefined && fee === undefined)
          fault(['spec', 'tiers', index, 'fees', FEE_FIELDS[cycle]], `${currency.code} has ${currency.minorDigits} digits after the point`);
        if (fee !== undefined) priced.set(cycle, fee);
      }
      const uses = usage.map(({ meter, included, overage }): readonly [string, TierUsage] => [
        meter,
        { included: decimal(included, whole(0)), overage: overage === undefined ? undefined : decimal(overage, whole(0)) },
      ]);
      return [name, { name, fees: priced, usage: new Map(uses), promise }];
    }),
  );

const volumeOf = (spec: Spec, fault: Fault): ReadonlyMap<string, readonly VolumeStep[]> =>
  new Map(
    (spec.volumeDiscounts ?? []).map(({ meter, steps }, index) => {
      const read = steps.map(({ above, basisPoints }) => ({ above: decimal(above, whole(0)), basisPoints }));
      for (const [at, step] of read.entries()) {
        const before = read[at - 1];
        // A larger quantity must never cost less.
        if (before !== undefined && (compare(step.above, before.above) <= 0 || step.basisPoints < before.basisPoints))
          fault(['spec', 'volumeDiscounts', index, 'steps', at], 'marks and discounts must rise');
      }
      return [meter, read];
    }),
  );

/** What `document` says, once it fits its schema. */
export const readBook = (object: PriceBook, document: Pick<ParsedDocument, 'digest' | 'positionOf'>): BookOutcome => {
  const { spec } = object;
  const problems: Problem[] = [];
  const fault: Fault = (path, message) =>
    void problems.push({ code: 'PRICE_BOOK_INVALID', message, at: document.positionOf(path), path: formatPath(path) });
  if (spec.retired === true || spec.currency === undefined) {
    const message = `price book ${object.metadata.name} is retired: it prices nothing`;
    return { ok: false, problems: [{ code: 'PRICE_BOOK_RETIRED', message, at: document.positionOf(['spec', 'retired']) }] };
  }
  const currency: Currency = { code: spec.currency, minorDigits: spec.minorDigits ?? 0 };
  const effectiveFromMs = parseTime(spec.effectiveFrom ?? '');
  if (effectiveFromMs === undefined) fault(['spec', 'effectiveFrom'], 'there is no such time');
  const book: Book = {
    name: object.metadata.name,
    version: spec.version,
    digest: document.digest,
    effectiveFromMs: effectiveFromMs ?? 0,
    currency,
    meters: metersOf(spec, fault),
    tiers: tiersOf(spec, currency, fault),
    volume: volumeOf(spec, fault),
    annualBasisPoints: spec.annualDiscountBasisPoints ?? 0,
    minimumBasisPoints: spec.minimumBasisPoints ?? 0,
  };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, book };
};

/** The version that periods and cycles which begin at `atMs` are rated by: the highest that is in effect. Undefined before the first. */
export const bookAt = (books: readonly Book[], atMs: number): Book | undefined =>
  books
    .filter(({ effectiveFromMs }) => effectiveFromMs <= atMs)
    .reduce<Book | undefined>((best, book) => (best === undefined || book.version > best.version ? book : best), undefined);
