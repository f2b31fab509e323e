// SPDX-License-Identifier: Apache-2.0
// Which rule a change meets. Pure: what it goes by is in the view.
import type { GuardedChange } from './change.ts';
import { oddForm, oddIn } from './bundles.ts';
import { ruleInventory } from './inventory.ts';
import { ruleMarks } from './marks.ts';
import { isMetadataOnly } from './meaning.ts';
import { ruleRemoval, ruleTenantRemoval } from './removal.ts';
import { pass } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import type { LoadOutcome } from '../../policies/trust/read-policy.ts';
import { ruleSealed } from './sealed.ts';
import type { SealedVerifications } from './sealed.ts';
import { ruleTrust } from './trust.ts';
import type { GuardView } from './view.ts';

/** What was found out before: of a trust policy, or of anything else that is sealed. */
export type Verifications = {
  readonly loaded?: LoadOutcome;
  readonly sealed?: SealedVerifications;
  /** The place of the first bundle that is not in the form in which it is stored. */
  readonly odd: string | undefined;
};

type Json = Readonly<Record<string, unknown>>;

/** Last: what is wrong with a seal is told before how it is spelled. */
const spelled = (ruling: Ruling, after: Json | undefined, ahead: Verifications | undefined): Ruling => {
  if (ruling.kind !== 'pass') return ruling;
  const odd = ahead === undefined ? oddIn(after) : ahead.odd;
  return odd === undefined ? pass : oddForm(odd);
};

/** `ahead`: what was verified before, where that holds still. */
export const ruleOn = (change: GuardedChange, view: GuardView, ahead?: Verifications): Ruling => {
  const { kind, name, before, after } = change;
  switch (kind) {
    case 'Inventory':
      return ruleInventory(change, view);
    case 'Marks':
      return ruleMarks(change, view);
    case 'TrustPolicy':
      return isMetadataOnly(change) ? pass : spelled(ruleTrust({ name, before, after }, view, ahead?.loaded), after, ahead);
    case 'Policy':
    case 'Ruleset':
    case 'TierCatalog':
    case 'License':
    case 'PriceBook':
    case 'Tenant':
      if (isMetadataOnly(change)) return pass;
      if (after !== undefined) return spelled(ruleSealed({ kind, name, before, after }, view, ahead?.sealed), after, ahead);
      return kind === 'Tenant' ? ruleTenantRemoval({ name, before }, view) : ruleRemoval({ kind, name }, view);
  }
};
