// SPDX-License-Identifier: Apache-2.0
// The two endpoints, asked as the API server asks: verdicts, codes and places, patches, and what is reserved.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { decodeQuotaLedger } from '../../crds/quota-ledger.ts';
import type { QuotaLedger } from '../../crds/quota-ledger.ts';
import { UNIT } from '../../policies/quota/quantity.ts';
import { podWith, reviewText } from '../../policies/tenancy/test-request.ts';
import type { Asked } from '../../policies/tenancy/test-request.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createNamespaceCache } from '../admission/namespaces.ts';
import { handleCompletion } from './completion.ts';
import { handleTenancy } from './index.ts';
import type { TenancyDeps } from './index.ts';
import { createNamespaceTenant } from './namespace-tenant.ts';
import { createReservations } from './reservations.ts';
import { createTenantLookup } from './tenants.ts';
import type { LiveTenant } from './tenants.ts';
import { ledgerCluster } from '../../test/ledger-cluster.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

type Options = {
  readonly spec?: TenantSpec;
  readonly cached?: boolean;
  readonly get?: () => Promise<unknown>;
  readonly ledger?: QuotaLedger;
  /** Of its limit on reasoning units. */
  readonly used?: string;
};

const scene = ({ spec = {}, cached = true, get, ledger, used }: Options = {}) => {
  const clock = fakeClock();
  const tenant: LiveTenant = { metadata: { name: 'acme' }, spec };
  const { cluster, client } = ledgerCluster(ledger);
  const errors: unknown[] = [];
  const namespaces = createNamespaceCache(
    {
      get: (name) => (name.startsWith('acme-') ? { metadata: { name, labels: { 'writ.dev/tenant': 'acme' } } } : undefined),
      onArrival: () => undefined,
    },
    clock,
  );
  let looks = 0;
  const lookingUp = scriptedClient({
    get: async () => {
      looks += 1;
      return get === undefined ? tenant : get();
    },
  });
  const deps: TenancyDeps = {
    namespaceTenant: createNamespaceTenant({ namespaces, systemNamespace: 'writ-system', timeoutMs: 1000 }),
    tenantOf: createTenantLookup({
      client: lookingUp,
      cached: (name) => (cached && name === 'acme' ? tenant : undefined),
      effective: ({ metadata, spec: written }) => ({ name: metadata.name, spec: written }),
      timeoutMs: 1000,
    }),
    isTenantNamespace: (name) => name.startsWith('acme-'),
    reservations: createReservations({
      client,
      clock,
      systemNamespace: 'writ-system',
      timeoutMs: 3000,
      observe: () => undefined,
      onError: (error) => errors.push(error),
    }),
    standingOf: (name) =>
      name === 'acme' && used !== undefined
        ? { limits: [{ name: 'units', meter: 'reasoning_units', window: '24h', used, limit: '10', exceeded: false }] }
        : undefined,
    systemNamespace: 'writ-system',
    clock,
    onError: (error) => errors.push(error),
  };
  const ask = async (asked: Asked) => {
    const { body, outcome } = await handleTenancy(reviewText(asked), deps);
    return { outcome, response: JSON.parse(body).response };
  };
  return { deps, ask, clock, cluster, errors, looks: () => looks };
};

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
