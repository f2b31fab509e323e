// SPDX-License-Identifier: Apache-2.0
/**
 * Billing as a part of a leader's term: use from the ledger to the payment provider, and no invoice final that says otherwise.
 *
 * In: a ledger that is open, the tenants that are billed, the price book in force, a provider. Out: a `UsageSink`: sealed hours reported through
 * `outbox/`; drafts of invoices held until the month is frozen and ledger and provider agree on every hour. One `turn` is one
 * look; whoever calls it decides how often. `billing-wiring.ts` runs it.
 */
import type { Clock } from '../../process/clock.ts';
import type { Store } from '../usage/store.ts';
import type { Customer } from './hours.ts';
import { createOutbox } from './outbox/index.ts';
import type { OutboxDeps } from './outbox/index.ts';
import { createEventTaker } from './events.ts';
import type { EventTaken } from './events.ts';
import { createBillers } from './billers.ts';
import type { Shared } from './billers.ts';
import { createMonths } from './months.ts';
import { createDraftWatch } from './drafts.ts';
import type { DraftDeps } from './drafts.ts';
import { createIntake } from './intake.ts';
import type { IntakeDeps } from './intake.ts';
import { createHolds } from './holds.ts';
import type { EventProvider, InvoiceProvider, ProviderEvent, UsageProvider } from './provider.ts';
import type { UsageSink } from './sink.ts';

export type BillingDeps = Pick<OutboxDeps, 'random' | 'observe' | 'installation' | 'record'> &
  Pick<DraftDeps, 'onHeld' | 'onUnseen'> &
  Pick<IntakeDeps, 'onUnpriced'> & {
    readonly store: Store;
    readonly provider: UsageProvider & InvoiceProvider & EventProvider;
    readonly clock: Clock;
    /** The provider told of reports that it accepted and does not count. */
    readonly onLateErrors: (errors: { readonly code: string; readonly message: string; readonly count: number }) => void;
    /** A tenant is not reported, since its customer is another one's; told with every look. */
    readonly onShared: (shared: Shared) => void;
  };

export type Billing = UsageSink & {
  /** What the provider tells; acted on once, however often it comes. */
  take(event: ProviderEvent): Promise<EventTaken>;
};

export const createBilling = (deps: BillingDeps): Billing => {
  const { store, provider, clock, installation, record } = deps;
  const outbox = createOutbox(deps);
  const metersOf = createMonths(store);
  const billers = createBillers({ store, onShared: deps.onShared });
  const hold = createHolds({ store, provider, installation, record, nowMs: () => clock.now() });
  const { onHeld, onUnseen } = deps;
  const drafts = createDraftWatch({ store, provider, clock, hold, billers, metersOf, outbox, onHeld, onUnseen });
  const intake = createIntake({ store, clock, outbox, billers, metersOf, onUnpriced: deps.onUnpriced });
  let customers: readonly Customer[] = [];

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
    take,
    turn: async (scope, signal) => {
      ({ customers } = scope);
      await intake(scope);
      const { refused } = await outbox.pass(signal);
      if (!refused) {
        await drafts.check(scope, signal);
        await outbox.reread(signal);
      }
      return { refused, drift: await drafts.known() };
    },
  };
};
