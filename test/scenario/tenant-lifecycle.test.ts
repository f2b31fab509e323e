// SPDX-License-Identifier: Apache-2.0
// How a Tenant is suspended, quarantined, moved from and ended, on a real API server: nothing goes that was not meant to go, and what
// stays says why.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ADOPTED_ANNOTATION,
  TENANT_LABEL,
  clusterRoles,
  namespaces,
  networkPolicies,
  resourceQuotas,
  roleBindings,
  tenants,
} from '../../crds/kinds.ts';
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

type Any = KubeObject & { readonly [field: string]: unknown };
type Fields = { readonly [field: string]: unknown };

describe('the life of a tenant', { timeout: 280_000 }, () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let tenancy: RunningTenancy;
  before(async () => {
    // Namespaces end by the namespace controller.
    plane = await startControlPlane({ controllerManager: true });
    client = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock: systemClock, userAgent: 'test' });
    await installFoundation(plane);
    tenancy = await runTenancy(plane);
  });
  after(async () => {
    await tenancy?.stop();
    await client?.close();
    await plane?.stop();
  });

  const bounded: Fields = {
    owners: [{ kind: 'User', name: 'anna' }],
    resourceQuotas: [{ name: 'q', scope: 'Namespace', hard: { pods: 5 } }],
    network: { defaultDeny: ['Ingress', 'Egress'] },
  };
  const put = (name: string, names: readonly string[], more: Fields = {}) =>
    client.apply<Any>(
      tenants,
      {
        metadata: { name },
        spec: { ...bounded, ...more, namespaces: { items: names.map((one) => ({ name: one })), ...Object(more['namespaces']) } },
      },
      { fieldManager: 'test' },
    );
  const says = (name: string, status: string, reason: string, type = 'Ready'): Promise<ToldObject> =>
    objectSays(client, { resource: tenants, name }, { type, status, reason });
  const change = (name: string, spec: Fields) => client.patch<Any>(tenants, { name }, { type: 'merge', body: { spec } });
  const namespace = (name: string) => client.get<Any>(namespaces, { name });
  const label = async (name: string) => (await namespace(name))?.metadata.labels?.[TENANT_LABEL];
  const gone = (name: string) =>
    until(async () => (await client.get(tenants, { name })) === undefined, { what: `the end of tenant ${name}` });
  const inside = async (name: string) => ({
    roles: (await client.list(roleBindings, { namespace: name })).items.length,
    bounds:
      (await client.list(resourceQuotas, { namespace: name })).items.length +
      (await client.list(networkPolicies, { namespace: name })).items.length,
  });

  it('is left alone while it is suspended, and is put right afterwards', async () => {
    await put('rest', ['rest-a']);
    await says('rest', 'True', 'Succeeded');
    await put('rest', ['rest-a'], { suspend: true });
    const told = await says('rest', 'Unknown', 'Suspended');
    assert.equal(told.status?.namespaces?.length, 1);
    await client.delete(networkPolicies, { name: 'writ-default-deny', namespace: 'rest-a' });
    await tenancy.idle();
    assert.equal(await client.get(networkPolicies, { name: 'writ-default-deny', namespace: 'rest-a' }), undefined);
    await put('rest', ['rest-a']);
    await until(async () => client.get(networkPolicies, { name: 'writ-default-deny', namespace: 'rest-a' }), { what: 'the correction' });
    await says('rest', 'True', 'Succeeded');
  });

  it('says that it is cordoned, and cannot end in quarantine', async () => {
    await put('sick', ['sick-a'], { deletionPolicy: 'Delete', admission: 'Cordoned' });
    await says('sick', 'True', 'Cordoned', 'Cordoned');
    await change('sick', { admission: 'Quarantined' });
    await says('sick', 'True', 'Quarantined', 'Cordoned');
    await client.delete(tenants, { name: 'sick' });
    await says('sick', 'False', 'TenantQuarantined');
    assert.equal(await label('sick-a'), 'sick');
    await change('sick', { admission: 'Open' });
    await gone('sick');
    assert.equal(await namespace('sick-a'), undefined);
  });

  it('ends by Delete with the namespaces that were made for it, and no others', async () => {
    await client.create(namespaces, { metadata: { name: 'found' } });
    await client.create(namespaces, { metadata: { name: 'stranger' } });
    await put('leaver', ['leaver-a', 'leaver-b', 'found'], { deletionPolicy: 'Delete', namespaces: { adoptionPolicy: 'IfUnowned' } });
    await says('leaver', 'True', 'Succeeded');
    assert.equal((await namespace('found'))?.metadata.annotations?.[ADOPTED_ANNOTATION], 'true');
    await put('leaver', ['leaver-a', 'found'], { deletionPolicy: 'Delete', namespaces: { adoptionPolicy: 'IfUnowned' } });
    await until(
      async () =>
        conditionOf(await client.get<ToldObject>(tenants, { name: 'leaver' }), 'Ready')?.message.includes(
          'let go and still governed: leaver-b',
        ),
      {
        what: 'the namespace to be told as let go',
      },
    );
    await client.delete(tenants, { name: 'leaver' });
    await gone('leaver');
    assert.deepEqual(
      [await namespace('leaver-a'), await label('leaver-b'), await label('found'), await label('stranger')],
      [undefined, 'leaver', 'leaver', undefined],
    );
    assert.equal(await client.get(clusterRoles, { name: 'writ-tenant-leaver' }), undefined);
  });

  it('tells what keeps its namespaces from going, and ends when that is lifted', async () => {
    await put('stuck', ['stuck-a'], { deletionPolicy: 'Delete' });
    await says('stuck', 'True', 'Succeeded');
    const held = {
      metadata: { name: 'held', namespace: 'stuck-a', finalizers: ['example.com/nobody'] },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    };
    await client.create<KubeObject>(roleBindings, held);
    await client.delete(tenants, { name: 'stuck' });
    await until(
      async () => conditionOf(await client.get<ToldObject>(tenants, { name: 'stuck' }), 'Ready')?.message.includes('example.com/nobody'),
      { what: 'the finalizer to be named', withinMs: 40_000 },
    );
    assert.equal(conditionOf(await client.get<ToldObject>(tenants, { name: 'stuck' }), 'Reconciling')?.status, 'True');
    await client.patch(roleBindings, { name: 'held', namespace: 'stuck-a' }, { type: 'merge', body: { metadata: { finalizers: null } } });
    await gone('stuck');
  });

  it('ends by Orphan and leaves all in its namespaces as it is, bounded and governed', async () => {
    await put('giver', ['giver-a'], { deletionPolicy: 'Orphan' });
    await says('giver', 'True', 'Succeeded');
    const before = await inside('giver-a');
    await client.delete(tenants, { name: 'giver' });
    await gone('giver');
    await tenancy.idle();
    assert.deepEqual(await inside('giver-a'), before);
    assert.equal(await label('giver-a'), 'giver');
  });

  it('takes its owners out of a namespace that it lets go, and leaves the bounds', async () => {
    await put('mover', ['mover-a', 'mover-b']);
    await says('mover', 'True', 'Succeeded');
    const before = await inside('mover-b');
    await put('mover', ['mover-a']);
    await until(async () => (await inside('mover-b')).roles === 0, { what: 'the roles to go' });
    assert.deepEqual(await inside('mover-b'), { ...before, roles: 0 });
    assert.equal(await label('mover-b'), 'mover');
  });

  it("gives a namespace to another only by two deeds, and with it goes all that was the first one's", async () => {
    await put('taker', ['taker-a', 'mover-a'], {
      owners: [{ kind: 'User', name: 'bert' }],
      resourceQuotas: [{ name: 'other', scope: 'Namespace', hard: { pods: 9 } }],
      namespaces: { adoptionPolicy: 'IfUnowned' },
    });
    await says('taker', 'False', 'NamespaceOwnedByAnother');
    assert.equal(await label('mover-a'), 'mover');
    await put('mover', []);
    await says('taker', 'True', 'Succeeded');
    assert.equal(await label('mover-a'), 'taker');
    await until(async () => (await client.get(resourceQuotas, { name: 'writ-q', namespace: 'mover-a' })) === undefined, {
      what: 'the first quota to go',
    });
    const bindings = JSON.stringify((await client.list(roleBindings, { namespace: 'mover-a' })).items);
    assert.ok(bindings.includes('bert') && !bindings.includes('anna'));
    await tenancy.idle();
  });

  it('takes over what a Tenant that is gone has left, and nothing of that one stays there', async () => {
    await put('finder', ['giver-a'], {
      resourceQuotas: [{ name: 'other', scope: 'Namespace', hard: { pods: 9 } }],
      owners: [{ kind: 'User', name: 'bert', clusterRoles: ['view'] }],
      namespaces: { adoptionPolicy: 'IfUnowned' },
    });
    await says('finder', 'True', 'Succeeded');
    await until(async () => (await client.get(resourceQuotas, { name: 'writ-q', namespace: 'giver-a' })) === undefined, {
      what: 'the first quota to go',
    });
    const bindings = (await client.list(roleBindings, { namespace: 'giver-a' })).items;
    assert.deepEqual(
      bindings.map(({ metadata }) => metadata.name).toSorted((a, b) => a.localeCompare(b)),
      ['writ-view', 'writ-writ-namespace-owner'],
    );
    assert.ok(!JSON.stringify(bindings).includes('anna'));
    assert.equal(
      (await client.get(networkPolicies, { name: 'writ-default-deny', namespace: 'giver-a' }))?.metadata.labels?.[TENANT_LABEL],
      'finder',
    );
  });

  it('makes a namespace anew that somebody deleted', async () => {
    await put('phoenix', ['phoenix-a']);
    await says('phoenix', 'True', 'Succeeded');
    const uid = (await namespace('phoenix-a'))?.metadata.uid;
    await client.delete(namespaces, { name: 'phoenix-a' });
    await until(async () => ![undefined, uid].includes((await namespace('phoenix-a'))?.metadata.uid), { what: 'a new namespace' });
    await says('phoenix', 'True', 'Succeeded');
    assert.equal((await inside('phoenix-a')).roles, 2);
  });

  it('asked for by two at once is made for one of them', async () => {
    await Promise.all(['race-one', 'race-two'].map((name) => put(name, ['race'])));
    await until(
      async () => {
        const told = await Promise.all(['race-one', 'race-two'].map((name) => client.get<ToldObject>(tenants, { name })));
        const words = told.map((one) => conditionOf(one, 'Ready')?.reason ?? '').toSorted((a, b) => a.localeCompare(b));
        return words.join(',') === 'NamespaceOwnedByAnother,Succeeded';
      },
      { what: 'one to have it' },
    );
    await tenancy.idle();
    const labels = new Set(
      (await client.list(roleBindings, { namespace: 'race' })).items.map(({ metadata }) => metadata.labels?.[TENANT_LABEL]),
    );
    assert.deepEqual([...labels], [await label('race')]);
  });
});
