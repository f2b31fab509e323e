// SPDX-License-Identifier: Apache-2.0
// What a quota may name and how much of it: said by Tenants and by the catalog of tiers, and refused where it would count nothing.
import { UNIT, nanosOfQuantity } from './quantity.ts';

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

/** Why no quota can bound it; undefined where one can. */
export const quotaNameProblem = (name: string): string | undefined => {
  if (STANDARD.has(name) || HUGE_PAGES.test(name) || COUNT.test(name)) return undefined;
  if (!QUALIFIED.test(name)) return `${name} is no resource that a quota can bound`;
  if (name.startsWith('limits.'))
    return `${name} is never counted: of extended resources only requests are, so write requests.${name.slice(7)}`;
  if (/\.(storageclass\.storage|deviceclass\.resource)\.k8s\.io\//.test(name) || name.startsWith('requests.')) return undefined;
  return `${name} is never counted: write requests.${name}, or count/RESOURCE.GROUP for objects`;
};

export const quotaQuantityProblem = (name: string, quantity: unknown): string | undefined => {
  const nanos = nanosOfQuantity(quantity);
  if (nanos === undefined) return `${JSON.stringify(quantity)} is no quantity`;
  return nanos % UNIT !== 0n && !FRACTIONAL.test(name) ? `${name} is counted in whole numbers` : undefined;
};
