// SPDX-License-Identifier: Apache-2.0
// A tenant's quotas as the API server's own: one ResourceQuota for each in every namespace. Of a quota that is summed over the
// namespaces each namespace gets the whole, so that none alone exceeds it while nobody sums.
import type { TenantResourceQuota } from '../../crds/generated/objects.ts';
import { resourceQuotas } from '../../crds/kinds.ts';
import type { Problem } from '../../policies/problem.ts';
import { quotaNameProblem, quotaQuantityProblem } from '../../policies/quota/resource-name.ts';
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

export const quotaProblems = (quotas: readonly TenantResourceQuota[] = []): readonly Problem[] =>
  quotas.flatMap(({ hard }, index) =>
    Object.entries(hard).flatMap(([name, quantity]): readonly Problem[] => {
      const message = quotaNameProblem(name) ?? quotaQuantityProblem(name, quantity);
      return message === undefined
        ? []
        : [{ code: 'QUOTA_INVALID', message, path: `spec.resourceQuotas[${index}].hard[${JSON.stringify(name)}]` }];
    }),
  );
