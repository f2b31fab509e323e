// SPDX-License-Identifier: Apache-2.0
// What keeps a tenant from being made.
import type { ProblemCodes } from './entry.ts';

export const tenantsCodes = {
  NAMESPACE_FORBIDDEN: { summary: 'A system namespace never belongs to a tenant.', fix: 'name another namespace' },
  NAMESPACE_OWNED_BY_ANOTHER: {
    summary: 'The namespace belongs to another tenant.',
    fix: 'name another namespace, or take it out of the other Tenant and remove its label',
  },
  NAMESPACE_NOT_ADOPTED: {
    summary: 'The namespace exists and was not made for the tenant.',
    fix: 'set spec.namespaces.adoptionPolicy to IfUnowned if the tenant may take it',
  },
} as const satisfies ProblemCodes;
