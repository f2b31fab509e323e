// SPDX-License-Identifier: Apache-2.0
// No invoice becomes final that says something else than the ledger: drafts are put off until the month is frozen and ledger and provider
// agree on every hour. What is wrong with one customer or invoice keeps no other from being looked at.
import type { ProblemCode } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { FREEZE_AFTER_MS, HOUR_MS, monthOf, nextMonth } from '../usage/period.ts';
import type { Store } from '../usage/store.ts';
import { ledgerState } from '../usage/tallies.ts';
import type { createBillers } from './billers.ts';
import { allCompared, dropCompared, putCompared } from './compared.ts';
import type { Compared } from './compared.ts';
import type { createHolds } from './holds.ts';
import { BACK_MS, byMonth, hasUse, hourTotals, hoursWithin, spanOf } from './hours.ts';
import type { Customer } from './hours.ts';
import type { createMonths } from './months.ts';
import type { Drift } from './outbox/drift.ts';
import { NO_DRIFT, addDrift, driftSum } from './outbox/drift-sum.ts';
import type { DriftSum } from './outbox/drift-sum.ts';
import type { HourTotal } from './outbox/entry.ts';
import type { Outbox } from './outbox/index.ts';
import { KeyRefused } from './provider.ts';
import type { Draft, InvoiceProvider } from './provider.ts';
import type { Scope } from './sink.ts';

export type HeldDraft = {
  readonly tenant: string;
  readonly draft: Draft;
  readonly drift: readonly Drift[];
  /** It had become final before it could be kept from that. */
  readonly isLate: boolean;
  readonly why: string;
  readonly code: ProblemCode | undefined;
};
export type Unseen = Customer & { readonly invoice: string | undefined; readonly message: string };

export type DraftDeps = {
  readonly store: Store;
  readonly provider: Pick<InvoiceProvider, 'drafts'>;
  readonly clock: Clock;
  readonly hold: ReturnType<typeof createHolds>;
  readonly billers: ReturnType<typeof createBillers>;
  readonly metersOf: ReturnType<typeof createMonths>;
  readonly outbox: Pick<Outbox, 'drift'>;
  readonly onHeld: (held: HeldDraft) => void;
  /** The provider refuses to show the drafts of a customer, or to put one off; told with every look. */
  readonly onUnseen: (unseen: Unseen) => void;
};

export type DraftWatch = {
  check(scope: Scope, signal?: AbortSignal): Promise<void>;
  /** Of all drafts, by what each was found to differ when it was compared last, also by another process. */
  known(): Promise<DriftSum>;
  /** The next look is not to wait. */
  wake(): void;
};

const LOOK_MS = 10 * 60_000;
const AT_ONCE = 8;
/** An invoice is checked this long before it becomes final, and put off for a day where it is not right. */
const CHECK_BEFORE_MS = 6 * HOUR_MS;
const PUT_OFF_MS = 24 * HOUR_MS;
/** When all of a month is frozen and read back; the longest that providers wait. */
const FINAL_AFTER_MS = 72 * HOUR_MS;

/** `again`: it is to be asked with the next turn. */
type Look = { readonly again: boolean };
const FINE: Look = { again: false };

export const createDraftWatch = (deps: DraftDeps): DraftWatch => {
  const { store, provider, clock, hold, billers, metersOf } = deps;
  let lookedMs = Number.NEGATIVE_INFINITY;
  /** By invoice, what was found last: one that was put off is not right before it is compared again. */
  let compares: Map<string, Compared> | undefined;
  const comparesOf = async (): Promise<Map<string, Compared>> => {
    compares ??= new Map((await store.read(allCompared)).map((one) => [one.invoice, one]));
    return compares;
  };
  const keep = async (one: Compared): Promise<void> => {
    await store.transact((tx) => putCompared(tx, one));
    (await comparesOf()).set(one.invoice, one);
  };
  const forget = async (invoice: string): Promise<void> => {
    await store.transact((tx) => dropCompared(tx, invoice));
    compares?.delete(invoice);
  };

  /** Undefined where nobody knows what was to be reported. */
  const driftOf = async (customer: Customer, draft: Draft, scope: Scope, signal: AbortSignal | undefined) => {
    const totals: HourTotal[] = [];
    const span = spanOf(customer, hoursWithin({ fromMs: draft.periodStartMs, toMs: draft.periodEndMs }));
    if (span === undefined) return { drift: [], sum: NO_DRIFT };
    for (const [fromMs, toMs] of byMonth(span.fromMs, span.toMs)) {
      const monthMs = monthOf(fromMs);
      if (!(await billers.owes(monthMs, customer.tenant, scope.customers))) continue;
      const meters = await metersOf(monthMs, scope.reporting);
      if (meters !== undefined)
        totals.push(...(await store.read((reader) => hourTotals(reader, { customer, span: { fromMs, toMs }, meters }))));
      else if (await store.read((reader) => hasUse(reader, customer.tenant, monthMs))) return undefined;
    }
    const drift = await deps.outbox.drift({ tenant: customer.tenant, ...span, totals }, signal);
    return { drift, sum: driftSum(totals, drift) };
  };

  type By = {
    readonly untilMs: number;
    readonly why: string;
    readonly code?: ProblemCode;
    readonly drift?: readonly Drift[];
    readonly isTold: boolean;
  };
  const putOff = async ({ tenant }: Customer, draft: Draft, { untilMs, why, code, drift = [], isTold }: By): Promise<Look> => {
    const held = await hold({ tenant, draft, untilMs, why });
    if (held === 'late' || (held === 'held' && isTold)) deps.onHeld({ tenant, draft, drift, why, code, isLate: held === 'late' });
    return { again: held === 'retry' };
  };

  const checkDraft = async (customer: Customer, draft: Draft, scope: Scope, signal: AbortSignal | undefined): Promise<Look> => {
    const { finalizesAtMs, periodStartMs: fromMs, periodEndMs: toMs } = draft;
    const nowMs = clock.now();
    if (finalizesAtMs === undefined) return FINE;
    // Until then more may be heard of its last hour, and be counted there.
    const lastMonthMs = monthOf(hoursWithin({ fromMs, toMs }).toMs - 1);
    const firstMs = nextMonth(lastMonthMs) + FINAL_AFTER_MS;
    if (nowMs < nextMonth(lastMonthMs) + FREEZE_AFTER_MS) {
      if (finalizesAtMs >= firstMs) return FINE;
      return putOff(customer, draft, { untilMs: firstMs, why: 'the month is not frozen yet', isTold: false });
    }
    if (finalizesAtMs - nowMs > CHECK_BEFORE_MS) return FINE;
    const untilMs = nowMs + PUT_OFF_MS;
    const compared = await driftOf(customer, draft, scope, signal);
    if (compared === undefined) {
      const why = 'no price book was in effect when the month began';
      return putOff(customer, draft, { untilMs, why, code: 'BILL_MONTH_UNPRICED', isTold: true });
    }
    const { drift, sum } = compared;
    await keep({ invoice: draft.id, tenant: customer.tenant, atMs: nowMs, sum });
    const { hours, unread } = sum;
    if (hours > 0) {
      const why = `${hours} hours differ between ledger and provider${unread > 0 ? `, ${unread} could not be read there` : ''}`;
      return putOff(customer, draft, { untilMs, why, code: 'BILL_DRIFT', drift, isTold: true });
    }
    if (unread > 0) {
      const why = `${unread} hours could not be read at the provider`;
      return putOff(customer, draft, { untilMs, why, code: 'BILL_DRAFT_UNREAD', drift, isTold: true });
    }
    const { frozenMs } = await store.read(ledgerState);
    if (frozenMs !== undefined && lastMonthMs <= frozenMs) return FINE;
    return putOff(customer, draft, { untilMs, why: 'the month is not frozen yet', isTold: true });
  };

  /** Undefined where the provider refuses; whoever is refused is looked at again. */
  const guarded = async <T>(about: Customer, invoice: string | undefined, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof KeyRefused) throw error;
      deps.onUnseen({ ...about, invoice, message: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };

  return {
    check: async (scope, signal) => {
      if (clock.monotonicMs() - lookedMs < LOOK_MS) return;
      lookedMs = clock.monotonicMs();
      let again = false;
      /** Whose drafts nobody showed. */
      const unseen = new Set<string>();
      const there = new Set<string>();
      const waiting = [...(await billers.since(clock.now() - 2 * BACK_MS, scope.customers))].toReversed();
      const work = async (): Promise<void> => {
        for (let customer = waiting.pop(); customer !== undefined; customer = waiting.pop()) {
          if (signal?.aborted === true) return;
          const about = customer;
          const drafts = await guarded(about, undefined, () => provider.drafts(about.customer));
          again ||= drafts === undefined;
          if (drafts === undefined) unseen.add(about.tenant);
          for (const draft of drafts ?? []) {
            there.add(draft.id);
            const look = await guarded(about, draft.id, () => checkDraft(about, draft, scope, signal));
            again ||= look?.again ?? true;
          }
        }
      };
      // Whoever waits for one answer asks for others meanwhile; of a customer one thing at a time.
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      if (signal?.aborted === true) return;
      // A draft that is not shown is there no more, where those of its tenant were shown.
      for (const { invoice, tenant } of (await comparesOf()).values())
        if (!there.has(invoice) && !unseen.has(tenant)) await forget(invoice);
      // Whoever got no answer asks again with the next turn.
      if (again) lookedMs = Number.NEGATIVE_INFINITY;
    },
    known: async () => [...(await comparesOf()).values()].reduce((drift, { sum }) => addDrift(drift, sum), NO_DRIFT),
    wake: () => {
      lookedMs = Number.NEGATIVE_INFINITY;
    },
  };
};
