// SPDX-License-Identifier: Apache-2.0
// The operator is killed after each write of a tenant's making, changing and unmaking, and before it, one point after the other, on a
// real API server. Whoever comes after brings it to the same end, and at no moment somebody is let into a namespace without its bounds.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { MANAGED_BY_LABEL, TENANT_LABEL, namespaces, tenants } from '../../../crds/kinds.ts';
import type { Resource } from '../../../crds/kinds.ts';
import { createKubeClient } from '../../../kube/client.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { createEventRecorder } from '../../../kube/events.ts';
import type { KubeObject } from '../../../kube/objects.ts';
import { childResources } from '../../../operator/tenancy/caches.ts';
import { reconcileTenant } from '../../../operator/tenancy/index.ts';
import type { TenancyDeps } from '../../../operator/tenancy/index.ts';
import { NO_QUOTA_FACTS } from '../../../operator/tenancy/quota-book.ts';
import { createTenancyMemory } from '../../../operator/tenancy/recent.ts';
import { createCaches } from '../../../operator/caches.ts';
import type { LiveCaches } from '../../../operator/caches.ts';
import { rememberWorth } from '../../../operator/tenancy/worth.ts';
import { NO_ENTITLEMENTS } from '../../../policies/entitlement/remembered.ts';
import type { Condition } from '../../../crds/conditions.ts';
import { systemClock } from '../../../process/clock.ts';
import { startControlPlane } from '../../cluster/control-plane.ts';
import type { ControlPlane } from '../../cluster/control-plane-handle.ts';
import { installFoundation } from '../../scenario/tenancy-in-process.ts';
import { until } from '../../scenario/until.ts';

type Spec = { readonly [field: string]: unknown };
type Any = KubeObject & {
  readonly [field: string]: unknown;
  readonly spec?: Spec;
  readonly status?: { readonly conditions?: readonly Condition[] };
};

class Killed extends Error {}

/** A process that dies at its nth write: done, or never sent. After it nothing of that process reaches the API server. */
const mortal = (client: KubeClient, dies: { readonly at: number; readonly when: 'before' | 'after' }) => {
  let writes = 0;
  let dead = false;
  const write = async <T>(send: () => Promise<T>): Promise<T> => {
    if (dead) throw new Killed('dead');
    writes += 1;
    const isLast = writes === dies.at;
    if (isLast) dead = true;
    if (isLast && dies.when === 'before') throw new Killed('dead');
    const answer = await send();
    if (dead) throw new Killed('dead');
    return answer;
  };
  const killed: KubeClient = {
    ...client,
    create: (...input) => write(() => client.create(...input)),
    replace: (...input) => write(() => client.replace(...input)),
    patch: (...input) => write(() => client.patch(...input)),
    apply: (...input) => write(() => client.apply(...input)),
    delete: (...input) => write(() => client.delete(...input)),
  };
  return { client: killed, writes: () => writes, isDead: () => dead };
};

const first = (name: string): Spec => ({
  deletionPolicy: 'Delete',
  owners: [{ kind: 'User', name: 'anna' }],
  namespaces: { items: [{ name: `${name}-a` }], metadata: { labels: { env: 'prod' } } },
  resourceQuotas: [{ name: 'q', scope: 'Namespace', hard: { pods: 5 } }],
  network: { defaultDeny: ['Ingress', 'Egress'] },
});
const second = (name: string): Spec => ({
  ...first(name),
  namespaces: { items: [{ name: `${name}-a` }, { name: `${name}-b` }] },
  resourceQuotas: [{ name: 'other', scope: 'Namespace', hard: { pods: 6 } }],
  owners: [{ kind: 'User', name: 'bert', clusterRoles: ['view'] }],
});

describe('an operator that is killed at any write', { timeout: 290_000 }, () => {
  let plane: ControlPlane;
  let client: KubeClient;
  let caches: LiveCaches;
  const ending = new AbortController();
  before(async () => {
    plane = await startControlPlane();
    client = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock: systemClock, userAgent: 'test' });
    await installFoundation(plane);
    caches = createCaches({ client, clock: systemClock, systemNamespace: 'writ-system', observe: () => ({}) });
    for (const informer of Object.values(caches)) informer.start(ending.signal);
    await Promise.all(Object.values(caches).map(({ synced }) => synced));
  });
  after(async () => {
    ending.abort();
    await client?.close();
    await plane?.stop();
  });

  const depsOf = (writer: KubeClient): TenancyDeps => ({
    client: writer,
    caches,
    memory: createTenancyMemory(systemClock),
    releases: () => [],
    quotaFacts: () => NO_QUOTA_FACTS,
    worth: rememberWorth(() => ({ ok: true, state: NO_ENTITLEMENTS }), systemClock),
    recorder: createEventRecorder({ client: writer, clock: systemClock, reportingController: 'writ.dev/test', reportingInstance: 'test' }),
    clock: systemClock,
    systemNamespace: 'writ-system',
    networkEnforces: [],
  });
  const childrenOf = async (name: string): Promise<readonly (readonly [Resource, Any])[]> => {
    const labelSelector = `${TENANT_LABEL}=${name}`;
    const lists = await Promise.all(
      [namespaces, ...Object.values(childResources)].map(async (resource) =>
        (await client.list<Any>(resource, { labelSelector })).items.map((object) => [resource, object] as const),
      ),
    );
    return lists.flat();
  };
  /** All that is there for the tenant, whatever its name and moment. */
  const stateOf = async (name: string): Promise<string> => {
    const children = await childrenOf(name);
    const tenant = await client.get<Any>(tenants, { name });
    const lines = children.map(([{ kind }, { metadata, ...rest }]) =>
      JSON.stringify([
        kind,
        metadata.namespace,
        metadata.name,
        metadata.labels,
        metadata.annotations,
        rest['rules'],
        rest['subjects'],
        rest['roleRef'],
        rest.spec?.['hard'],
        kind === 'Namespace' ? 0 : rest.spec,
      ]),
    );
    const { conditions = [] } = tenant?.status ?? {};
    const told = conditions.map(({ type, status, message }) => `${type}=${status} ${message}`);
    return [...lines.toSorted((a, b) => a.localeCompare(b)), ...told, JSON.stringify(tenant?.metadata.finalizers)]
      .join('\n')
      .replaceAll(name, 'TENANT');
  };
  /** The cache shows what the API server holds: whoever starts reads first. */
  const caughtUp = async (name: string): Promise<void> => {
    const children = await childrenOf(name);
    const tenant = await client.get<Any>(tenants, { name });
    const resources: Readonly<Record<string, Resource>> = { namespaces, ...childResources };
    const informers = new Map(
      Object.entries(caches).flatMap(([cache, informer]) => {
        const resource = resources[cache];
        return resource === undefined ? [] : [[resource.kind, informer] as const];
      }),
    );
    await until(
      async () => {
        const count = [...informers.values()].reduce((sum, informer) => sum + informer.byIndex('tenant', name).length, 0);
        const isSame = children.every(([{ kind }, { metadata }]) => {
          const key = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
          return informers.get(kind)?.get(key)?.metadata.resourceVersion === metadata.resourceVersion;
        });
        return (
          isSame && count === children.length && caches.tenants.get(name)?.metadata.resourceVersion === tenant?.metadata.resourceVersion
        );
      },
      { what: `the cache to show ${name}` },
    );
  };
  /** The end of namespaces is another controller's: here it is done at once. */
  const finishNamespaces = async (name: string): Promise<void> => {
    for (const [{ kind }, { metadata }] of await childrenOf(name)) {
      if (kind !== 'Namespace' || metadata.deletionTimestamp === undefined) continue;
      for (const resource of Object.values(childResources)) {
        if (!resource.namespaced) continue;
        for (const child of (await client.list<Any>(resource, { namespace: metadata.name })).items)
          await client.delete(resource, child.metadata);
      }
      await client.request({
        method: 'PUT',
        path: `/api/v1/namespaces/${metadata.name}/finalize`,
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: metadata.name }, spec: { finalizers: [] } },
      });
    }
  };
  const assertBounded = async (name: string): Promise<void> => {
    const children = await childrenOf(name);
    const has = (kind: string, namespace: string | undefined) =>
      children.some(([resource, { metadata }]) => resource.kind === kind && metadata.namespace === namespace);
    for (const [{ kind }, { metadata }] of children) {
      if (kind === 'RoleBinding')
        assert.ok(
          has('NetworkPolicy', metadata.namespace) && has('ResourceQuota', metadata.namespace),
          `${metadata.namespace} is open and unbounded`,
        );
    }
  };
  const bringToEnd = async (name: string): Promise<void> => {
    const deps = depsOf(client);
    for (let round = 0; round < 12; round += 1) {
      await caughtUp(name);
      const before = await stateOf(name);
      await reconcileTenant(deps, name, { signal: ending.signal, attempt: 1 }).catch((error: unknown) =>
        assert.match(String(error), /Conflict|modified/),
      );
      await finishNamespaces(name);
      if ((await stateOf(name)) === before) return;
    }
    assert.fail(`${name} comes to no end`);
  };

  type Stage = {
    readonly what: string;
    readonly prepare: (name: string) => Promise<unknown>;
    readonly act: (name: string) => Promise<unknown>;
  };
  const put = (name: string, spec: Spec) => client.apply<Any>(tenants, { metadata: { name }, spec }, { fieldManager: 'test' });
  const made = async (name: string): Promise<void> => {
    await put(name, first(name));
    await bringToEnd(name);
  };
  const stages: readonly Stage[] = [
    { what: 'making', prepare: async () => undefined, act: (name) => put(name, first(name)) },
    { what: 'changing', prepare: made, act: (name) => put(name, second(name)) },
    { what: 'unmaking', prepare: made, act: (name) => client.delete(tenants, { name }) },
  ];
  for (const { what, prepare, act } of stages) {
    it(`comes to the same end while ${what} a tenant`, async () => {
      const run = async (
        name: string,
        dies: { readonly at: number; readonly when: 'before' | 'after' },
      ): Promise<{ readonly end: string; readonly died: boolean }> => {
        await prepare(name);
        await act(name);
        let died = false;
        // One process after the other, each killed at its nth write, until one needs fewer.
        for (let lives = 0; lives < 2; lives += 1) {
          const process = mortal(client, dies);
          await caughtUp(name);
          await reconcileTenant(depsOf(process.client), name, { signal: ending.signal, attempt: 1 }).catch((error: unknown) =>
            assert.ok(error instanceof Killed || /Conflict|modified/.test(String(error)), String(error)),
          );
          await assertBounded(name);
          died ||= process.isDead();
          if (!process.isDead()) break;
        }
        await bringToEnd(name);
        await assertBounded(name);
        return { end: await stateOf(name), died };
      };
      const { end } = await run(`${what}-whole`, { at: Number.POSITIVE_INFINITY, when: 'after' });
      let points = 0;
      for (const when of ['before', 'after'] as const) {
        for (let at = 1; ; at += 1) {
          const { end: other, died } = await run(`${what}-${when}-${at}`, { at, when });
          assert.equal(other, end, `killed ${when} write ${at}`);
          if (!died) break;
          points += 1;
          assert.ok(at < 60, 'it never ends');
        }
      }
      assert.ok(points >= 6, `${points} points`);
    });
  }

  it('labels nothing that it did not make', async () => {
    const strangers = (await client.list<Any>(namespaces, { labelSelector: MANAGED_BY_LABEL })).items.filter(
      ({ metadata }) => metadata.labels?.[TENANT_LABEL] === undefined,
    );
    assert.deepEqual(strangers, []);
  });
});
