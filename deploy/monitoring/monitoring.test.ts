// SPDX-License-Identifier: Apache-2.0
// The rules are those that the code says, name metrics that exist, and do in Prometheus' own evaluation what they are for.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { operatorMetrics } from '../../operator/metrics.ts';
import { webhookMetrics } from '../../webhook/metrics.ts';
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import { burnFactor, burnWindows } from '../../policies/service-level/burn.ts';
import { burnAlerts } from './burn-rate.ts';
import { dashboardQueries } from './dashboard.ts';
import { monitoringFiles, ruleGroups } from './index.ts';
import { openSlo } from './openslo.ts';

const run = promisify(execFile);
const WRITTEN = ['kustomization.yaml', 'pod-monitor.yaml'];
const folder = fileURLToPath(new URL('.', import.meta.url));

/** The two queries of each objective, as a reader of the file sees them. */
const openSloQueries = parseAllDocuments(monitoringFiles['openslo.yaml'] ?? '').flatMap((document) => {
  const { kind, metadata, spec } = document.toJS();
  if (kind !== 'SLO') return [];
  const { bad, total } = spec.indicator.spec.ratioMetric;
  return [bad, total].map(({ metricSource }, index) => ({
    slo: String(metadata.name),
    of: index === 0 ? 'bad' : 'total',
    query: String(metricSource.spec.query),
  }));
});

describe('the files of deploy/monitoring', () => {
  it('are the generated ones', () => {
    for (const [name, text] of Object.entries(monitoringFiles))
      assert.equal(readFileSync(join(folder, name), 'utf8'), text, `${name}: run make generate`);
    const generated = readdirSync(folder).filter((name) => /\.(?:yaml|json)$/.test(name) && !WRITTEN.includes(name));
    assert.deepEqual(generated.toSorted(), Object.keys(monitoringFiles).toSorted());
  });

  it('name nothing that neither a process exports nor a rule records', () => {
    const exported = [...Object.values(operatorMetrics), ...Object.values(webhookMetrics)].flatMap(({ name, kind }) =>
      kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    );
    const rules = ruleGroups.flatMap((group) => group.rules);
    const recorded = rules.flatMap((rule) => ('record' in rule ? [rule.record] : []));
    const known = new Set([...exported, ...recorded]);
    const named = [...rules.map(({ expr }) => expr), ...dashboardQueries, ...openSloQueries.map(({ query }) => query)].flatMap(
      (expr) => expr.match(/\b(?:(?:tenant_slo|cluster):)?writ_[a-z_:0-9]+\b/g) ?? [],
    );
    assert.ok(named.length > 30);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    );
  });

  it('can read off each latency that is promised: there is a bucket that ends just there', () => {
    const example = (name: string): string => readFileSync(new URL(`../examples/${name}`, import.meta.url), 'utf8');
    const thresholds = [...example('tiers.yaml').matchAll(/threshold: ([0-9.]+)(m?s)\b/g)].map(
      ([, size, unit]) => Number(size) / (unit === 's' ? 1 : 1000),
    );
    const promised = [...example('prices.yaml').matchAll(/latencyMs: (\d+)/g)].map(([, ms]) => Number(ms) / 1000);
    assert.ok(thresholds.length >= 5 && promised.length >= 4);
    const bounds: readonly number[] = webhookMetrics.requestSeconds.buckets;
    assert.deepEqual(
      [...thresholds, ...promised].filter((seconds) => !bounds.includes(seconds)),
      [],
    );
  });

  it('burn as the recipe has it', () => {
    assert.deepEqual(burnWindows.map(burnFactor), [14.4, 6, 3, 1]);
    assert.equal(new Set(burnAlerts.map(({ labels }) => labels['window'])).size, burnWindows.length);
  });
});

// What the specification of OpenSLO v1 asks of each kind (github.com/OpenSLO/OpenSLO, README).
describe('the OpenSLO documents', () => {
  const documents = openSlo();
  const of = (kind: string) => documents.filter((document) => document.kind === kind);
  type Slo = {
    readonly service: string;
    readonly timeWindow: unknown;
    readonly budgetingMethod: string;
    readonly objectives: readonly { readonly target: number }[];
    readonly alertPolicies: readonly { readonly alertPolicyRef: string }[];
  };
  type AlertPolicy = {
    readonly notificationTargets: readonly { readonly targetRef: string }[];
    readonly conditions: readonly [
      { readonly spec: { readonly severity: string; readonly condition: Readonly<Record<string, string | number>> } },
    ];
  };
  const slos: readonly Slo[] = JSON.parse(JSON.stringify(of('SLO').map(({ spec }) => spec)));
  const alertPolicies: readonly AlertPolicy[] = JSON.parse(JSON.stringify(of('AlertPolicy').map(({ spec }) => spec)));
  const names = (kind: string): readonly string[] => of(kind).map(({ metadata }) => metadata.name);
  const isDuration = (text: unknown): boolean => typeof text === 'string' && /^[0-9]+[mhdwMQY]$/.test(text);

  it('have names that are labels, each once, and nothing but a kind of v1', () => {
    for (const { apiVersion, kind, metadata } of documents) {
      assert.equal(apiVersion, 'openslo/v1');
      assert.match(metadata.name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      assert.equal(names(kind).filter((name) => name === metadata.name).length, 1);
    }
    assert.deepEqual(
      parseAllDocuments(monitoringFiles['openslo.yaml'] ?? '').map((document) => document.toJS()),
      documents,
    );
  });

  it('refer to what is there, with one condition a policy and a share below 1', () => {
    for (const { service, timeWindow, budgetingMethod, objectives, alertPolicies: refs } of slos) {
      assert.ok(names('Service').includes(service));
      assert.deepEqual(timeWindow, [{ duration: '30d', isRolling: true }]);
      assert.equal(budgetingMethod, 'Occurrences');
      assert.ok(objectives.length === 1 && objectives.every(({ target }) => target > 0 && target < 1));
      assert.deepEqual(
        refs.map(({ alertPolicyRef }) => alertPolicyRef),
        names('AlertPolicy'),
      );
    }
    for (const { notificationTargets } of alertPolicies) {
      const [target, ...others] = notificationTargets;
      assert.ok(others.length === 0 && names('AlertNotificationTarget').includes(target?.targetRef ?? ''));
    }
  });

  it('burn by the windows, factors and severities of the rules', () => {
    const conditions = alertPolicies.map(({ conditions: [{ spec: condition }] }) => {
      const { kind, lookbackWindow, threshold, alertAfter } = condition.condition;
      assert.ok(kind === 'burnrate' && isDuration(lookbackWindow) && isDuration(alertAfter));
      return [condition.severity, String(lookbackWindow), `> on (tenant, slo) (${String(threshold)} *`];
    });
    assert.equal(conditions.length, burnAlerts.length);
    for (const [index, { labels, expr }] of burnAlerts.entries()) {
      const [severity, window, factor = 'none'] = conditions[index] ?? [];
      assert.deepEqual([severity, window], [labels.severity, labels['window']]);
      assert.ok(expr.includes(factor), `${factor} is not in ${expr}`);
    }
  });

  it('promise what the shipped catalog promises, and no shipped price gives back what is not measured', () => {
    const shipped = (name: string) => parse(readFileSync(new URL(`../examples/${name}`, import.meta.url), 'utf8')).spec.tiers;
    type Promised = { name: string; target: string; threshold?: string };
    const promised: readonly (readonly [string, number])[] = shipped('tiers.yaml').flatMap(
      ({ name, slo }: { name: string; slo: { objectives: readonly Promised[] } }) =>
        slo.objectives.map((one) => [`${name.toLowerCase()}-${one.name}`, Number((Number(one.target) / 100).toFixed(8))]),
    );
    const targets = slos.map(({ objectives }, index) => [names('SLO')[index], objectives[0]?.target]);
    assert.deepEqual(targets, promised);
    const byName = new Map(promised);
    type Priced = { name: string; promise?: { availability?: string; latencyShare?: string; policyEvaluation?: string } };
    const pricedTiers: readonly Priced[] = shipped('prices.yaml');
    for (const { name, promise } of pricedTiers) {
      const priced = [
        ['availability', promise?.availability],
        ['admission-latency', promise?.latencyShare],
        ['policy-evaluation', promise?.policyEvaluation],
      ] as const;
      for (const [objective, percent] of priced)
        if (percent !== undefined)
          assert.equal(byName.get(`${name.toLowerCase()}-${objective}`), Number((Number(percent) / 100).toFixed(8)), name);
    }
  });
});

type Case = {
  readonly what: string;
  /** Series that are the case's own, a value a minute, in promtool's notation. */
  readonly valid: string;
  readonly bad: string;
  readonly objective?: string;
  /** Minute → windows of the alerts that fire then. */
  readonly fires: Readonly<Record<number, readonly string[]>>;
};

const cases: readonly Case[] = [
  { what: 'no bad answer', valid: '0+600x200', bad: '0+0x200', fires: { 190: [] } },
  {
    // 2 % of 99.9 %: twenty times too fast.
    what: 'a fast burn pages within the hour, and the slower windows follow',
    valid: '0+600x200',
    bad: '0x120 0+12x80',
    fires: { 100: [], 180: ['1h', '6h', '1d', '3d'] },
  },
  {
    // 0.4 %: four times too fast.
    what: 'a slow burn is a ticket, not a page',
    valid: '0+1000x200',
    bad: '0+4x200',
    fires: { 190: ['1d', '3d'] },
  },
  {
    what: 'a cause that has gone ends the page',
    valid: '0+600x230',
    bad: '0+12x100 1212x130',
    fires: { 90: ['1h', '6h', '1d', '3d'], 220: ['3d'] },
  },
  { what: 'one failure of nine hundred pages nobody', valid: '0+15x200', bad: '0x60 1x140', fires: { 70: [], 190: [] } },
  { what: 'a lower promise is kept by the same answers', valid: '0+600x200', bad: '0+12x200', objective: '0.9x200', fires: { 190: [] } },
  { what: 'no answer at all says nothing', valid: '0x200', bad: '0x200', fires: { 190: [] } },
];

/** The case of one objective; the others are kept meanwhile, and no alert is theirs. A tenant may be called so. */
const testFile = (slo: string): string => {
  const labels = (name: string): string => `{tenant="other",slo="${name}",instance="one"}`;
  return stringify({
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: cases.map(({ what, valid, bad, objective = '0.999x2000', fires }) => ({
      name: what,
      interval: '1m',
      input_series: OBJECTIVES.flatMap((name) => [
        { series: `writ_slo_valid_events_total${labels(name)}`, values: valid },
        { series: `writ_slo_bad_events_total${labels(name)}`, values: name === slo ? bad : '0x2000' },
        { series: `writ_slo_objective_ratio${labels(name)}`, values: objective },
      ]),
      promql_expr_test: Object.entries(fires).map(([minute, windows]) => ({
        expr: 'count by (window, slo) (ALERTS{alertname="WritErrorBudgetBurn",alertstate="firing",tenant="other"})',
        eval_time: `${minute}m`,
        exp_samples: windows.map((window) => ({ labels: `{slo="${slo}", window="${window}"}`, value: 1 })),
      })),
    })),
  });
};

type UnknownCase = Pick<Case, 'what' | 'fires'> & {
  /** Absent: there is no such series yet. */
  readonly decided?: string;
  readonly refused: string;
  /** What tenants were promised; absent: nothing. */
  readonly promised?: readonly string[];
};

/** Refusals of which nobody knows whose they were. */
const unknownCases: readonly UnknownCase[] = [
  { what: 'none is refused so', decided: '0+600x200', refused: '0x200', promised: ['0.999'], fires: { 190: [] } },
  {
    what: 'they burn the budget of whoever was promised most',
    decided: '0+588x200',
    refused: '0x120 0+12x80',
    promised: ['0.9', '0.999'],
    fires: { 100: [], 180: ['1h', '6h', '1d', '3d'] },
  },
  { what: 'a lower promise bears them', decided: '0+588x200', refused: '0+12x200', promised: ['0.9'], fires: { 190: [] } },
  {
    what: 'where nothing was promised a burst of them is told too',
    decided: '0+480x200',
    refused: '0+120x200',
    fires: { 190: ['1h', '6h', '1d', '3d'] },
  },
  { what: 'four of them page nobody', decided: '0+1x200', refused: '0x60 4x140', promised: ['0.999'], fires: { 62: ['1d', '3d'] } },
  {
    what: 'where only such requests came all of them count',
    refused: '0x100 0+10x100',
    promised: ['0.999'],
    fires: { 180: ['1h', '6h', '1d', '3d'] },
  },
];

const unknownTestFile = (): string =>
  stringify({
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: unknownCases.map(({ what, decided, refused, promised = [], fires }) => ({
      name: what,
      interval: '1m',
      input_series: [
        ...(decided === undefined
          ? []
          : [{ series: 'writ_requests_total{tier="none",route="validate",outcome="decided",instance="one"}', values: decided }]),
        // Somebody else's requests make it no better.
        { series: 'writ_requests_total{tier="none",route="guard",outcome="passed",instance="one"}', values: '0+100000x200' },
        { series: 'writ_requests_total{tier="none",route="validate",outcome="ungoverned",instance="one"}', values: '0+100000x200' },
        { series: 'writ_slo_unattributed_events_total{instance="one"}', values: refused },
        ...promised.map((ratio, index) => ({
          series: `writ_slo_objective_ratio{tenant="t${index}",slo="availability",tier="none",instance="one"}`,
          values: `${ratio}x200`,
        })),
      ],
      promql_expr_test: Object.entries(fires).map(([minute, windows]) => ({
        expr: 'count by (alertname, window) (ALERTS{alertstate="firing",alertname=~"WritUnknown.*|WritErrorBudgetBurn"})',
        eval_time: `${minute}m`,
        exp_samples: windows.map((window) => ({ labels: `{alertname="WritUnknownTenantsRefused", window="${window}"}`, value: 1 })),
      })),
    })),
  });

/** Observations that find no room: of series that an error budget is alerted by, and of any other. */
const overflowTestFile = (): string =>
  stringify({
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: [
      ['writ_slo_valid_events_total', 1, 'WritTenantsUnalerted'],
      ['writ_slo_objective_ratio', 1, 'WritTenantsUnalerted'],
      ['writ_decisions_total', 1, 'WritLabelsFolded'],
      ['writ_slo_bad_events_total', 0, undefined],
    ].map(([metric, rise, alert]) => ({
      name: `${metric} rises by ${rise}`,
      interval: '1m',
      input_series: [{ series: `writ_metrics_label_overflow_total{metric="${metric}",instance="one"}`, values: `0+${rise}x200` }],
      promql_expr_test: [
        {
          expr: 'count by (alertname, metric) (ALERTS{alertstate="firing",alertname=~"WritTenants.*|WritLabels.*"})',
          eval_time: '190m',
          exp_samples: alert === undefined ? [] : [{ labels: `{alertname="${alert}", metric="${metric}"}`, value: 1 }],
        },
      ],
    })),
  });

/** Tenants of two tiers: what each objective's queries come to after ten minutes of one bad answer in ten, and of one in a hundred. */
const openSloTestFile = (): string => {
  const labels = (tenant: string, more = ''): string => `{tenant="${tenant}",slo="availability",instance="one"${more}}`;
  const series = (tenant: string, bad: number, tier: string) => [
    { series: `writ_slo_valid_events_total${labels(tenant)}`, values: '0+100x30' },
    { series: `writ_slo_bad_events_total${labels(tenant)}`, values: `0+${bad}x30` },
    { series: `writ_slo_objective_ratio${labels(tenant, `,tier="${tier}"`)}`, values: '0.99x30' },
  ];
  const expected: Readonly<Record<string, number>> = {
    'starter-availability bad': 50,
    'starter-availability total': 500,
    'enterprise-availability bad': 5,
    'enterprise-availability total': 500,
  };
  return stringify({
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: [...series('acme', 10, 'Starter'), ...series('beta', 1, 'Enterprise')],
        promql_expr_test: openSloQueries.map(({ slo, of, query }) => {
          const value = expected[`${slo} ${of}`];
          return { expr: query, eval_time: '20m', exp_samples: value === undefined ? [] : [{ labels: '{}', value }] };
        }),
      },
    ],
  });
};

const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);

describe('promtool', { skip: promtool ? false : 'promtool (of the package prometheus) is not on PATH' }, () => {
  const inFolder = async (work: (dir: string) => Promise<void>): Promise<void> => {
    const dir = mkdtempSync(join(tmpdir(), 'writ-rules-'));
    try {
      for (const [name, text] of Object.entries(monitoringFiles)) writeFileSync(join(dir, name), text);
      await work(dir);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };

  it('finds nothing wrong with the rules', () =>
    inFolder(async (dir) => {
      const { stdout } = await run('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', join(dir, 'rules.yaml')]);
      assert.match(stdout, /SUCCESS/);
    }));

  it('sees them fire when they should, and not otherwise', () =>
    inFolder(async (dir) => {
      for (const slo of OBJECTIVES) writeFileSync(join(dir, `${slo}-tests.yaml`), testFile(slo));
      writeFileSync(join(dir, 'openslo-tests.yaml'), openSloTestFile());
      writeFileSync(join(dir, 'unknown-tests.yaml'), unknownTestFile());
      writeFileSync(join(dir, 'overflow-tests.yaml'), overflowTestFile());
      const files = [...OBJECTIVES, 'openslo', 'unknown', 'overflow'].map((name) => `${name}-tests.yaml`).map((name) => join(dir, name));
      const outcome = await run('promtool', ['test', 'rules', ...files]).catch((error: unknown) => error);
      assert.ok(!(outcome instanceof Error), outcome instanceof Error && 'stderr' in outcome ? String(outcome.stderr) : '');
    }));
});
