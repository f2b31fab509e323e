// SPDX-License-Identifier: Apache-2.0
// A policy that is confined to tenants (`spec.tenants`). It may name only what lies in a tenant's namespaces, and each kind by
// its name: for what nobody else's policies match the API server is made to ask about that tenant alone, and `*` would make it
// ask about everything there.
import type { PolicySpec } from '../../crds/generated/objects.ts';
import type { Problem } from '../problem.ts';
import { problemAt } from './expression.ts';
import type { PositionOf } from './expression.ts';

export const confinementProblems = (spec: PolicySpec, positionOf: PositionOf | undefined): readonly Problem[] =>
  (spec.matchConstraints?.resourceRules ?? []).flatMap((rule, index): readonly Problem[] => {
    const refuse = (field: string, message: string): Problem =>
      problemAt('POLICY_MATCH', message, { path: ['spec', 'matchConstraints', 'resourceRules', index, field], positionOf });
    if ((rule.apiGroups ?? []).includes('*')) return [refuse('apiGroups', "a tenant's own policy names each group")];
    if ((rule.resources ?? []).some((resource) => resource.startsWith('*')))
      return [refuse('resources', "a tenant's own policy names each resource")];
    if ((rule.resources ?? []).includes('namespaces'))
      return [refuse('resources', "a tenant's own policy is about what lies in its namespaces")];
    return [];
  });
