// SPDX-License-Identifier: Apache-2.0
// The controllers of tenants for one term of leadership, and which change wakes which tenant: its own, one of an object that was made
// for it, one of a namespace that it asks for or has, and what another Tenant gave up. An edit of one tenant wakes no other.
import { TENANT_LABEL } from '../../crds/kinds.ts';
import { createController } from '../../kube/controller.ts';
import type { Controller, ControllerObserver } from '../../kube/controller.ts';
import { keyOf } from '../../kube/objects.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { isStatusOnly, tenantLabelTaken } from '../changes.ts';
import type { KnownEntitlements } from '../controllers/entitlements.ts';
import type { LiveTenant } from '../controllers/live.ts';
import { onChildChange, tenantOf } from './caches.ts';
import { createCounting } from './counting.ts';
import { reconcileTenant } from './index.ts';
import type { TenancyDeps } from './index.ts';
import { NO_QUOTA_FACTS, quotaFacts, reconcileQuota } from './quota-book.ts';
import { summed } from './quotas.ts';
import { createTenancyMemory } from './recent.ts';
import { rememberWorth } from './worth.ts';

export type TenancyOptions = Omit<TenancyDeps, 'memory' | 'caches' | 'quotaFacts' | 'worth'> & {
  readonly caches: TenancyDeps['caches'] & { readonly quotaLedgers: Informer<KubeObject> };
  /** What tenants are held to; undefined while nobody has looked. */
  readonly entitlements: () => KnownEntitlements | undefined;
  /** Aborts with the term. */
  readonly signal: AbortSignal;
  readonly observer: ControllerObserver;
  /** Tenants at once. */
  readonly concurrency: number;
  /** Somebody took a tenant's label from a namespace. */
  readonly onLabelTaken: (namespace: KubeObject, found: string) => void;
};

export type Tenancy = {
  readonly controllers: readonly Controller[];
  /** Returns the ways to end it. */
  subscribe(): readonly (() => void)[];
  /** Tenants that name rulesets are looked at again. */
  rulesetsChanged(): void;
  /** All are held to something else than before. */
  entitlementsChanged(): void;
};

const QUOTAS_AT_ONCE = 4;
/** Many objects come together; one write counts them all, and until then their reservations do. */
const GATHER_MS = 50;
const NOTHING_TOLD = JSON.stringify(NO_QUOTA_FACTS);

export const createTenancy = (options: TenancyOptions): Tenancy => {
  const { caches, clock, observer } = options;
  const memory = createTenancyMemory(clock);
  const counting = createCounting({
    client: options.client,
    clock,
    signal: options.signal,
    onChange: (namespace) => wakeCounted(namespace),
  });
  const everHeld = new Set<string>();
  /** As the tenant last heard it. */
  const told = new Map<string, string>();
  const worth = rememberWorth(options.entitlements, clock);
  const counted = (live: LiveTenant): LiveTenant => {
    const known = worth(live);
    return known?.ok === true ? known.tenant : live;
  };
  const deps: TenancyDeps = {
    ...options,
    memory,
    worth,
    quotaFacts: (live) => {
      const facts = quotaFacts({ ...options, counting, everHeld }, counted(live));
      told.set(keyOf(live), JSON.stringify(facts));
      return facts;
    },
  };
  const quota = createController({
    name: 'tenant-quota',
    concurrency: QUOTAS_AT_ONCE,
    clock,
    observe: observer,
    reconcile: (name, { signal }) => reconcileQuota({ ...options, counting, worth, everHeld, onChange: wakeWhereTold }, name, signal),
  });
  const tenant = createController({
    name: 'tenant',
    concurrency: options.concurrency,
    clock,
    observe: observer,
    reconcile: (name, scope) => reconcileTenant(deps, name, scope),
  });
  const wakeAskingFor = (namespace: string): void => {
    for (const one of caches.tenants.byIndex('asked', namespace)) tenant.enqueue(keyOf(one));
  };
  const wakeNamed = (names: readonly (string | undefined)[]): void => {
    for (const name of names) if (name !== undefined && name !== '') tenant.enqueue(name);
  };
  /** The tenant itself only where it has something else to say. */
  function wakeWhereTold(name: string): void {
    const live = caches.tenants.get(name);
    if (live === undefined) return;
    const facts = JSON.stringify(quotaFacts({ ...options, counting, everHeld }, counted(live)));
    if ((told.get(name) ?? NOTHING_TOLD) !== facts) tenant.enqueue(name);
  }
  function wakeCounted(namespace: string | undefined): void {
    if (namespace !== undefined) {
      const owner = tenantOf(caches.namespaces.get(namespace) ?? { metadata: { name: namespace } });
      if (owner !== undefined && owner !== '') quota.enqueue(owner, { delayMs: GATHER_MS });
      return;
    }
    for (const one of caches.tenants.list())
      if (summed(counted(one).spec.resourceQuotas).length > 0) quota.enqueue(keyOf(one), { delayMs: GATHER_MS });
  }
  const subscribe = (): readonly (() => void)[] => [
    caches.tenants.onChange(({ type, object, previous }) => {
      if (type === 'deleted') memory.tenants.forget(keyOf(object));
      // A person waits for what was just written; the rest can wait a moment.
      const isWanted = previous === undefined ? object.status?.observedGeneration === -1 : !isStatusOnly(previous, object);
      tenant.enqueue(keyOf(object), { priority: isWanted ? 1 : 0 });
      if (isWanted || type !== 'updated') quota.enqueue(keyOf(object));
      if (type === 'deleted') {
        told.delete(keyOf(object));
        everHeld.delete(keyOf(object));
      }
      if (!isWanted && type === 'updated') return;
      // What one gives up another may have been waiting for.
      for (const { name } of [previous, object].flatMap((one) => one?.spec.namespaces?.items ?? [])) wakeAskingFor(name);
    }),
    caches.namespaces.onChange(({ type, object, previous }) => {
      const { name } = object.metadata;
      if (type === 'deleted') memory.namespaces.forget(name);
      const lost = tenantLabelTaken(previous, object);
      const isAsked = caches.tenants.get(lost ?? '')?.spec.namespaces?.items?.some((item) => item.name === name);
      if (lost !== undefined && isAsked === true)
        options.onLabelTaken(object, `the label ${TENANT_LABEL}=${lost} of namespace ${name} was taken away or changed`);
      wakeAskingFor(name);
      // Also those that have let it go, or that are going.
      const owners = [tenantOf(object), previous === undefined ? undefined : tenantOf(previous)];
      wakeNamed(owners);
      for (const owner of new Set(owners))
        if (owner !== undefined && owner !== '' && caches.tenants.get(owner) !== undefined) quota.enqueue(owner);
    }),
    caches.quotaLedgers.onChange(({ object }) => {
      const owner = tenantOf(object);
      if (owner === undefined) return;
      everHeld.add(owner);
      wakeWhereTold(owner);
      quota.enqueue(owner, { delayMs: GATHER_MS });
    }),
    onChildChange(caches, ({ key, deleted, tenants }) => {
      if (deleted) memory.children.forget(key);
      wakeNamed(tenants);
    }),
  ];
  return {
    controllers: [tenant, quota],
    subscribe,
    rulesetsChanged: () => {
      for (const one of caches.tenants.list()) if ((one.spec.rulesets ?? []).length > 0) tenant.enqueue(keyOf(one));
    },
    entitlementsChanged: () => {
      for (const one of caches.tenants.list()) {
        tenant.enqueue(keyOf(one));
        quota.enqueue(keyOf(one));
      }
    },
  };
};
