// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics, defineMetrics, overflowMetric } from './metrics.ts';

const catalogue = defineMetrics({
  decisions: { kind: 'counter', name: 't_decisions_total', help: 'h', labels: { verdict: ['Allow', 'Deny'], tenant: { max: 2 } } },
  results: { kind: 'counter', name: 't_results_total', help: 'h', labels: { result: ['done', 'retry'] } },
  depth: { kind: 'gauge', name: 't_depth', help: 'h' },
  age: { kind: 'gauge', name: 't_age_seconds', help: 'h', labels: { resource: ['pods', 'other'] } },
  seconds: { kind: 'histogram', name: 't_seconds', help: 'h', buckets: [0.1, 1] },
});

describe('metrics', () => {
  it('count what is told', async () => {
    const metrics = createMetrics(catalogue);
    metrics.decisions.inc({ verdict: 'Deny', tenant: 'a' });
    metrics.decisions.inc({ verdict: 'Deny', tenant: 'a' }, 2);
    metrics.depth.set({}, 7);
    metrics.seconds.observe({}, 0.5);
    const text = await metrics.registry.metrics();
    assert.match(text, /^t_decisions_total\{verdict="Deny",tenant="a"\} 3$/m);
    assert.match(text, /^t_depth 7$/m);
    assert.match(text, /^t_seconds_bucket\{le="0.1"\} 0$/m);
    assert.match(text, /^t_seconds_bucket\{le="1"\} 1$/m);
  });

  it('fold values beyond the bound into other', async () => {
    const metrics = createMetrics(catalogue);
    for (const tenant of ['a', 'b', 'c', 'd', '__proto__', 'a']) metrics.decisions.inc({ verdict: 'Allow', tenant });
    metrics.decisions.inc({ verdict: 'Maybe', tenant: 'a' });
    const text = await metrics.registry.metrics();
    assert.match(text, /^t_decisions_total\{verdict="Allow",tenant="a"\} 2$/m);
    assert.match(text, /^t_decisions_total\{verdict="Allow",tenant="other"\} 3$/m);
    assert.match(text, /^t_decisions_total\{verdict="other",tenant="a"\} 1$/m);
    assert.doesNotMatch(text, /tenant="c"/);
  });

  it('count what is folded, where the catalogue has the counter for it', async () => {
    const metrics = createMetrics(defineMetrics({ ...overflowMetric, ...catalogue }));
    for (const tenant of ['a', 'b', 'c', 'c', 'a']) metrics.decisions.inc({ verdict: 'Allow', tenant });
    assert.match(await metrics.registry.metrics(), /^writ_metrics_label_overflow_total\{metric="t_decisions_total"\} 2$/m);
  });

  it('show counters of closed labels at 0 from the start', async () => {
    assert.match(await createMetrics(catalogue).registry.metrics(), /^t_results_total\{result="retry"\} 0$/m);
  });

  it('ask for gauges at the scrape, and can lose a series', async () => {
    const metrics = createMetrics(catalogue);
    let age = 1;
    metrics.age.onCollect(() => metrics.age.set({ resource: 'pods' }, age));
    assert.match(await metrics.registry.metrics(), /^t_age_seconds\{resource="pods"\} 1$/m);
    age = 2;
    assert.match(await metrics.registry.metrics(), /^t_age_seconds\{resource="pods"\} 2$/m);
    metrics.age.set({ resource: 'other' }, 5);
    metrics.age.remove({ resource: 'other' });
    assert.doesNotMatch(await metrics.registry.metrics(), /resource="other"/);
  });

  it('of two catalogues do not meet', async () => {
    const one = createMetrics(catalogue);
    const two = createMetrics(catalogue);
    one.depth.set({}, 7);
    assert.match(await two.registry.metrics(), /^t_depth 0$/m);
  });
});
