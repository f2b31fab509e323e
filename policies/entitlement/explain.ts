// SPDX-License-Identifier: Apache-2.0
// What each field of a Tenant comes to in its tier and who says so, and what each License gives it or why not: the answer of `effectiveTenant`
// taken apart for people. Pure and total; it decides nothing of its own.
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { anyDifference } from '../document/difference.ts';
import { formatPath } from '../document/json.ts';
import type { JsonPath } from '../document/json.ts';
import type { Problem } from '../problem.ts';
import type { EffectiveTenant, EntitlementInput, EntitlementProblem } from './effective.ts';
import { tierAllowing } from './effective.ts';
import { FEATURES } from './features.ts';
import { isOver } from './license.ts';
import type { LicenseTerms } from './license.ts';
import { entitle } from './remembered.ts';
import type { EntitlementState } from './remembered.ts';
import type { TierName } from './tier.ts';

/** `cut`: the Tenant asks for more than its tier allows; `kept`: so it does, and what is there is not taken away. `given`: it says nothing, and the tier bounds or promises this. */
export type FieldSource = 'tenant' | 'default' | 'given' | 'cut' | 'kept';

export type FieldExplained = {
  readonly path: string;
  /** Undefined: nothing is left of it. */
  readonly value: unknown;
  readonly source: FieldSource;
  /** What the Tenant says, where that is cut. */
  readonly asked?: unknown;
  /** The first tier that would allow it; undefined where none does, or nothing is cut. */
  readonly allowedBy?: TierName;
};

export type LicenseStanding = {
  readonly name: string;
  readonly tier: string | undefined;
  readonly endsMs: number | undefined;
  readonly counts: boolean;
  /** Why it gives the tenant nothing, or less than another. */
  readonly why: string | undefined;
};

export type TenantExplained = {
  readonly tenant: string;
  readonly asks: string | undefined;
  readonly effective: EffectiveTenant;
  readonly fields: readonly FieldExplained[];
  readonly features: readonly {
    readonly name: string;
    readonly lets: string;
    readonly has: boolean;
    readonly allowedBy: TierName | undefined;
  }[];
  readonly licenses: readonly LicenseStanding[];
  readonly problems: readonly EntitlementProblem[];
};

/** Deeper than that a person reads the value itself. */
const DEPTH = 2;
/** What every Tenant has, whatever its tier. */
const OF_NO_TIER: ReadonlySet<string> = new Set(['tier']);

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const leavesOf = (value: unknown, path: JsonPath = []): readonly JsonPath[] =>
  isMap(value) && path.length < DEPTH ? Object.keys(value).flatMap((key) => leavesOf(value[key], [...path, key])) : [path];

const at = (root: unknown, path: JsonPath): unknown =>
  path.reduce<unknown>((value, step) => (isMap(value) && Object.hasOwn(value, String(step)) ? value[String(step)] : undefined), root);

const isSame = (one: unknown, other: unknown): boolean => anyDifference(one, other) === undefined;

const isWithin = (problem: Problem, path: string): boolean =>
  problem.path === path || problem.path?.startsWith(`${path}.`) === true || problem.path?.startsWith(`${path}[`) === true;

const fieldOf = (path: JsonPath, said: TenantSpec, { spec, entitled, problems }: EffectiveTenant): FieldExplained => {
  const name = formatPath(['spec', ...path]);
  const [value, asked, byDefault] = [at(spec, path), at(said, path), at(entitled?.tier.defaults, path)];
  const beyond = problems.find((problem) => isWithin(problem, name));
  const allowed = beyond?.allowedBy === undefined ? {} : { allowedBy: beyond.allowedBy };
  if (isSame(value, asked)) return { path: name, value, source: beyond === undefined ? 'tenant' : 'kept', ...allowed };
  if (asked === undefined) return { path: name, value, source: isSame(value, byDefault) ? 'default' : 'given' };
  // A list to which the tier adds its own is not cut.
  return { path: name, value, source: beyond === undefined ? 'given' : 'cut', asked, ...allowed };
};

const fieldsOf = (said: TenantSpec, effective: EffectiveTenant): readonly FieldExplained[] => {
  const paths = new Map([...leavesOf(said), ...leavesOf(effective.spec)].map((path) => [formatPath(path), path]));
  return [...paths]
    .filter(([, path]) => path.length > 0 && !OF_NO_TIER.has(String(path[0])))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, path]) => fieldOf(path, said, effective));
};

type AskedOf = { readonly license: LicenseTerms; readonly state: EntitlementState; readonly tenant: string; readonly atMs: number };

const whyNot = ({ license, state, tenant, atMs }: AskedOf): string | undefined => {
  const { retired, installation, tenants, tier } = license.spec;
  if (retired === true) return 'it is retired';
  if (isOver(license, atMs)) return 'it has ended';
  if (state.installation === undefined) return 'which installation this is is not known';
  if (installation !== state.installation) return `it is for installation ${installation ?? '(none)'}`;
  if (tenants !== undefined && !tenants.includes(tenant)) return `it is for ${tenants.join(', ')}`;
  return tier === undefined ? 'it names no tier' : undefined;
};

/** Of every license of the state, in the order of their names. */
const licenseStandings = (
  state: EntitlementState,
  asked: { readonly tenant: string; readonly chosen: string | undefined; readonly atMs: number },
): readonly LicenseStanding[] =>
  state.licenses
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((license) => {
      const why = whyNot({ license, state, ...asked });
      const counts = why === undefined && license.name === asked.chosen;
      const told = counts
        ? undefined
        : (why ?? (asked.chosen === undefined ? 'no catalog is in force' : `license ${asked.chosen} gives as much or more`));
      return { name: license.name, tier: license.spec.tier, endsMs: license.closesMs, counts, why: told };
    });

export const explainTenant = (tenant: EntitlementInput['tenant'], state: EntitlementState, atMs: number): TenantExplained => {
  const effective = entitle(tenant, state, atMs);
  const { entitled } = effective;
  const { name } = tenant.metadata;
  return {
    tenant: name,
    asks: tenant.spec.tier,
    effective,
    fields: fieldsOf(tenant.spec, effective),
    features: Object.entries(FEATURES).map(([feature, lets]) => ({
      name: feature,
      lets,
      has: entitled === undefined || entitled.tier.features.has(feature),
      allowedBy:
        entitled === undefined || entitled.tier.features.has(feature)
          ? undefined
          : tierAllowing(entitled.table, entitled.tier, ({ features }) => features.has(feature)),
    })),
    licenses: licenseStandings(state, { tenant: name, chosen: entitled?.license?.name, atMs }),
    problems: effective.problems,
  };
};
