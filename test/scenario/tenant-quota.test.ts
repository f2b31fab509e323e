// SPDX-License-Identifier: Apache-2.0
// The operator's side of a quota that is summed over a tenant's namespaces, on a real API server: counted, settled, freed, told.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SYSTEM_NAMESPACE, configMaps, pods, resourceQuotas, services, tenants } from '../../crds/kinds.ts';
import { decodeQuotaLedger, encodeQuotaLedger, quotaLedgerName } from '../../crds/quota-ledger.ts';
import type { QuotaLedger } from '../../crds/quota-ledger.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { UNIT } from '../../policies/quota/quantity.ts';
import { systemClock } from '../../process/clock.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import type { ControlPlane } from '../cluster/control-plane-handle.ts';
import { installFoundation, runTenancy } from './tenancy-in-process.ts';
import type { RunningTenancy } from './tenancy-in-process.ts';
import { conditionOf, objectSays } from './told.ts';
import { until } from './until.ts';

type Any = KubeObject & { readonly [field: string]: unknown };

describe('a quota over all namespaces of a tenant', { timeout: 200_000 }, () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let tenancy: RunningTenancy;
  before(async () => {
    plane = await startControlPlane();
    client = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock: systemClock, userAgent: 'test' });
    await installFoundation(plane);
    tenancy = await runTenancy(plane);
  });
  after(async () => {
    await tenancy?.stop();
    await client?.close();
    await plane?.stop();
  });

  const put = (name: string, hard: object, scope?: string) =>
    client.apply<Any>(
      tenants,
      {
        metadata: { name },
        spec: {
          namespaces: { items: [{ name: `${name}-a` }, { name: `${name}-b` }] },
          resourceQuotas: [{ name: 'q', ...(scope === undefined ? {} : { scope }), hard }],
        },
      },
      { fieldManager: 'test' },
    );
  const ref = (name: string) => ({ namespace: SYSTEM_NAMESPACE, name: quotaLedgerName(name) });
  const ledger = async (name: string) => decodeQuotaLedger(await client.get<KubeObject>(configMaps, ref(name)));
  const settles = (name: string, wanted: (ledger: QuotaLedger) => boolean, what: string) =>
    until(
      async () => {
        const now = await ledger(name);
        return now !== undefined && wanted(now) ? now : undefined;
      },
      { what, withinMs: 30_000 },
    );
  const podIn = (namespace: string, name: string) =>
    client.create<Any>(pods, {
      metadata: { name, namespace },
      spec: {
        serviceAccountName: 'default',
        automountServiceAccountToken: false,
        containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '500m' } } }],
      },
    });

  it('has a ledger that is open at once for a tenant that is new, and the whole of it in each namespace', async () => {
    await put('acme', { 'requests.cpu': '2', pods: 10, 'count/services': 1 });
    const first = await settles('acme', () => true, 'the ledger');
    const nothing = [
      ['count/services', 0n],
      ['pods', 0n],
      ['requests.cpu', 0n],
    ];
    assert.deepEqual({ ...first, settled: [...first.settled] }, { tenant: 'acme', settled: nothing, reservations: [] });
    await objectSays(client, { resource: tenants, name: 'acme' }, { type: 'Ready', status: 'True' });
    for (const namespace of ['acme-a', 'acme-b']) {
      const quota = await client.get<Any>(resourceQuotas, { name: 'writ-q', namespace });
      assert.equal(JSON.stringify(quota?.['spec']), '{"hard":{"count/services":"1","pods":"10","requests.cpu":"2"}}');
    }
  });

  it('counts what is there, and drops in the same write the reservation of what it counts', async () => {
    const before = await client.get<KubeObject>(configMaps, ref('acme'));
    const made = await podIn('acme-a', 'one');
    const reserved: QuotaLedger = {
      tenant: 'acme',
      settled: new Map(),
      reservations: [made.metadata.uid ?? '', 'never'].map((uid) => ({
        uid,
        at: new Date(systemClock.now()).toISOString(),
        ref: { group: '', plural: 'pods', namespace: 'acme-a', name: 'one' },
        amounts: new Map([['pods', UNIT]]),
      })),
    };
    const { resourceVersion } = before?.metadata ?? {};
    const encoded = encodeQuotaLedger(reserved);
    await client
      .replace<KubeObject>(configMaps, {
        ...encoded,
        metadata: { ...encoded.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      })
      .catch(async () => client.replace<KubeObject>(configMaps, encoded));
    await podIn('acme-b', 'two');
    const now = await settles('acme', ({ settled }) => settled.get('pods') === 2n * UNIT, 'two pods');
    assert.equal(now.settled.get('requests.cpu'), UNIT);
    const left = await settles('acme', ({ reservations }) => reservations.length === 1, 'one reservation to go');
    assert.deepEqual(
      left.reservations.map(({ uid }) => uid),
      ['never'],
    );
  });

  it('frees what is deleted', async () => {
    await client.request({ method: 'DELETE', path: '/api/v1/namespaces/acme-a/pods/one', query: { gracePeriodSeconds: 0 } });
    await settles('acme', ({ settled }) => settled.get('pods') === UNIT, 'one pod');
  });

  it('drops what was reserved for an object that never came, when its time is over', async () => {
    const gone = await settles('acme', ({ reservations }) => reservations.length === 0, 'the end of a reservation').catch(() =>
      ledger('acme'),
    );
    assert.deepEqual(gone?.reservations.length, 0);
  });

  it('says when more is taken than there is', async () => {
    await client.create<Any>(services, { metadata: { name: 's', namespace: 'acme-a' }, spec: { ports: [{ port: 80 }] } });
    await put('acme', { pods: 10, 'count/services': 0 });
    await objectSays(client, { resource: tenants, name: 'acme' }, { type: 'QuotaExceeded', status: 'True', reason: 'OverHard' });
    const told = await client.get<Any>(tenants, { name: 'acme' });
    assert.match(conditionOf(told, 'QuotaExceeded')?.message ?? '', /count\/services 1 of 0/);
    await put('acme', { pods: 10 });
    await until(async () => conditionOf(await client.get<Any>(tenants, { name: 'acme' }), 'QuotaExceeded') === undefined, {
      what: 'the end of it',
    });
  });

  it('is closed for a while where objects may be under way, and after somebody damaged the ledger', async () => {
    await client.patch(configMaps, ref('acme'), { type: 'merge', body: { data: { 'ledger.json': '{}' } } });
    const now = await settles('acme', () => true, 'the ledger to be made anew');
    assert.ok(Date.parse(now.opensAt ?? '') > systemClock.now());
    assert.equal(now.settled.get('pods'), UNIT);
  });

  it('has no ledger and is told where something cannot be counted', async () => {
    await put('blind', { 'count/secrets': 5 });
    const told = await objectSays(
      client,
      { resource: tenants, name: 'blind' },
      { type: 'Ready', status: 'False', reason: 'QuotaUncounted' },
    );
    assert.match(
      conditionOf(told, 'Ready')?.message ?? '',
      /QUOTA_UNCOUNTED: spec\.resourceQuotas: secrets cannot be counted: .*forbidden/,
    );
    assert.equal(await ledger('blind'), undefined);
  });

  it('counts kinds of others, and such as nobody serves as none', async () => {
    await put('kinds', { 'count/jobs.batch': 5, 'count/agents.kagent.dev': 2 });
    await settles('kinds', () => true, 'the ledger');
    await client.request({
      method: 'POST',
      path: '/apis/batch/v1/namespaces/kinds-a/jobs',
      body: { metadata: { name: 'j' }, spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } } },
    });
    await settles('kinds', ({ settled }) => settled.get('count/jobs.batch') === UNIT, 'one job');
  });

  it('takes its ledger with it', async () => {
    await put('kinds', { 'count/jobs.batch': 5 }, 'Namespace');
    await until(async () => (await client.get(configMaps, ref('kinds'))) === undefined, { what: 'the end of the ledger' });
  });
});
