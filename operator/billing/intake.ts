// SPDX-License-Identifier: Apache-2.0
// From the ledger's sealed hours into the outbox, some at a time: what is held in memory is only what the outbox does not take yet.
import type { Clock } from '../../process/clock.ts';
import { HOUR_MS, monthOf } from '../usage/period.ts';
import type { Store } from '../usage/store.ts';
import type { createBillers } from './billers.ts';
import { BACK_MS, carriedSince, hasUse, hourTotals, sealedSince } from './hours.ts';
import type { Customer } from './hours.ts';
import type { createMonths } from './months.ts';
import type { HourTotal } from './outbox/entry.ts';
import type { Outbox } from './outbox/index.ts';
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
const nameOf = ({ tenant, customer }: Customer): string => `${tenant} ${customer}`;

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
    const billed = new Map<number, readonly Customer[]>();
    const billedIn = async (monthMs: number): Promise<readonly Customer[]> => {
      const all = billed.get(monthMs) ?? (await billers.of(monthMs, scope.customers));
      billed.set(monthMs, all);
      if (scope.customers.some(({ tenant }) => all.every((one) => one.tenant !== tenant))) isLeftOut = true;
      return all.filter(isAsked);
    };
    const takeHour = async (monthMs: number, hourMs: number, tenant?: string): Promise<void> => {
      const meters = await metersOf(monthMs, scope.reporting);
      for (const customer of await billedIn(monthMs)) {
        if (tenant !== undefined && customer.tenant !== tenant) continue;
        if (meters === undefined) {
          if (await store.read((reader) => hasUse(reader, customer.tenant, monthMs))) onUnpriced({ tenant: customer.tenant, monthMs });
          continue;
        }
        const asked = { ...customer, fromMs: hourMs, toMs: hourMs + HOUR_MS, meters };
        const totals = await store.read((reader) => hourTotals(reader, asked));
        if (totals.length === 0) continue;
        fresh.push(...totals);
        await billers.note(monthMs, customer);
        if (fresh.length >= OFFER_AT_ONCE) await offer(fresh.splice(0));
      }
    };
    let at = fromPosition;
    for (;;) {
      const since = { position: at, fromMs };
      const sealed = await store.read((reader) => sealedSince(reader, since));
      for (const hourMs of sealed.hours) await takeHour(monthOf(hourMs), hourMs);
      at = sealed.position;
      if (sealed.hours.length === 0 || at >= toPosition) break;
    }
    for (const { tenant, monthMs } of await store.read((reader) => carriedSince(reader, fromMs))) await takeHour(monthMs, monthMs, tenant);
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
