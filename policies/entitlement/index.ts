// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant's tier lets it do: one question, one answer, on the way to a verdict.
 *
 * In: an `EffectiveTenant` (effective.ts: a Tenant after the defaults and within the limits of its tier) and what is asked for.
 * Out: allowed, or a problem that names the first tier which would allow it. The tiers come from the sealed TierCatalog
 * (catalog.ts), the right to one of them from a sealed License (license.ts); prices are neither's. Without a catalog everything
 * is allowed. Synchronous, pure, total, and no more than look-ups: `remembered.ts` keeps what was worked out for each Tenant.
 * Operator, webhook and command line import it.
 */
import { describeAllowing, tierAllowing } from './effective.ts';
import type { EffectiveTenant, EntitlementProblem } from './effective.ts';
import type { Tier } from './tier.ts';

export type { EffectiveTenant, EntitlementProblem } from './effective.ts';

export type Asked =
  /** One of `FEATURES`, or any name that the catalog's author gave. */
  | { readonly what: 'Feature'; readonly feature: string }
  /** A subscription to a ruleset; `publisherTier` as the Ruleset says it. */
  | { readonly what: 'Ruleset'; readonly name: string; readonly publisherTier: string | undefined };

export type Entitlement = { readonly allowed: true } | { readonly allowed: false; readonly problem: EntitlementProblem };

const ALLOWED: Entitlement = { allowed: true };

/** Publishers that say no standing have the lowest. */
const standingOf = (publisherTier: string | undefined): string => publisherTier ?? 'Community';

const isWithin = (asked: Asked, { features, publisherTiers }: Tier): boolean => {
  switch (asked.what) {
    case 'Feature':
      return features.has(asked.feature);
    case 'Ruleset':
      return publisherTiers === undefined || publisherTiers.has(standingOf(asked.publisherTier));
  }
};

const describe = (asked: Asked, { name, publisherTiers }: Tier): { readonly message: string; readonly path: string } => {
  switch (asked.what) {
    case 'Feature':
      return { message: `tier ${name} does not have the feature ${asked.feature}`, path: 'spec.tier' };
    case 'Ruleset': {
      const allowed = [...(publisherTiers ?? [])].join(', ');
      const whose = `ruleset ${asked.name} is of a ${standingOf(asked.publisherTier)} publisher`;
      return { message: `${whose}, tier ${name} allows ${allowed === '' ? 'none' : allowed}`, path: 'spec.rulesets' };
    }
  }
};

export const checkEntitlement = ({ entitled }: Pick<EffectiveTenant, 'entitled'>, asked: Asked): Entitlement => {
  if (entitled === undefined || isWithin(asked, entitled.tier)) return ALLOWED;
  const { tier, table } = entitled;
  const allowedBy = tierAllowing(table, tier, (other) => isWithin(asked, other));
  const { message, path } = describe(asked, tier);
  const told = `${message}; ${describeAllowing(allowedBy)}`;
  return { allowed: false, problem: { code: 'ENTITLEMENT_EXCEEDED', message: told, path, allowedBy } };
};
