// SPDX-License-Identifier: Apache-2.0
// What Writ itself asks a tier for. Each lets a tenant do something: nothing that narrows a tenant (a residency, an allow-list, a
// ruleset) is ever taken away because of a tier.
export const FEATURES = {
  'external-egress': 'name destinations outside in spec.network.egress',
  'unbounded-network-policies': "set spec.network.tenantPolicies to Allowed, so that the tenant's own NetworkPolicies may open more",
  'namespace-adoption': 'take over namespaces that are there already, by spec.namespaces.adoptionPolicy: IfUnowned',
  'role-bindings': 'give cluster roles to others than the owners, by spec.additionalRoleBindings',
  'unsigned-agents': 'let agents without a signature run, by spec.agents.unsignedPolicy: Audit',
  'custom-objectives': 'be promised objectives that the tier does not name, by spec.slo.objectives',
  'tenant-sources': 'have a GitSource of its own, by its spec.tenantRef',
} as const satisfies Readonly<Record<string, string>>;

export type Feature = keyof typeof FEATURES;
