// SPDX-License-Identifier: Apache-2.0
// What the operator watches: one informer for each resource, on every replica, leading or not.
import { decodeInventory } from '../crds/inventory.ts';
import type { Inventory } from '../crds/inventory.ts';
import {
  COMPLETE_CONFIGURATION_NAME,
  GUARD_CONFIGURATION_NAME,
  INVENTORY_LABEL,
  MARKS_LABEL,
  MARKS_NAME,
  QUOTA_LEDGER_LABEL,
  REPLICA_LABEL,
  SOURCE_LABEL,
  SYNC_FIELD_MANAGER,
  TENANCY_CONFIGURATION_NAME,
  WEBHOOK_CONFIGURATION_NAME,
  configMaps,
  gitSources,
  isSealedKind,
  leases,
  licenses,
  mutatingWebhookConfigurations,
  priceBooks,
  namespaces,
  policies,
  rulesets,
  sealedKinds,
  sourceLabel,
  tenants,
  tierCatalogs,
  trustPolicies,
  validatingWebhookConfigurations,
} from '../crds/kinds.ts';
import type { Resource, SealedKind } from '../crds/kinds.ts';
import { WEBHOOK_REPLICA } from '../crds/replica.ts';
import type { KubeClient } from '../kube/client.ts';
import { createInformer } from '../kube/informer.ts';
import type { Informer, InformerObserver } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import { shapeOf } from '../policies/sealed-shape.ts';
import type { TenantCache } from '../policies/tenant-cache.ts';
import type { Clock } from '../process/clock.ts';
import { createChildInformer, namespaceOptions, tenantIndexes } from './tenancy/caches.ts';
import type { TenancyCaches } from './tenancy/caches.ts';
import type { AppliedObject } from './apply/plan.ts';
import type {
  LiveGitSource,
  LiveLicense,
  LivePriceBook,
  LivePolicy,
  LiveRuleset,
  LiveSealed,
  LiveTenant,
  LiveTierCatalog,
  LiveTrustPolicy,
} from './controllers/live.ts';
import type { LeaseObject } from './controllers/replicas.ts';
import type { WatchedResource } from './metrics.ts';

/** As the cluster has them; the process goes by Tenants as they count (`TenantCache`). */
export type LiveCaches = TenancyCaches & {
  readonly gitSources: Informer<LiveGitSource>;
  readonly policies: Informer<LivePolicy>;
  readonly rulesets: Informer<LiveRuleset>;
  readonly tierCatalogs: Informer<LiveTierCatalog>;
  readonly licenses: Informer<LiveLicense>;
  readonly priceBooks: Informer<LivePriceBook>;
  readonly trustPolicies: Informer<LiveTrustPolicy>;
  readonly quotaLedgers: Informer<KubeObject>;
  readonly inventories: Informer<KubeObject>;
  readonly marks: Informer<KubeObject>;
  readonly replicas: Informer<KubeObject>;
  readonly leases: Informer<LeaseObject>;
  readonly webhook: Informer<KubeObject>;
  readonly guard: Informer<KubeObject>;
  readonly tenancy: Informer<KubeObject>;
  readonly completion: Informer<KubeObject>;
};

export type Caches = LiveCaches & { readonly tenants: TenantCache<LiveTenant> };

export const createCaches = (options: {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly systemNamespace: string;
  readonly observe: (resource: WatchedResource) => InformerObserver;
}): LiveCaches => {
  const { client, clock, systemNamespace: namespace } = options;
  const watch = (resource: WatchedResource) => ({ clock, observe: options.observe(resource) });
  const replicaSelector = `${REPLICA_LABEL}=${WEBHOOK_REPLICA}`;
  return {
    gitSources: createInformer<LiveGitSource>(client, gitSources, watch('gitsources')),
    policies: createInformer<LivePolicy>(client, policies, {
      ...watch('policies'),
      transform: ({ signature, ...object }) => ({ ...object, ...shapeOf(signature) }),
    }),
    rulesets: createInformer<LiveRuleset>(client, rulesets, {
      ...watch('rulesets'),
      transform: ({ signature, ...object }) => ({ ...object, ...shapeOf(signature), kind: rulesets.kind }),
    }),
    trustPolicies: createInformer<LiveTrustPolicy>(client, trustPolicies, {
      ...watch('trustpolicies'),
      transform: ({ signature, ...object }) => ({ ...object, ...shapeOf(signature) }),
    }),
    tierCatalogs: createInformer<LiveTierCatalog>(client, tierCatalogs, {
      ...watch('tiercatalogs'),
      transform: ({ signature, ...object }) => ({ ...object, ...shapeOf(signature), kind: tierCatalogs.kind }),
    }),
    licenses: createInformer<LiveLicense>(client, licenses, {
      ...watch('licenses'),
      transform: ({ signature, ...object }) => ({ ...object, ...shapeOf(signature), kind: licenses.kind }),
    }),
    priceBooks: createInformer<LivePriceBook>(client, priceBooks, {
      ...watch('pricebooks'),
      transform: ({ signature, ...object }) => ({ ...object, ...shapeOf(signature), kind: priceBooks.kind }),
    }),
    tenants: createInformer<LiveTenant>(client, tenants, { ...watch('tenants'), indexes: tenantIndexes }),
    namespaces: createInformer<KubeObject>(client, namespaces, { ...watch('namespaces'), ...namespaceOptions }),
    roleBindings: createChildInformer(client, 'roleBindings', watch('rolebindings')),
    resourceQuotas: createChildInformer(client, 'resourceQuotas', watch('resourcequotas')),
    limitRanges: createChildInformer(client, 'limitRanges', watch('limitranges')),
    networkPolicies: createChildInformer(client, 'networkPolicies', watch('networkpolicies')),
    clusterRoles: createChildInformer(client, 'clusterRoles', watch('clusterroles')),
    clusterRoleBindings: createChildInformer(client, 'clusterRoleBindings', watch('clusterrolebindings')),
    quotaLedgers: createInformer<KubeObject>(client, configMaps, {
      ...watch('quotaledgers'),
      namespace,
      labelSelector: `${QUOTA_LEDGER_LABEL}=true`,
    }),
    inventories: createInformer<KubeObject>(client, configMaps, {
      ...watch('inventories'),
      namespace,
      labelSelector: `${INVENTORY_LABEL}=true`,
    }),
    marks: createInformer<KubeObject>(client, configMaps, {
      ...watch('marks'),
      namespace,
      // Without the label nobody is asked who writes it, so it says nothing.
      labelSelector: `${MARKS_LABEL}=true`,
      fieldSelector: `metadata.name=${MARKS_NAME}`,
    }),
    replicas: createInformer<KubeObject>(client, configMaps, { ...watch('replicas'), namespace, labelSelector: replicaSelector }),
    leases: createInformer<LeaseObject>(client, leases, { ...watch('leases'), namespace, labelSelector: replicaSelector }),
    webhook: createInformer<KubeObject>(client, validatingWebhookConfigurations, {
      ...watch('webhook'),
      fieldSelector: `metadata.name=${WEBHOOK_CONFIGURATION_NAME}`,
    }),
    guard: createInformer<KubeObject>(client, validatingWebhookConfigurations, {
      ...watch('guard'),
      fieldSelector: `metadata.name=${GUARD_CONFIGURATION_NAME}`,
    }),
    tenancy: createInformer<KubeObject>(client, validatingWebhookConfigurations, {
      ...watch('tenancy'),
      fieldSelector: `metadata.name=${TENANCY_CONFIGURATION_NAME}`,
    }),
    completion: createInformer<KubeObject>(client, mutatingWebhookConfigurations, {
      ...watch('completion'),
      fieldSelector: `metadata.name=${COMPLETE_CONFIGURATION_NAME}`,
    }),
  };
};

/** The live object of one of our cluster-scoped kinds. */
export const liveObject = (caches: Caches, kind: string, name: string): AppliedObject | undefined => {
  if (isSealedKind(kind)) return liveSealedObject(caches, kind, name);
  switch (kind) {
    case 'Tenant':
      return caches.tenants.live.get(name);
    case 'TrustPolicy':
      return caches.trustPolicies.get(name);
    default:
      return undefined;
  }
};

export type SealedCaches = Pick<Caches, 'policies' | 'rulesets' | 'tierCatalogs' | 'licenses' | 'priceBooks'>;

/** Whatever counts by its seals. */
export const liveSealed = ({
  policies: orders,
  rulesets: releases,
  tierCatalogs: catalogs,
  licenses: rights,
  priceBooks: books,
}: SealedCaches): readonly LiveSealed[] => [...orders.list(), ...releases.list(), ...catalogs.list(), ...rights.list(), ...books.list()];

export const sealedKindOf = ({ kind = policies.kind }: Pick<LiveSealed, 'kind'>): SealedKind => (isSealedKind(kind) ? kind : policies.kind);

export const liveSealedObject = (caches: SealedCaches, kind: SealedKind, name: string): LiveSealed | undefined => {
  switch (kind) {
    case 'Policy':
      return caches.policies.get(name);
    case 'Ruleset':
      return caches.rulesets.get(name);
    case 'TierCatalog':
      return caches.tierCatalogs.get(name);
    case 'License':
      return caches.licenses.get(name);
    case 'PriceBook':
      return caches.priceBooks.get(name);
  }
};

/** Objects that the operator itself applied from this source, whatever inventory names them; trust is never among them. */
export const liveOwned = (
  caches: SealedCaches & Pick<Caches, 'tenants'>,
  source: string,
): readonly { readonly resource: Resource; readonly name: string }[] => {
  const owned = (resource: Resource, objects: readonly KubeObject[]) =>
    objects
      .filter(({ metadata }) => metadata.labels?.[SOURCE_LABEL] === sourceLabel(source))
      // A label can be written by anyone; what is applied by the operator names it as a manager of fields.
      .filter(({ metadata }) => metadata.managedFields?.some(({ manager }) => manager === SYNC_FIELD_MANAGER) === true)
      .map(({ metadata }) => ({ resource, name: metadata.name }));
  const sealed = liveSealed(caches);
  return [
    ...sealedKinds.flatMap((resource) =>
      owned(
        resource,
        sealed.filter((object) => sealedKindOf(object) === resource.kind),
      ),
    ),
    ...owned(tenants, caches.tenants.live.list()),
  ];
};

export const liveInventories = (caches: Caches): readonly Inventory[] =>
  caches.inventories.list().flatMap((configMap) => {
    const inventory = decodeInventory(configMap);
    return inventory === undefined ? [] : [inventory];
  });
