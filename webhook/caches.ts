// SPDX-License-Identifier: Apache-2.0
// The local copies of the cluster that decisions are made from. What nobody reads is not kept: field ownership is often
// the larger half of an object.
import {
  INVENTORY_LABEL,
  MARKS_LABEL,
  MARKS_NAME,
  TRUST_POLICY_NAME,
  WEBHOOK_TLS_SECRET,
  configMaps,
  licenses,
  priceBooks,
  namespaces,
  policies,
  rulesets,
  secrets,
  tenantUsages,
  tenants,
  tierCatalogs,
  trustPolicies,
} from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import type { Tenant, TenantUsage } from '../crds/generated/objects.ts';
import type { KubeClient } from '../kube/client.ts';
import { createInformer } from '../kube/informer.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { JsonObject } from '../policies/document/json.ts';
import type { SealedObject } from '../policies/policy-object.ts';
import { shapeOf } from '../policies/sealed-shape.ts';
import type { Clock } from '../process/clock.ts';

export type SealedCopy = KubeObject & SealedObject;
export type TenantCopy = KubeObject & JsonObject & Pick<Tenant, 'spec'>;

export type Caches = {
  readonly policies: Informer<SealedCopy>;
  readonly rulesets: Informer<SealedCopy>;
  readonly tierCatalogs: Informer<SealedCopy>;
  readonly licenses: Informer<SealedCopy>;
  readonly priceBooks: Informer<SealedCopy>;
  readonly trust: Informer<SealedCopy>;
  readonly inventories: Informer<KubeObject>;
  readonly marks: Informer<KubeObject>;
  readonly namespaces: Informer<KubeObject & JsonObject>;
  readonly tenants: Informer<TenantCopy>;
  /** Nobody waits for it: a limit of which nothing is known holds nobody up. */
  readonly tenantUsages: Informer<KubeObject & Pick<TenantUsage, 'status'>>;
  /** Only where the certificate comes from its Secret. */
  readonly certificate: Informer<KubeObject> | undefined;
};

export type CacheName = Exclude<keyof Caches, 'tierCatalogs' | 'priceBooks' | 'tenantUsages'> | 'tiercatalogs' | 'pricebooks';

const slim = <T extends KubeObject>(object: T): T =>
  object.metadata.managedFields === undefined ? object : { ...object, metadata: { ...object.metadata, managedFields: undefined } };

const sealedCopy = ({ signature, ...object }: SealedCopy): SealedCopy => slim({ ...object, ...shapeOf(signature) });

// Sealed objects are of ten kilobytes and more: a page of 500 of them would hold requests up for as long as it takes to read.
const SEALED_PAGE_SIZE = 100;

export const createCaches = (options: {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly systemNamespace: string;
  readonly withCertificate: boolean;
  readonly onError: (error: unknown) => void;
}): Caches => {
  const { client, clock, systemNamespace: namespace, withCertificate, onError } = options;
  const observed = { clock, observe: { handlerError: onError } };
  const follow = <T extends KubeObject>(
    resource: Resource,
    selection: { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string } = {},
  ): Informer<T> => createInformer<T>(client, resource, { ...observed, ...selection, transform: slim });
  const sealed = { ...observed, pageSize: SEALED_PAGE_SIZE };
  /** Lists of the API server leave the kind of their items out. */
  const followKind = (resource: Resource): Informer<SealedCopy> =>
    createInformer<SealedCopy>(client, resource, {
      ...sealed,
      transform: (object) => sealedCopy({ ...object, kind: resource.kind }),
    });
  return {
    policies: createInformer<SealedCopy>(client, policies, { ...sealed, transform: sealedCopy }),
    rulesets: followKind(rulesets),
    tierCatalogs: followKind(tierCatalogs),
    licenses: followKind(licenses),
    priceBooks: followKind(priceBooks),
    trust: createInformer<SealedCopy>(client, trustPolicies, {
      ...observed,
      fieldSelector: `metadata.name=${TRUST_POLICY_NAME}`,
      transform: sealedCopy,
    }),
    inventories: follow(configMaps, { namespace, labelSelector: `${INVENTORY_LABEL}=true` }),
    // Without the label nobody is asked who writes it, so it says nothing.
    marks: follow(configMaps, { namespace, labelSelector: `${MARKS_LABEL}=true`, fieldSelector: `metadata.name=${MARKS_NAME}` }),
    namespaces: follow<KubeObject & JsonObject>(namespaces),
    tenants: follow<TenantCopy>(tenants),
    tenantUsages: follow(tenantUsages),
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
  { name: 'pricebooks', cache: caches.priceBooks },
  { name: 'trust', cache: caches.trust },
  { name: 'inventories', cache: caches.inventories },
  { name: 'marks', cache: caches.marks },
  { name: 'namespaces', cache: caches.namespaces },
  { name: 'tenants', cache: caches.tenants },
  ...(caches.certificate === undefined ? [] : [{ name: 'certificate' as const, cache: caches.certificate }]),
];
