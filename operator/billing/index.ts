// SPDX-License-Identifier: Apache-2.0
/**
 * Billing as a part of a leader's term: use from the ledger to the payment provider, and no invoice final that says otherwise.
 *
 * In: a ledger that is open, the tenants that are billed, the price book in force, a provider. Out: a `UsageSink`: sealed hours reported through
 * `outbox/`; drafts of invoices held until the month is frozen and ledger and provider agree on every hour. One `turn` is one
 * look; whoever calls it decides how often. `billing-wiring.ts` runs it.
 */
import type { Clock } from '../../process/clock.ts';
import { HOUR_MS, monthOf } from '../usage/period.ts';
import type { Store } from '../usage/store.ts';
import { BACK_MS, hasUse, hourTotals, sealedSince } from './hours.ts';
import type { Customer } from './hours.ts';
import type { HourTotal } from './outbox/entry.ts';
import { createOutbox } from './outbox/index.ts';
import type { OutboxDeps } from './outbox/index.ts';
import { billingMigrations } from './outbox/tables.ts';
import { createEventTaker } from './events.ts';
import type { EventTaken } from './events.ts';
import { createBillers } from './billers.ts';
import type { Shared } from './billers.ts';
import { createMonths } from './months.ts';
import { createDraftWatch } from './drafts.ts';
import type { DraftDeps } from './drafts.ts';
import { createHolds } from './holds.ts';
import type { EventProvider, InvoiceProvider, ProviderEvent, UsageProvider } from './provider.ts';
import type { Scope, UsageSink } from './sink.ts';

export type BillingDeps = Pick<OutboxDeps, 'random' | 'observe' | 'installation' | 'record'> &
  Pick<DraftDeps, 'onHeld' | 'onUnseen'> & {
    readonly store: Store;
    readonly provider: UsageProvider & InvoiceProvider & EventProvider;
    readonly clock: Clock;
    /** The provider told of reports that it accepted and does not count. */
    readonly onLateErrors: (errors: { readonly code: string; readonly message: string; readonly count: number }) => void;
    /** A tenant is not reported, since its customer is another one's; told with every look. */
    readonly onShared: (shared: Shared) => void;
    /** The tenant is not reported: no price book was in effect when the month began; told with every look. */
    readonly onUnpriced: (unpriced: { readonly tenant: string; readonly monthMs: number }) => void;
  };

export type Billing = UsageSink & {
  /** What the provider tells; acted on once, however often it comes. */
  take(event: ProviderEvent): Promise<EventTaken>;
};

const OFFER_AT_ONCE = 200;

export const createBilling = (deps: BillingDeps): Billing => {
  const { store, provider, clock, installation, record } = deps;
  const outbox = createOutbox(deps);
  const metersOf = createMonths(store);
  const billers = createBillers({ store, onShared: deps.onShared });
  const hold = createHolds({ store, provider, installation, record, nowMs: () => clock.now() });
  const { onHeld, onUnseen } = deps;
  const drafts = createDraftWatch({ store, provider, clock, hold, billers, metersOf, outbox, onHeld, onUnseen });
  const waiting = new Map<string, HourTotal>();
  let position = 0;
  let scopeText = '';
  let customers: readonly Customer[] = [];

  const gather = async (scope: Scope): Promise<void> => {
    const text = JSON.stringify([scope.customers, [...(scope.reporting?.meters ?? [])], scope.reporting?.effectiveFromMs]);
    // Whoever came since is told from the beginning.
    if (text !== scopeText) position = 0;
    scopeText = text;
    const fromMs = clock.now() - BACK_MS;
    const unpriced = new Map<string, Parameters<BillingDeps['onUnpriced']>[0]>();
    const known = new Map<number, readonly Customer[]>();
    const billersOf = async (monthMs: number): Promise<readonly Customer[]> => {
      const billed = known.get(monthMs) ?? (await billers.of(monthMs, scope.customers));
      known.set(monthMs, billed);
      return billed;
    };
    for (;;) {
      const sealed = await store.read((reader) => sealedSince(reader, { position, fromMs }));
      if (sealed.hours.length === 0) break;
      for (const hourMs of sealed.hours) {
        const monthMs = monthOf(hourMs);
        const meters = await metersOf(monthMs, scope.reporting);
        for (const customer of await billersOf(monthMs)) {
          if (meters === undefined) {
            const { tenant } = customer;
            if (await store.read((reader) => hasUse(reader, tenant, monthMs))) unpriced.set(`${tenant} ${monthMs}`, { tenant, monthMs });
            continue;
          }
          const totals = await store.read((reader) => hourTotals(reader, { ...customer, fromMs: hourMs, toMs: hourMs + HOUR_MS, meters }));
          for (const total of totals) waiting.set(`${total.tenant} ${total.meter} ${hourMs}`, total);
          if (totals.length > 0) await billers.note(monthMs, customer);
        }
      }
      position = sealed.position;
    }
    for (const one of unpriced.values()) deps.onUnpriced(one);
  };

  const offer = async (): Promise<void> => {
    const all = [...waiting];
    for (let at = 0; at < all.length; at += OFFER_AT_ONCE) {
      const part = all.slice(at, at + OFFER_AT_ONCE);
      const left = new Set(
        (await outbox.offer(part.map(([, total]) => total))).map(({ tenant, meter, hourMs }) => `${tenant} ${meter} ${hourMs}`),
      );
      for (const [key] of part) if (!left.has(key)) waiting.delete(key);
    }
  };

  const take = createEventTaker({
    store,
    provider,
    record,
    nowMs: () => clock.now(),
    tenantOf: (customer) => customers.find((one) => one.customer === customer)?.tenant,
    onLateErrors: deps.onLateErrors,
    onRejected: (entry) => deps.observe?.({ kind: 'rejected', entry }),
    lookAtDrafts: () => drafts.wake(),
  });

  return {
    open: () => store.migrate(billingMigrations),
    take,
    turn: async (scope, signal) => {
      ({ customers } = scope);
      // Without a price book only what is known already is reported; invoices are looked at all the same.
      if (scope.reporting !== undefined) await gather(scope);
      await offer();
      const { refused } = await outbox.pass(signal);
      return { refused, drift: refused ? undefined : await drafts.check(scope, signal) };
    },
  };
};
