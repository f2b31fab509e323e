// SPDX-License-Identifier: Apache-2.0
// The part of the dashboard that shows the ledger: what is used, whether all of it was heard of, and whether it is billed as it is.
import type { Panel } from './panel.ts';

const leading = 'and on (instance) writ_operator_leading == 1';

export const ledgerPanels: readonly Panel[] = [
  {
    title: 'Ledgers that are written',
    unit: 'short',
    kind: 'stat',
    queries: [{ expr: 'sum(writ_usage_ledger_up)', legend: 'ledgers' }],
  },
  {
    title: 'Events that are missing',
    unit: 'short',
    kind: 'stat',
    queries: [{ expr: `sum(writ_usage_missing_events ${leading})`, legend: 'missing' }],
  },
  {
    title: 'Hours that are billed otherwise',
    unit: 'short',
    kind: 'stat',
    queries: [{ expr: `sum(writ_billing_drift_hours ${leading})`, legend: 'hours' }],
  },
  {
    title: 'Since the audit log was signed',
    unit: 's',
    kind: 'stat',
    queries: [{ expr: `max(writ_audit_checkpoint_age_seconds ${leading})`, legend: 'age' }],
  },
  {
    title: 'Used in this month',
    unit: 'short',
    queries: [{ expr: `topk(20, writ_usage_month_quantity{tenant=~"$tenant"} ${leading})`, legend: '{{tenant}} {{meter}}' }],
  },
  {
    title: 'Events by what became of them',
    unit: 'reqps',
    queries: [
      { expr: 'sum by (result) (rate(writ_usage_ledger_events_total[5m]))', legend: '{{result}}' },
      { expr: 'sum by (code) (rate(writ_usage_events_refused_total[5m]))', legend: '{{code}}' },
    ],
  },
  {
    title: 'Time until events are on disk',
    unit: 's',
    queries: [0.5, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (le) (rate(writ_usage_request_duration_seconds_bucket[5m])))`,
      legend: `p${quantile * 100}`,
    })),
  },
  {
    title: 'What waits to be billed, by age',
    unit: 's',
    queries: [{ expr: `max by (sink) (writ_usage_outbox_oldest_age_seconds ${leading})`, legend: '{{sink}}' }],
  },
  {
    title: 'Reports by their state',
    unit: 'short',
    queries: [{ expr: `sum by (state) (writ_billing_reports{state!="verified"} ${leading})`, legend: '{{state}}' }],
  },
  {
    title: 'Entries of the audit log',
    unit: 'reqps',
    queries: [{ expr: 'sum(rate(writ_audit_entries_total[5m]))', legend: 'entries' }],
  },
];
