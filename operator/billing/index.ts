// SPDX-License-Identifier: Apache-2.0
/**
 * Billing as a part of a leader's term: use from the ledger to the payment provider, and no invoice final that says otherwise.
 *
 * In: a ledger that is open, the tenants that are billed, the price book in force, a provider. Out: a `UsageSink`: sealed hours reported through
 * `outbox/`; drafts of invoices held until the month is frozen and ledger and provider agree on every hour. One `turn` is one
 * look; whoever calls it decides how often. `billing-wiring.ts` runs it.
 */
import type { Clock } from '../../process/clock.ts';
import { FREEZE_AFTER_MS, HOUR_MS, monthOf } from '../usage/period.ts';
import { ledgerState } from '../usage/tallies.ts';
import type { Store } from '../usage/store.ts';
import { byMonth, hourTotals, sealedSince } from './hours.ts';
import type { Customer } from './hours.ts';
import type { Drift } from './outbox/drift.ts';
import type { HourTotal } from './outbox/entry.ts';
import { createOutbox } from './outbox/index.ts';
import type { OutboxDeps } from './outbox/index.ts';
import { createEventTaker } from './events.ts';
import type { EventTaken } from './events.ts';
import { createMonths } from './months.ts';
import { createHolds } from './holds.ts';
import type { Draft, EventProvider, InvoiceProvider, ProviderEvent, UsageProvider } from './provider.ts';
import type { Scope, UsageSink } from './sink.ts';

export type BillingDeps = Pick<OutboxDeps, 'random' | 'observe' | 'installation' | 'record'> & {
  readonly store: Store;
  readonly provider: UsageProvider & InvoiceProvider & EventProvider;
  readonly clock: Clock;
  /** `isLate`: it had become final before it could be kept from that. */
  readonly onHeld: (held: {
    readonly tenant: string;
    readonly draft: Draft;
    readonly drift: readonly Drift[];
    readonly isLate: boolean;
  }) => void;
  /** The provider told of reports that it accepted and does not count. */
  readonly onLateErrors: (errors: { readonly code: string; readonly message: string; readonly count: number }) => void;
};

export type Billing = UsageSink & {
  /** What the provider tells; acted on once, however often it comes. */
  take(event: ProviderEvent): Promise<EventTaken>;
};

/** How far back hours are looked at when a term begins: the provider takes none that is older. */
const BACK_MS = 34 * 24 * HOUR_MS;
const OFFER_AT_ONCE = 200;
const LOOK_AT_DRAFTS_MS = 10 * 60_000;
/** An invoice is checked this long before it becomes final, and put off for a day where it is not right. */
const CHECK_BEFORE_MS = 6 * HOUR_MS;
const PUT_OFF_MS = 24 * HOUR_MS;
/** When all of a month is frozen and read back; the longest that providers wait. */
export const FINAL_AFTER_MS = 72 * HOUR_MS;

export const createBilling = (deps: BillingDeps): Billing => {
  const { store, provider, clock, installation, record } = deps;
  const outbox = createOutbox(deps);
  const metersOf = createMonths(store);
  const hold = createHolds({ store, provider, installation, record, nowMs: () => clock.now() });
  const waiting = new Map<string, HourTotal>();
  let position = 0;
  let scopeText = '';
  let customers: readonly Customer[] = [];
  let lookedMs = Number.NEGATIVE_INFINITY;

  const gather = async (scope: Scope): Promise<void> => {
    const text = JSON.stringify([scope.customers, [...scope.meters], scope.effectiveFromMs]);
    // Whoever came since is told from the beginning.
    if (text !== scopeText) position = 0;
    scopeText = text;
    const fromMs = clock.now() - BACK_MS;
    for (;;) {
      const sealed = await store.read((reader) => sealedSince(reader, { position, fromMs }));
      if (sealed.hours.length === 0) return;
      for (const hourMs of sealed.hours) {
        const meters = await metersOf(hourMs, scope);
        for (const customer of scope.customers) {
          const totals = await store.read((reader) => hourTotals(reader, { ...customer, fromMs: hourMs, toMs: hourMs + HOUR_MS, meters }));
          for (const total of totals) waiting.set(`${total.tenant} ${total.meter} ${hourMs}`, total);
        }
      }
      position = sealed.position;
    }
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

  const driftOf = async (customer: Customer, draft: Draft, scope: Scope, signal: AbortSignal | undefined): Promise<readonly Drift[]> => {
    const totals: HourTotal[] = [];
    for (const [fromMs, toMs] of byMonth(draft.periodStartMs, draft.periodEndMs)) {
      const meters = await metersOf(fromMs, scope);
      totals.push(...(await store.read((reader) => hourTotals(reader, { ...customer, fromMs, toMs, meters }))));
    }
    return outbox.drift({ tenant: customer.tenant, fromMs: draft.periodStartMs, toMs: draft.periodEndMs, totals }, signal);
  };

  type Look = { readonly drift: number; readonly again: boolean };

  /** Puts it off, and tells of it where that is because of `drift`. */
  const putOff = async (
    customer: Customer,
    draft: Draft,
    { untilMs, why, drift }: { readonly untilMs: number; readonly why: string; readonly drift: readonly Drift[] | undefined },
  ): Promise<Look> => {
    const { tenant } = customer;
    const held = await hold({ tenant, draft, untilMs, why });
    if (held === 'late' || (held === 'held' && drift !== undefined))
      deps.onHeld({ tenant, draft, drift: drift ?? [], isLate: held === 'late' });
    return { drift: drift?.length ?? 0, again: held === 'retry' };
  };

  const checkDraft = async (customer: Customer, draft: Draft, scope: Scope, signal: AbortSignal | undefined): Promise<Look> => {
    const { finalizesAtMs, periodEndMs } = draft;
    const nowMs = clock.now();
    const fine: Look = { drift: 0, again: false };
    if (finalizesAtMs === undefined) return fine;
    const firstMs = periodEndMs + FINAL_AFTER_MS;
    if (nowMs < periodEndMs + FREEZE_AFTER_MS) {
      if (finalizesAtMs >= firstMs) return fine;
      return putOff(customer, draft, { untilMs: firstMs, why: 'the month is not frozen yet', drift: undefined });
    }
    if (finalizesAtMs - nowMs > CHECK_BEFORE_MS) return fine;
    const drift = await driftOf(customer, draft, scope, signal);
    const { frozenMs } = await store.read(ledgerState);
    const isFrozen = frozenMs !== undefined && monthOf(periodEndMs - 1) <= frozenMs;
    if (drift.length === 0 && isFrozen) return fine;
    const why = drift.length === 0 ? 'the month is not frozen yet' : `${drift.length} hours differ between ledger and provider`;
    return putOff(customer, draft, { untilMs: nowMs + PUT_OFF_MS, why, drift });
  };

  const checkDrafts = async (scope: Scope, signal: AbortSignal | undefined): Promise<number | undefined> => {
    if (clock.monotonicMs() - lookedMs < LOOK_AT_DRAFTS_MS) return undefined;
    lookedMs = clock.monotonicMs();
    let [drift, again] = [0, false];
    for (const customer of scope.customers) {
      if (signal?.aborted === true) return undefined;
      const drafts = await provider.drafts(customer.customer);
      again ||= drafts === undefined;
      for (const draft of drafts ?? []) {
        const look = await checkDraft(customer, draft, scope, signal);
        drift += look.drift;
        again ||= look.again;
      }
    }
    // Whoever got no answer asks again with the next turn.
    if (again) lookedMs = Number.NEGATIVE_INFINITY;
    return drift;
  };

  const take = createEventTaker({
    store,
    provider,
    record,
    nowMs: () => clock.now(),
    tenantOf: (customer) => customers.find((one) => one.customer === customer)?.tenant,
    onLateErrors: deps.onLateErrors,
    onRejected: (entry) => deps.observe?.({ kind: 'rejected', entry }),
    lookAtDrafts: () => {
      lookedMs = Number.NEGATIVE_INFINITY;
    },
  });

  return {
    take,
    turn: async (scope, signal) => {
      ({ customers } = scope);
      await gather(scope);
      await offer();
      const { refused } = await outbox.pass(signal);
      return { refused, drift: refused ? undefined : await checkDrafts(scope, signal) };
    },
  };
};
