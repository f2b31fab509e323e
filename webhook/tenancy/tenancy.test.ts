// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { decodeQuotaLedger } from '../../crds/quota-ledger.ts';
import type { QuotaLedger } from '../../crds/quota-ledger.ts';
import { UNIT } from '../../policies/quota/quantity.ts';
import { podWith, reviewText } from '../../policies/tenancy/test-request.ts';
import type { Asked } from '../../policies/tenancy/test-request.ts';
import { handleCompletion } from './completion.ts';
import { handleTenancy } from './index.ts';
import { scene } from './test-tenancy.ts';

const quota: TenantSpec = { resourceQuotas: [{ name: 'compute', hard: { 'requests.nvidia.com/gpu': '2', pods: 10 } }] };
const counted: QuotaLedger = {
  tenant: 'acme',
  settled: new Map([
    ['requests.nvidia.com/gpu', UNIT],
    ['pods', 0n],
  ]),
  reservations: [],
};
const gpuPod = (uid: string, gpus: string): object =>
  podWith({ containers: [{ name: 'a', image: 'x', resources: { requests: { 'nvidia.com/gpu': gpus, cpu: '1' } } }] }, { uid, name: uid });

const agent = podWith({}, { labels: { 'writ.dev/agent': 'true' } });
const limited = (onExceed: 'Deny' | 'Throttle' | 'Warn' | 'Audit'): TenantSpec => ({
  usage: { limits: [{ name: 'units', meter: 'reasoning_units', window: '24h', limit: '10', onExceed }] },
});

describe('limits on use', () => {
  it('hold new agents up once they are used up, as each says', async () => {
    const rows = [
      ['Deny', false, 403, 'USAGE_LIMIT_EXCEEDED'],
      ['Throttle', false, 429, 'USAGE_LIMIT_THROTTLED'],
      ['Warn', true, undefined, undefined],
      ['Audit', true, undefined, undefined],
    ] as const;
    for (const [onExceed, allowed, code, problem] of rows) {
      const { response } = await scene({ spec: limited(onExceed), used: '10.5' }).ask({ object: agent });
      assert.deepEqual([response.allowed, response.status?.code, response.auditAnnotations?.code], [allowed, code, problem], onExceed);
      assert.deepEqual(
        response.warnings,
        onExceed === 'Warn' ? ['limit units: 10.5 of 10 reasoning_units are used within 24h'] : undefined,
      );
      if (allowed) assert.match(response.auditAnnotations['usage-limits'], /^limit units/);
    }
  });

  it('let in what is no agent, what is there already, and everything of which nothing is known', async () => {
    const spec = limited('Deny');
    const passes = async (asked: Asked, used?: string): Promise<void> =>
      assert.equal((await scene({ spec, ...(used === undefined ? {} : { used }) }).ask(asked)).outcome, 'passed');
    await passes({ object: podWith({}) }, '11');
    await passes({ object: agent, operation: 'UPDATE', oldObject: agent }, '11');
    await passes({ object: agent }, '9.999999');
    await passes({ object: agent });
  });
});

describe('POST /tenancy', () => {
  it('refuses with a line, a code, a field and a fix for each breach', async () => {
    const { ask } = scene({ spec: { images: { registries: [{ prefix: 'ghcr.io/acme/' }], digestPolicy: 'Required' } } });
    const pod = podWith({
      containers: [
        { name: 'a', image: 'evil.io/x' },
        { name: 'b', image: 'ghcr.io/acme/x:1' },
      ],
    });
    const { outcome, response } = await ask({ object: pod });
    assert.equal(outcome, 'refused');
    assert.deepEqual([response.allowed, response.status.code, response.auditAnnotations.code], [false, 403, 'IMAGE_FORBIDDEN']);
    assert.deepEqual(
      response.status.details.causes.map(({ field }: { field: string }) => field),
      ['spec.containers[0].image', 'spec.containers[1].image'],
    );
    assert.match(
      response.status.message,
      /^IMAGE_FORBIDDEN: spec\.containers\[0\]\.image: evil\.io\/x \(use an image .*\)\nIMAGE_DIGEST_MISSING: /,
    );
  });

  it('says nothing about other namespaces, and nothing without a Tenant', async () => {
    const strict: TenantSpec = { images: { registries: [] } };
    for (const namespace of ['kube-system', 'writ-system'])
      assert.equal((await scene({ spec: strict }).ask({ object: podWith({}), namespace })).outcome, 'passed');
    const orphaned = scene({ spec: strict, cached: false, get: async () => undefined });
    assert.equal((await orphaned.ask({ object: podWith({}) })).outcome, 'passed');
    assert.equal((await scene({ spec: strict }).ask({ object: podWith({}) })).outcome, 'refused');
  });

  it('asks once for a Tenant that the cache does not hold, and goes by it', async () => {
    const { ask, looks } = scene({ spec: { images: { registries: [] } }, cached: false });
    const [one, two] = await Promise.all([ask({ object: podWith({}) }), ask({ object: podWith({}) })]);
    assert.deepEqual([one.outcome, two.outcome, looks()], ['refused', 'refused', 1]);
  });

  it('refuses while nobody says what the tenant may do, for the time being', async () => {
    const { ask, errors } = scene({ cached: false, get: () => Promise.reject(new Error('down')) });
    const { response } = await ask({ object: podWith({}) });
    assert.deepEqual([response.allowed, response.status.code, response.auditAnnotations.code], [false, 503, 'TENANT_UNKNOWN']);
    assert.equal(errors.length, 1);
  });

  it('waits for a namespace that was made a moment ago, and no longer', async () => {
    const { ask, clock } = scene();
    const asked = ask({ object: podWith({}), namespace: 'late' });
    await clock.advance(1000);
    assert.equal((await asked).response.auditAnnotations.code, 'NAMESPACE_UNKNOWN');
  });

  it('reserves what a quota speaks of, by the object that is made', async () => {
    const { ask, cluster } = scene({ spec: quota, ledger: counted });
    assert.equal((await ask({ object: gpuPod('one', '1') })).outcome, 'passed');
    const [reservation] = decodeQuotaLedger(cluster.held)?.reservations ?? [];
    assert.deepEqual(reservation?.ref, { group: '', plural: 'pods', namespace: 'acme-one', name: 'one' });
    assert.deepEqual(
      [reservation?.uid, [...(reservation?.amounts ?? [])]],
      [
        'one',
        [
          ['pods', UNIT],
          ['requests.nvidia.com/gpu', UNIT],
        ],
      ],
    );
    const { response } = await ask({ object: gpuPod('two', '1') });
    assert.deepEqual([response.status.code, response.auditAnnotations.code], [403, 'TENANT_QUOTA_EXCEEDED']);
    assert.equal((await ask({ object: podWith({}, { uid: 'three' }) })).outcome, 'passed');
  });

  it('reserves nothing on a dry run, on a breach, on an update that raises nothing, or for what no quota speaks of', async () => {
    const { ask, cluster } = scene({ spec: { ...quota, images: { registries: [{ prefix: 'x' }] } }, ledger: counted });
    assert.equal((await ask({ object: gpuPod('one', '1'), dryRun: true })).outcome, 'passed');
    assert.equal((await ask({ object: gpuPod('one', '9'), dryRun: true })).outcome, 'refused');
    assert.equal((await ask({ object: podWith({}) })).outcome, 'refused');
    const [one, less] = [gpuPod('one', '2'), gpuPod('one', '1')];
    assert.equal((await ask({ operation: 'UPDATE', object: less, oldObject: one })).outcome, 'passed');
    assert.equal((await ask({ kind: 'Service', resource: 'services', object: { metadata: {}, spec: {} } })).outcome, 'passed');
    assert.deepEqual([cluster.writes, cluster.reads > 0], [0, true]);
  });

  it('reserves what an update raises, and by how much', async () => {
    const { ask, cluster } = scene({
      spec: quota,
      ledger: { ...counted, settled: new Map([...counted.settled, ['requests.nvidia.com/gpu', UNIT]]) },
    });
    const update = (from: string, to: string): Asked => ({
      operation: 'UPDATE',
      subResource: 'resize',
      object: gpuPod('one', to),
      oldObject: gpuPod('one', from),
    });
    assert.equal((await ask(update('1', '3'))).outcome, 'refused');
    assert.equal((await ask(update('1', '2'))).outcome, 'passed');
    const [reservation] = decodeQuotaLedger(cluster.held)?.reservations ?? [];
    assert.deepEqual(
      [reservation?.amounts.get('requests.nvidia.com/gpu'), reservation?.raisedTo?.get('requests.nvidia.com/gpu')],
      [UNIT, 2n * UNIT],
    );
  });

  it('is about a quota of each namespace no business of a ledger', async () => {
    const { ask, cluster } = scene({ spec: { resourceQuotas: [{ name: 'a', scope: 'Namespace', hard: { pods: 1 } }] } });
    assert.equal((await ask({ object: podWith({}) })).outcome, 'passed');
    assert.equal(cluster.reads, 0);
  });

  it('answers whatever it is sent', async () => {
    const { deps } = scene({ spec: quota, ledger: counted });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
          fc.jsonValue().map((value) => reviewText({ object: value })),
          fc.jsonValue().map((value) => reviewText({ object: podWith({ containers: value }) })),
        ),
        async (text) => {
          const { status } = await handleTenancy(text, deps);
          assert.ok(status === 200 || status === 400);
          assert.ok([200, 400].includes((await handleCompletion(text, deps)).status));
        },
      ),
      { numRuns: 200 },
    );
  });
});
