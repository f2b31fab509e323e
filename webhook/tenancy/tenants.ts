// SPDX-License-Identifier: Apache-2.0
// Whose namespace a request is in, and the bounds that count there. The cache answers; a Tenant that it does not hold is asked
// for, so that a namespace is never unbounded because a watch lags. A Tenant that there is not at all bounds nothing: it was
// deleted and left its namespaces on purpose, and policies govern them on.
import { tenants } from '../../crds/kinds.ts';
import type { Tenant, TenantLimit } from '../../crds/generated/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { boundsOf } from '../../policies/tenancy/bounds.ts';
import type { BoundTenant, TenantBounds } from '../../policies/tenancy/bounds.ts';
import { summedHard } from '../../policies/tenancy/summed-quota.ts';
import type { Amounts } from '../../crds/quota-ledger.ts';

export type LiveTenant = KubeObject & Pick<Tenant, 'spec'>;

export type Bound = { readonly bounds: TenantBounds; readonly hard: Amounts; readonly limits: readonly TenantLimit[] };

export type TenantLookup = (name: string) => Promise<Bound | undefined> | Bound | undefined;

export type TenantLookupOptions = {
  readonly client: Pick<KubeClient, 'get'>;
  readonly cached: (name: string) => LiveTenant | undefined;
  /** One that was read past the cache, as it counts; throws where nothing of it does. Absent: as it is. */
  readonly counted?: (live: LiveTenant) => LiveTenant;
  /** What of its spec counts: the same object for the same Tenant as long as nothing changes. */
  readonly effective: (tenant: LiveTenant) => BoundTenant;
  readonly timeoutMs: number;
};

export const createTenantLookup = ({
  client,
  cached,
  counted = (live) => live,
  effective,
  timeoutMs,
}: TenantLookupOptions): TenantLookup => {
  const known = new WeakMap<BoundTenant['spec'], Bound>();
  const read = (tenant: LiveTenant): Bound => {
    const bound = effective(tenant);
    const found = known.get(bound.spec);
    if (found !== undefined) return found;
    const made = { bounds: boundsOf(bound), hard: summedHard(bound.spec), limits: bound.spec.usage?.limits ?? [] };
    known.set(bound.spec, made);
    return made;
  };
  // One look for all who ask at the same time.
  const asking = new Map<string, Promise<Bound | undefined>>();
  const ask = async (name: string): Promise<Bound | undefined> => {
    try {
      const live = await client.get<LiveTenant>(tenants, { name }, { timeoutMs });
      return live === undefined ? undefined : read(counted(live));
    } finally {
      asking.delete(name);
    }
  };
  return (name) => {
    const tenant = cached(name);
    if (tenant !== undefined) return read(tenant);
    const pending = asking.get(name) ?? ask(name);
    asking.set(name, pending);
    return pending;
  };
};
