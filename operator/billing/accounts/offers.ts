// SPDX-License-Identifier: Apache-2.0
// What a version of the price book sells by which prices, kept for as long as there is a ledger: a cycle stays with the version that it began
// with, also where another one is sealed.
import { isRecord } from '../../../crds/wire.ts';
import { CYCLES } from '../../../policies/pricing/calendar.ts';
import type { Cycle } from '../../../policies/pricing/calendar.ts';
import type { Book } from '../../../policies/pricing/index.ts';
import type { Problem } from '../../../policies/problem.ts';
import { StoreError, integerOf, textOf } from '../../usage/store.ts';
import type { Reader, Store } from '../../usage/store.ts';
import type { Catalog } from '../catalog.ts';
import { cycleAt } from '../rating/subscription.ts';
import type { Terms } from './provider.ts';

/** What has no price there; without a cycle, for all of them. */
type Left = { readonly cycle: Cycle | undefined; readonly what: string };

/** Of one tier: lookup keys by cycle, and what is left out of it. */
type Sold = { readonly keys: ReadonlyMap<Cycle, readonly string[]>; readonly left: readonly Left[] };

export type Offer = {
  readonly book: string;
  readonly version: number;
  readonly effectiveFromMs: number;
  /** By tier; of each the fee comes first. */
  readonly tiers: ReadonlyMap<string, Sold>;
};

export const offerOf = (book: Book, { prices, left }: Catalog): Offer => {
  const tiers = new Map<string, Sold>();
  for (const { name, fees } of book.tiers.values()) {
    const mine = prices.filter(({ tier }) => tier === name);
    const keys = new Map<Cycle, readonly string[]>();
    for (const cycle of CYCLES) {
      const fee = mine.find((price) => price.kind === 'fee' && price.cycle === cycle);
      if (fee === undefined || !fees.has(cycle)) continue;
      const used = mine.flatMap((price) => (price.kind === 'metered' ? [price] : []));
      const cheaper = new Set(used.filter(({ annual }) => annual && cycle === 'Annual').map(({ meter }) => meter));
      const chosen = used.filter(({ meter, annual }) => annual === cheaper.has(meter));
      keys.set(cycle, [fee.lookupKey, ...chosen.map(({ lookupKey }) => lookupKey)]);
    }
    tiers.set(name, { keys, left: left.filter(({ tier }) => tier === name || tier === '').map(({ cycle, what }) => ({ cycle, what })) });
  }
  return { book: book.name, version: book.version, effectiveFromMs: book.effectiveFromMs, tiers };
};

const soldText = ({ tiers }: Offer): string =>
  JSON.stringify([...tiers].map(([tier, { keys, left }]) => [tier, [...keys], left.map(({ cycle = '', what }) => [cycle, what])]));

const corrupt = (): never => {
  throw new StoreError('corrupt', 'billing_offer holds something else than prices');
};
const textsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) && value.every((one: unknown) => typeof one === 'string') ? value : corrupt();
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : corrupt());

const cycleIn = (value: unknown): Cycle => CYCLES.find((cycle) => cycle === value) ?? corrupt();
/** Older ones say no cycle. */
const leftIn = (value: unknown): Left => {
  if (typeof value === 'string') return { cycle: undefined, what: value };
  const [cycle = '', what = ''] = textsIn(value);
  return { cycle: cycle === '' ? undefined : cycleIn(cycle), what };
};

const readSold = (text: string): ReadonlyMap<string, Sold> =>
  new Map(
    listIn(JSON.parse(text)).map((entry): readonly [string, Sold] => {
      const [tier, keys, left] = listIn(entry);
      if (typeof tier !== 'string') return corrupt();
      const byCycle = listIn(keys).map((pair): readonly [Cycle, readonly string[]] => {
        const [name, texts] = listIn(pair);
        return [cycleIn(name), textsIn(texts)];
      });
      return [tier, { keys: new Map(byCycle), left: listIn(left).map(leftIn) }];
    }),
  );

/** All versions of a book that were ever sold, the oldest first. */
export const offersOf = async (reader: Reader, book: string): Promise<readonly Offer[]> =>
  (await reader.all('SELECT version, effective_ms, sold FROM billing_offer WHERE book = ? ORDER BY version', [book])).map((row) => ({
    book,
    version: integerOf(row, 'version'),
    effectiveFromMs: integerOf(row, 'effective_ms'),
    tiers: readSold(textOf(row, 'sold')),
  }));

/** A version that was never in effect may still say something else; one that was stays as it is. */
export const keepOffer = (store: Store, offer: Offer, nowMs: number): Promise<readonly Offer[]> =>
  store.transact(async (tx) => {
    await tx.insert({
      into: 'billing_offer',
      columns: ['book', 'version', 'effective_ms', 'sold'],
      rows: [[offer.book, offer.version, offer.effectiveFromMs, soldText(offer)]],
      onConflict: `ON CONFLICT (book, version) DO UPDATE SET effective_ms = excluded.effective_ms, sold = excluded.sold
        WHERE billing_offer.effective_ms > ${BigInt(Math.trunc(nowMs))}`,
    });
    return offersOf(tx, offer.book);
  });

export type Keys = { readonly ok: true; readonly keys: readonly string[] } | { readonly ok: false; readonly problem: Problem };

const at = (offers: readonly Offer[], atMs: number): Offer | undefined => offers.findLast(({ effectiveFromMs }) => effectiveFromMs <= atMs);
const wrong = (problem: Problem): Keys => ({ ok: false, problem });

/**
 * By which prices terms are subscribed in the month that begins at `atMs`: the fee by the version that its cycle began with, use by the
 * one in effect when the month begins.
 */
export const keysAt = (offers: readonly Offer[], terms: Terms, atMs: number): Keys => {
  const { tier, cycle, anchorMs } = terms;
  const monthMs = Math.max(atMs, anchorMs);
  const cycleMs = cycleAt({ anchorMs, endMs: Number.POSITIVE_INFINITY, cycle }, monthMs)?.startMs ?? monthMs;
  const [offer, begun] = [at(offers, monthMs), at(offers, cycleMs)];
  if (offer === undefined || begun === undefined)
    return wrong({
      code: 'PRICE_BOOK_NONE',
      message: `no version of the price book is in effect at ${new Date(Math.min(monthMs, cycleMs)).toISOString()}`,
    });
  // Of a tier that the version of then did not sell, by the first that did.
  const first = offers
    .map(({ effectiveFromMs }) => effectiveFromMs)
    .filter((ms) => ms > cycleMs && ms <= monthMs)
    .toSorted((a, b) => a - b)
    .map((ms) => at(offers, ms))
    .find((one) => one?.tiers.has(tier) === true);
  const [sold, paid] = [offer.tiers.get(tier), (begun.tiers.has(tier) ? begun : first)?.tiers.get(tier)];
  const left = (sold?.left ?? []).filter((one) => one.cycle === undefined || one.cycle === cycle).map(({ what }) => what);
  if (left.length > 0)
    return wrong({ code: 'BILL_PRICE_MISSING', message: `the provider cannot say exactly: ${left.join(', ').slice(0, 400)}` });
  const [fee] = paid?.keys.get(cycle) ?? [];
  const use = sold?.keys.get(cycle)?.slice(1);
  if (sold === undefined || fee === undefined || use === undefined)
    return wrong({
      code: 'BILL_TIER_UNKNOWN',
      message: `${offer.book} version ${offer.version} sells no ${tier === '' ? 'tier that is not named' : tier.slice(0, 63)} by the cycle ${cycle}`,
    });
  return { ok: true, keys: [fee, ...use] };
};

/** What terms become at `atMs`, the first of a month: another cycle is counted from then on, or from the end of a trial. */
export const nextTerms = ({ cycle, anchorMs }: Terms, wanted: Pick<Terms, 'tier' | 'cycle'>, atMs: number): Terms => ({
  tier: wanted.tier,
  cycle: wanted.cycle,
  anchorMs: wanted.cycle === cycle ? anchorMs : Math.max(atMs, anchorMs),
});

/** What was written beside a subscription; undefined where it is none of ours. */
export const readTerms = (value: unknown): Terms | undefined => {
  if (!isRecord(value)) return undefined;
  const { writ_tier: tier, writ_cycle: name, writ_anchor: anchor } = value;
  const cycle = CYCLES.find((one) => one === name);
  const anchorMs = typeof anchor === 'string' && /^\d{1,12}$/.test(anchor) ? Number(anchor) * 1000 : undefined;
  return typeof tier === 'string' && cycle !== undefined && anchorMs !== undefined ? { tier, cycle, anchorMs } : undefined;
};

export const sameTerms = (a: Terms | undefined, b: Terms | undefined): boolean =>
  a?.tier === b?.tier && a?.cycle === b?.cycle && a?.anchorMs === b?.anchorMs;
