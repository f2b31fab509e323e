// SPDX-License-Identifier: Apache-2.0
// The sealed documents that stand → what tenants are held to. One function for operator and replicas, so that they agree.
import type { License, PriceBook, TierCatalog } from '../../crds/generated/objects.ts';
import { closesAtMs } from '../policy-object.ts';
import type { SignedPolicy } from '../policy-object.ts';
import type { LicenseTerms } from './license.ts';
import type { EntitlementState } from './remembered.ts';

const isLicense = (document: TierCatalog | License | PriceBook): document is License => document.kind === 'License';

/** A license whose seals a newer trust policy has taken away gives nothing; a catalog bounds until another one comes. */
const termsOf = (document: SignedPolicy): readonly LicenseTerms[] => {
  const { name, entitlement, expiresMs, retired, withdrawn } = document;
  if (entitlement === undefined || !isLicense(entitlement) || retired || withdrawn !== undefined) return [];
  return [{ name, spec: entitlement.spec, expiresMs, closesMs: closesAtMs(document) }];
};

/** `documents`: all that stand, or those that speak of entitlements; one for each kind and name. */
export const entitlementState = (documents: readonly SignedPolicy[], installation: string | undefined): EntitlementState => ({
  catalog: documents.find(({ kind }) => kind === 'TierCatalog')?.table,
  licenses: documents.flatMap(termsOf),
  installation,
});
