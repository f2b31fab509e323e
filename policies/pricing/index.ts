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
import { OBJECTIVES, hasThreshold } from '../service-level/index.ts';
import type { ObjectiveName } from '../service-level/index.ts';
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

/** What is given back of a month's fee: `basisPoints` of it where less than `below` (percent) of the minutes kept the promise. */
export type CreditStep = { readonly below: string; readonly basisPoints: number };

/** A promise that money follows from. */
export type OwedObjective = {
  readonly name: ObjectiveName;
  /** Percent, as it is written. */
  readonly target: string;
  /** Infinite for one without a threshold. */
  readonly withinMs: number;
  /** Marks fall, and what is given back rises. */
  readonly credits: readonly CreditStep[];
};

export type PricedTier = {
  readonly name: string;
  /** In the currency's smallest unit. */
  readonly fees: ReadonlyMap<Cycle, bigint>;
  readonly usage: ReadonlyMap<string, TierUsage>;
  /** As invoices tell it. */
  readonly promise: { readonly availability?: string; readonly latencyMs?: number; readonly policyEvaluation?: string } | undefined;
  readonly owed: readonly OwedObjective[];
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
      const told = promise === undefined ? undefined : toldPromise(promise);
      const owed =
        promise === undefined ? [] : owedOf(promise, (path, message) => fault(['spec', 'tiers', index, 'promise', ...path], message));
      return [name, { name, fees: priced, usage: new Map(uses), promise: told, owed }];
    }),
  );

type TierPromise = NonNullable<NonNullable<Spec['tiers']>[number]['promise']>;

const toldPromise = ({ availability, latencyMs, policyEvaluation }: TierPromise): PricedTier['promise'] => ({
  ...(availability === undefined ? {} : { availability }),
  ...(latencyMs === undefined ? {} : { latencyMs }),
  ...(policyEvaluation === undefined ? {} : { policyEvaluation }),
});

/** Where the share of good answers stands; the time of those with a threshold is `latencyMs`. */
const SHARE_FIELDS = {
  availability: 'availability',
  'admission-latency': 'latencyShare',
  'policy-evaluation': 'policyEvaluation',
} as const satisfies Readonly<Record<ObjectiveName, keyof TierPromise>>;

const HUNDRED = whole(100);

const owedOf = (promise: TierPromise, fault: Fault): readonly OwedObjective[] => {
  const { latencyMs, latencyShare, credits = [] } = promise;
  if (latencyShare !== undefined && latencyMs === undefined) fault(['latencyShare'], 'say within which time, as latencyMs');
  const promised = OBJECTIVES.flatMap((name): readonly Omit<OwedObjective, 'credits'>[] => {
    const target = promise[SHARE_FIELDS[name]];
    const withinMs = hasThreshold(name) ? latencyMs : Number.POSITIVE_INFINITY;
    return target === undefined || withinMs === undefined ? [] : [{ name, target, withinMs }];
  });
  for (const { name, target } of promised)
    if (compare(decimal(target, whole(0)), HUNDRED) > 0) fault([SHARE_FIELDS[name]], 'it is more than 100 %');
  const marks = new Map<string, CreditStep>();
  for (const [index, { objective, below, basisPoints }] of credits.entries()) {
    const target = promised.find(({ name }) => name === objective)?.target;
    const before = marks.get(objective);
    if (target === undefined) fault(['credits', index, 'objective'], `${objective} is not promised here`);
    else if (compare(decimal(below, whole(0)), decimal(before?.below ?? target, whole(0))) > (before === undefined ? 0 : -1))
      fault(['credits', index, 'below'], before === undefined ? 'it is above what is promised' : 'marks must fall');
    // Who gets less must never be given back less.
    if (before !== undefined && basisPoints <= before.basisPoints) fault(['credits', index, 'basisPoints'], 'what is given back must rise');
    marks.set(objective, { below, basisPoints });
  }
  return promised.map((one) => ({
    ...one,
    credits: credits.filter(({ objective }) => objective === one.name).map(({ below, basisPoints }) => ({ below, basisPoints })),
  }));
};

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

/** The version that a tier is paid by in what began at `beginMs`: that of then, or, where it sold no such tier, the first in effect that did by `untilMs`. */
export const bookSelling = (
  books: readonly Book[],
  { tier, beginMs, untilMs }: { readonly tier: string; readonly beginMs: number; readonly untilMs: number },
): Book | undefined => {
  const begun = bookAt(books, beginMs);
  if (begun?.tiers.has(tier) === true) return begun;
  const changes = books.map(({ effectiveFromMs }) => effectiveFromMs).filter((ms) => ms > beginMs && ms <= untilMs);
  for (const atMs of changes.toSorted((a, b) => a - b)) {
    const book = bookAt(books, atMs);
    if (book?.tiers.has(tier) === true) return book;
  }
  return begun;
};
