// SPDX-License-Identifier: Apache-2.0
// Alerts on how fast a tenant's error budget is spent, by several windows at once: the recipe of the Site Reliability Workbook,
// chapter 5. Objectives are joined as series, so one set of rules serves every tenant, whatever it was promised.
import type { Alert, Recording } from './rule.ts';

const PERIOD_HOURS = 30 * 24;

type BurnWindow = {
  readonly severity: 'page' | 'ticket';
  /** Share of the period's budget that is gone when it fires. */
  readonly budget: number;
  readonly long: string;
  readonly longHours: number;
  /** So that it ends soon after the cause has. */
  readonly short: string;
};

export const burnWindows: readonly BurnWindow[] = [
  { severity: 'page', budget: 0.02, long: '1h', longHours: 1, short: '5m' },
  { severity: 'page', budget: 0.05, long: '6h', longHours: 6, short: '30m' },
  { severity: 'ticket', budget: 0.1, long: '1d', longHours: 24, short: '2h' },
  { severity: 'ticket', budget: 0.1, long: '3d', longHours: 72, short: '6h' },
];

/** How many times faster than the budget allows: 14.4 for 2 % of it in one hour of 30 days. */
export const burnFactor = ({ budget, longHours }: Pick<BurnWindow, 'budget' | 'longHours'>): number =>
  Math.round((budget * PERIOD_HOURS * 1e6) / longHours) / 1e6;

/** One failure among few is no reason to wake anybody. */
const LEAST_BAD_EVENTS = 5;

const VALID = 'tenant_slo:writ_slo_valid_events:increase5m';
const BAD = 'tenant_slo:writ_slo_bad_events:increase5m';
const OBJECTIVE = 'tenant_slo:writ_slo_objective:ratio';
const errors = (window: string): string => `tenant_slo:writ_slo_errors:ratio${window}`;

// Of the five-minute increases, not of the raw series: those of three days are too many to read every half minute. Each event
// is in as many of them above the line as below, so the ratio is right.
const errorsOver = (window: string): string =>
  window === '5m' ? `${BAD} / (${VALID} > 0)` : `sum_over_time(${BAD}[${window}]) / (sum_over_time(${VALID}[${window}]) > 0)`;

const windows = [...new Set(burnWindows.flatMap(({ long, short }) => [short, long]))];

export const burnRecordings: readonly Recording[] = [
  { record: VALID, expr: 'sum by (tenant, slo) (increase(writ_slo_valid_events_total[5m]))' },
  { record: BAD, expr: 'sum by (tenant, slo) (increase(writ_slo_bad_events_total[5m]))' },
  // Every replica exports it; what is folded into one label value is no tenant's.
  { record: OBJECTIVE, expr: 'max by (tenant, slo) (writ_slo_objective_ratio{tenant!="other"})' },
  ...windows.map((window) => ({ record: errors(window), expr: errorsOver(window) })),
  {
    record: 'tenant_slo:writ_slo_error_budget_remaining:ratio',
    expr: `1 - (sum_over_time(${BAD}[30d]) / (sum_over_time(${VALID}[30d]) > 0)) / on (tenant, slo) (1 - ${OBJECTIVE})`,
  },
];

const isBurning = (window: string, factor: number): string => `${errors(window)} > on (tenant, slo) (${factor} * (1 - ${OBJECTIVE}))`;

export const burnAlerts: readonly Alert[] = burnWindows.map((window): Alert => {
  const { severity, budget, long, short } = window;
  const factor = burnFactor(window);
  const enough =
    severity === 'page' ? [`(sum by (tenant, slo) (increase(writ_slo_bad_events_total[${long}])) >= ${LEAST_BAD_EVENTS})`] : [];
  return {
    alert: 'WritErrorBudgetBurn',
    expr: [`(${isBurning(long, factor)})`, `(${isBurning(short, factor)})`, ...enough].join(' and on (tenant, slo) '),
    labels: { severity, window: long },
    annotations: {
      summary: 'Tenant {{ $labels.tenant }} loses its error budget for {{ $labels.slo }}',
      description: `At this pace ${budget * 100} % of the error budget of 30 days are spent in ${long}: {{ $value | humanizePercentage }} of the answers are bad. writ_reviews_total and writ_review_duration_seconds say whether nothing is decided or it takes too long.`,
    },
  };
});
