// SPDX-License-Identifier: Apache-2.0
// Keeps the catalog of the sealed price book at the provider: what is missing is made, then all of it is read back, and what says something
// else is told of. A price that was sold by is never changed; whoever wants another one seals another version.
import type { Clock } from '../../process/clock.ts';
import type { Catalog } from './catalog.ts';
import type { PriceProvider } from './stripe-prices.ts';

export type PriceState = { readonly there: number; readonly differ: readonly string[]; readonly left: Catalog['left'] };

const LOOK_MS = 3_600_000;

/** Undefined where it was looked at lately. Throws where the provider has no answer; then the next turn tries again. */
export const createPriceKeeper = (provider: PriceProvider, clock: Pick<Clock, 'monotonicMs'>) => {
  let [kept, lookedMs] = ['', Number.NEGATIVE_INFINITY];
  return async (catalog: Catalog): Promise<PriceState | undefined> => {
    const text = JSON.stringify(catalog);
    if (text === kept && clock.monotonicMs() - lookedMs < LOOK_MS) return undefined;
    const before = await provider.compare(catalog);
    const products = catalog.products.filter(({ id }) => !before.has(id));
    const prices = catalog.prices.filter(({ lookupKey }) => !before.has(lookupKey));
    for (const product of products) await provider.makeProduct(product);
    for (const price of prices) await provider.makePrice(price);
    const now = products.length + prices.length === 0 ? before : await provider.compare(catalog);
    [kept, lookedMs] = [text, clock.monotonicMs()];
    const names = [...catalog.products.map(({ id }) => id), ...catalog.prices.map(({ lookupKey }) => lookupKey)];
    const differ = names.filter((name) => now.get(name) !== 'same');
    return { there: names.length - differ.length, differ, left: catalog.left };
  };
};
