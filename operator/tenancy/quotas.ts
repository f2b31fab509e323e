// SPDX-License-Identifier: Apache-2.0
// A tenant's quotas as the API server's own: one ResourceQuota for each in every namespace. Of a quota that is summed over the
// namespaces each namespace gets the whole, so that none alone exceeds it while nobody sums.
import type { TenantResourceQuota } from '../../crds/generated/types.ts';
import { resourceQuotas } from '../../crds/kinds.ts';
import type { Problem } from '../../policies/problem.ts';
import { UNIT, nanosOfQuantity } from '../../policies/quota/quantity.ts';
import { ownedBy } from './child.ts';
import type { Declared } from './child.ts';

type Place = { readonly tenant: string; readonly namespace: string };

export const quotasIn = (place: Place, quotas: readonly TenantResourceQuota[] = []): readonly Declared[] =>
  quotas.map(({ name, hard }, index) => ({
    resource: resourceQuotas,
    path: `spec.resourceQuotas[${index}]`,
    object: {
      metadata: ownedBy(place.tenant, { name: `writ-${name}`, namespace: place.namespace }),
      spec: { hard: Object.fromEntries(Object.entries(hard).map(([resource, quantity]) => [resource, String(quantity)])) },
    },
  }));

/** Those that are summed over the tenant's namespaces; a quota that does not say is. */
export const summed = (quotas: readonly TenantResourceQuota[] = []): readonly TenantResourceQuota[] =>
  quotas.filter(({ scope }) => scope !== 'Namespace');

// What the API server takes without a prefix (pkg/apis/core/helper, IsStandardQuotaResourceName).
const STANDARD = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'persistentvolumeclaims',
  'configmaps',
  'services',
  'replicationcontrollers',
  'pods',
  'secrets',
  'services.nodeports',
  'services.loadbalancers',
  'resourcequotas',
]);
const HUGE_PAGES = /^(requests\.)?hugepages-[0-9]+(\.[0-9]+)?[KMGTPE]i?$/;
const COUNT = /^count\/[a-z0-9][-a-z0-9]*(\.[a-z0-9][-a-z0-9.]*)?$/;
const QUALIFIED = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9._]{0,61}[A-Za-z0-9])?$/;

const FRACTIONAL = /^((requests|limits)\.)?(cpu|memory|ephemeral-storage)$|requests\.storage$|hugepages-/;

const wrongName = (name: string): string | undefined => {
  if (STANDARD.has(name) || HUGE_PAGES.test(name) || COUNT.test(name)) return undefined;
  if (!QUALIFIED.test(name)) return `${name} is no resource that a quota can bound`;
  if (name.startsWith('limits.'))
    return `${name} is never counted: of extended resources only requests are, so write requests.${name.slice(7)}`;
  if (/\.(storageclass\.storage|deviceclass\.resource)\.k8s\.io\//.test(name) || name.startsWith('requests.')) return undefined;
  return `${name} is never counted: write requests.${name}, or count/RESOURCE.GROUP for objects`;
};

const wrongQuantity = (name: string, quantity: unknown): string | undefined => {
  const nanos = nanosOfQuantity(quantity);
  if (nanos === undefined) return `${JSON.stringify(quantity)} is no quantity`;
  return nanos % UNIT !== 0n && !FRACTIONAL.test(name) ? `${name} is counted in whole numbers` : undefined;
};

export const quotaProblems = (quotas: readonly TenantResourceQuota[] = []): readonly Problem[] =>
  quotas.flatMap(({ hard }, index) =>
    Object.entries(hard).flatMap(([name, quantity]): readonly Problem[] => {
      const message = wrongName(name) ?? wrongQuantity(name, quantity);
      return message === undefined
        ? []
        : [{ code: 'QUOTA_INVALID', message, path: `spec.resourceQuotas[${index}].hard[${JSON.stringify(name)}]` }];
    }),
  );
