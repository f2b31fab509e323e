// SPDX-License-Identifier: Apache-2.0
// Alerts on how fast an error budget is spent, by several windows at once: that of each tenant, and that of whoever was refused without
// anybody knowing who it was. Objectives are joined as series, so one set of rules serves every tenant, whatever it was promised.
import { BUDGET_DAYS, LEAST_BAD_EVENTS, burnFactor, burnWindows } from '../../policies/service-level/burn.ts';
import type { Alert, Recording } from './rule.ts';

type Budget = {
  /** Begins the names of what is recorded. */
  readonly level: string;
  /** Labels that tell one budget from another. */
  readonly labels: string;
  /** Raw counters of the webhook, as they increase over a time. */
  readonly valid: (window: string) => string;
  readonly bad: (window: string) => string;
  readonly objective: string;
  readonly alert: string;
  readonly summary: string;
  readonly description: (told: { readonly budgetPercent: number; readonly long: string }) => string;
};

const TENANTS: Budget = {
  level: 'tenant_slo',
  labels: 'tenant, slo',
  valid: (window) => `sum by (tenant, slo) (increase(writ_slo_valid_events_total[${window}]))`,
  bad: (window) => `sum by (tenant, slo) (increase(writ_slo_bad_events_total[${window}]))`,
  // Every replica exports it.
  objective: 'max by (tenant, slo) (writ_slo_objective_ratio)',
  alert: 'WritErrorBudgetBurn',
  summary: 'Tenant {{ $labels.tenant }} loses its error budget for {{ $labels.slo }}',
  description: ({ budgetPercent, long }) =>
    `At this pace ${budgetPercent} % of the error budget of ${BUDGET_DAYS} days are spent in ${long}: {{ $value | humanizePercentage }} of the answers are bad. writ_requests_total and writ_request_duration_seconds say whether nothing is decided or it takes too long; of policy-evaluation the decisions with "unevaluated" in the decision log say which policies end in errors or run out of steps.`,
};

const UNATTRIBUTED = 'sum(increase(writ_slo_unattributed_events_total';
/** A share, where nobody was promised any availability. */
const PROMISED_TO_NOBODY = 0.99;

const UNKNOWN: Budget = {
  level: 'cluster',
  labels: '',
  valid: (window) =>
    `(sum(increase(writ_requests_total{route="validate",outcome="decided"}[${window}])) or vector(0)) + ${UNATTRIBUTED}[${window}]))`,
  bad: (window) => `${UNATTRIBUTED}[${window}]))`,
  // It may have been whoever was promised most.
  objective: `max(writ_slo_objective_ratio{slo="availability"}) or vector(${PROMISED_TO_NOBODY})`,
  alert: 'WritUnknownTenantsRefused',
  summary: 'Requests are refused of which nobody knows whose they are',
  description: ({ budgetPercent, long }) =>
    `At this pace ${budgetPercent} % of the error budget of ${BUDGET_DAYS} days of the strictest promise are spent in ${long}: {{ $value | humanizePercentage }} of the answers. They are in no tenant's writ_slo_* series. writ_requests_refused_total says by its code whether there were too many at once or their bodies did not come; else look at whether the webhook still hears of namespaces (writ_watch_age_seconds).`,
};

const series = ({ level }: Budget, name: string): string => `${level}:writ_slo_${name}`;
const errors = (budget: Budget, window: string): string => series(budget, `errors:ratio${window}`);
const objectiveOf = (budget: Budget): string => series(budget, 'objective:ratio');

export const VALID = series(TENANTS, 'valid_events:increase5m');
export const BAD = series(TENANTS, 'bad_events:increase5m');

// Of the five-minute increases, not of the raw series: those of three days are too many to read every half minute. Each event
// is in as many of them above the line as below, so the ratio is right.
const errorsOver = (budget: Budget, window: string): string => {
  const [valid, bad] = [series(budget, 'valid_events:increase5m'), series(budget, 'bad_events:increase5m')];
  return window === '5m' ? `${bad} / (${valid} > 0)` : `sum_over_time(${bad}[${window}]) / (sum_over_time(${valid}[${window}]) > 0)`;
};

const windows = [...new Set(burnWindows.flatMap(({ long, short }) => [short, long]))];

const recordingsOf = (budget: Budget): readonly Recording[] => [
  { record: series(budget, 'valid_events:increase5m'), expr: budget.valid('5m') },
  { record: series(budget, 'bad_events:increase5m'), expr: budget.bad('5m') },
  { record: objectiveOf(budget), expr: budget.objective },
  ...windows.map((window) => ({ record: errors(budget, window), expr: errorsOver(budget, window) })),
];

export const burnRecordings: readonly Recording[] = [
  ...recordingsOf(TENANTS),
  {
    record: 'tenant_slo:writ_slo_error_budget_remaining:ratio',
    expr: `1 - (sum_over_time(${BAD}[${BUDGET_DAYS}d]) / (sum_over_time(${VALID}[${BUDGET_DAYS}d]) > 0)) / on (tenant, slo) (1 - ${objectiveOf(TENANTS)})`,
  },
  ...recordingsOf(UNKNOWN),
];

const alertsOf = (budget: Budget): readonly Alert[] =>
  burnWindows.map((window): Alert => {
    const { severity, long, short } = window;
    const factor = burnFactor(window);
    const on = `on (${budget.labels})`;
    const isBurning = (over: string): string => `(${errors(budget, over)} > ${on} (${factor} * (1 - ${objectiveOf(budget)})))`;
    const enough = severity === 'page' ? [`(${budget.bad(long)} >= ${LEAST_BAD_EVENTS})`] : [];
    return {
      alert: budget.alert,
      expr: [isBurning(long), isBurning(short), ...enough].join(` and ${on} `),
      labels: { severity, window: long },
      annotations: { summary: budget.summary, description: budget.description(window) },
    };
  });

/** Of each tenant's budgets. */
export const burnAlerts: readonly Alert[] = alertsOf(TENANTS);
export const unknownAlerts: readonly Alert[] = alertsOf(UNKNOWN);
