// SPDX-License-Identifier: Apache-2.0
// Does the provider count what the ledger counts? Asked hour by hour before an invoice becomes final.
import type { Store } from '../../usage/store.ts';
import type { UsageProvider } from '../provider.ts';
import { sameDecimal } from './entry.ts';
import type { Entry, HourKey, HourTotal } from './entry.ts';
import { entriesWithin } from './tables.ts';

/** `[fromMs, toMs)`, on the hour. */
export type Period = { readonly fromMs: number; readonly toMs: number };

/** `totals`: the ledger's of every hour of the period that has usage. */
export type DriftAsked = Period & { readonly tenant: string; readonly totals: readonly HourTotal[] };

/** `counted` is undefined where the provider did not answer, `state` where nothing was ever sent. */
export type Drift = HourKey & { readonly ledger: string; readonly counted: string | undefined; readonly state: Entry['state'] | undefined };

type Deps = { readonly store: Store; readonly provider: UsageProvider };

const hourOf = ({ meter, hourMs }: Pick<HourKey, 'meter' | 'hourMs'>): string => `${meter} ${hourMs}`;

export const findDrift = async ({ store, provider }: Deps, asked: DriftAsked, signal?: AbortSignal): Promise<readonly Drift[]> => {
  const { tenant, fromMs, toMs, totals } = asked;
  const entries = new Map(
    (await store.read((reader) => entriesWithin(reader, { tenant, fromMs, toMs }))).map((entry) => [hourOf(entry), entry]),
  );
  const known = new Set(totals.map(hourOf));
  const all: readonly HourTotal[] = [
    // Under the encoding and the customer that the hour began with, which say where to look.
    ...totals.map((one) => {
      const { encoding, customer } = entries.get(hourOf(one)) ?? one;
      return { ...one, encoding, customer };
    }),
    // An hour that the ledger has taken back altogether is still one that the provider may count.
    ...[...entries.values()].filter((entry) => !known.has(hourOf(entry))).map((entry) => ({ ...entry, total: '0' })),
  ];
  const found: Drift[] = [];
  for (const group of Map.groupBy(all, ({ meter, encoding, customer }) => `${meter} ${encoding} ${customer}`).values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { meter, encoding, customer } = first;
    const counted = await provider.read({ meter, encoding, customer, startMs: fromMs, endMs: toMs }, signal);
    const ledger = new Map(group.map(({ hourMs, total }) => [hourMs, total]));
    for (const hourMs of [...new Set([...ledger.keys(), ...(counted?.keys() ?? [])])].toSorted((a, b) => a - b)) {
      const mine = ledger.get(hourMs) ?? '0';
      const theirs = counted === undefined ? undefined : (counted.get(hourMs) ?? '0');
      if (theirs !== undefined && sameDecimal(mine, theirs)) continue;
      found.push({ tenant, meter, hourMs, ledger: mine, counted: theirs, state: entries.get(hourOf({ meter, hourMs }))?.state });
    }
  }
  return found;
};
