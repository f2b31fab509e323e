// SPDX-License-Identifier: Apache-2.0
// Our kinds as they come from the API server: what the schemas say of them, with the metadata that every live object has.
import type { GitSource, License, Policy, PriceBook, Ruleset, Tenant, TierCatalog, TrustPolicy } from '../../crds/generated/objects.ts';
import type { KubeObject } from '../../kube/objects.ts';

export type LiveGitSource = KubeObject & Pick<GitSource, 'spec' | 'status'>;
export type LivePolicy = KubeObject & Pick<Policy, 'spec' | 'signature' | 'status'>;
/** Its kind is told, so that it is judged as what it is. */
export type LiveRuleset = KubeObject & Pick<Ruleset, 'kind' | 'spec' | 'signature' | 'status'>;
export type LiveTierCatalog = KubeObject & Pick<TierCatalog, 'kind' | 'spec' | 'signature' | 'status'>;
export type LiveLicense = KubeObject & Pick<License, 'kind' | 'spec' | 'signature' | 'status'>;
export type LivePriceBook = KubeObject & Pick<PriceBook, 'kind' | 'spec' | 'signature' | 'status'>;
export type LiveEntitlement = LiveTierCatalog | LiveLicense | LivePriceBook;
/** Whatever counts by its seals. */
export type LiveSealed = LivePolicy | LiveRuleset | LiveEntitlement;
export type LiveTenant = KubeObject & Pick<Tenant, 'spec' | 'status'>;
export type LiveTrustPolicy = KubeObject & Pick<TrustPolicy, 'spec' | 'signature' | 'status'>;
