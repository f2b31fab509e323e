// SPDX-License-Identifier: Apache-2.0
// Which rule a change meets. Pure: what it goes by is in the view.
import type { GuardedChange } from './change.ts';
import { ruleBundles } from './bundles.ts';
import { ruleInventory } from './inventory.ts';
import { ruleMarks } from './marks.ts';
import { isMetadataOnly } from './meaning.ts';
import { ruleRemoval, ruleTenantRemoval } from './removal.ts';
import { pass } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { ruleSealed } from './sealed.ts';
import type { Verifications } from './sealed.ts';
import { ruleTrust } from './trust.ts';
import type { GuardView } from './view.ts';

type Json = Readonly<Record<string, unknown>>;

/** Last: what is wrong with a seal is told before how it is spelled. */
const spelled = (after: Json | undefined, ruling: Ruling): Ruling => (ruling.kind === 'pass' ? ruleBundles(after) : ruling);

/** `ahead`: what was verified before, where that holds still. */
export const ruleOn = (change: GuardedChange, view: GuardView, ahead?: Verifications): Ruling => {
  const { kind, name, before, after } = change;
  switch (kind) {
    case 'Inventory':
      return ruleInventory(change, view);
    case 'Marks':
      return ruleMarks(change, view);
    case 'TrustPolicy':
      return isMetadataOnly(change) ? pass : spelled(after, ruleTrust({ name, before, after }, view));
    case 'Policy':
    case 'Ruleset':
    case 'TierCatalog':
    case 'License':
    case 'PriceBook':
    case 'Tenant':
      if (isMetadataOnly(change)) return pass;
      if (after !== undefined) return spelled(after, ruleSealed({ kind, name, before, after }, view, ahead));
      return kind === 'Tenant' ? ruleTenantRemoval({ name, before }, view) : ruleRemoval({ kind, name }, view);
  }
};
