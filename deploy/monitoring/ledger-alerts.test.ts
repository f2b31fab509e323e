// SPDX-License-Identifier: Apache-2.0
// Each alert on ledger, billing and audit log, tried by promtool: it fires of what it is for, and of nothing that is well.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { ledgerAlerts } from './ledger-alerts.ts';

const run = promisify(execFile);
const MINUTES = 180;

/** Of each alert: a series, its value while all is well, and the one by which it fires. Counters rise by it each minute. */
const causes: Readonly<Record<string, readonly [series: string, well: number, ill: number]>> = {
  WritLedgerDown: ['writ_usage_ledger_up', 1, 0],
  WritUsageSilent: ['writ_usage_sources{state="overdue"}', 1, 3],
  WritUsageMissing: ['writ_usage_missing_events', 0, 2],
  WritUsageQuarantined: ['writ_usage_quarantined_events', 0, 1],
  WritUsageRefused: ['writ_usage_events_refused_total{code="USAGE_EVENT_EARLY"}', 0, 1],
  WritUsageConflict: ['writ_usage_ledger_events_total{meter="api_calls",result="conflict"}', 0, 1],
  WritUsageNotSent: ['writ_webhook_usage_aside_batches', 0, 1],
  WritBillingDown: ['writ_billing_up{sink="stripe"}', 1, 0],
  WritBillingDrift: ['writ_billing_drift_hours', 0, 1],
  WritBillingUnread: ['writ_billing_unread_hours', 0, 5],
  WritReportsAside: ['writ_billing_reports{state="quarantined"}', 0, 1],
  WritOutboxOld: ['writ_usage_outbox_oldest_age_seconds{sink="stripe"}', 3600, 30_000],
  WritStatementsWait: ['writ_usage_outbox_oldest_age_seconds{sink="statements"}', 3600, 90_000],
  WritSubscriptionProblem: ['writ_billing_subscriptions{state="problem"}', 0, 1],
  WritReportsLost: ['writ_billing_late_errors_total', 0, 1],
  WritPricesDiffer: ['writ_billing_prices{state="differ"}', 0, 1],
  WritAuditDiverged: ['writ_audit_problems_total{code="AUDIT_DIVERGED"}', 0, 1],
  WritAuditWitnesses: ['writ_audit_problems_total{code="AUDIT_WITNESS"}', 0, 1],
  WritAuditStale: ['writ_audit_checkpoint_age_seconds', 1, 400],
  WritAuditLost: ['writ_audit_lost_total', 0, 1],
};
const others: readonly (readonly [series: string, value: number])[] = [
  ['writ_usage_sources{state="due"}', 3],
  // Nobody uses anything, at night.
  ['writ_usage_sources{state="open"}', 5],
  ['writ_usage_sources{state="silent"}', 5],
  ['writ_usage_events_refused_total{code="USAGE_EVENT_LATE"}', 0],
  ['writ_usage_ledger_events_total{meter="api_calls",result="stored"}', 100],
];

const of = (series: string, instance: string): string =>
  series.includes('{') ? series.replace('{', `{instance="${instance}",`) : `${series}{instance="${instance}"}`;
const isCounter = (series: string): boolean => /_total\b/.test(series);
const valuesOf = (series: string, value: number): string => (isCounter(series) ? `0+${value}x${MINUTES}` : `${value}x${MINUTES}`);

type Case = { readonly name: string; readonly ill: readonly string[]; readonly leads: boolean; readonly fires: readonly string[] };

const caseOf = ({ name, ill, leads, fires }: Case) => ({
  name,
  interval: '1m',
  input_series: [
    { series: of('writ_operator_leading', 'a'), values: valuesOf('', leads ? 1 : 0) },
    ...others.map(([series, value]) => ({ series: of(series, 'a'), values: valuesOf(series, value) })),
    ...Object.entries(causes).map(([alert, [series, well, wrong]]) => ({
      series: of(series, 'a'),
      values: valuesOf(series, ill.includes(alert) ? wrong : well),
    })),
  ],
  promql_expr_test: [
    {
      expr: 'count by (alertname) (ALERTS{alertstate="firing",alertname=~"Writ(Ledger|Usage|Billing|Reports|Outbox|Statements|Subscription|Prices|Audit).*"})',
      eval_time: `${MINUTES - 5}m`,
      exp_samples: fires.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
    },
  ],
});

const alerts = ledgerAlerts.map(({ alert }) => alert);
/** By a counter, or by what the webhook shows: whoever leads. */
const ofAnybody = alerts.filter((alert) => !ledgerAlerts.some((one) => one.alert === alert && one.expr.includes('writ_operator_leading')));
const cases: readonly Case[] = [
  { name: 'all is well', ill: [], leads: true, fires: [] },
  ...alerts.map((alert) => ({ name: alert, ill: [alert], leads: true, fires: [alert] })),
  { name: 'what is left over on a replica that does not lead', ill: alerts, leads: false, fires: ofAnybody },
];

/** The ledger's counters begin at 0, so that the first one ever is seen, and is seen for a while. */
const firstConflict = {
  name: 'one conflict and no other',
  interval: '1m',
  input_series: [{ series: of('writ_usage_ledger_events_total{meter="api_calls",result="conflict"}', 'a'), values: '0x19 1x60' }],
  alert_rule_test: [
    ...[15, 75].map((minute) => ({ eval_time: `${minute}m`, alertname: 'WritUsageConflict', exp_alerts: [] })),
    {
      eval_time: '40m',
      alertname: 'WritUsageConflict',
      exp_alerts: ledgerAlerts
        .filter(({ alert }) => alert === 'WritUsageConflict')
        .map(({ labels, annotations }) => ({
          exp_labels: { ...labels, meter: 'api_calls' },
          exp_annotations: { ...annotations, summary: annotations.summary.replace('{{ $labels.meter }}', 'api_calls') },
        })),
    },
  ],
};

const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);

it('every alert on the ledger has a cause that it is tried by', () => assert.deepEqual(Object.keys(causes), alerts));

describe('alerts on the ledger', { skip: promtool ? false : 'promtool (of the package prometheus) is not on PATH' }, () => {
  it('fire each of its own cause alone', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'writ-ledger-rules-'));
    try {
      writeFileSync(join(dir, 'rules.yaml'), stringify({ groups: [{ name: 'ledger', rules: ledgerAlerts }] }));
      writeFileSync(
        join(dir, 'tests.yaml'),
        stringify({ rule_files: ['rules.yaml'], evaluation_interval: '5m', tests: [...cases.map(caseOf), firstConflict] }),
      );
      const outcome = await run('promtool', ['test', 'rules', join(dir, 'tests.yaml')]).catch((error: unknown) => error);
      assert.ok(!(outcome instanceof Error), outcome instanceof Error && 'stdout' in outcome ? String(outcome.stdout) : '');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
