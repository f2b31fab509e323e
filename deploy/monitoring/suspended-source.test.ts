// SPDX-License-Identifier: Apache-2.0
// A source that is suspended for longer than somebody works on it is told once, however many replicas tell of it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { monitoringFiles } from './index.ts';

const run = promisify(execFile);
const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);

/** Each a value a minute. */
const sources = { 'a/always': '1x60', 'a/briefly': '0x20 1x10 0x30', 'a/deleted': '1x30 stale', 'a/never': '0x60' };
/** Minute → who is told of. */
const told: Readonly<Record<number, readonly string[]>> = { 10: [], 29: ['a/always', 'a/deleted'], 50: ['a/always'] };

const skip = promtool ? false : 'promtool (of the package prometheus) is not on PATH';

it('fires while a source stays suspended, and not otherwise', { skip }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-suspended-'));
  try {
    writeFileSync(join(dir, 'rules.yaml'), monitoringFiles['rules.yaml'] ?? '');
    const tests = {
      interval: '1m',
      input_series: ['one', 'two'].flatMap((instance) =>
        Object.entries(sources).map(([source, values]) => ({
          series: `writ_source_suspended{source="${source}",instance="${instance}"}`,
          values,
        })),
      ),
      promql_expr_test: Object.entries(told).map(([minute, fires]) => ({
        expr: 'count by (source, severity) (ALERTS{alertname="WritSourceSuspended",alertstate="firing"})',
        eval_time: `${minute}m`,
        exp_samples: fires.map((source) => ({ labels: `{severity="ticket", source="${source}"}`, value: 1 })),
      })),
    };
    const file = join(dir, 'tests.yaml');
    writeFileSync(file, stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: [tests] }));
    const outcome = await run('promtool', ['test', 'rules', file]).catch((error: unknown) => error);
    assert.ok(!(outcome instanceof Error), outcome instanceof Error && 'stderr' in outcome ? String(outcome.stderr) : '');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
