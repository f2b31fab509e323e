// SPDX-License-Identifier: Apache-2.0
// Error budgets as metrics: brought up to the ledger at each look of whoever writes it, and gone when another one does. Only of tenants
// that there are, and of what they are promised now.
import { objectivesOf } from '../../policies/service-level/index.ts';
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/log.ts';
import type { Ledger } from '../usage/ledger.ts';
import { SHOWN_TENANTS } from '../usage/metrics.ts';
import { StoreError } from '../usage/store.ts';
import { createBudgets } from './budgets.ts';
import type { Budgets } from './budgets.ts';
import type { SloMetrics } from './metrics.ts';

export type BudgetView = {
  look(ledger: Pick<Ledger, 'store' | 'storedBefore'>, signal: AbortSignal): Promise<void>;
  /** This process writes the ledger no more. */
  end(): void;
};

export const createBudgetView = (options: {
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  readonly metrics: SloMetrics;
  /** With `spec` as it counts. */
  readonly tenants: () => readonly { readonly metadata: { readonly name: string }; readonly spec: { readonly slo?: unknown } }[];
}): BudgetView => {
  const { clock, log, metrics } = options;
  let following: { readonly ledger: unknown; readonly budgets: Budgets } | undefined;
  const show = (budgets: Budgets): void => {
    const shown = options
      .tenants()
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .slice(0, SHOWN_TENANTS);
    const promised = new Map(shown.map(({ metadata, spec }) => [metadata.name, new Set(objectivesOf(spec.slo).map(({ name }) => name))]));
    metrics.sloBudget.clear();
    for (const { tenant, objective: slo, left } of budgets.remaining())
      if (promised.get(tenant)?.has(slo) === true) metrics.sloBudget.set({ tenant, slo }, Number(left.count) / Number(left.of));
  };
  return {
    look: async (ledger, signal) => {
      if (following?.ledger !== ledger) following = { ledger, budgets: createBudgets({ ledger, clock }) };
      const { budgets } = following;
      try {
        await budgets.update(signal);
      } catch (error) {
        if (error instanceof StoreError) throw error;
        log.warn({ err: error }, 'what is left of error budgets could not be brought up to the ledger');
      }
      // Time alone uses them up too, where nobody says anything.
      show(budgets);
    },
    end: () => {
      following = undefined;
      metrics.sloBudget.clear();
    },
  };
};
