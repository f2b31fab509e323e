// SPDX-License-Identifier: Apache-2.0
// Alerts on how fast a tenant's error budget is spent, by several windows at once. Objectives are joined as series, so one set of
// rules serves every tenant, whatever it was promised.
import { BUDGET_DAYS, LEAST_BAD_EVENTS, burnFactor, burnWindows } from '../../policies/service-level/burn.ts';
import type { Alert, Recording } from './rule.ts';

/** Raw counters of the webhook. */
const VALID_TOTAL = 'writ_slo_valid_events_total';
const BAD_TOTAL = 'writ_slo_bad_events_total';

export const VALID = 'tenant_slo:writ_slo_valid_events:increase5m';
export const BAD = 'tenant_slo:writ_slo_bad_events:increase5m';
const OBJECTIVE = 'tenant_slo:writ_slo_objective:ratio';
const errors = (window: string): string => `tenant_slo:writ_slo_errors:ratio${window}`;

// Of the five-minute increases, not of the raw series: those of three days are too many to read every half minute. Each event
// is in as many of them above the line as below, so the ratio is right.
const errorsOver = (window: string): string =>
  window === '5m' ? `${BAD} / (${VALID} > 0)` : `sum_over_time(${BAD}[${window}]) / (sum_over_time(${VALID}[${window}]) > 0)`;

const windows = [...new Set(burnWindows.flatMap(({ long, short }) => [short, long]))];

export const burnRecordings: readonly Recording[] = [
  { record: VALID, expr: `sum by (tenant, slo) (increase(${VALID_TOTAL}[5m]))` },
  { record: BAD, expr: `sum by (tenant, slo) (increase(${BAD_TOTAL}[5m]))` },
  // Every replica exports it; what is folded into one label value is no tenant's.
  { record: OBJECTIVE, expr: 'max by (tenant, slo) (writ_slo_objective_ratio{tenant!="other"})' },
  ...windows.map((window) => ({ record: errors(window), expr: errorsOver(window) })),
  {
    record: 'tenant_slo:writ_slo_error_budget_remaining:ratio',
    expr: `1 - (sum_over_time(${BAD}[${BUDGET_DAYS}d]) / (sum_over_time(${VALID}[${BUDGET_DAYS}d]) > 0)) / on (tenant, slo) (1 - ${OBJECTIVE})`,
  },
];

const isBurning = (window: string, factor: number): string => `${errors(window)} > on (tenant, slo) (${factor} * (1 - ${OBJECTIVE}))`;

export const burnAlerts: readonly Alert[] = burnWindows.map((window): Alert => {
  const { severity, budgetPercent, long, short } = window;
  const factor = burnFactor(window);
  const enough = severity === 'page' ? [`(sum by (tenant, slo) (increase(${BAD_TOTAL}[${long}])) >= ${LEAST_BAD_EVENTS})`] : [];
  return {
    alert: 'WritErrorBudgetBurn',
    expr: [`(${isBurning(long, factor)})`, `(${isBurning(short, factor)})`, ...enough].join(' and on (tenant, slo) '),
    labels: { severity, window: long },
    annotations: {
      summary: 'Tenant {{ $labels.tenant }} loses its error budget for {{ $labels.slo }}',
      description: `At this pace ${budgetPercent} % of the error budget of ${BUDGET_DAYS} days are spent in ${long}: {{ $value | humanizePercentage }} of the answers are bad. writ_requests_total and writ_request_duration_seconds say whether nothing is decided or it takes too long.`,
    },
  };
});
