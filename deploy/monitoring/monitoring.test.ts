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
import { stringify } from 'yaml';
import { operatorMetrics } from '../../operator/metrics.ts';
import { webhookMetrics } from '../../webhook/metrics.ts';
import { burnFactor, burnWindows } from '../../policies/service-level/burn.ts';
import { burnAlerts } from './burn-rate.ts';
import { dashboardQueries } from './dashboard.ts';
import { monitoringFiles, ruleGroups } from './index.ts';

const run = promisify(execFile);
const WRITTEN = ['kustomization.yaml', 'pod-monitor.yaml'];
const folder = fileURLToPath(new URL('.', import.meta.url));

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
    const named = [...rules.map(({ expr }) => expr), ...dashboardQueries].flatMap(
      (expr) => expr.match(/\b(?:tenant_slo:)?writ_[a-z_:0-9]+\b/g) ?? [],
    );
    assert.ok(named.length > 30);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    );
  });

  it('burn as the recipe has it', () => {
    assert.deepEqual(burnWindows.map(burnFactor), [14.4, 6, 3, 1]);
    assert.equal(new Set(burnAlerts.map(({ labels }) => labels['window'])).size, burnWindows.length);
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

const testFile = (): string => {
  const labels = '{tenant="acme",slo="availability",instance="one"}';
  return stringify({
    rule_files: ['rules.yaml'],
    evaluation_interval: '1m',
    tests: cases.map(({ what, valid, bad, objective = '0.999x2000', fires }) => ({
      name: what,
      interval: '1m',
      input_series: [
        { series: `writ_slo_valid_events_total${labels}`, values: valid },
        { series: `writ_slo_bad_events_total${labels}`, values: bad },
        { series: `writ_slo_objective_ratio${labels}`, values: objective },
      ],
      promql_expr_test: Object.entries(fires).map(([minute, windows]) => ({
        expr: 'count by (window) (ALERTS{alertname="WritErrorBudgetBurn",alertstate="firing",tenant="acme",slo="availability"})',
        eval_time: `${minute}m`,
        exp_samples: windows.map((window) => ({ labels: `{window="${window}"}`, value: 1 })),
      })),
    })),
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
      writeFileSync(join(dir, 'tests.yaml'), testFile());
      const outcome = await run('promtool', ['test', 'rules', join(dir, 'tests.yaml')]).catch((error: unknown) => error);
      assert.ok(!(outcome instanceof Error), outcome instanceof Error && 'stderr' in outcome ? String(outcome.stderr) : '');
    }));
});
