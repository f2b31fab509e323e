// SPDX-License-Identifier: Apache-2.0
/**
 * Billing as a part of a leader's term: use from the ledger to the payment provider, and no invoice final that says otherwise.
 *
 * In: a ledger that is open, the tenants that are billed, the price book in force, a provider. Out: sealed hours reported through
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
import type { Encoding, HourTotal } from './outbox/entry.ts';
import { createOutbox } from './outbox/index.ts';
import type { OutboxDeps } from './outbox/index.ts';
import { billingMigrations } from './outbox/tables.ts';
import type { Draft, InvoiceProvider, UsageProvider } from './provider.ts';

export type BillingDeps = Pick<OutboxDeps, 'random' | 'observe' | 'installation'> & {
  readonly store: Store;
  readonly provider: UsageProvider & InvoiceProvider;
  readonly clock: Clock;
  readonly onHeld: (held: { readonly tenant: string; readonly draft: Draft; readonly drift: readonly Drift[] }) => void;
};

/** What is to be reported: of whom, and by which meters. */
export type Scope = { readonly customers: readonly Customer[]; readonly meters: ReadonlyMap<string, Encoding> };

export type Turn = {
  /** The provider refuses the key. */
  readonly refused: boolean;
  /** Hours that differ, of invoices that are about to become final; undefined where none was looked at. */
  readonly drift: number | undefined;
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

export const createBilling = (deps: BillingDeps) => {
  const { store, provider, clock } = deps;
  const outbox = createOutbox(deps);
  const waiting = new Map<string, HourTotal>();
  let position = 0;
  let scopeText = '';
  let lookedMs = Number.NEGATIVE_INFINITY;

  const gather = async ({ customers, meters }: Scope): Promise<void> => {
    const text = JSON.stringify([customers, [...meters]]);
    // Whoever came since is told from the beginning.
    if (text !== scopeText) position = 0;
    scopeText = text;
    const fromMs = clock.now() - BACK_MS;
    for (;;) {
      const sealed = await store.read((reader) => sealedSince(reader, { position, fromMs }));
      if (sealed.hours.length === 0) return;
      for (const hourMs of sealed.hours) {
        for (const customer of customers) {
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
    for (const [fromMs, toMs] of byMonth(draft.periodStartMs, draft.periodEndMs))
      totals.push(...(await store.read((reader) => hourTotals(reader, { ...customer, fromMs, toMs, meters: scope.meters }))));
    return outbox.drift({ tenant: customer.tenant, fromMs: draft.periodStartMs, toMs: draft.periodEndMs, totals }, signal);
  };

  /** Hours that differ. */
  const checkDraft = async (customer: Customer, draft: Draft, scope: Scope, signal: AbortSignal | undefined): Promise<number> => {
    const { finalizesAtMs, periodEndMs } = draft;
    const nowMs = clock.now();
    if (finalizesAtMs === undefined) return 0;
    const firstMs = periodEndMs + FINAL_AFTER_MS;
    if (nowMs < periodEndMs + FREEZE_AFTER_MS) {
      if (finalizesAtMs < firstMs) await provider.hold(draft, firstMs);
      return 0;
    }
    if (finalizesAtMs - nowMs > CHECK_BEFORE_MS) return 0;
    const drift = await driftOf(customer, draft, scope, signal);
    const { frozenMs } = await store.read(ledgerState);
    const isFrozen = frozenMs !== undefined && monthOf(periodEndMs - 1) <= frozenMs;
    if (drift.length > 0 || !isFrozen) {
      await provider.hold(draft, nowMs + PUT_OFF_MS);
      deps.onHeld({ tenant: customer.tenant, draft, drift });
    }
    return drift.length;
  };

  const checkDrafts = async (scope: Scope, signal: AbortSignal | undefined): Promise<number | undefined> => {
    if (clock.monotonicMs() - lookedMs < LOOK_AT_DRAFTS_MS) return undefined;
    lookedMs = clock.monotonicMs();
    let drift = 0;
    for (const customer of scope.customers) {
      if (signal?.aborted === true) return undefined;
      for (const draft of await provider.drafts(customer.customer)) drift += await checkDraft(customer, draft, scope, signal);
    }
    return drift;
  };

  return {
    /** Once, before the first turn. */
    open: (): Promise<void> => store.migrate(billingMigrations),
    turn: async (scope: Scope, signal?: AbortSignal): Promise<Turn> => {
      await gather(scope);
      await offer();
      const { refused } = await outbox.pass(signal);
      return { refused, drift: refused ? undefined : await checkDrafts(scope, signal) };
    },
  };
};
