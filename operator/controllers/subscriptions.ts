// SPDX-License-Identifier: Apache-2.0
// What became of the rulesets that a Tenant names. A release outside of the range that it expects binds it all the same:
// what is installed is stricter than nothing, and who may write Tenants may not switch off what was sealed.
import type { TenantStatusRuleset } from '../../crds/generated/objects.ts';
import { checkEntitlement } from '../../policies/entitlement/index.ts';
import type { EffectiveTenant, EntitlementProblem } from '../../policies/entitlement/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { fitsRange } from '../../policies/ruleset/range.ts';
import type { LiveTenant } from './live.ts';
import type { StandingRelease } from './requirements.ts';

export type SubscriptionStatus = {
  /** How many the Tenant names. */
  readonly asked: number;
  /** Those that bind it. */
  readonly rulesets: readonly TenantStatusRuleset[];
  readonly problems: readonly Problem[];
};

export const subscriptionStatus = ({ spec }: Pick<LiveTenant, 'spec'>, releases: readonly StandingRelease[]): SubscriptionStatus => {
  const installed = new Map(releases.filter(({ retired }) => !retired).map((release) => [release.name, release]));
  const rulesets: TenantStatusRuleset[] = [];
  const problems: Problem[] = [];
  for (const [index, { name, release: range }] of (spec.rulesets ?? []).entries()) {
    const path = `spec.rulesets[${index}]`;
    const found = installed.get(name);
    if (found === undefined) {
      problems.push({ code: 'RULESET_NOT_INSTALLED', message: `there is no ruleset ${name}`, path });
      continue;
    }
    const { release, digest } = found;
    rulesets.push({ name, ...(release === undefined ? {} : { release }), digest });
    if (fitsRange(release, range)) continue;
    const is = release === undefined ? 'it says no release' : `it is ${release}`;
    problems.push({
      code: 'RULESET_RELEASE_UNFIT',
      message: `${name} is expected in ${range ?? ''}, ${is} and binds`,
      path: `${path}.release`,
    });
  }
  return { asked: spec.rulesets?.length ?? 0, rulesets, problems };
};

/** Subscriptions that the tier does not allow. They bind all the same: what narrows a tenant is no privilege to be taken away. */
export const subscriptionEntitlements = (tenant: EffectiveTenant, standing: readonly StandingRelease[]): readonly EntitlementProblem[] => {
  const known = new Map(standing.map((release) => [release.name, release]));
  return (tenant.spec.rulesets ?? []).flatMap(({ name }, index) => {
    const release = known.get(name);
    if (release === undefined) return [];
    const answer = checkEntitlement(tenant, { what: 'Ruleset', name, publisherTier: release.publisherTier });
    return answer.allowed ? [] : [{ ...answer.problem, path: `spec.rulesets[${index}].name` }];
  });
};
