// SPDX-License-Identifier: Apache-2.0
// Products and prices as Stripe keeps them: ids of products and lookup keys of prices are taken once, and a price stays as it was made.
import { textIn } from './fake-form.ts';
import type { Form } from './fake-form.ts';
import type { Refusal } from './fake-meters.ts';

export type FakeProduct = { readonly id: string; name: string; active: boolean };
export type FakePrice = { readonly id: string; readonly form: Form; readonly lookupKey: string; active: boolean };

const listOf = (form: Form, name: string): readonly string[] => {
  const held = form[name];
  return typeof held === 'object' ? Object.values(held).filter((value) => typeof value === 'string') : [];
};

const numberIn = (form: Form, ...path: readonly string[]): number | null => {
  const text = textIn(form, ...path);
  return text === undefined ? null : Number(text);
};

export const createFakePrices = () => {
  const products = new Map<string, FakeProduct>();
  const prices = new Map<string, FakePrice>();

  const shown = ({ id, form, lookupKey, active }: FakePrice, withTiers: boolean): object => {
    const tiers = typeof form['tiers'] === 'object' ? Object.values(form['tiers']) : [];
    return {
      id,
      object: 'price',
      active,
      lookup_key: lookupKey,
      product: textIn(form, 'product'),
      currency: textIn(form, 'currency'),
      billing_scheme: textIn(form, 'billing_scheme') ?? 'per_unit',
      tiers_mode: textIn(form, 'tiers_mode') ?? null,
      unit_amount: numberIn(form, 'unit_amount'),
      recurring: {
        interval: textIn(form, 'recurring', 'interval'),
        interval_count: numberIn(form, 'recurring', 'interval_count'),
        usage_type: textIn(form, 'recurring', 'usage_type'),
        meter: textIn(form, 'recurring', 'meter') ?? null,
      },
      // Shown to those alone who ask for them.
      ...(withTiers
        ? {
            tiers: tiers.map((tier) => ({
              flat_amount: null,
              unit_amount_decimal: typeof tier === 'object' ? (textIn(tier, 'unit_amount_decimal') ?? null) : null,
              up_to: typeof tier === 'object' && textIn(tier, 'up_to') !== 'inf' ? numberIn(tier, 'up_to') : null,
            })),
          }
        : {}),
    };
  };

  return {
    products,
    prices,
    /** Lookup key of a price by its id. */
    keyOf: (id: string): string | undefined => [...prices.values()].find((price) => price.id === id)?.lookupKey,
    listProducts: (query: Form): readonly object[] =>
      listOf(query, 'ids').flatMap((id) => {
        const product = products.get(id);
        return product === undefined ? [] : [{ ...product, object: 'product' }];
      }),
    makeProduct: (body: Form): object | Refusal => {
      const id = textIn(body, 'id') ?? '';
      if (products.has(id)) return { status: 400, code: 'resource_already_exists', message: `Product already exists.` };
      const product = { id, name: textIn(body, 'name') ?? '', active: true };
      products.set(id, product);
      return { ...product, object: 'product' };
    },
    listPrices: (query: Form): readonly object[] =>
      listOf(query, 'lookup_keys').flatMap((key) => {
        const price = prices.get(key);
        return price === undefined ? [] : [shown(price, listOf(query, 'expand').includes('data.tiers'))];
      }),
    makePrice: (body: Form): object | Refusal => {
      const lookupKey = textIn(body, 'lookup_key') ?? '';
      if (prices.has(lookupKey)) return { status: 400, message: `A price already uses that lookup key.` };
      if (!products.has(textIn(body, 'product') ?? '')) return { status: 400, code: 'resource_missing', message: 'No such product' };
      const price = { id: `price_${prices.size + 1}`, form: body, lookupKey, active: true };
      prices.set(lookupKey, price);
      return shown(price, false);
    },
  };
};
