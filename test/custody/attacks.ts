// SPDX-License-Identifier: Apache-2.0
/**
 * The attack suite: every way that we know to have an order enforced that nobody gave, and what must be accepted all the same.
 *
 * In: nothing. Out: tables of attacks, each with the code that refuses it, and of controls. `attacks.test.ts` tries all of
 * them on the whole gate between the API server and the enforced set. Single checks have their own, longer tables beside
 * policies/trust and in test/sigstore; here stands one row for each kind of attack. docs/security.md names them all.
 */
import { breakGlassAttacks, breakGlassControls } from './attacks/break-glass.ts';
import { chainAttacks, chainControls } from './attacks/chains.ts';
import { documentAttacks, documentControls } from './attacks/documents.ts';
import { entitlementAttacks, entitlementControls } from './attacks/entitlements.ts';
import type { Attack, Control } from './attacks/gate.ts';
import { identityAttacks, identityControls } from './attacks/identities.ts';
import { rulesetAttacks, rulesetControls } from './attacks/rulesets.ts';
import { sealAttacks, sealControls } from './attacks/seals.ts';
import { setAttacks, setControls } from './attacks/sets.ts';
import { tenantAttacks, tenantControls } from './attacks/tenants.ts';

export const attacks: readonly Attack[] = [
  ...documentAttacks,
  ...sealAttacks,
  ...identityAttacks,
  ...rulesetAttacks,
  ...chainAttacks,
  ...setAttacks,
  ...breakGlassAttacks,
  ...entitlementAttacks,
  ...tenantAttacks,
];
export const controls: readonly Control[] = [
  ...documentControls,
  ...sealControls,
  ...identityControls,
  ...rulesetControls,
  ...chainControls,
  ...setControls,
  ...breakGlassControls,
  ...entitlementControls,
  ...tenantControls,
];
