// SPDX-License-Identifier: Apache-2.0
// The Grafana dashboard: whether Writ decides, how fast, what it refuses, and what is left of each tenant's error budget,
// and what the ledger has.
import { ledgerPanels } from './ledger-panels.ts';
import type { Panel } from './panel.ts';

const panels: readonly Panel[] = [
  {
    title: 'Replicas without a policy in force',
    unit: 'short',
    kind: 'stat',
    queries: [{ expr: 'sum(writ_set_closed)', legend: 'closed' }],
  },
  { title: 'Policies in force', unit: 'short', kind: 'stat', queries: [{ expr: 'max(writ_policies_enforced)', legend: 'policies' }] },
  {
    title: 'Policies suspended by break-glass',
    unit: 'short',
    kind: 'stat',
    queries: [{ expr: 'max(writ_policies_suspended)', legend: 'suspended' }],
  },
  { title: 'Operators that lead', unit: 'short', kind: 'stat', queries: [{ expr: 'sum(writ_operator_leading)', legend: 'leading' }] },
  {
    title: 'Decisions by verdict',
    unit: 'reqps',
    queries: [{ expr: 'sum by (verdict) (rate(writ_decisions_total{tenant=~"$tenant"}[5m]))', legend: '{{verdict}}' }],
  },
  {
    title: 'Time to an answer',
    unit: 's',
    queries: [0.5, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (le) (rate(writ_request_duration_seconds_bucket{route="validate",outcome="decided"}[5m])))`,
      legend: `p${quantile * 100}`,
    })),
  },
  {
    title: 'Policies that refuse most',
    unit: 'reqps',
    queries: [
      {
        expr: 'topk(10, sum by (policy) (rate(writ_policy_decisions_total{tenant=~"$tenant",verdict="Deny"}[15m])))',
        legend: '{{policy}}',
      },
    ],
  },
  {
    title: 'Error budget left (30 days, by answers)',
    unit: 'percentunit',
    queries: [{ expr: 'tenant_slo:writ_slo_error_budget_remaining:ratio{tenant=~"$tenant"}', legend: '{{tenant}} {{slo}}' }],
  },
  {
    title: 'Error budget left (this month, by minutes of the ledger)',
    unit: 'percentunit',
    queries: [{ expr: 'max by (tenant, slo) (writ_slo_error_budget_remaining_ratio{tenant=~"$tenant"})', legend: '{{tenant}} {{slo}}' }],
  },
  {
    title: 'Bad answers, last hour',
    unit: 'percentunit',
    queries: [{ expr: 'tenant_slo:writ_slo_errors:ratio1h{tenant=~"$tenant"}', legend: '{{tenant}} {{slo}}' }],
  },
  {
    title: 'From push to enforcement',
    unit: 's',
    queries: [{ expr: 'histogram_quantile(0.99, sum by (le) (rate(writ_sync_lag_seconds_bucket{since="received"}[1h])))', legend: 'p99' }],
  },
  {
    title: 'Commits refused',
    unit: 'short',
    queries: [{ expr: 'sum by (code) (increase(writ_source_refusals_total[1h]))', legend: '{{code}}' }],
  },
  {
    title: 'Tampering told or repaired',
    unit: 'short',
    queries: [
      { expr: 'sum by (what) (increase(writ_tamper_repairs_total[1h]))', legend: 'repaired: {{what}}' },
      { expr: 'sum by (what) (increase(writ_operator_alarms_total[1h]))', legend: 'alarm: {{what}}' },
    ],
  },
  ...ledgerPanels,
];

const COLUMNS = 24;
const datasource = { type: 'prometheus', uid: '${datasource}' };

const place = (): ((panel: Panel) => { readonly x: number; readonly y: number; readonly w: number; readonly h: number }) => {
  let [x, y, rowHeight] = [0, 0, 0];
  return ({ kind }) => {
    const [w, h] = kind === 'stat' ? [6, 4] : [12, 8];
    if (x + w > COLUMNS || (rowHeight !== 0 && h !== rowHeight)) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const at = { x, y, w, h };
    [x, rowHeight] = [x + w, h];
    return at;
  };
};

const variable = (name: string, more: Readonly<Record<string, unknown>>) => ({ name, label: name, ...more });

const build = () => {
  const gridOf = place();
  return {
    uid: 'writ',
    title: 'Writ',
    tags: ['writ'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        variable('datasource', { type: 'datasource', query: 'prometheus' }),
        variable('tenant', {
          type: 'query',
          datasource,
          query: { query: 'label_values(writ_decisions_total, tenant)', refId: 'tenant' },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        }),
      ],
    },
    panels: panels.map((panel, index) => ({
      id: index + 1,
      title: panel.title,
      type: panel.kind ?? 'timeseries',
      datasource,
      gridPos: gridOf(panel),
      fieldConfig: { defaults: { unit: panel.unit }, overrides: [] },
      targets: panel.queries.map(({ expr, legend }, at) => ({
        refId: String.fromCodePoint(65 + at),
        datasource,
        expr,
        legendFormat: legend,
      })),
    })),
  };
};

export const dashboard = build();
export const dashboardQueries: readonly string[] = panels.flatMap(({ queries }) => queries.map(({ expr }) => expr));
