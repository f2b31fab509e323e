// SPDX-License-Identifier: Apache-2.0
// What keeps a tenant from being made, and from being ended.
import type { ProblemCodes } from './entry.ts';

export const tenantsCodes = {
  NAMESPACE_FORBIDDEN: { summary: 'A system namespace never belongs to a tenant.', fix: 'name another namespace' },
  NAMESPACE_OWNED_BY_ANOTHER: {
    summary: 'The namespace belongs to another tenant, or an older Tenant asks for it.',
    fix: 'name another namespace; or take it out of the other Tenant (`kubectl get tenants -o yaml` shows which) and set spec.namespaces.adoptionPolicy to IfUnowned in this one',
  },
  NAMESPACE_NOT_ADOPTED: {
    summary: 'The namespace exists and was not made for the tenant.',
    fix: 'set spec.namespaces.adoptionPolicy to IfUnowned if the tenant may take it',
  },
  NAMESPACE_PREFIX_MISSING: {
    summary:
      "The namespace's name does not begin with the tenant's, which spec.namespaces.prefixPolicy asks for. Nothing is made or changed for the tenant.",
    fix: 'name it TENANT-…, or set spec.namespaces.prefixPolicy to None',
  },
  QUOTA_INVALID: {
    summary: 'A quota bounds something that is never counted, or by an amount that is none. Nothing is made or changed for the tenant.',
    fix: 'write resources as a ResourceQuota has them (requests.cpu, requests.nvidia.com/gpu, count/RESOURCE.GROUP) and amounts as 4, 500m or 16Gi',
  },
  QUOTA_UNCOUNTED: {
    summary:
      'A quota that is summed over the namespaces bounds objects that the operator cannot count; their creation is refused in the tenant meanwhile.',
    fix: 'let the operator list and watch them, by the ClusterRole writ-operator-counts; or set the scope of the quota to Namespace',
  },
  LIMITS_INVALID: {
    summary: 'The bounds of single objects contradict each other or say nothing. Nothing is made or changed for the tenant.',
    fix: 'keep min ≤ defaultRequest ≤ default ≤ max, name each type once, and give defaults to containers only',
  },
  EGRESS_TOO_WIDE: {
    summary: 'A named destination would open all but everything, other tenants included. Nothing is made or changed for the tenant.',
    fix: 'name the blocks that are meant, /8 or longer (IPv6: /16), or send the traffic through an egress proxy',
  },
  TENANT_PROTECTED: {
    summary: 'The Tenant is deleted and kept, because its deletionPolicy is Protect and it has namespaces.',
    fix: 'delete the namespaces, or set spec.deletionPolicy, also now: Orphan leaves them as they are, Delete deletes those that Writ made',
  },
  TENANT_QUARANTINED: {
    summary: 'The Tenant is deleted and kept, because it is quarantined and its data is to stay.',
    fix: 'set spec.admission to Open or Cordoned once the data may go',
  },
  TENANT_SUSPENDED: { summary: 'The Tenant is deleted and kept, because it is suspended.', fix: 'set spec.suspend to false' },
  TENANT_DELETION_BLOCKED: {
    summary: 'The Tenant is deleted, and after five minutes its namespaces still are not gone.',
    fix: 'see to what the message names, often a finalizer whose controller is gone; or set spec.deletionPolicy to Orphan to let them be',
  },
} as const satisfies ProblemCodes;
