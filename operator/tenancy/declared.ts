// SPDX-License-Identifier: Apache-2.0
// What a Tenant declares: every object that is to be there for it. Pure. In a namespace what bounds comes before what grants, so
// that nobody is let into a namespace that is not bounded yet, whenever the making is cut short.
import { clusterRoleBindings, clusterRoles } from '../../crds/kinds.ts';
import { bindingsIn, readersOf } from './access.ts';
import type { Declared, TenantSpec } from './child.ts';
import { limitRangesIn } from './limits.ts';
import { policiesIn } from './network.ts';
import { quotasIn } from './quotas.ts';

export type DeclaredNamespace = { readonly bounds: readonly Declared[]; readonly grants: readonly Declared[] };

export const declaredIn = (tenant: string, spec: TenantSpec, namespace: string): DeclaredNamespace => {
  const place = { tenant, namespace };
  return {
    bounds: [...policiesIn(place, spec.network), ...quotasIn(place, spec.resourceQuotas), ...limitRangesIn(place, spec.limitRanges)],
    grants: bindingsIn(place, spec),
  };
};

export const declaredForCluster = (tenant: string, spec: TenantSpec): readonly Declared[] => {
  const readers = readersOf(tenant, spec.owners);
  return readers === undefined
    ? []
    : [
        { resource: clusterRoles, object: readers.role, path: 'spec.owners' },
        { resource: clusterRoleBindings, object: readers.binding, path: 'spec.owners' },
      ];
};
