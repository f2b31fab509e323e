// SPDX-License-Identifier: Apache-2.0
// The controllers of tenants for one term of leadership, and which change wakes which tenant: its own, one of an object that was made
// for it, one of a namespace that it asks for or has, and what another Tenant gave up. An edit of one tenant wakes no other.
import { TENANT_LABEL } from '../../crds/kinds.ts';
import { createController } from '../../kube/controller.ts';
import type { Controller, ControllerObserver } from '../../kube/controller.ts';
import { keyOf } from '../../kube/objects.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { isStatusOnly, tenantLabelTaken } from '../changes.ts';
import { onChildChange, tenantOf } from './caches.ts';
import { reconcileTenant } from './index.ts';
import type { TenancyDeps } from './index.ts';
import { rememberEntitled } from '../../policies/entitlement/remembered.ts';
import { createTenancyMemory } from './recent.ts';

export type TenancyOptions = Omit<TenancyDeps, 'memory' | 'entitle'> & {
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

export const createTenancy = (options: TenancyOptions): Tenancy => {
  const { caches, clock, observer } = options;
  const memory = createTenancyMemory(clock);
  const deps: TenancyDeps = { ...options, memory, entitle: rememberEntitled() };
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
  const subscribe = (): readonly (() => void)[] => [
    caches.tenants.onChange(({ type, object, previous }) => {
      if (type === 'deleted') memory.tenants.forget(keyOf(object));
      // A person waits for what was just written; the rest can wait a moment.
      const isWanted = previous === undefined ? object.status?.observedGeneration === -1 : !isStatusOnly(previous, object);
      tenant.enqueue(keyOf(object), { priority: isWanted ? 1 : 0 });
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
      wakeNamed([tenantOf(object), previous === undefined ? undefined : tenantOf(previous)]);
    }),
    onChildChange(caches, ({ key, deleted, tenants }) => {
      if (deleted) memory.children.forget(key);
      wakeNamed(tenants);
    }),
  ];
  return {
    controllers: [tenant],
    subscribe,
    rulesetsChanged: () => {
      for (const one of caches.tenants.list()) if ((one.spec.rulesets ?? []).length > 0) tenant.enqueue(keyOf(one));
    },
    entitlementsChanged: () => {
      for (const one of caches.tenants.list()) tenant.enqueue(keyOf(one));
    },
  };
};
