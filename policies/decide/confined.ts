// SPDX-License-Identifier: Apache-2.0
// Whether a policy that is confined to tenants binds a request. What the operator made for the tenant is never the tenant's to
// refuse, nor what Kubernetes' own controllers change and delete there: a namespace must be able to end.
import { MANAGED_BY, MANAGED_BY_LABEL, TENANT_LABEL } from '../../crds/kinds.ts';
import { isClusterScoped } from '../compile/match.ts';
import { labelsOf } from '../compile/selector.ts';
import { isSystem } from '../tenancy/state.ts';
import type { Run } from './run.ts';

export const bindsConfined = (tenants: ReadonlySet<string>, { match, subject }: Pick<Run, 'match' | 'subject'>): boolean => {
  const { request, namespaceLabels } = match;
  const tenant = namespaceLabels?.get(TENANT_LABEL);
  if (tenant === undefined || !tenants.has(tenant) || isClusterScoped(request)) return false;
  if (request.userInfo.groups.includes('system:masters')) return false;
  if (request.operation !== 'CREATE' && isSystem(request.userInfo)) return false;
  return ![subject.object, subject.oldObject].some((object) => {
    const labels = labelsOf(object);
    return labels.get(MANAGED_BY_LABEL) === MANAGED_BY && labels.has(TENANT_LABEL);
  });
};
