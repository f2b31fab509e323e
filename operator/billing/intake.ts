// SPDX-License-Identifier: Apache-2.0
// From the ledger's sealed hours into the outbox, some at a time: what is held in memory is only what the outbox does not take yet.
import type { Clock } from '../../process/clock.ts';
import { HOUR_MS, monthOf } from '../usage/period.ts';
import type { Store } from '../usage/store.ts';
import type { createBillers } from './billers.ts';
import { BACK_MS, carriedSince, hasUse, hourTotals, isBilledFor, lateTenants, sealedSince, totalsOfHour } from './hours.ts';
import type { Customer } from './hours.ts';
import type { createMonths } from './months.ts';
import type { HourTotal } from './outbox/entry.ts';
import type { Outbox } from './outbox/index.ts';
import { newestOfHour } from './outbox/tables.ts';
import type { Scope } from './sink.ts';

export type Unpriced = { readonly tenant: string; readonly monthMs: number };

export type IntakeDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, 'offer'>;
  readonly billers: ReturnType<typeof createBillers>;
  readonly metersOf: ReturnType<typeof createMonths>;
  /** The tenant is not reported: no price book was in effect when the month began. */
  readonly onUnpriced: (unpriced: Unpriced) => void;
};

const OFFER_AT_ONCE = 200;

const keyOf = ({ tenant, meter, hourMs }: HourTotal): string => `${tenant} ${meter} ${hourMs}`;
const nameOf = ({ tenant, customer, fromMs = 0, untilMs = 0 }: Customer): string => `${tenant} ${customer} ${fromMs} ${untilMs}`;

export const createIntake = ({ store, clock, outbox, billers, metersOf, onUnpriced }: IntakeDeps) => {
  /** Not taken yet: an earlier report of the hour is still open, or was set aside. */
  const waiting = new Map<string, HourTotal>();
  let position = 0;
  let reportingText = '';
  let customersText = '';
  let seen: ReadonlySet<string> = new Set();
  let isLeftOut = false;

  const offer = async (totals: readonly HourTotal[]): Promise<void> => {
    for (let at = 0; at < totals.length; at += OFFER_AT_ONCE) {
      const part = totals.slice(at, at + OFFER_AT_ONCE);
      const left = await outbox.offer(part);
      for (const total of part) waiting.delete(keyOf(total));
      for (const total of left) waiting.set(keyOf(total), total);
    }
  };

  type Span = { readonly fromPosition: number; readonly toPosition: number; readonly isAsked: (customer: Customer) => boolean };

  const takeHours = async (scope: Scope, { fromPosition, toPosition, isAsked }: Span): Promise<number> => {
    const fromMs = clock.now() - BACK_MS;
    const fresh: HourTotal[] = [];
    type Billed = { readonly customers: readonly Customer[]; readonly late: ReadonlySet<string> };
    const billed = new Map<number, Billed>();
    const billedIn = async (monthMs: number): Promise<Billed> => {
      const known = billed.get(monthMs);
      if (known !== undefined) return known;
      const all = await billers.of(monthMs, scope.customers);
      const tenants = new Set(all.map(({ tenant }) => tenant));
      if (scope.customers.some(({ tenant }) => !tenants.has(tenant))) isLeftOut = true;
      const found = {
        customers: all.filter(isAsked),
        late: await store.read((reader) => lateTenants(reader, monthMs)),
      };
      billed.set(monthMs, found);
      return found;
    };
    const add = async (monthMs: number, totals: readonly HourTotal[]): Promise<void> => {
      for (const total of totals) {
        fresh.push(total);
        await billers.note(monthMs, total);
        if (fresh.length >= OFFER_AT_ONCE) await offer(fresh.splice(0));
      }
    };
    const takeOne = async (monthMs: number, hourMs: number, customer: Customer): Promise<void> => {
      const { tenant } = customer;
      const meters = await metersOf(monthMs, scope.reporting);
      if (meters === undefined) {
        if (await store.read((reader) => hasUse(reader, tenant, monthMs))) onUnpriced({ tenant, monthMs });
        return;
      }
      const asked = { customer, span: { fromMs: hourMs, toMs: hourMs + HOUR_MS }, meters };
      await add(monthMs, await store.read((reader) => hourTotals(reader, asked)));
    };
    const takeHour = async (monthMs: number, hourMs: number): Promise<void> => {
      const { customers, late } = await billedIn(monthMs);
      const byTenant = new Map(customers.filter((one) => isBilledFor(one, hourMs)).map((one) => [one.tenant, one]));
      const meters = await metersOf(monthMs, scope.reporting);
      // The first hour of a month carries what was heard late of earlier ones.
      const isWhole = meters !== undefined && hourMs !== monthMs;
      for (const [tenant, customer] of byTenant) if (!isWhole || late.has(tenant)) await takeOne(monthMs, hourMs, customer);
      if (!isWhole) return;
      const newest = await store.read((reader) => newestOfHour(reader, hourMs));
      const totals = await store.read((reader) =>
        totalsOfHour(reader, { hourMs, customerOf: (tenant) => byTenant.get(tenant)?.customer, meters }),
      );
      const isToldBefore = ({ tenant, meter, total, customer }: HourTotal): boolean => {
        const known = newest.get(`${tenant} ${meter}`);
        return known !== undefined && known.total === total && (known.state !== 'rejected' || known.customer === customer);
      };
      await add(
        monthMs,
        totals.filter((one) => !late.has(one.tenant) && !isToldBefore(one)),
      );
    };
    let at = fromPosition;
    for (;;) {
      const since = { position: at, fromMs };
      const sealed = await store.read((reader) => sealedSince(reader, since));
      for (const hourMs of sealed.hours) await takeHour(monthOf(hourMs), hourMs);
      at = sealed.position;
      if (sealed.hours.length === 0 || at >= toPosition) break;
    }
    for (const { tenant, monthMs } of await store.read((reader) => carriedSince(reader, fromMs))) {
      const customer = (await billedIn(monthMs)).customers.find((one) => one.tenant === tenant && isBilledFor(one, monthMs));
      if (customer !== undefined) await takeOne(monthMs, monthMs, customer);
    }
    await offer(fresh);
    return at;
  };

  return async (scope: Scope): Promise<void> => {
    await offer([...waiting.values()]);
    // Without a price book only what is known already is reported.
    if (scope.reporting === undefined) return;
    const reporting = JSON.stringify([[...scope.reporting.meters], scope.reporting.effectiveFromMs]);
    const customers = JSON.stringify(scope.customers);
    // Whom another tenant's customer, or a month that was not priced, kept out is told from the beginning.
    if (reporting !== reportingText || (isLeftOut && customers !== customersText)) {
      position = 0;
      isLeftOut = false;
    }
    const known = position === 0 ? undefined : seen;
    // So is whoever came since; nobody else.
    if (known !== undefined && scope.customers.some((one) => !known.has(nameOf(one))))
      await takeHours(scope, { fromPosition: 0, toPosition: position, isAsked: (one) => !known.has(nameOf(one)) });
    position = await takeHours(scope, { fromPosition: position, toPosition: Number.POSITIVE_INFINITY, isAsked: () => true });
    [reportingText, customersText] = [reporting, customers];
    seen = new Set(scope.customers.map(nameOf));
  };
};
