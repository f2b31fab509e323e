// SPDX-License-Identifier: Apache-2.0
// Who bills a tenant's month. Whoever has begun with it goes on with all of it, whatever becomes of the Tenant or its customer meanwhile:
// a month of which anything was reported stays with the provider, one that was issued as a file is never reported.
import { nextMonth } from '../usage/period.ts';
import { textOf } from '../usage/store.ts';
import type { Reader, Store } from '../usage/store.ts';
import { spanOf } from './hours.ts';
import type { Customer } from './hours.ts';

/** Another tenant is reported under that customer: of two, the provider would keep whoever was reported last. */
export type Shared = Customer & { readonly with: string };

type Deps = { readonly store: Store; readonly onShared: (shared: Shared) => void };

/** Whoever was reported in the month, with the customer of its last hour. */
const reportedIn = async (reader: Reader, monthMs: number): Promise<Map<string, string>> => {
  const rows = await reader.all(
    `SELECT tenant, customer, MAX(hour_ms) AS hour_ms FROM billing_outbox WHERE hour_ms >= ? AND hour_ms < ?
      GROUP BY tenant, customer ORDER BY 3, 1, 2`,
    [monthMs, nextMonth(monthMs)],
  );
  return new Map(rows.map((row) => [textOf(row, 'tenant'), textOf(row, 'customer')]));
};

const filedIn = async (reader: Reader, monthMs: number): Promise<ReadonlySet<string>> => {
  const rows = await reader.all("SELECT DISTINCT tenant FROM billing_statement WHERE period_ms = ? AND sink = 'file'", [monthMs]);
  return new Set(rows.map((row) => textOf(row, 'tenant')));
};

export const createBillers = ({ store, onShared }: Deps) => {
  /** By month; only this process adds to it. */
  const reported = new Map<number, Map<string, string>>();

  const knownIn = async (monthMs: number): Promise<Map<string, string>> => {
    const known = reported.get(monthMs) ?? (await store.read((reader) => reportedIn(reader, monthMs)));
    reported.set(monthMs, known);
    return known;
  };

  return {
    /** Whom the provider bills for the month, by what it calls them; `customers` are those that it is to bill now. */
    of: async (monthMs: number, customers: readonly Customer[]): Promise<readonly Customer[]> => {
      const known = await knownIn(monthMs);
      const filed = await store.read((reader) => filedIn(reader, monthMs));
      const month = { fromMs: monthMs, toMs: nextMonth(monthMs) };
      const asked = customers.filter((one) => spanOf(one, month) !== undefined);
      const owners = new Map([...known].map(([tenant, customer]) => [customer, tenant]));
      const now = new Set(asked.map(({ tenant }) => tenant));
      const billed: Customer[] = [];
      for (const one of asked) {
        if (filed.has(one.tenant)) continue;
        const owner = owners.get(one.customer) ?? one.tenant;
        owners.set(one.customer, owner);
        if (owner === one.tenant) billed.push(one);
        else onShared({ ...one, with: owner });
      }
      const gone = [...known].filter(([tenant]) => !now.has(tenant) && !filed.has(tenant));
      return [...billed, ...gone.map(([tenant, customer]) => ({ tenant, customer }))];
    },
    /** Whether an invoice of the month must have what the tenant used: also where that cannot be reported. */
    owes: async (monthMs: number, tenant: string, customers: readonly Customer[]): Promise<boolean> => {
      const filed = await store.read((reader) => filedIn(reader, monthMs));
      return !filed.has(tenant) && (customers.some((one) => one.tenant === tenant) || (await knownIn(monthMs)).has(tenant));
    },
    /** That something of the month was taken in to be reported. */
    note: async (monthMs: number, { tenant, customer }: Customer): Promise<void> => void (await knownIn(monthMs)).set(tenant, customer),
    /** Everybody who was reported since, by each customer that it had, before `customers`, who are to be billed now. */
    since: async (fromMs: number, customers: readonly Customer[]): Promise<readonly Customer[]> => {
      const rows = await store.read((reader) =>
        reader.all('SELECT DISTINCT tenant, customer FROM billing_outbox WHERE hour_ms >= ?', [fromMs]),
      );
      const listed = new Map(customers.map((one) => [`${one.tenant} ${one.customer}`, one]));
      for (const row of rows) {
        const one = { tenant: textOf(row, 'tenant'), customer: textOf(row, 'customer') };
        const key = `${one.tenant} ${one.customer}`;
        if (!listed.has(key)) listed.set(key, one);
      }
      return [...listed.values()];
    },
  };
};
