// SPDX-License-Identifier: Apache-2.0
// What a Tenant makes on a real API server, by an operator that has its own permissions: every object, kept as declared, nothing
// written without need, nothing of others touched.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  TENANT_FINALIZER,
  clusterRoleBindings,
  clusterRoles,
  limitRanges,
  namespaces,
  networkPolicies,
  resourceQuotas,
  roleBindings,
  tenants,
} from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { systemClock } from '../../process/clock.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import type { ControlPlane } from '../cluster/control-plane-handle.ts';
import { installFoundation, runTenancy } from './tenancy-in-process.ts';
import type { RunningTenancy } from './tenancy-in-process.ts';
import { conditionOf, objectSays } from './told.ts';
import type { ToldObject } from './told.ts';
import { until } from './until.ts';

type Spec = { readonly [field: string]: unknown };
type Any = KubeObject & { readonly [field: string]: unknown };

describe('what a tenant makes', { timeout: 280_000 }, () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let tenancy: RunningTenancy;
  before(async () => {
    plane = await startControlPlane();
    client = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock: systemClock, userAgent: 'test' });
    await installFoundation(plane);
    tenancy = await runTenancy(plane, { networkEnforces: ['Ingress', 'Egress'] });
  });
  after(async () => {
    await tenancy?.stop();
    await client?.close();
    await plane?.stop();
  });

  const put = (name: string, spec: Spec) => client.apply<Any>(tenants, { metadata: { name }, spec }, { fieldManager: 'test' });
  const says = (name: string, status: string, reason?: string, type = 'Ready'): Promise<ToldObject> =>
    objectSays(client, { resource: tenants, name }, { type, status, ...(reason === undefined ? {} : { reason }) });
  const get = (resource: Resource, name: string, namespace?: string) => client.get<Any>(resource, { name, namespace });

  const rich: Spec = {
    owners: [
      { kind: 'Group', name: 'acme-admins' },
      { kind: 'ServiceAccount', name: 'ci', namespace: 'acme-a', clusterRoles: ['edit'] },
    ],
    additionalRoleBindings: [{ clusterRoleName: 'view', subjects: [{ kind: 'User', name: 'auditor' }] }],
    namespaces: { items: [{ name: 'acme-a' }, { name: 'acme-b' }], metadata: { labels: { env: 'prod' } } },
    podSecurity: { enforce: 'restricted' },
    resourceQuotas: [
      {
        name: 'compute',
        scope: 'Namespace',
        hard: { 'requests.cpu': '0.5', 'requests.nvidia.com/gpu': 8, pods: '200', 'count/jobs.batch': 5 },
      },
    ],
    limitRanges: [
      { type: 'Container', default: { cpu: '500m', memory: '512Mi' }, max: { memory: '16Gi' }, min: { cpu: '1000u' } },
      { type: 'PersistentVolumeClaim', max: { storage: '1.5Ti' } },
    ],
    network: {
      defaultDeny: ['Ingress', 'Egress'],
      dns: 'ClusterDNS',
      egress: [{ name: 'corp', cidrs: ['10.20.0.0/16'], ports: [5432] }],
      tenantPolicies: 'Bounded',
    },
  };
  const children: readonly (readonly [Resource, string])[] = [
    [roleBindings, 'writ-admin'],
    [roleBindings, 'writ-edit'],
    [roleBindings, 'writ-view'],
    [roleBindings, 'writ-writ-namespace-owner'],
    [resourceQuotas, 'writ-compute'],
    [limitRanges, 'writ-limits'],
    [networkPolicies, 'writ-default-deny'],
    [networkPolicies, 'writ-dns'],
    [networkPolicies, 'writ-egress'],
  ];

  it('is all that it declares, in every namespace, and then it is ready', async () => {
    await put('acme', rich);
    const told = await says('acme', 'True', 'Succeeded');
    assert.equal(conditionOf(told, 'NetworkIsolated')?.status, 'True');
    assert.deepEqual(told.metadata.finalizers, [TENANT_FINALIZER]);
    for (const namespace of ['acme-a', 'acme-b']) {
      const { labels } = (await get(namespaces, namespace))?.metadata ?? {};
      assert.equal(labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
      assert.equal(labels?.['env'], 'prod');
      for (const [resource, name] of children) {
        const child = await get(resource, name, namespace);
        assert.equal(child?.metadata.labels?.['writ.dev/tenant'], 'acme', `${resource.kind} ${name}`);
      }
    }
    const role = await get(clusterRoles, 'writ-tenant-acme');
    assert.deepEqual(role?.['rules'], [{ apiGroups: ['writ.dev'], resources: ['tenants'], resourceNames: ['acme'], verbs: ['get'] }]);
    assert.ok(await get(clusterRoleBindings, 'writ-tenant-acme'));
  });

  it('lets an owner read its own Tenant and nothing else of the cluster', async () => {
    const asOwner = async (...args: string[]): Promise<string> =>
      (await plane.kubectl(['auth', 'can-i', ...args, '--as=anna', '--as-group=acme-admins'])).stdout.trim();
    assert.equal(await asOwner('get', 'tenants/acme'), 'yes');
    assert.equal(await asOwner('get', 'tenants'), 'no');
    assert.equal(await asOwner('update', 'tenants/acme'), 'no');
    assert.equal(await asOwner('create', 'rolebindings', '-n', 'acme-a'), 'yes');
    assert.equal(await asOwner('delete', 'networkpolicies', '-n', 'acme-b'), 'yes');
    assert.equal(await asOwner('delete', 'resourcequotas', '-n', 'acme-a'), 'no');
    assert.equal(await asOwner('get', 'resourcequotas', '-n', 'acme-a'), 'yes');
    assert.equal(await asOwner('create', 'pods', '-n', 'default'), 'no');
    assert.equal(await asOwner('list', 'namespaces'), 'no');
  });

  it('is written once: what nobody changes costs no write, also after a restart', async () => {
    await tenancy.idle();
    const made = tenancy.writes.map(({ method, path, result }) => `${method} ${path} ${result}`);
    // Finalizer, reader and its binding, two namespaces with nine objects each, status, event.
    assert.equal(made.length, 1 + 2 + 2 * (1 + children.length) + 1 + 1, made.join('\n'));
    // Nobody knows but the API server that a namespace is not there; all else is known.
    const asked = tenancy.reads.flatMap(({ path, result }) => (/\/acme(-.)?$/.test(path) ? [`${path} ${result}`] : []));
    assert.deepEqual(asked.toSorted(), ['/api/v1/namespaces/acme-a 404', '/api/v1/namespaces/acme-b 404']);
    await tenancy.stop();
    tenancy = await runTenancy(plane, { networkEnforces: ['Ingress', 'Egress'] });
    await until(async () => tenancy.reconciled.some(({ key }) => key === 'acme') || undefined, { what: 'a look' });
    await tenancy.idle();
    assert.deepEqual(
      tenancy.writes.map(({ method, path }) => `${method} ${path}`),
      [],
    );
  });

  const drifts: readonly (readonly [what: string, resource: Resource, name: string, body: unknown, type?: 'json'])[] = [
    ['a label', resourceQuotas, 'writ-compute', { metadata: { labels: { 'writ.dev/tenant': null } } }],
    ['a quota', resourceQuotas, 'writ-compute', { spec: { hard: { pods: '2000' } } }],
    ['a quota of more', resourceQuotas, 'writ-compute', { spec: { hard: { secrets: '1' } } }],
    ['pods that a policy does not mean', networkPolicies, 'writ-default-deny', { spec: { podSelector: { matchLabels: { app: 'none' } } } }],
    ['a way out', networkPolicies, 'writ-egress', { spec: { egress: [{}] } }],
    [
      'a subject',
      roleBindings,
      'writ-admin',
      [{ op: 'add', path: '/subjects/-', value: { kind: 'User', name: 'mallory', apiGroup: 'rbac.authorization.k8s.io' } }],
      'json',
    ],
    ['a limit', limitRanges, 'writ-limits', [{ op: 'remove', path: '/spec/limits/0' }], 'json'],
  ];
  for (const [what, resource, name, body, type] of drifts) {
    it(`is corrected: ${what} of ${resource.kind} ${name}`, async () => {
      const before = await get(resource, name, 'acme-a');
      const meaning = (object: Any | undefined) => JSON.stringify([object?.['spec'], object?.['subjects'], object?.metadata.labels]);
      const changed = await client.patch<Any>(resource, { name, namespace: 'acme-a' }, { type: type ?? 'merge', body });
      assert.notEqual(meaning(changed), meaning(before));
      await until(async () => meaning(await get(resource, name, 'acme-a')) === meaning(before) || undefined, { what: 'the correction' });
    });
  }

  it('is made again when it is deleted, with another role behind the binding too', async () => {
    for (const [resource, name] of children) await client.delete(resource, { name, namespace: 'acme-b' });
    for (const [resource, name] of children) {
      await until(async () => (await get(resource, name, 'acme-b')) !== undefined || undefined, { what: `${resource.kind} ${name}` });
    }
    await tenancy.idle();
    const binding = await get(roleBindings, 'writ-view', 'acme-b');
    const { name, labels } = binding?.metadata ?? {};
    await client.delete(roleBindings, { name: 'writ-view', namespace: 'acme-b' });
    const forged = {
      metadata: { name: name ?? '', namespace: 'acme-b', labels: labels ?? {} },
      subjects: binding?.['subjects'],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    };
    await client.create<KubeObject>(roleBindings, forged).catch((error: unknown) => assert.match(String(error), /already exists/));
    await until(async () => JSON.stringify(await get(roleBindings, 'writ-view', 'acme-b')).includes('"name":"view"') || undefined, {
      what: 'the role',
    });
  });

  it('follows an edit, and only there: what is declared no more goes', async () => {
    await put('bystander', { namespaces: { items: [{ name: 'bystander-a' }] } });
    await says('bystander', 'True');
    await tenancy.idle();
    const [from, readBefore] = [tenancy.writes.length, tenancy.reads.length];
    await put('acme', {
      ...rich,
      additionalRoleBindings: [],
      resourceQuotas: [{ name: 'more', scope: 'Namespace', hard: { pods: 5 } }],
      namespaces: { items: [{ name: 'acme-a' }, { name: 'acme-b' }] },
    });
    await until(async () => (await get(resourceQuotas, 'writ-compute', 'acme-b')) === undefined || undefined, {
      what: 'the end of a quota',
    });
    await tenancy.idle();
    assert.ok(await get(resourceQuotas, 'writ-more', 'acme-b'));
    assert.equal(await get(roleBindings, 'writ-view', 'acme-a'), undefined);
    assert.equal((await get(namespaces, 'acme-a'))?.metadata.labels?.['env'], undefined);
    for (const { path } of tenancy.writes.slice(from)) assert.doesNotMatch(path, /bystander/);
    // What is there is read nowhere: not the tenant's own, and nothing of the others.
    assert.deepEqual(tenancy.reads.slice(readBefore), []);
  });

  const wrong: readonly (readonly [what: string, spec: Spec, code: RegExp])[] = [
    [
      'a quota that nothing counts',
      { resourceQuotas: [{ name: 'a', hard: { 'limits.nvidia.com/gpu': 1 } }] },
      /QUOTA_INVALID: spec\.resourceQuotas\[0\]\.hard\["limits\.nvidia\.com\/gpu"\]/,
    ],
    ['a quantity beyond reason', { resourceQuotas: [{ name: 'a', hard: { pods: '1e999999' } }] }, /QUOTA_INVALID/],
    [
      'bounds that cross',
      { limitRanges: [{ type: 'Container', min: { cpu: 2 }, max: { cpu: 1 } }] },
      /LIMITS_INVALID: spec\.limitRanges\[0\]\.min/,
    ],
    [
      'egress to everywhere',
      { network: { egress: [{ name: 'all', cidrs: ['0.0.0.0/0'] }] } },
      /EGRESS_TOO_WIDE: spec\.network\.egress\[0\]\.cidrs\[0\]/,
    ],
    [
      'a name without the prefix',
      { namespaces: { prefixPolicy: 'Enforce', items: [{ name: 'elsewhere-a' }] } },
      /NAMESPACE_PREFIX_MISSING: spec\.namespaces\.items\[0\]\.name/,
    ],
  ];
  for (const [what, spec, code] of wrong) {
    it(`is nothing at all where the Tenant declares ${what}`, async () => {
      await put('wrong', { namespaces: { items: [{ name: 'wrong-a' }] }, ...spec });
      const told = await says('wrong', 'False');
      assert.match(conditionOf(told, 'Ready')?.message ?? '', code);
      assert.equal(conditionOf(told, 'Stalled')?.status, 'True');
      await tenancy.idle();
      assert.deepEqual(
        [await get(namespaces, 'wrong-a'), await get(namespaces, 'elsewhere-a'), told.metadata.finalizers],
        [undefined, undefined, undefined],
      );
      await client.delete(tenants, { name: 'wrong' });
      await until(async () => (await get(tenants, 'wrong')) === undefined || undefined, { what: 'its end' });
    });
  }

  it('is not more than the API server takes: 10,000 namespaces, a Tenant over the limit of etcd', async () => {
    const items = Array.from({ length: 10_000 }, (_, index) => ({ name: `many-${index}` }));
    await assert.rejects(put('many', { namespaces: { items } }), /must have at most 256 items/);
    const annotations = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`k${index}`, 'x'.repeat(60_000)]));
    await assert.rejects(
      client.create<Any>(tenants, { metadata: { name: 'huge', annotations }, spec: {} }),
      /too large|limit|must not exceed|Too long/i,
    );
  });

  it('grants nothing that the operator may not hand out', async () => {
    await put('greedy', {
      namespaces: { items: [{ name: 'greedy-a' }] },
      owners: [{ kind: 'User', name: 'mallory', clusterRoles: ['cluster-admin'] }],
    });
    const told = await says('greedy', 'False', 'ApplyRefused');
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /spec\.owners\[0\].*writ-cluster-admin of namespace greedy-a/);
    assert.equal(await get(roleBindings, 'writ-cluster-admin', 'greedy-a'), undefined);
  });

  const roleRef = (name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name });
  const subjects = [{ kind: 'ServiceAccount', name: 'writ-operator', namespace: 'writ-system' }];
  const reading = (tenant: string, verbs: readonly string[]) => [
    { apiGroups: ['writ.dev'], resources: ['tenants'], resourceNames: [tenant], verbs },
  ];
  const beyond: readonly (readonly [what: string, resource: Resource, object: Any, code: RegExp])[] = [
    [
      'bind cluster-admin',
      clusterRoleBindings,
      { metadata: { name: 'writ-tenant-x' }, roleRef: roleRef('cluster-admin'), subjects },
      /forbidden/,
    ],
    [
      'bind admin for the whole cluster',
      clusterRoleBindings,
      { metadata: { name: 'writ-tenant-x' }, roleRef: roleRef('admin'), subjects },
      /writ-operator-writes/,
    ],
    [
      'bind under another name',
      clusterRoleBindings,
      { metadata: { name: 'x' }, roleRef: roleRef('view'), subjects },
      /writ-operator-writes/,
    ],
    ['widen a role', clusterRoles, { metadata: { name: 'writ-tenant-x' }, rules: reading('acme', ['get']) }, /writ-operator-writes/],
    ['write by a role', clusterRoles, { metadata: { name: 'writ-tenant-acme' }, rules: reading('acme', ['get', 'update']) }, /forbidden/],
    [
      'let admin into kube-system',
      roleBindings,
      { metadata: { name: 'writ-x', namespace: 'kube-system' }, roleRef: roleRef('admin'), subjects },
      /writ-operator-writes/,
    ],
    [
      'bound a system namespace',
      resourceQuotas,
      { metadata: { name: 'writ-x', namespace: 'default' }, spec: { hard: { pods: '0' } } },
      /writ-operator-writes/,
    ],
    [
      'take over what is not named as its own',
      networkPolicies,
      { metadata: { name: 'theirs', namespace: 'acme-a' }, spec: { podSelector: {} } },
      /writ-operator-writes/,
    ],
  ];
  for (const [what, resource, object, code] of beyond) {
    it(`is written by an operator that may not ${what}`, async () => {
      await assert.rejects(tenancy.client.apply<Any>(resource, object, { fieldManager: 'test' }), code);
    });
  }

  it("is written by an operator that may delete no namespace but a tenant's", async () => {
    await client.create(namespaces, { metadata: { name: 'nobodys' } });
    await assert.rejects(tenancy.client.delete(namespaces, { name: 'nobodys' }), /writ-operator-writes/);
    await assert.rejects(tenancy.client.delete(namespaces, { name: 'kube-public' }), /forbidden/);
    assert.equal(await tenancy.client.delete(namespaces, { name: 'bystander-a' }, { dryRun: true }), true);
  });
});
