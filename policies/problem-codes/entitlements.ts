// SPDX-License-Identifier: Apache-2.0
// What a tenant's tier does not allow, and what is wrong with the catalog of tiers or a license.
import type { ProblemCodes } from './entry.ts';

export const entitlementsCodes = {
  ENTITLEMENT_EXCEEDED: {
    summary: 'The Tenant says or wants more than its tier allows; what is beyond has no effect.',
    fix: 'ask for no more than the tier allows, or set spec.tier to the tier that is named',
  },
  TIER_UNKNOWN: {
    summary: 'The catalog has no tier of this name; the tenant has the first of the catalog.',
    fix: 'set spec.tier to a tier of the TierCatalog, or add the tier to it',
  },
  TIER_UNLICENSED: {
    summary: 'No License in force gives this tenant its tier; it has the highest one that it may have without.',
    fix: 'add a License for this installation that names the tier or a later one',
  },
  CATALOG_MISSING: {
    summary: 'A catalog of tiers was in force, and its object is not in the cluster; what was made for tenants stays as it is.',
    fix: 'reconcile the GitSource that it comes from, or apply the TierCatalog again; to end it, publish a version that says retired: true',
  },
  LICENSE_FOREIGN: {
    summary: 'The License is for another installation, and gives nothing here.',
    fix: "ask for a license that names this installation: kubectl get namespace kube-system -o jsonpath='{.metadata.uid}'",
  },
  CATALOG_INVALID: {
    summary: 'A tier of the catalog says something that it cannot mean.',
    fix: 'correct the catalog, raise its version and seal it again',
  },
} as const satisfies ProblemCodes;
