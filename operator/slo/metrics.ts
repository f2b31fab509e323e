// SPDX-License-Identifier: Apache-2.0
// What the operator exports of error budgets: a view of the ledger. Part of the operator's one catalogue.
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import { defineMetrics } from '../../process/metrics.ts';
import type { Metrics } from '../../process/metrics.ts';
import { SHOWN_TENANTS } from '../usage/metrics.ts';

export const sloMetrics = defineMetrics({
  sloBudget: {
    kind: 'gauge',
    name: 'writ_slo_error_budget_remaining_ratio',
    help: "What is left of a tenant's error budget of the calendar month, by minutes of the ledger as `writ slo status` has it: 1 is all of it, below 0 more is gone than there was. Only of the process that leads.",
    labels: { tenant: { max: SHOWN_TENANTS }, slo: OBJECTIVES },
    maxSeries: 60_000,
  },
});

export type SloMetrics = Pick<Metrics<typeof sloMetrics>, keyof typeof sloMetrics>;
