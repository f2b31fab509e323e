// SPDX-License-Identifier: Apache-2.0
// The local copies of the cluster that decisions are made from. What nobody reads is not kept: field ownership is often
// the larger half of an object.
import {
  INVENTORY_LABEL,
  MARKS_NAME,
  TRUST_POLICY_NAME,
  WEBHOOK_TLS_SECRET,
  configMaps,
  licenses,
  namespaces,
  policies,
  rulesets,
  secrets,
  tenants,
  tierCatalogs,
  trustPolicies,
} from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import type { Tenant } from '../crds/generated/types.ts';
import type { KubeClient } from '../kube/client.ts';
import { createInformer } from '../kube/informer.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { JsonObject } from '../policies/document/json.ts';
import type { SealedObject } from '../policies/policy-object.ts';
import type { Clock } from '../process/clock.ts';

export type SealedCopy = KubeObject & SealedObject;
export type TenantCopy = KubeObject & JsonObject & Pick<Tenant, 'spec'>;

export type Caches = {
  readonly policies: Informer<SealedCopy>;
  readonly rulesets: Informer<SealedCopy>;
  readonly tierCatalogs: Informer<SealedCopy>;
  readonly licenses: Informer<SealedCopy>;
  readonly trust: Informer<SealedCopy>;
  readonly inventories: Informer<KubeObject>;
  readonly marks: Informer<KubeObject>;
  readonly namespaces: Informer<KubeObject & JsonObject>;
  readonly tenants: Informer<TenantCopy>;
  /** Only where the certificate comes from its Secret. */
  readonly certificate: Informer<KubeObject> | undefined;
};

export type CacheName = Exclude<keyof Caches, 'tierCatalogs'> | 'tiercatalogs';

const slim = <T extends KubeObject>(object: T): T =>
  object.metadata.managedFields === undefined ? object : { ...object, metadata: { ...object.metadata, managedFields: undefined } };

export const createCaches = (options: {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly systemNamespace: string;
  readonly withCertificate: boolean;
  readonly onError: (error: unknown) => void;
}): Caches => {
  const { client, clock, systemNamespace: namespace, withCertificate, onError } = options;
  const follow = <T extends KubeObject>(
    resource: Resource,
    selection: { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string } = {},
  ): Informer<T> => createInformer<T>(client, resource, { ...selection, transform: slim, clock, observe: { handlerError: onError } });
  /** Lists of the API server leave the kind of their items out. */
  const followKind = (resource: Resource): Informer<SealedCopy> =>
    createInformer<SealedCopy>(client, resource, {
      transform: (object) => slim({ ...object, kind: resource.kind }),
      clock,
      observe: { handlerError: onError },
    });
  return {
    policies: follow<SealedCopy>(policies),
    rulesets: followKind(rulesets),
    tierCatalogs: followKind(tierCatalogs),
    licenses: followKind(licenses),
    trust: follow<SealedCopy>(trustPolicies, { fieldSelector: `metadata.name=${TRUST_POLICY_NAME}` }),
    inventories: follow(configMaps, { namespace, labelSelector: `${INVENTORY_LABEL}=true` }),
    marks: follow(configMaps, { namespace, fieldSelector: `metadata.name=${MARKS_NAME}` }),
    namespaces: follow<KubeObject & JsonObject>(namespaces),
    tenants: follow<TenantCopy>(tenants),
    certificate: withCertificate ? follow(secrets, { namespace, fieldSelector: `metadata.name=${WEBHOOK_TLS_SECRET}` }) : undefined,
  };
};

export const eachCache = (
  caches: Caches,
): readonly {
  readonly name: CacheName;
  readonly cache: Pick<Informer<unknown>, 'start' | 'hasSynced' | 'lastEventAgeMs' | 'synced'>;
}[] => [
  { name: 'policies', cache: caches.policies },
  { name: 'rulesets', cache: caches.rulesets },
  { name: 'tiercatalogs', cache: caches.tierCatalogs },
  { name: 'licenses', cache: caches.licenses },
  { name: 'trust', cache: caches.trust },
  { name: 'inventories', cache: caches.inventories },
  { name: 'marks', cache: caches.marks },
  { name: 'namespaces', cache: caches.namespaces },
  { name: 'tenants', cache: caches.tenants },
  ...(caches.certificate === undefined ? [] : [{ name: 'certificate' as const, cache: caches.certificate }]),
];
