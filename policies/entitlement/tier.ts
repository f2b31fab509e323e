// SPDX-License-Identifier: Apache-2.0
// What a catalog says, ready to be asked. All look-ups are by Map and Set, since names come from tenants too.
import type { TenantSpec, TierCatalogTier } from '../../crds/generated/objects.ts';

export type TierName = TierCatalogTier['name'];

/** `name` and `text`: as the catalog has them; `nano`: in billionths. */
export type ResourceCap = { readonly name: string; readonly text: string; readonly nano: bigint };

export type Tier = {
  readonly name: TierName;
  /** Its place in the catalog: a later one allows more. */
  readonly rank: number;
  readonly needsLicense: boolean;
  readonly features: ReadonlySet<string>;
  readonly defaults: TenantSpec;
  readonly limits: Pick<NonNullable<TierCatalogTier['limits']>, 'namespaces' | 'rulesets' | 'podSecurity'>;
  /** By `resourceKey`. */
  readonly resources: ReadonlyMap<string, ResourceCap>;
  readonly usage: NonNullable<NonNullable<TierCatalogTier['usage']>['limits']>;
  readonly slo: NonNullable<TierCatalogTier['slo']>;
  /** Undefined: all of them. */
  readonly publisherTiers: ReadonlySet<string> | undefined;
};

export type TierTable = {
  /** `sha256:…` of the signed bytes. */
  readonly digest: string;
  readonly version: number;
  /** By when a newer version should have come, epoch ms. */
  readonly expiresMs: number | undefined;
  /** From the one that allows least; never empty. */
  readonly tiers: readonly [Tier, ...Tier[]];
  /** Of a Tenant that names none. */
  readonly defaultTier: Tier;
};

export const findTier = ({ tiers }: Pick<TierTable, 'tiers'>, name: string | undefined): Tier | undefined =>
  tiers.find((tier) => tier.name === name);

/** Two names that a ResourceQuota counts as one. */
export const resourceKey = (name: string): string =>
  name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' ? `requests.${name}` : name;
