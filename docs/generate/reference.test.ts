// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execFileSync } from 'node:child_process';
import { crdsPage } from './crds.ts';
import { errorsPage } from './errors.ts';
import { flagsPage } from './flags.ts';
import { referencePages } from './index.ts';
import { metricsPage } from './metrics.ts';

test('errors: every code by name, grouped, with what it means and what to do', () => {
  const text = errorsPage({
    SEAL_B: { summary: 'b | c', fix: 'mend <it>' },
    SEAL_A: { summary: 'a', fix: 'x' },
    GIT_A: { summary: 'g', fix: 'y' },
  });
  assert.ok(text.indexOf('## GIT') < text.indexOf('## SEAL'));
  assert.ok(text.indexOf('`SEAL_A`') < text.indexOf('`SEAL_B`'));
  assert.match(text, /\| `SEAL_B` \| b \\\| c \| mend &lt;it> \|/);
});

test('metrics: name, kind, labels with their bounds, buckets', () => {
  const text = metricsPage([
    {
      program: 'writ-x',
      origin: 'x/metrics.ts',
      catalogue: {
        b: { kind: 'histogram', name: 'writ_b_seconds', help: 'b.', buckets: [0.1, 1] },
        a: { kind: 'counter', name: 'writ_a_total', help: 'a.', labels: { verdict: ['Allow', 'Deny'], tenant: { max: 500 } } },
      },
    },
  ]);
  assert.match(text, /\| `writ_a_total` \| counter \| `verdict` \(`Allow`, `Deny`\); `tenant` \(at most 500\) \| a\. \|/);
  assert.match(text, /\| `writ_b_seconds` \| histogram \| {2}\| b\. Buckets: 0\.1, 1\. \|/);
});

test('flags: type, environment, default, bounds', () => {
  const text = flagsPage([
    {
      program: 'writ-x',
      summary: 'Does x.',
      origin: 'x/config.ts',
      flags: {
        wait: { type: 'duration', env: 'WRIT_WAIT', default: 90_000, doc: 'How long.' },
        level: { type: 'string', choices: ['a', 'b'], required: true, doc: 'What.' },
        many: { type: 'number', min: 1, max: 9, doc: 'How many.' },
        quiet: { type: 'boolean', doc: 'Says less.' },
      },
    },
  ]);
  assert.match(text, /\| `--wait` \| duration \| `WRIT_WAIT` \| `90s` \| How long\. \|/);
  assert.match(text, /\| `--level` \| string \| {2}\| required \| What\. One of `a`, `b`\. \|/);
  assert.match(text, /\| `--many` \| number \| {2}\| {2}\| How many\. Bounds: at least 1, at most 9\. \|/);
  assert.match(text, /\| `--quiet` \| boolean \| {2}\| `false` \| Says less\. \|/);
});

test('kinds: a field has its path, type, default, choices, bounds and rules', () => {
  const text = crdsPage();
  assert.match(text, /\| `spec\.prune\.policy` \| string \| .*One of `Enabled`, `Disabled`\. Default `"Enabled"`\. \|/);
  assert.match(text, /\| `spec\.validations\[\]\.expression` \| string \| .*Required\. Bounds: at most 16384 characters\. \|/);
  assert.match(text, /\| `spec\.expires` \| date-time \|/);
  assert.match(text, /Rule: at most one of tag, semver and name may be given\./);
  for (const kind of ['GitSource', 'Policy', 'Ruleset', 'Tenant', 'TrustPolicy']) assert.ok(text.includes(`\n## ${kind}\n`), kind);
});

test('every row of a table has as many cells as its head', () => {
  for (const [path, text] of Object.entries(referencePages())) {
    let cells = 0;
    for (const line of text.split('\n')) {
      const count = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : 0;
      if (count > 0 && cells > 0) assert.equal(count, cells, `${path}: ${line}`);
      cells = count;
    }
  }
});

test('the pages are the same on a machine with another temporary folder', () => {
  const script = `const { referencePages } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)}); console.log(JSON.stringify(referencePages()));`;
  const elsewhere = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, TMPDIR: '/var/elsewhere' },
    encoding: 'utf8',
  });
  assert.deepEqual(JSON.parse(elsewhere), referencePages());
});
