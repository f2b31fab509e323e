// SPDX-License-Identifier: Apache-2.0
// What a bare pod is given: a patch that the API server can apply, after which the pod passes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { podWith, reviewText } from '../../policies/tenancy/test-request.ts';
import type { Asked } from '../../policies/tenancy/test-request.ts';
import { handleCompletion } from './completion.ts';
import { scene } from './test-tenancy.ts';

const isFields = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** RFC 6902 add, replace and remove, as strict as the API server: a parent must be there. */
const patched = (object: object, operations: readonly { op: string; path: string; value?: unknown }[]): object => {
  const root: Record<string, unknown> & object = JSON.parse(JSON.stringify(object));
  for (const { op, path, value } of operations) {
    const names = path
      .split('/')
      .slice(1)
      .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = names.pop() ?? '';
    let here: Record<string, unknown> = root;
    for (const name of names) {
      const inner = here[name];
      assert.ok(isFields(inner), `${path}: no ${name}`);
      here = inner;
    }
    if (op === 'remove') {
      assert.ok(last in here, path);
      delete here[last];
    } else if (Array.isArray(here)) here.splice(last === '-' ? here.length : Number(last), 0, value);
    else here[last] = value;
  }
  return root;
};

describe('POST /complete', () => {
  const spec: TenantSpec = {
    podSecurity: { enforce: 'restricted' },
    images: { pullPolicies: ['Always'] },
    scheduling: {
      priorityClasses: { default: 'standard' },
      runtimeClasses: { default: 'gvisor' },
      nodeSelector: { 'acme.io/pool': 'agents' },
    },
    dataResidency: { regions: ['eu-west-1'], enforcement: 'Strict' },
  };
  const complete = async (object: object, more: Asked = {}, tenant: TenantSpec = spec) => {
    const { body } = await handleCompletion(reviewText({ object, ...more }), scene({ spec: tenant }).deps);
    const { response } = JSON.parse(body);
    assert.equal(response.allowed, true);
    if (response.patch === undefined) return undefined;
    assert.equal(response.patchType, 'JSONPatch');
    return patched(object, JSON.parse(Buffer.from(response.patch, 'base64').toString()));
  };
  const bare = podWith({
    containers: [{ name: 'a', image: 'x', imagePullPolicy: 'IfNotPresent' }],
    securityContext: {},
    priority: 0,
    preemptionPolicy: 'PreemptLowerPriority',
  });

  it('gives a bare pod all that the tenant asks for, which then passes', async () => {
    const completed = await complete(bare);
    assert.partialDeepStrictEqual(completed, {
      spec: {
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        priorityClassName: 'standard',
        runtimeClassName: 'gvisor',
        nodeSelector: { 'acme.io/pool': 'agents' },
        containers: [{ imagePullPolicy: 'Always', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
      },
    });
    assert.doesNotMatch(JSON.stringify(completed), /"priority"/);
    assert.equal((await scene({ spec }).ask({ object: completed })).outcome, 'passed');
    assert.equal((await scene({ spec }).ask({ object: bare })).outcome, 'refused');
    assert.equal(await complete(completed ?? {}), undefined);
  });

  it('changes nothing that was said', async () => {
    const said = podWith({
      securityContext: { runAsNonRoot: false, seccompProfile: { type: 'Unconfined' } },
      priorityClassName: 'other',
      runtimeClassName: 'runc',
      nodeSelector: { 'acme.io/pool': 'gpu', 'topology.kubernetes.io/region': 'us-east-1' },
      containers: [
        {
          name: 'a',
          image: 'x',
          imagePullPolicy: 'Always',
          securityContext: { allowPrivilegeEscalation: true, capabilities: { drop: ['NET_RAW'] } },
        },
      ],
    });
    assert.equal(await complete(said), undefined);
  });

  it('holds each term of an affinity to the regions', async () => {
    const requiredDuringSchedulingIgnoredDuringExecution = {
      nodeSelectorTerms: [
        { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
        { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
      ],
    };
    const completed = await complete(
      podWith({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } }),
      {},
      { dataResidency: { regions: ['eu-west-1'] } },
    );
    assert.equal((await scene({ spec: { dataResidency: { regions: ['eu-west-1'] } } }).ask({ object: completed })).outcome, 'passed');
    assert.equal(JSON.stringify(completed).match(/topology\.kubernetes\.io\/region/g)?.length, 2);
  });

  it('leaves pods of Windows what they cannot have', async () => {
    const completed = await complete(
      podWith({ os: { name: 'windows' }, containers: [{ name: 'a', image: 'x' }] }),
      {},
      { podSecurity: { enforce: 'restricted' } },
    );
    assert.match(JSON.stringify(completed), /"securityContext":\{"runAsNonRoot":true\}/);
    assert.doesNotMatch(JSON.stringify(completed), /capabilities/);
  });

  it('completes what is added to a pod that runs, and nothing else of it', async () => {
    const before = podWith({
      containers: [{ name: 'a', image: 'x', imagePullPolicy: 'Never' }],
      ephemeralContainers: [{ name: 'old', image: 'x' }],
    });
    const object = podWith({
      containers: [{ name: 'a', image: 'x', imagePullPolicy: 'Never' }],
      ephemeralContainers: [
        { name: 'old', image: 'x' },
        { name: 'new', image: 'x' },
      ],
    });
    const completed = await complete(object, { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: before });
    assert.partialDeepStrictEqual(completed, {
      spec: {
        containers: [{ imagePullPolicy: 'Never' }],
        ephemeralContainers: [{ name: 'old' }, { name: 'new', imagePullPolicy: 'Always' }],
      },
    });
    assert.equal(JSON.stringify(completed).match(/"imagePullPolicy"/g)?.length, 2);
  });

  it('fails open, and is for pods of tenants alone', async () => {
    assert.equal(await complete(bare, { namespace: 'kube-system' }), undefined);
    assert.equal(await complete(bare, { kind: 'Deployment', group: 'apps', resource: 'deployments' }), undefined);
    const down = scene({ cached: false, get: () => Promise.reject(new Error('down')) });
    const { outcome, body } = await handleCompletion(reviewText({ object: bare }), down.deps);
    assert.deepEqual([outcome, JSON.parse(body).response.allowed], ['unchanged', true]);
  });

  it('makes a patch that applies to any pod at all', async () => {
    const context = fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.record({ allowPrivilegeEscalation: fc.boolean() }),
      fc.record({ capabilities: fc.constantFrom(null, {}, { drop: [] }) }),
    );
    const container = fc.record({
      name: fc.string(),
      image: fc.constant('x'),
      imagePullPolicy: fc.constantFrom(undefined, 'Always', 'Never'),
      securityContext: context,
    });
    const affinity = fc.constantFrom(
      undefined,
      null,
      {},
      { nodeAffinity: {} },
      { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{}, { matchExpressions: [] }] } } },
    );
    const pod = fc.record({
      containers: fc.array(container),
      initContainers: fc.oneof(fc.constant(undefined), fc.array(container)),
      affinity,
      nodeSelector: fc.constantFrom(undefined, null, {}, { a: 'b' }),
      securityContext: context,
      priorityClassName: fc.constantFrom(undefined, '', 'x'),
    });
    await fc.assert(
      fc.asyncProperty(pod, async (made) => {
        const object = JSON.parse(JSON.stringify(podWith(made)));
        const completed = await complete(object);
        if (completed !== undefined) assert.equal(await complete(completed ?? {}), undefined);
      }),
      { numRuns: 200 },
    );
  });
});
