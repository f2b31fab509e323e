// SPDX-License-Identifier: Apache-2.0
// Each bound of a tenant: what fits passes, and each step beyond it is refused with its code at its place.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { GOOD_IMAGE, podWith, problemsOf } from './test-request.ts';
import type { Asked } from './test-request.ts';

const bounded: TenantSpec = {
  images: {
    registries: [{ prefix: 'ghcr.io/acme/' }, { prefix: 'docker.io/library/busybox' }],
    digestPolicy: 'Required',
    pullPolicies: ['Always'],
  },
  scheduling: {
    priorityClasses: { default: 'standard', allowed: ['batch'] },
    runtimeClasses: { allowed: ['gvisor'] },
    nodeSelector: { pool: 'agents' },
  },
  dataResidency: { regions: ['eu-west-1', 'eu-west-2'], enforcement: 'Strict' },
};
const held = {
  priorityClassName: 'standard',
  nodeSelector: { pool: 'agents' },
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'topology.kubernetes.io/region', operator: 'In', values: ['eu-west-1'] }] }],
      },
    },
  },
};
const terms = (...regions: readonly (readonly string[])[]) => ({
  ...held,
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: regions.map((values) => ({
          matchExpressions: [{ key: 'topology.kubernetes.io/region', operator: 'In', values }],
        })),
      },
    },
  },
});
const image = (name: string, more: object = {}) => ({
  ...held,
  containers: [{ name: 'main', image: name, imagePullPolicy: 'Always', ...more }],
});
const digest = GOOD_IMAGE.slice(GOOD_IMAGE.indexOf('@'));

describe('pods', () => {
  const rows: readonly (readonly [what: string, spec: object, expected: readonly string[]])[] = [
    ['one that fits', held, []],
    ['a name of Docker Hub in short', image(`busybox:1${digest}`), []],
    ['another registry', image(`ghcr.io/other/agent${digest}`), ['IMAGE_FORBIDDEN spec.containers[0].image']],
    ['a name that only begins alike', image(`docker.io/library/busybox-evil${digest}`), ['IMAGE_FORBIDDEN spec.containers[0].image']],
    ['a way out of the folder', image(`ghcr.io/acme/../other/x${digest}`), ['IMAGE_FORBIDDEN spec.containers[0].image']],
    ['no image', image(''), ['IMAGE_FORBIDDEN spec.containers[0].image']],
    ['a tag alone', image('ghcr.io/acme/agent:1'), ['IMAGE_DIGEST_MISSING spec.containers[0].image']],
    ['a digest in the middle', image(`ghcr.io/acme/agent${digest}x`), ['IMAGE_DIGEST_MISSING spec.containers[0].image']],
    [
      'an init container',
      { ...held, initContainers: [{ name: 'i', image: `evil.io/x${digest}`, imagePullPolicy: 'Always' }] },
      ['IMAGE_FORBIDDEN spec.initContainers[0].image'],
    ],
    [
      'an image volume',
      { ...held, volumes: [{ name: 'v' }, { name: 'w', image: { reference: `evil.io/x${digest}` } }] },
      ['IMAGE_FORBIDDEN spec.volumes[1].image.reference'],
    ],
    ['another pull policy', image(GOOD_IMAGE, { imagePullPolicy: 'Never' }), ['PULL_POLICY_FORBIDDEN spec.containers[0].imagePullPolicy']],
    ['another priority', { ...held, priorityClassName: 'system-cluster-critical' }, ['PRIORITY_CLASS_FORBIDDEN spec.priorityClassName']],
    ['an allowed priority', { ...held, priorityClassName: 'batch' }, []],
    ['no priority', { ...held, priorityClassName: '' }, ['PRIORITY_CLASS_FORBIDDEN spec.priorityClassName']],
    ['no runtime class where none is the default', held, []],
    ['another runtime class', { ...held, runtimeClassName: 'runc' }, ['RUNTIME_CLASS_FORBIDDEN spec.runtimeClassName']],
    ['other nodes', { ...held, nodeSelector: { pool: 'gpu' } }, ['NODE_SELECTOR_FORBIDDEN spec.nodeSelector']],
    ['any node', { ...held, nodeSelector: undefined }, ['NODE_SELECTOR_FORBIDDEN spec.nodeSelector']],
    ['a second term that is free', terms(['eu-west-1'], ['us-east-1']), ['RESIDENCY_FORBIDDEN spec.affinity.nodeAffinity']],
    ['a region among others', terms(['eu-west-1', 'us-east-1']), ['RESIDENCY_FORBIDDEN spec.affinity.nodeAffinity']],
    ['no regions', terms([]), ['RESIDENCY_FORBIDDEN spec.affinity.nodeAffinity']],
    ['no affinity', { ...held, affinity: {} }, ['RESIDENCY_FORBIDDEN spec.affinity.nodeAffinity']],
    ['a region by selector', { ...held, affinity: {}, nodeSelector: { pool: 'agents', 'topology.kubernetes.io/region': 'eu-west-2' } }, []],
    [
      'another region by selector',
      { ...held, nodeSelector: { pool: 'agents', 'topology.kubernetes.io/region': 'us-east-1' } },
      ['RESIDENCY_FORBIDDEN spec.nodeSelector'],
    ],
  ];
  for (const [what, spec, expected] of rows) it(what, () => assert.deepEqual(problemsOf(bounded, { object: podWith(spec) }), expected));

  it('are free where the tenant bounds nothing', () => {
    assert.deepEqual(problemsOf({}, { object: podWith({ containers: [{ name: 'a', image: 'x' }] }) }), []);
  });

  it('that were there before the bounds are left alone, and may not go further', () => {
    const before = podWith(image('old.io/x'));
    const update = (object: object): Asked => ({ operation: 'UPDATE', object, oldObject: before });
    assert.deepEqual(problemsOf(bounded, update(podWith(image('old.io/x'), { labels: { a: 'b' } }))), []);
    assert.deepEqual(problemsOf(bounded, update(podWith(image('new.io/x')))), ['IMAGE_FORBIDDEN spec.containers[0].image']);
    const leaving = podWith(held, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    assert.deepEqual(problemsOf(bounded, { operation: 'UPDATE', object: podWith(image('new.io/x')), oldObject: leaving }), []);
  });

  it('get no container added from elsewhere', () => {
    const object = podWith({ ...held, ephemeralContainers: [{ name: 'debug', image: `evil.io/sh${digest}`, imagePullPolicy: 'Always' }] });
    const asked: Asked = { operation: 'UPDATE', subResource: 'ephemeralcontainers', object, oldObject: podWith(held) };
    assert.deepEqual(problemsOf(bounded, asked), ['IMAGE_FORBIDDEN spec.ephemeralContainers[0].image']);
  });

  it('of templates may leave open what is completed, and no more', () => {
    const deployment = (spec: object): Asked => ({
      kind: 'Deployment',
      group: 'apps',
      resource: 'deployments',
      object: { metadata: { name: 'd' }, spec: { template: { spec } } },
    });
    assert.deepEqual(problemsOf(bounded, deployment({ containers: [{ name: 'a', image: GOOD_IMAGE }] })), []);
    const wrong = { containers: [{ name: 'a', image: 'evil.io/x' }], priorityClassName: 'root', nodeSelector: { pool: 'gpu' } };
    assert.deepEqual(problemsOf(bounded, deployment(wrong)), [
      'IMAGE_FORBIDDEN containers[0].image',
      'PRIORITY_CLASS_FORBIDDEN podSpec.priorityClassName',
      'NODE_SELECTOR_FORBIDDEN podSpec.nodeSelector',
    ]);
  });
});

describe('states', () => {
  const pod = { object: podWith({}) };
  const owned = {
    object: podWith({}, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true }] }),
  };
  const controller = {
    ...owned,
    username: 'system:serviceaccount:kube-system:replicaset-controller',
    groups: ['system:serviceaccounts:kube-system'],
  };
  const agent: Asked = {
    kind: 'Agent',
    group: 'kagent.dev',
    version: 'v1alpha2',
    resource: 'agents',
    object: { metadata: { name: 'a' }, spec: {} },
  };
  const claim = (operation: 'DELETE' | 'UPDATE'): Asked => ({
    kind: 'PersistentVolumeClaim',
    resource: 'persistentvolumeclaims',
    operation,
    oldObject: { metadata: {}, spec: {} },
    object: operation === 'DELETE' ? undefined : { metadata: {}, spec: {} },
  });
  const rows: readonly (readonly [state: 'Cordoned' | 'Quarantined', what: string, asked: Asked, code: string | undefined])[] = [
    ['Cordoned', 'a new pod', pod, 'TENANT_CORDONED'],
    ['Cordoned', 'a pod that says it belongs to something', owned, 'TENANT_CORDONED'],
    ['Cordoned', 'a pod of something that runs', controller, undefined],
    ['Cordoned', "a pod of a platform's controller", { ...owned, username: 'system:serviceaccount:kagent:controller' }, undefined],
    ['Cordoned', "a pod of the tenant's own account", { ...owned, username: 'system:serviceaccount:acme-two:mine' }, 'TENANT_CORDONED'],
    ['Cordoned', 'a new agent', agent, 'TENANT_CORDONED'],
    ['Cordoned', 'a change of an agent', { ...agent, operation: 'UPDATE', oldObject: agent.object }, undefined],
    ['Cordoned', 'a claim that goes', claim('DELETE'), undefined],
    ['Quarantined', 'a new pod', pod, 'TENANT_QUARANTINED'],
    ['Quarantined', 'a pod of something that runs', controller, undefined],
    ['Quarantined', 'a change of an agent', { ...agent, operation: 'UPDATE', oldObject: agent.object }, 'TENANT_QUARANTINED'],
    ['Quarantined', 'a claim that goes', claim('DELETE'), 'TENANT_QUARANTINED'],
    ['Quarantined', 'a claim that changes', claim('UPDATE'), undefined],
    [
      'Quarantined',
      'a claim that goes with its namespace',
      { ...claim('DELETE'), groups: ['system:serviceaccounts:kube-system'] },
      undefined,
    ],
    [
      'Quarantined',
      'a namespace that goes',
      { kind: 'Namespace', resource: 'namespaces', operation: 'DELETE', oldObject: { metadata: {} } },
      'TENANT_QUARANTINED',
    ],
  ];
  for (const [admission, what, asked, code] of rows) {
    it(`${admission}: ${what}`, () => assert.deepEqual(problemsOf({ admission }, asked), code === undefined ? [] : [code]));
  }

  it('Open asks nothing of all that', () => {
    for (const [, , asked] of rows) assert.deepEqual(problemsOf({ admission: 'Open' }, asked), []);
  });
});

describe('anything at all', () => {
  const spec: TenantSpec = {
    ...bounded,
    admission: 'Quarantined',
    agents: { models: { allowed: [] }, tools: { allowed: [] } },
    network: { defaultDeny: ['Ingress', 'Egress'], dns: 'ClusterDNS', egress: [{ name: 'a', cidrs: ['10.0.0.0/8'], ports: [443] }] },
  };
  const kinds = [
    { kind: 'Pod', resource: 'pods', group: '' },
    { kind: 'Service', resource: 'services', group: '' },
    { kind: 'PersistentVolumeClaim', resource: 'persistentvolumeclaims', group: '' },
    { kind: 'NetworkPolicy', resource: 'networkpolicies', group: 'networking.k8s.io' },
    { kind: 'Agent', resource: 'agents', group: 'kagent.dev' },
    { kind: 'constructor', resource: '__proto__', group: 'toString' },
  ];
  const hostile = fc.oneof(fc.jsonValue(), fc.constantFrom('constructor', '__proto__', -1, 1e308, [[]], { containers: { length: 5 } }));
  const object = fc.record({
    metadata: fc.oneof(hostile, fc.record({ labels: hostile, ownerReferences: hostile, annotations: hostile })),
    spec: fc.oneof(
      hostile,
      fc.record({
        containers: fc.oneof(hostile, fc.array(fc.oneof(hostile, fc.record({ image: hostile, imagePullPolicy: hostile })))),
        nodeSelector: hostile,
        affinity: hostile,
        volumes: hostile,
        egress: fc.oneof(hostile, fc.array(fc.record({ to: hostile, ports: hostile }))),
        ingress: hostile,
        declarative: hostile,
      }),
    ),
  });
  it('is judged without an exception, in each state', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        object,
        object,
        fc.constantFrom('CREATE', 'UPDATE', 'DELETE' as const),
        (kind, after, before, operation) => {
          for (const admission of ['Open', 'Quarantined'] as const)
            assert.ok(Array.isArray(problemsOf({ ...spec, admission }, { ...kind, operation, object: after, oldObject: before })));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('of 10,000 containers, terms and rules ends soon: the work grows with the object', () => {
    const containers = Array.from({ length: 10_000 }, (_, index) => ({
      name: `c${index}`,
      image: `evil.io/${index}`,
      imagePullPolicy: 'Never',
    }));
    const open = { ...spec, admission: 'Open' } as const;
    const object = podWith({ ...terms(...Array.from({ length: 10_000 }, () => ['eu-west-1'])), containers });
    assert.equal(problemsOf(open, { object }).length, 16);
    const same = { operation: 'UPDATE', object, oldObject: object } as const;
    assert.deepEqual(problemsOf(open, same), []);
    const policy = {
      metadata: {},
      spec: { egress: Array.from({ length: 10_000 }, () => ({ to: [{ ipBlock: { cidr: '10.0.0.0/24' } }] })) },
    };
    const asked: Asked = { kind: 'NetworkPolicy', group: 'networking.k8s.io', resource: 'networkpolicies', object: policy };
    assert.deepEqual(problemsOf(open, asked), ['NETWORK_POLICY_WIDER spec']);
  });
});

it('each bound of workloads counts without the others', () => {
  const tools = [{ type: 'McpServer', mcpServer: { name: 'mail', toolNames: ['send'] } }];
  const kind = { kind: 'Agent', group: 'kagent.dev', version: 'v1alpha2', resource: 'agents' };
  const agent: Asked = { ...kind, object: { metadata: { name: 'a' }, spec: { declarative: { tools } } } };
  const rows: readonly (readonly [spec: TenantSpec, object: Asked['object'], code: string])[] = [
    [{ images: { registries: [{ prefix: 'registry.example.com/' }] } }, podWith({}), 'IMAGE_FORBIDDEN'],
    [{ images: { digestPolicy: 'Required' } }, podWith({ containers: [{ name: 'main', image: 'a:1' }] }), 'IMAGE_DIGEST_MISSING'],
    [{ images: { pullPolicies: ['Never'] } }, podWith({}), 'PULL_POLICY_FORBIDDEN'],
    [{ scheduling: { priorityClasses: { allowed: ['low'] } } }, podWith({ priorityClassName: 'high' }), 'PRIORITY_CLASS_FORBIDDEN'],
    [{ scheduling: { runtimeClasses: { allowed: ['kata'] } } }, podWith({ runtimeClassName: 'runc' }), 'RUNTIME_CLASS_FORBIDDEN'],
    [{ scheduling: { nodeSelector: { pool: 'agents' } } }, podWith({}), 'NODE_SELECTOR_FORBIDDEN'],
    [{ dataResidency: { regions: ['eu-west-1'] } }, podWith({}), 'RESIDENCY_FORBIDDEN'],
    [
      { agents: { models: { allowed: [{ provider: 'x' }] } } },
      podWith({ containers: [{ name: 'main', image: GOOD_IMAGE, env: [{ name: 'LLM_MODEL', value: 'large' }] }] }),
      'MODEL_FORBIDDEN',
    ],
    [{ admission: 'Cordoned' }, podWith({}), 'TENANT_CORDONED'],
  ];
  for (const [spec, object, code] of rows) {
    assert.match(problemsOf(spec, { object })[0] ?? 'none', new RegExp(`^${code}`), code);
    assert.deepEqual(problemsOf({}, { object }), []);
  }
  for (const bound of [{ allowed: [{ server: 'search' }] }, { denied: [{ server: 'mail' }] }])
    assert.deepEqual(problemsOf({ agents: { tools: bound } }, agent), ['TOOL_FORBIDDEN']);
  assert.deepEqual(problemsOf({}, agent), []);
});
