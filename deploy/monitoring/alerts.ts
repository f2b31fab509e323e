// SPDX-License-Identifier: Apache-2.0
// What somebody has to look at: tenants are closed, somebody tampers, or evidence is lost. A page where it can not wait.
import { alertsOf } from './rule.ts';
import type { Alert, AlertRow } from './rule.ts';

/** What an error budget is alerted by: who has no room there has no such alert. */
const ALERTED_BY = 'writ_slo_objective_ratio|writ_slo_valid_events_total|writ_slo_bad_events_total';

const rows: readonly AlertRow[] = [
  {
    name: 'WritWebhookAbsent',
    severity: 'page',
    expr: 'absent(writ_set_closed)',
    for: '5m',
    summary: 'No webhook replica is scraped',
    description:
      'While none answers, nothing new starts in governed namespaces. Look at the Deployment writ-webhook, and at whether it may be scraped.',
  },
  {
    name: 'WritTenantsClosed',
    severity: 'page',
    expr: 'max by (instance) (writ_set_closed) == 1',
    for: '2m',
    summary: 'A webhook replica has no policy in force',
    description: 'It refuses every workload of governed namespaces. Its /readyz and its log say what it waits for.',
  },
  {
    name: 'WritTampering',
    severity: 'page',
    expr: 'sum by (what) (increase(writ_tamper_repairs_total[10m])) > 0 or sum by (what) (increase(writ_operator_alarms_total[10m])) > 0',
    summary: 'Somebody changed what Writ stands on ({{ $labels.what }})',
    description:
      'It was put right, or is told where it can not be. The Events TamperRepaired and OperatorTampered, and the audit log of the API server, say who.',
  },
  {
    name: 'WritMarksDamaged',
    severity: 'page',
    expr: 'max by (problem) (writ_marks_problems) > 0',
    for: '2m',
    summary: 'The marks are in danger ({{ $labels.problem }})',
    description: 'They keep an older order from coming back. See the condition of the ConfigMap writ-marks and docs/security.md.',
  },
  {
    name: 'WritNobodyLeads',
    severity: 'page',
    expr: 'absent(writ_operator_leading == 1)',
    for: '5m',
    summary: 'No operator leads',
    description: 'Nothing new is applied; what is enforced stays so. Look at the Deployment writ-operator and its Lease.',
  },
  {
    name: 'WritCertificateEnds',
    severity: 'page',
    expr: 'min by (instance) (writ_tls_expiry_timestamp_seconds > 0) - time() < 3 * 24 * 3600',
    summary: 'The serving certificate of a webhook ends within three days',
    description: 'The operator renews it at two thirds of its life: look at its log, or at whoever issues the Secret.',
  },
  {
    name: 'WritGlassBroken',
    severity: 'ticket',
    expr: 'max(writ_policies_suspended) > 0',
    summary: 'Policies refuse nothing while break-glass holds',
    description: 'The Policy whose name begins with break-glass says which, why and until when.',
  },
  {
    name: 'WritPoliciesExpired',
    severity: 'ticket',
    expr: 'max(writ_policies_expired) > 0',
    summary: 'Policies are past their date',
    description: 'What they match is closed. Publish newer versions.',
  },
  {
    name: 'WritCommitsRefused',
    severity: 'ticket',
    expr: 'sum by (code) (increase(writ_source_refusals_total{code!="SOURCE_UNREACHABLE"}[30m])) > 0',
    for: '30m',
    summary: 'Commits are refused ({{ $labels.code }})',
    description: 'The last good commit stays enforced. The condition Ready of the GitSource names file, line and fix.',
  },
  {
    name: 'WritSourceSuspended',
    severity: 'ticket',
    expr: 'max by (source) (writ_source_suspended) > 0',
    for: '15m',
    summary: 'The source {{ $labels.source }} is suspended',
    description:
      'Nothing new of it comes, revocations neither; what it applied stays enforced. Take spec.suspend away, or find out who set it: the audit log has the change.',
  },
  {
    name: 'WritGuardRefuses',
    severity: 'ticket',
    expr: 'sum by (kind, code) (increase(writ_guard_refusals_total[30m])) > 0',
    summary: 'Writes of {{ $labels.kind }} are refused ({{ $labels.code }})',
    description: 'Somebody tries by the API what only a seal may do. The audit log of the API server says who.',
  },
  {
    name: 'WritWatchSilent',
    severity: 'ticket',
    expr: 'max by (instance) (writ_watch_age_seconds) > 300 or max by (instance) (writ_operator_watch_age_seconds) > 300',
    for: '5m',
    summary: 'A process has heard nothing of the API server for minutes',
    description: 'It decides by what it knew. Look at the connection, and restart the process if others are well.',
  },
  {
    name: 'WritSyncSlow',
    severity: 'ticket',
    expr: 'histogram_quantile(0.99, sum by (le) (rate(writ_sync_lag_seconds_bucket{since="received"}[1h]))) > 5',
    for: '15m',
    summary: 'From a push to its enforcement it takes more than five seconds',
    description: 'Look at the remote, at writ_source_sync_duration_seconds and at the load of the operator.',
  },
  {
    name: 'WritReceiptsLost',
    severity: 'ticket',
    expr: 'sum by (instance) (increase(writ_receipts_lost_total[30m])) > 0 or sum by (instance) (increase(writ_decision_records_dropped_total[30m])) > 0',
    summary: 'Records of decisions are lost',
    description: 'The disk of the replica does not keep up or is full. The next batch says under its signature how many.',
  },
  {
    name: 'WritLabelsFolded',
    severity: 'ticket',
    expr: `sum by (metric) (increase(writ_metrics_label_overflow_total{metric!~"${ALERTED_BY}"}[1h])) > 0`,
    for: '1h',
    summary: 'The metric {{ $labels.metric }} has more different labels than it may',
    description: 'What is beyond the bound is counted as _other, so alerts by tenant or policy do not see it.',
  },
  {
    name: 'WritTenantsUnalerted',
    severity: 'ticket',
    expr: `sum by (metric) (increase(writ_metrics_label_overflow_total{metric=~"${ALERTED_BY}"}[1h])) > 0`,
    for: '15m',
    summary: 'There are more tenants with objectives than {{ $labels.metric }} tells apart',
    description:
      'Those beyond it have no series of their own, so no WritErrorBudgetBurn speaks of them. The ledger counts all of them: `writ slo status` tells how they stand.',
  },
];

export const alerts: readonly Alert[] = alertsOf(rows);
