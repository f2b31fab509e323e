// SPDX-License-Identifier: Apache-2.0
// What is wrong with a Tenant itself, whatever the cluster is like. Any of it, and nothing is made or changed for the tenant: half of
// what was asked for could be a namespace without its bounds. What was made before stays as it is.
import type { Problem } from '../../policies/problem.ts';
import type { TenantSpec } from './child.ts';
import { limitProblems } from './limits.ts';
import { networkProblems } from './network.ts';
import { quotaProblems } from './quotas.ts';

const prefixProblems = (tenant: string, namespaces: TenantSpec['namespaces']): readonly Problem[] => {
  if (namespaces?.prefixPolicy !== 'Enforce') return [];
  return (namespaces.items ?? []).flatMap(({ name }, index): readonly Problem[] => {
    if (name.startsWith(`${tenant}-`)) return [];
    const message = `${name} does not begin with ${tenant}-, and spec.namespaces.prefixPolicy is Enforce`;
    return [{ code: 'NAMESPACE_PREFIX_MISSING', message, path: `spec.namespaces.items[${index}].name` }];
  });
};

export const tenantProblems = (tenant: string, spec: TenantSpec): readonly Problem[] => [
  ...prefixProblems(tenant, spec.namespaces),
  ...quotaProblems(spec.resourceQuotas),
  ...limitProblems(spec.limitRanges),
  ...networkProblems(spec.network),
];
