// SPDX-License-Identifier: Apache-2.0
/**
 * What a Tenant's spec is worth in a tier: each field as far as the tier allows it, and what lies beyond.
 *
 * In: a spec and a tier. Out: the spec within the tier, and the excesses by field path. What widens a tenant is cut to what is
 * allowed; what narrows it (items that are there, rulesets, allow-lists) stays whole, however much of it there is: dropping
 * that would open what was closed. Pure and total.
 */
import type { TenantSpec } from '../../crds/generated/objects.ts';
import type { JsonPath } from '../document/index.ts';
import { excessAt } from './excess.ts';
import type { Bound, Bounded } from './excess.ts';
import type { Feature } from './features.ts';
import { boundResources } from './resources.ts';
import { boundObjectives, boundUsage } from './service.ts';
import type { Tier } from './tier.ts';

const within = (spec: TenantSpec): Bounded => ({ spec, excesses: [] });

const boundNamespaces: Bound = (spec, { limits }) => {
  const most = limits.namespaces;
  if (most === undefined) return within(spec);
  const { quota, items = [] } = spec.namespaces ?? {};
  const excesses = [
    ...(quota !== undefined && quota > most ? [excessAt(['namespaces', 'quota'], String(quota), String(most))] : []),
    // They may be there already, and are the tenant's own: the quota alone keeps more from being made.
    ...(items.length > most ? [excessAt(['namespaces', 'items'], `${items.length} namespaces`, String(most))] : []),
  ];
  return { spec: { ...spec, namespaces: { ...spec.namespaces, quota: Math.min(quota ?? most, most) } }, excesses };
};

const boundRulesets: Bound = (spec, { limits }) => {
  const { rulesets = [] } = spec;
  if (limits.rulesets === undefined || rulesets.length <= limits.rulesets) return within(spec);
  return { spec, excesses: [excessAt(['rulesets'], `${rulesets.length} rulesets`, String(limits.rulesets))] };
};

/** From the least strict. */
const LEVELS = ['privileged', 'baseline', 'restricted'] as const;

const boundPodSecurity: Bound = (spec, { limits }) => {
  const least = limits.podSecurity;
  if (least === undefined) return within(spec);
  const asked = spec.podSecurity?.enforce;
  if (asked !== undefined && LEVELS.indexOf(asked) >= LEVELS.indexOf(least)) return within(spec);
  const bounded = { ...spec, podSecurity: { ...spec.podSecurity, enforce: least } };
  return { spec: bounded, excesses: asked === undefined ? [] : [excessAt(['podSecurity', 'enforce'], asked, least)] };
};

type Gate = {
  readonly feature: Feature;
  readonly path: JsonPath;
  readonly asked: (spec: TenantSpec) => string | undefined;
  readonly without: (spec: TenantSpec) => TenantSpec;
};

const GATES: readonly Gate[] = [
  {
    feature: 'external-egress',
    path: ['network', 'egress'],
    asked: ({ network }) => ((network?.egress ?? []).length > 0 ? 'destinations outside' : undefined),
    without: (spec) => ({ ...spec, network: { ...spec.network, egress: [] } }),
  },
  {
    feature: 'unbounded-network-policies',
    path: ['network', 'tenantPolicies'],
    asked: ({ network }) => (network?.tenantPolicies === 'Allowed' ? 'Allowed' : undefined),
    without: (spec) => ({ ...spec, network: { ...spec.network, tenantPolicies: 'Bounded' } }),
  },
  {
    feature: 'namespace-adoption',
    path: ['namespaces', 'adoptionPolicy'],
    asked: ({ namespaces }) => (namespaces?.adoptionPolicy === 'IfUnowned' ? 'IfUnowned' : undefined),
    without: (spec) => ({ ...spec, namespaces: { ...spec.namespaces, adoptionPolicy: 'Never' } }),
  },
  {
    feature: 'role-bindings',
    path: ['additionalRoleBindings'],
    asked: ({ additionalRoleBindings = [] }) =>
      additionalRoleBindings.length > 0 ? `${additionalRoleBindings.length} bindings` : undefined,
    without: (spec) => ({ ...spec, additionalRoleBindings: [] }),
  },
  {
    feature: 'unsigned-agents',
    path: ['agents', 'unsignedPolicy'],
    asked: ({ agents }) => (agents?.unsignedPolicy === 'Audit' ? 'Audit' : undefined),
    without: (spec) => ({ ...spec, agents: { ...spec.agents, unsignedPolicy: 'Deny' } }),
  },
];

const boundByFeature =
  ({ feature, path, asked, without }: Gate): Bound =>
  (spec, { features }) => {
    const what = asked(spec);
    if (what === undefined || features.has(feature)) return within(spec);
    return { spec: without(spec), excesses: [excessAt(path, what, `none without the feature ${feature}`)] };
  };

const BOUNDS: readonly Bound[] = [
  boundNamespaces,
  boundRulesets,
  boundPodSecurity,
  boundResources,
  boundUsage,
  boundObjectives,
  ...GATES.map(boundByFeature),
];

export const boundTo = (spec: TenantSpec, tier: Tier): Bounded =>
  BOUNDS.reduce<Bounded>((before, bound) => {
    const { spec: bounded, excesses } = bound(before.spec, tier);
    return { spec: bounded, excesses: excesses.length === 0 ? before.excesses : [...before.excesses, ...excesses] };
  }, within(spec));
