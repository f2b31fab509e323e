// SPDX-License-Identifier: Apache-2.0
// What is watched for tenants: the objects that carry their labels, and nothing else of those kinds. Kept small: who manages which
// field, and what a quota counts, is nothing that a plan asks.
import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SYNC_FIELD_MANAGER,
  TENANT_LABEL,
  clusterRoleBindings,
  clusterRoles,
  limitRanges,
  networkPolicies,
  resourceQuotas,
  roleBindings,
} from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { createInformer } from '../../kube/informer.ts';
import type { Informer, InformerOptions } from '../../kube/informer.ts';
import { keyOf } from '../../kube/objects.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { LiveTenant } from '../controllers/live.ts';
import type { ChildObject, Declared } from './child.ts';
import { childKey } from './child.ts';
import type { LiveChild } from './child.ts';
import type { TenancyMemory } from './recent.ts';

export const childResources = {
  roleBindings,
  resourceQuotas,
  limitRanges,
  networkPolicies,
  clusterRoles,
  clusterRoleBindings,
} as const satisfies Readonly<Record<string, Resource>>;

export type ChildCaches = Readonly<Record<keyof typeof childResources, Informer<ChildObject>>>;

export type TenancyCaches = ChildCaches & {
  /** Indexed by `asked`: names of namespaces that the Tenant asks for. */
  readonly tenants: Informer<LiveTenant>;
  /** Indexed by `tenant`. */
  readonly namespaces: Informer<KubeObject>;
};

export const tenantOf = ({ metadata }: KubeObject): string | undefined => metadata.labels?.[TENANT_LABEL];

const byTenant = { tenant: (object: KubeObject) => [tenantOf(object) ?? ''].filter((name) => name !== '') };

export const tenantIndexes = {
  asked: (tenant: LiveTenant) => tenant.spec.namespaces?.items?.map(({ name }) => name) ?? [],
};

/** Of who manages what only our own share is asked for. */
export const namespaceOptions = {
  indexes: byTenant,
  transform: (object: KubeObject): KubeObject => ({
    ...object,
    metadata: {
      ...object.metadata,
      managedFields: object.metadata.managedFields?.filter(({ manager }) => manager === SYNC_FIELD_MANAGER) ?? [],
    },
  }),
};

const slim = (object: ChildObject): ChildObject => {
  const { managedFields: _managed, ...metadata } = object.metadata;
  const { status: _counted, ...rest } = object;
  return { ...rest, metadata };
};

export const createChildInformer = (
  client: KubeClient,
  kind: keyof typeof childResources,
  options: Pick<InformerOptions<ChildObject>, 'clock' | 'observe'>,
): Informer<ChildObject> =>
  createInformer<ChildObject>(client, childResources[kind], {
    ...options,
    labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY},${TENANT_LABEL}`,
    indexes: byTenant,
    transform: slim,
  });

const kinds = Object.entries(childResources);

/** By the plural that the API server knows it by. */
const cacheOf = (caches: ChildCaches, resource: Resource): Informer<ChildObject> | undefined => {
  switch (resource.plural) {
    case roleBindings.plural:
      return caches.roleBindings;
    case resourceQuotas.plural:
      return caches.resourceQuotas;
    case limitRanges.plural:
      return caches.limitRanges;
    case networkPolicies.plural:
      return caches.networkPolicies;
    case clusterRoles.plural:
      return caches.clusterRoles;
    case clusterRoleBindings.plural:
      return caches.clusterRoleBindings;
    default:
      return undefined;
  }
};

export const liveChild = (
  caches: ChildCaches,
  memory: Pick<TenancyMemory, 'children'>,
  { resource, object }: Declared,
): ChildObject | undefined => memory.children.seen(childKey(resource, object), cacheOf(caches, resource)?.get(keyOf(object)));

/** Everything that carries the tenant's label, as far as it is not known to be gone. */
export const liveChildren = (caches: ChildCaches, memory: Pick<TenancyMemory, 'children'>, tenant: string): readonly LiveChild[] =>
  kinds.flatMap(([, resource]) =>
    (cacheOf(caches, resource)?.byIndex('tenant', tenant) ?? []).flatMap((cached) => {
      const object = memory.children.seen(childKey(resource, cached), cached);
      return object === undefined ? [] : [{ resource, object }];
    }),
  );

/** Tells of every change of an object that was made for a tenant. Returns the way to end it. */
export const onChildChange = (
  caches: ChildCaches,
  told: (change: { readonly key: string; readonly deleted: boolean; readonly tenants: readonly string[] }) => void,
): (() => void) => {
  const ends = kinds.map(([, resource]) =>
    cacheOf(caches, resource)?.onChange(({ type, object, previous }) => {
      const named = [tenantOf(object), previous === undefined ? undefined : tenantOf(previous)];
      told({
        key: childKey(resource, object),
        deleted: type === 'deleted',
        tenants: [...new Set(named)].filter((name) => name !== undefined),
      });
    }),
  );
  return () => {
    for (const end of ends) end?.();
  };
};
