// SPDX-License-Identifier: Apache-2.0
/**
 * A Tenant as it counts: its spec after the defaults and within the limits of the tier that it may have.
 *
 * In: the Tenant, the catalog in force (undefined: none), the license that gives it most (license.ts), the time. Out: the tier,
 * the spec, and a problem for each thing that lies beyond, with the tier that would allow it. Operator, webhook and command line
 * use this one function, so that they never disagree. Pure and total; without a catalog the spec counts as it is written.
 */
import type { Tenant, TenantSpec } from '../../crds/generated/objects.ts';
import type { Problem } from '../problem.ts';
import { boundTo } from './bounds.ts';
import { isOver } from './license.ts';
import type { LicenseGrant } from './license.ts';
import { findTier } from './tier.ts';
import type { Tier, TierName, TierTable } from './tier.ts';

/** `allowedBy`: the first tier that would allow it; undefined where none does. */
export type EntitlementProblem = Problem & { readonly allowedBy: TierName | undefined };

export type EffectiveTenant = {
  readonly name: string;
  /** The tier that counts; undefined where there is no catalog. */
  readonly tier: TierName | undefined;
  readonly spec: TenantSpec;
  readonly problems: readonly EntitlementProblem[];
  /** What `checkEntitlement` asks; undefined where there is no catalog. */
  readonly entitled: { readonly tier: Tier; readonly table: TierTable; readonly license: LicenseGrant | undefined } | undefined;
};

export type EntitlementInput = {
  readonly tenant: { readonly metadata: Pick<Tenant['metadata'], 'name'>; readonly spec: TenantSpec };
  readonly catalog: TierTable | undefined;
  readonly license: LicenseGrant | undefined;
  /** Now, epoch ms. */
  readonly atMs: number;
};

const merged = <T extends object>(defaults: T | undefined, said: T | undefined): T | undefined =>
  defaults === undefined || said === undefined ? (said ?? defaults) : { ...defaults, ...said };

/** Field by field; a list that the Tenant says is taken whole. */
const withDefaults = (defaults: TenantSpec, spec: TenantSpec): TenantSpec => {
  const podSecurity = merged(defaults.podSecurity, spec.podSecurity);
  const network = merged(defaults.network, spec.network);
  const images = merged(defaults.images, spec.images);
  const dataResidency = merged(defaults.dataResidency, spec.dataResidency);
  const scheduling = merged(defaults.scheduling, spec.scheduling);
  const models = merged(defaults.agents?.models, spec.agents?.models);
  const tools = merged(defaults.agents?.tools, spec.agents?.tools);
  const agents = merged(defaults.agents, spec.agents);
  return {
    ...defaults,
    ...spec,
    ...(podSecurity === undefined ? {} : { podSecurity }),
    ...(network === undefined ? {} : { network }),
    ...(images === undefined ? {} : { images }),
    ...(dataResidency === undefined ? {} : { dataResidency }),
    ...(scheduling === undefined ? {} : { scheduling }),
    ...(agents === undefined
      ? {}
      : { agents: { ...agents, ...(models === undefined ? {} : { models }), ...(tools === undefined ? {} : { tools }) } }),
  };
};

type Chosen = { readonly tier: Tier; readonly license: LicenseGrant | undefined; readonly problems: readonly EntitlementProblem[] };

/** The highest tier that the tenant may have, up to the one that it asks for. */
const chooseTier = ({ tenant: { spec }, license: offered, atMs }: EntitlementInput, table: TierTable): Chosen => {
  const license = offered === undefined || isOver(offered, atMs) ? undefined : offered;
  const wanted = spec.tier === undefined ? table.defaultTier : findTier(table, spec.tier);
  if (wanted === undefined) {
    const [first] = table.tiers;
    const message = `the catalog, version ${table.version}, has no tier ${spec.tier}; ${first.name} counts`;
    return { tier: first, license, problems: [{ code: 'TIER_UNKNOWN', message, path: 'spec.tier', allowedBy: undefined }] };
  }
  const licensedRank = license === undefined ? -1 : (findTier(table, license.tier)?.rank ?? -1);
  const isAllowed = ({ needsLicense, rank }: Tier): boolean => !needsLicense || rank <= licensedRank;
  if (isAllowed(wanted)) return { tier: wanted, license, problems: [] };
  const tier = table.tiers.findLast((one) => one.rank < wanted.rank && isAllowed(one)) ?? table.tiers[0];
  const why = license === undefined ? 'no license in force is for this tenant' : `license ${license.name} gives ${license.tier}`;
  const message = `tier ${wanted.name} needs a license, and ${why}; ${tier.name} counts`;
  return { tier, license, problems: [{ code: 'TIER_UNLICENSED', message, path: 'spec.tier', allowedBy: undefined }] };
};

/** The first tier above that would allow what `isAllowed` asks. */
export const tierAllowing = (table: TierTable, below: Tier, isAllowed: (tier: Tier) => boolean): TierName | undefined =>
  table.tiers.find((tier) => tier.rank > below.rank && isAllowed(tier))?.name;

export const describeAllowing = (allowedBy: TierName | undefined): string =>
  allowedBy === undefined ? 'no tier of the catalog would allow it' : `tier ${allowedBy} would allow it`;

export const effectiveTenant = (input: EntitlementInput): EffectiveTenant => {
  const { tenant, catalog: table } = input;
  const { name } = tenant.metadata;
  if (table === undefined) return { name, tier: undefined, spec: tenant.spec, problems: [], entitled: undefined };
  const { tier, license, problems } = chooseTier(input, table);
  const wanted = withDefaults(tier.defaults, tenant.spec);
  const { spec, excesses } = boundTo(wanted, tier);
  // Each tier is asked once, whatever number of fields lie beyond.
  const refusedIn = new Map<Tier, ReadonlySet<string>>();
  const pathsBeyond = (other: Tier): ReadonlySet<string> => {
    const known = refusedIn.get(other) ?? new Set(boundTo(wanted, other).excesses.map(({ path }) => path));
    refusedIn.set(other, known);
    return known;
  };
  const beyond = excesses.map(({ path, asked, allowed }): EntitlementProblem => {
    const allowedBy = tierAllowing(table, tier, (other) => !pathsBeyond(other).has(path));
    const message = `${asked} is asked for, tier ${tier.name} allows ${allowed}; ${describeAllowing(allowedBy)}`;
    return { code: 'ENTITLEMENT_EXCEEDED', message, path, allowedBy };
  });
  return {
    name,
    tier: tier.name,
    spec: { ...spec, tier: tier.name },
    problems: [...problems, ...beyond],
    entitled: { tier, table, license },
  };
};
