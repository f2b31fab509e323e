// SPDX-License-Identifier: Apache-2.0
// A Tenant's spec, read once into the form in which requests are judged by it.
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { modelBounds, toolBounds } from './agents.ts';
import type { ModelBound, ToolBounds } from './agents.ts';
import { networkBounds } from './network-bounds.ts';
import type { NetworkBounds } from './network-bounds.ts';

/** A Tenant as it counts: its spec with what its tier gives, within what its tier allows. */
export type BoundTenant = { readonly name: string; readonly spec: TenantSpec };

export type ClassBounds = {
  readonly default: string | undefined;
  /** Undefined: every class. */
  readonly allowed: ReadonlySet<string> | undefined;
};

export type TenantBounds = {
  readonly tenant: string;
  readonly admission: 'Open' | 'Cordoned' | 'Quarantined';
  readonly restrictsPods: boolean;
  /** Whether anything of what follows speaks of workloads: of most tenants nothing does. */
  readonly boundsWorkloads: boolean;
  /** Undefined: every image. */
  readonly registries: readonly string[] | undefined;
  readonly needsDigests: boolean;
  /** Undefined: every policy; the first is what a container gets that has another. */
  readonly pullPolicies: readonly string[] | undefined;
  readonly priorityClasses: ClassBounds;
  readonly runtimeClasses: ClassBounds;
  readonly nodeSelector: readonly (readonly [key: string, value: string])[];
  /** Undefined where the tenant's data may be anywhere, or a breach is only noted. */
  readonly regions: ReadonlySet<string> | undefined;
  /** Undefined: every model. */
  readonly models: readonly ModelBound[] | undefined;
  readonly tools: ToolBounds;
  readonly network: NetworkBounds;
};

const classBounds = (given: { readonly default?: string; readonly allowed?: readonly string[] } | undefined): ClassBounds => ({
  default: given?.default,
  allowed: given?.allowed === undefined ? undefined : new Set([...given.allowed, ...(given.default === undefined ? [] : [given.default])]),
});

type WorkloadBounds = Pick<
  TenantBounds,
  'registries' | 'needsDigests' | 'pullPolicies' | 'priorityClasses' | 'runtimeClasses' | 'nodeSelector' | 'regions' | 'models' | 'tools'
>;

const speaksOfWorkloads = (bounds: WorkloadBounds): boolean =>
  bounds.needsDigests ||
  bounds.nodeSelector.length > 0 ||
  bounds.tools.denied.size > 0 ||
  [
    bounds.registries,
    bounds.pullPolicies,
    bounds.priorityClasses.allowed,
    bounds.runtimeClasses.allowed,
    bounds.regions,
    bounds.models,
    bounds.tools.allowed,
  ].some((bound) => bound !== undefined);

export const boundsOf = ({ name, spec }: BoundTenant): TenantBounds => {
  const { images, scheduling, dataResidency, agents } = spec;
  const regions = dataResidency?.enforcement === 'Audit' ? undefined : dataResidency?.regions;
  const workloads: WorkloadBounds = {
    registries: images?.registries?.map(({ prefix }) => prefix),
    needsDigests: images?.digestPolicy === 'Required',
    pullPolicies: images?.pullPolicies === undefined || images.pullPolicies.length === 0 ? undefined : images.pullPolicies,
    priorityClasses: classBounds(scheduling?.priorityClasses),
    runtimeClasses: classBounds(scheduling?.runtimeClasses),
    nodeSelector: Object.entries(scheduling?.nodeSelector ?? {}),
    regions: regions === undefined || regions.length === 0 ? undefined : new Set(regions),
    models: agents?.models?.allowed === undefined ? undefined : modelBounds(agents.models.allowed),
    tools: toolBounds(agents?.tools),
  };
  return {
    tenant: name,
    admission: spec.admission ?? 'Open',
    restrictsPods: spec.podSecurity?.enforce === 'restricted',
    boundsWorkloads: speaksOfWorkloads(workloads),
    ...workloads,
    network: networkBounds(name, spec.network),
  };
};
