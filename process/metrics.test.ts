// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics, defineMetrics, processMetrics } from './metrics.ts';

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

  it('count all that is told, however much it is and whoever looks', async () => {
    const metrics = createMetrics(catalogue);
    for (let told = 0; told < 2000; told += 1) {
      metrics.decisions.inc({ verdict: 'Deny', tenant: 'a' });
      metrics.seconds.observe({}, 0.5);
      if (told === 700) assert.match(await metrics.registry.metrics(), /^t_decisions_total\{verdict="Deny",tenant="a"\} 701$/m);
    }
    const text = await metrics.registry.openMetrics.metrics();
    assert.match(text, /^t_decisions_total\{verdict="Deny",tenant="a"\} 2000$/m);
    assert.match(text, /^t_seconds_count(\{\})? 2000$/m);
  });

  it('are counted behind the request that tells of them, unless memory would run full', async () => {
    let read = 0;
    const labels = {
      verdict: 'Deny',
      get tenant() {
        read += 1;
        return 'a';
      },
    };
    const { decisions } = createMetrics(catalogue);
    for (let told = 0; told < 600; told += 1) decisions.inc(labels);
    assert.equal(read, 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(read, 600);
    for (let told = 0; told < 2047; told += 1) decisions.inc(labels);
    assert.equal(read, 600);
    decisions.inc(labels);
    assert.equal(read, 600 + 2048);
  });

  it('of what cannot be counted tell whoever looks next, and lose nothing else', async () => {
    const metrics = createMetrics(catalogue);
    metrics.decisions.inc({ verdict: 'Deny', tenant: 'a' }, -1);
    for (let told = 0; told < 3000; told += 1) metrics.decisions.inc({ verdict: 'Deny', tenant: 'a' });
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(metrics.registry.metrics(), /decrease/);
    assert.match(await metrics.registry.metrics(), /^t_decisions_total\{verdict="Deny",tenant="a"\} 3000$/m);
  });

  it('fold values beyond the bound into _other, which no tenant can be called', async () => {
    const metrics = createMetrics(catalogue);
    for (const tenant of ['a', 'other', 'c', 'd', '__proto__', 'a']) metrics.decisions.inc({ verdict: 'Allow', tenant });
    metrics.decisions.inc({ verdict: 'Maybe', tenant: 'a' });
    const text = await metrics.registry.metrics();
    assert.match(text, /^t_decisions_total\{verdict="Allow",tenant="a"\} 2$/m);
    assert.match(text, /^t_decisions_total\{verdict="Allow",tenant="_other"\} 3$/m);
    assert.match(text, /^t_decisions_total\{verdict="_other",tenant="a"\} 1$/m);
    assert.match(text, /^t_decisions_total\{verdict="Allow",tenant="other"\} 1$/m);
    assert.doesNotMatch(text, /tenant="c"/);
  });

  it('count what is folded, where the catalogue has the counter for it', async () => {
    const metrics = createMetrics(defineMetrics({ ...processMetrics, ...catalogue }));
    for (const tenant of ['a', 'b', 'c', 'c', 'a']) metrics.decisions.inc({ verdict: 'Allow', tenant });
    assert.match(await metrics.registry.metrics(), /^writ_metrics_label_overflow_total\{metric="t_decisions_total"\} 2$/m);
  });

  it('show no gauge of values beyond the bound: the last of several would be that of none of them', async () => {
    const metrics = createMetrics(
      defineMetrics({ ...processMetrics, share: { kind: 'gauge', name: 't_share', help: 'h', labels: { tenant: { max: 1 } } } }),
    );
    for (const tenant of ['a', 'b', 'c']) metrics.share.set({ tenant }, 5);
    const text = await metrics.registry.metrics();
    assert.deepEqual(text.match(/^t_share\{.*$/gm), ['t_share{tenant="a"} 5']);
    assert.match(text, /^writ_metrics_label_overflow_total\{metric="t_share"\} 2$/m);
  });

  it('have no more series than they may: counters fold what goes beyond, gauges leave it out', async () => {
    const metrics = createMetrics(
      defineMetrics({
        ...processMetrics,
        pairs: { kind: 'counter', name: 't_pairs_total', help: 'h', maxSeries: 3, labels: { a: { max: 9 }, b: { max: 9 }, c: ['x', 'y'] } },
        level: { kind: 'gauge', name: 't_level', help: 'h', maxSeries: 2, labels: { a: { max: 9 }, b: { max: 9 } } },
      }),
    );
    for (const a of ['1', '2']) for (const b of ['1', '2']) metrics.pairs.inc({ a, b, c: 'x' });
    metrics.pairs.inc({ a: '1', b: '1', c: 'x' });
    metrics.pairs.inc({ a: '2', b: '2', c: 'y' });
    const text = await metrics.registry.metrics();
    assert.match(text, /^t_pairs_total\{a="1",b="1",c="x"\} 2$/m);
    assert.match(text, /^t_pairs_total\{a="_other",b="_other",c="x"\} 1$/m);
    assert.match(text, /^t_pairs_total\{a="_other",b="_other",c="y"\} 1$/m);
    assert.match(text, /^writ_metrics_label_overflow_total\{metric="t_pairs_total"\} 2$/m);
    const shown = async (): Promise<readonly string[]> => (await metrics.registry.metrics()).match(/^t_level\{.*$/gm) ?? [];
    for (const a of ['1', '2', '3']) metrics.level.set({ a, b: '1' }, 5);
    assert.deepEqual(await shown(), ['t_level{a="1",b="1"} 5', 't_level{a="2",b="1"} 5']);
    assert.match(await metrics.registry.metrics(), /^writ_metrics_label_overflow_total\{metric="t_level"\} 1$/m);
    metrics.level.remove({ a: '1', b: '1' });
    metrics.level.set({ a: '3', b: '1' }, 6);
    assert.deepEqual(await shown(), ['t_level{a="2",b="1"} 5', 't_level{a="3",b="1"} 6']);
    metrics.level.clear();
    for (const a of ['8', '9']) metrics.level.set({ a, b: '1' }, 7);
    assert.deepEqual(await shown(), ['t_level{a="8",b="1"} 7', 't_level{a="9",b="1"} 7']);
  });

  it('say what runs, and have the same figures as OpenMetrics', async () => {
    const metrics = createMetrics(defineMetrics({ ...processMetrics, ...catalogue }), { process: true });
    metrics.decisions.inc({ verdict: 'Deny', tenant: 'a' });
    metrics.seconds.observe({}, 0.5);
    const { openMetrics } = metrics.registry;
    assert.match(openMetrics.contentType, /^application\/openmetrics-text; version=1\.0\.0/);
    const text = await openMetrics.metrics();
    assert.match(text, /^# TYPE t_decisions counter$/m);
    assert.match(text, /^t_decisions_total\{verdict="Deny",tenant="a"\} 1$/m);
    assert.match(text, /^t_seconds_bucket\{le="1(?:\.0)?"\} 1$/m);
    assert.match(text, /^writ_build_info\{version="\d+\.\d+\.\d+",node="\d+\.\d+\.\d+"\} 1$/m);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
    assert.ok(text.endsWith('# EOF\n'));
  });

  it('let others have their turn between one and the next', async () => {
    const { registry } = createMetrics(catalogue);
    for (const exposition of [registry, registry.openMetrics]) {
      let turns = 0;
      let isWritten = false;
      const turn = (): void => {
        turns += 1;
        if (!isWritten) setImmediate(turn);
      };
      setImmediate(turn);
      const text = await exposition.metrics();
      isWritten = true;
      const count = text.match(/^# TYPE /gm)?.length ?? 0;
      assert.ok(count > 2 && turns >= count, `${turns} turns, ${count} metrics`);
    }
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
