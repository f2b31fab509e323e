// SPDX-License-Identifier: Apache-2.0
// What somebody has to look at of the ledger, of what leaves it to be billed, and of the audit log. What only a leader knows is asked of
// the one that leads: another replica may still show what it saw when it led. Where no ledger is kept nothing of this is told.
import { alertsOf } from './rule.ts';
import type { Alert, AlertRow } from './rule.ts';

const ofLeader = (expr: string): string => `${expr} and on (instance) writ_operator_leading == 1`;

const ledger: readonly AlertRow[] = [
  {
    name: 'WritLedgerDown',
    severity: 'page',
    expr: ofLeader('writ_usage_ledger_up == 0'),
    for: '5m',
    summary: 'The operator leads and cannot write the ledger of use',
    description:
      'Sources keep their events and come again; new limits and statements wait. The log of the operator says whether the disk is full, another process took the ledger, or a page of it has rotted.',
  },
  {
    name: 'WritUsageSilent',
    severity: 'page',
    // Who has nothing to tell is silent too: only those count that tell even of a quiet tenant, while they run.
    expr: ofLeader('writ_usage_sources{state="overdue"} == on (instance) writ_usage_sources{state="due"} > 0'),
    for: '20m',
    summary: 'No replica of the webhook that has to tell of use is heard of any more',
    description:
      'They run, and tell of tenants with objectives every quarter of an hour. Silence is not read as no use: TenantUsage says so. Look at the Service of --usage-service, its certificate and its network policy.',
  },
  {
    name: 'WritUsageMissing',
    severity: 'ticket',
    expr: ofLeader('writ_usage_missing_events > 0'),
    for: '1h',
    summary: 'Events are missing from the sequences of their sources',
    description: 'Somebody left numbers out and has not sent them. The condition Complete of each TenantUsage says of whom.',
  },
  {
    name: 'WritUsageQuarantined',
    severity: 'ticket',
    expr: ofLeader('writ_usage_quarantined_events > 0'),
    for: '15m',
    summary: 'Events of unknown tenants or meters wait',
    description: 'They count as soon as there is a Tenant or a meter of that name; answers with 202 name them.',
  },
  {
    name: 'WritUsageRefused',
    severity: 'ticket',
    expr: 'sum by (code) (increase(writ_usage_events_refused_total[30m])) > 0',
    summary: 'Events of use are refused ({{ $labels.code }})',
    description:
      'Their sender was told and keeps them. USAGE_EVENT_EARLY: its clock is fast; USAGE_EVENT_LATE: they can not be counted any more.',
  },
  {
    name: 'WritUsageConflict',
    severity: 'ticket',
    expr: 'sum by (meter) (increase(writ_usage_ledger_events_total{result="conflict"}[30m])) > 0',
    summary: 'Events came under an identity that holds something else ({{ $labels.meter }})',
    description:
      'What was stored first counts, and what came then does not. Their sender was told by a 409; usage.conflict in the audit log names its source, tenant and id. It counts anew under old numbers, or somebody sends in its name.',
  },
  {
    name: 'WritUsageNotSent',
    severity: 'ticket',
    expr: 'max by (instance) (writ_webhook_usage_waiting_batches) > 100 or max by (instance) (writ_webhook_usage_aside_batches) > 0',
    for: '30m',
    summary: 'A webhook replica does not get rid of what it counted',
    description: 'It is kept in --usage-spool. writ_webhook_usage_refused_total says with which status it is refused.',
  },
];

const billing: readonly AlertRow[] = [
  {
    name: 'WritBillingDown',
    severity: 'ticket',
    expr: ofLeader('writ_billing_up == 0'),
    for: '30m',
    summary: 'Use is not handed on ({{ $labels.sink }})',
    description:
      'It stays in the ledger, and is tried again each minute. The log of the operator says why: a Secret, a price book, the provider.',
  },
  {
    name: 'WritBillingDrift',
    severity: 'page',
    expr: ofLeader('writ_billing_drift_hours > 0'),
    summary: 'Ledger and payment provider count otherwise',
    description:
      'The invoices are kept from becoming final, a day at a time. The log names the hours, writ_usage_drift_ratio the meters; docs/billing.md says what to do.',
  },
  {
    name: 'WritBillingUnread',
    severity: 'ticket',
    expr: ofLeader('writ_billing_unread_hours > 0'),
    for: '30m',
    summary: 'The payment provider does not say what it counts',
    description:
      'The invoices are kept from becoming final, a day at a time, and are compared again then. See whether the key may read meters; `writ bill reconcile` names the invoices.',
  },
  {
    name: 'WritReportsAside',
    severity: 'ticket',
    expr: ofLeader('writ_billing_reports{state=~"rejected|quarantined"} > 0'),
    for: '5m',
    summary: 'Reports of use wait for a person ({{ $labels.state }})',
    description: 'The payment provider refused them, or nobody can tell whether it counts them. The audit log names each.',
  },
  {
    // At 20 hours an identifier is not trusted any more to keep a second one from counting.
    name: 'WritOutboxOld',
    severity: 'ticket',
    expr: ofLeader('writ_usage_outbox_oldest_age_seconds{sink="stripe"} > 6 * 3600'),
    for: '10m',
    summary: 'The payment provider has not accepted what was used hours ago',
    description: 'Nothing is lost; after twenty hours each report is read back before it is sent again.',
  },
  {
    // Of what the payment provider bills it is read back within a day of the freeze as a rule.
    name: 'WritStatementsWait',
    severity: 'ticket',
    expr: ofLeader('writ_usage_outbox_oldest_age_seconds{sink="statements"} > 24 * 3600'),
    for: '1h',
    summary: 'A statement of a frozen month is not written',
    description: 'The log says BILL_STATEMENT_WAITING or BILL_STATEMENT_TAKEN, with its tenant and month.',
  },
  {
    name: 'WritSubscriptionProblem',
    severity: 'ticket',
    expr: ofLeader('writ_billing_subscriptions{state="problem"} > 0'),
    for: '1h',
    summary: 'A subscription is not as its Tenant orders it',
    description:
      'Use may be billed to nobody, or a change not hold. The condition Billed of the Tenant, and the log, say why and what to do.',
  },
  {
    name: 'WritReportsLost',
    severity: 'ticket',
    expr: 'sum(increase(writ_billing_late_errors_total[30m])) > 0',
    summary: 'Stripe does not count what it had accepted',
    description:
      'It found something wrong with reports afterwards. They are read back; the log names the codes, writ_billing_reports those that wait for a person.',
  },
  {
    name: 'WritPricesDiffer',
    severity: 'ticket',
    expr: ofLeader('writ_billing_prices{state="differ"} > 0'),
    for: '2h',
    summary: 'Prices at Stripe say something else than the sealed price book',
    description: 'Somebody changed or archived them. They are left alone; the log names them.',
  },
];

const audit: readonly AlertRow[] = [
  {
    name: 'WritAuditDiverged',
    severity: 'page',
    expr: 'sum by (code) (increase(writ_audit_problems_total{code="AUDIT_DIVERGED"}[30m])) > 0',
    summary: 'A log of the audit record is signed no more',
    description:
      'What is stored does not lead to what was signed. Keep both, and see docs/audit.md; the log of the operator names the log.',
  },
  {
    name: 'WritAuditWitnesses',
    severity: 'ticket',
    expr: 'sum by (code) (increase(writ_audit_problems_total{code="AUDIT_WITNESS"}[30m])) > 0',
    for: '30m',
    summary: 'A witness does not cosign the root of the audit log',
    description: 'It cannot be reached, or has seen another history. The log of the operator says which.',
  },
  {
    name: 'WritAuditStale',
    severity: 'page',
    expr: ofLeader('writ_audit_checkpoint_age_seconds > 300'),
    for: '5m',
    summary: 'The audit log is not signed and published',
    description:
      'Entries are stored with what they tell of, but nobody can check them. Look at the folder of --audit-dir, its disk and the ledger.',
  },
  {
    name: 'WritAuditLost',
    severity: 'ticket',
    expr: 'sum by (instance) (increase(writ_audit_lost_total[30m])) > 0',
    summary: 'Facts got no entry in the audit log',
    description: 'They came faster than they could be stored, or the ledger was closed for too long. An entry tells how many.',
  },
];

export const ledgerAlerts: readonly Alert[] = alertsOf([...ledger, ...billing, ...audit]);
