// SPDX-License-Identifier: Apache-2.0
// Products and prices at Stripe: made where they are missing, compared where they are there, changed never. Nothing can be made twice: a
// product has an id of ours, and no two prices share a lookup key. `stripe-client.ts` makes the client.
import { hash } from 'node:crypto';
import { formatDecimal, parseDecimal } from '../../policies/pricing/ratio.ts';
import type { Catalog, CatalogPrice } from './catalog.ts';
import type { StripeClient } from './stripe-client.ts';

/** Finds the meter, or makes it; rejects where there is another one of that name. Resolves with its id. */
export type EnsureMeter = (meter: string, encoding: 'Absolute' | 'Delta') => Promise<string>;

export type PriceProvider = {
  /** Of those that are there, whether they say the same. */
  compare(catalog: Catalog): Promise<ReadonlyMap<string, 'same' | 'other'>>;
  makeProduct(product: Catalog['products'][number]): Promise<void>;
  makePrice(price: CatalogPrice): Promise<void>;
};

/** Stripe takes so many lookup keys or ids at once. */
const AT_ONCE = 10;

const decimal = (value: { toString(): string } | null | undefined): string | undefined => {
  const parsed = value === null || value === undefined ? undefined : parseDecimal(value.toString());
  return parsed === undefined ? undefined : formatDecimal(parsed);
};

const recurringOf = (months: number): { readonly interval: 'month' | 'year'; readonly interval_count: number } =>
  months % 12 === 0 ? { interval: 'year', interval_count: months / 12 } : { interval: 'month', interval_count: months };

/** What can be asked for at once. */
export const lookupSlices = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / AT_ONCE) }, (_, index) => all.slice(index * AT_ONCE, (index + 1) * AT_ONCE));

export const createStripePrices = (client: StripeClient, ensureMeter: EnsureMeter): PriceProvider => {
  /** How often a request failed here: its key would only repeat that. */
  const failures = new Map<string, number>();

  const bodyOf = async (price: CatalogPrice) => {
    const { lookupKey, product, currency, months } = price;
    const sold = { lookup_key: lookupKey, product, currency };
    if (price.kind === 'fee')
      return { ...sold, unit_amount: price.amount, recurring: { ...recurringOf(months), usage_type: 'licensed' as const } };
    const meter = await ensureMeter(price.meter, price.encoding);
    return {
      ...sold,
      billing_scheme: 'tiered' as const,
      tiers_mode: 'graduated' as const,
      recurring: { ...recurringOf(months), usage_type: 'metered' as const, meter },
      tiers: price.tiers.map(({ upTo, unitAmount }) => ({
        up_to: upTo ?? ('inf' as const),
        unit_amount_decimal: client.Decimal.from(unitAmount),
      })),
    };
  };

  const once = async (body: object, send: (idempotencyKey: string) => Promise<unknown>): Promise<void> => {
    const digest = hash('sha256', JSON.stringify(body), 'hex').slice(0, 40);
    try {
      await send(`wrp1.${digest}.${failures.get(digest) ?? 0}`);
    } catch (error) {
      failures.set(digest, (failures.get(digest) ?? 0) + 1);
      throw error;
    }
  };

  type Shown = Awaited<ReturnType<StripeClient['prices']['list']>>['data'][number];
  const says = async (shown: Shown, price: CatalogPrice): Promise<boolean> => {
    const { recurring, tiers } = shown;
    const body = await bodyOf(price);
    const isSold =
      shown.active &&
      shown.product === price.product &&
      shown.currency === price.currency &&
      recurring?.interval === body.recurring.interval &&
      recurring.interval_count === body.recurring.interval_count &&
      recurring.usage_type === body.recurring.usage_type;
    if (!isSold) return false;
    if (price.kind === 'fee') return shown.billing_scheme === 'per_unit' && shown.unit_amount === price.amount;
    const wanted = price.tiers.map(({ upTo, unitAmount }) => [upTo ?? null, unitAmount, 0]);
    const found = (tiers ?? []).map((tier) => [tier.up_to, decimal(tier.unit_amount_decimal), tier.flat_amount ?? 0]);
    const isMeter = 'meter' in body.recurring && recurring.meter === body.recurring.meter;
    return isMeter && shown.tiers_mode === 'graduated' && JSON.stringify(found) === JSON.stringify(wanted);
  };

  return {
    compare: async ({ products, prices }) => {
      const seen = new Map<string, 'same' | 'other'>();
      for (const some of lookupSlices(products)) {
        const { data } = await client.products.list({ ids: some.map(({ id }) => id), limit: 100 });
        for (const { id, active, name } of data) {
          const wanted = some.find((one) => one.id === id);
          if (wanted !== undefined) seen.set(id, active && name === wanted.name ? 'same' : 'other');
        }
      }
      for (const some of lookupSlices(prices)) {
        const { data } = await client.prices.list({
          lookup_keys: some.map(({ lookupKey }) => lookupKey),
          limit: 100,
          expand: ['data.tiers'],
        });
        for (const shown of data) {
          const price = some.find(({ lookupKey }) => lookupKey === shown.lookup_key);
          if (price !== undefined) seen.set(price.lookupKey, (await says(shown, price)) ? 'same' : 'other');
        }
      }
      return seen;
    },
    makeProduct: (product) => once(product, (idempotencyKey) => client.products.create(product, { idempotencyKey })),
    makePrice: async (price) => {
      const body = await bodyOf(price);
      await once(body, (idempotencyKey) => client.prices.create(body, { idempotencyKey }));
    },
  };
};
