// SPDX-License-Identifier: Apache-2.0
// A sealed TierCatalog → the table of tiers, ready to be asked, or all that is wrong with it. The defaults of a tier are fields
// of a Tenant, so the schema of Tenants and its rules are what they are held to; and no tier may give by default what it does
// not allow.
import type { TenantSpec, TierCatalog, TierCatalogTier } from '../../crds/generated/objects.ts';
import { API_VERSION } from '../../crds/kinds.ts';
import type { JsonPath, ParsedDocument } from '../document/index.ts';
import { formatPath, isJsonObject, valueAt } from '../document/json.ts';
import { AGENTS } from '../quota/agents.ts';
import { UNIT, nanosOfQuantity } from '../quota/quantity.ts';
import { quotaNameProblem, quotaQuantityProblem } from '../quota/resource-name.ts';
import { validateDocument } from '../document/validate.ts';
import type { Problem } from '../problem.ts';
import { boundTo } from './bounds.ts';
import { resourceKey } from './tier.ts';
import type { ResourceCap, Tier, TierTable } from './tier.ts';

export type CatalogOutcome =
  /** `undefined`: it is retired, and there is no catalog. */
  { readonly ok: true; readonly table: TierTable | undefined } | { readonly ok: false; readonly problems: readonly Problem[] };

/** A tier speaks of what its tenants have; who they are and what is done with them is each Tenant's own. */
const DEFAULTABLE: ReadonlySet<string> = new Set([
  'podSecurity',
  'resourceQuotas',
  'limitRanges',
  'network',
  'images',
  'agents',
  'dataResidency',
  'scheduling',
  'locale',
]);

const problemAt = (parsed: ParsedDocument, path: JsonPath, message: string): Problem => ({
  code: 'CATALOG_INVALID',
  message,
  at: parsed.positionOf(path),
  path: formatPath(path),
});

type Defaults = { readonly spec: TenantSpec; readonly problems: readonly Problem[] };

const TIERS: JsonPath = ['spec', 'tiers'];

/** Read as the Tenant that would say just this, with every place in the catalog. */
const readDefaults = (parsed: ParsedDocument, index: number): Defaults => {
  const path = [...TIERS, index, 'defaults'];
  const value = valueAt(parsed.value, path);
  if (!isJsonObject(value)) return { spec: {}, problems: [] };
  const foreign = Object.keys(value).filter((field) => !DEFAULTABLE.has(field));
  if (foreign.length > 0) {
    return { spec: {}, problems: foreign.map((field) => problemAt(parsed, [...path, field], 'a tier gives no default for this field')) };
  }
  const outcome = validateDocument({
    ...parsed,
    value: { apiVersion: API_VERSION, kind: 'Tenant', metadata: { name: 'defaults' }, spec: value },
    positionOf: ([, ...rest]) => parsed.positionOf([...path, ...rest]),
    positionIn: ([, ...rest], offset) => parsed.positionIn([...path, ...rest], offset),
  });
  if (outcome.ok) return { spec: outcome.kind === 'Tenant' ? outcome.object.spec : {}, problems: [] };
  const place = formatPath(path);
  const problems = outcome.problems.map((problem) => ({ ...problem, path: problem.path?.replace(/^spec/, () => place) ?? place }));
  return { spec: {}, problems };
};

const readResources = (
  tier: TierCatalogTier,
  index: number,
  parsed: ParsedDocument,
): { readonly caps: Tier['resources']; readonly problems: readonly Problem[] } => {
  const caps = new Map<string, ResourceCap>();
  const problems: Problem[] = [];
  for (const [name, text] of Object.entries(tier.limits?.resources ?? {})) {
    const path = [...TIERS, index, 'limits', 'resources', name];
    const nano = nanosOfQuantity(text);
    const wrong = quotaNameProblem(name) ?? quotaQuantityProblem(name, text);
    if (nano === undefined || wrong !== undefined) problems.push(problemAt(parsed, path, wrong ?? 'this is no quantity'));
    else if (caps.has(resourceKey(name))) problems.push(problemAt(parsed, path, `it is limited twice: ${resourceKey(name)} is the same`));
    else caps.set(resourceKey(name), { name, text: String(text), nano });
  }
  const { agents } = tier.limits ?? {};
  // Counted with everything else that the tenant's namespaces take together.
  if (agents !== undefined && !caps.has(AGENTS)) caps.set(AGENTS, { name: AGENTS, text: String(agents), nano: BigInt(agents) * UNIT });
  return { caps, problems };
};

const readTier = (
  tier: TierCatalogTier,
  rank: number,
  parsed: ParsedDocument,
): { readonly tier: Tier; readonly problems: readonly Problem[] } => {
  const defaults = readDefaults(parsed, rank);
  const resources = readResources(tier, rank, parsed);
  const { namespaces, rulesets, podSecurity } = tier.limits ?? {};
  const read: Tier = {
    name: tier.name,
    rank,
    needsLicense: tier.license === 'Required',
    features: new Set(tier.features),
    defaults: defaults.spec,
    limits: {
      ...(namespaces === undefined ? {} : { namespaces }),
      ...(rulesets === undefined ? {} : { rulesets }),
      ...(podSecurity === undefined ? {} : { podSecurity }),
    },
    resources: resources.caps,
    usage: tier.usage?.limits ?? [],
    slo: tier.slo ?? {},
    publisherTiers: tier.marketplace?.publisherTiers === undefined ? undefined : new Set(tier.marketplace.publisherTiers),
  };
  const place = formatPath([...TIERS, rank, 'defaults']);
  const beyond = boundTo(defaults.spec, read).excesses.map(({ path, asked, allowed }) => ({
    ...problemAt(parsed, [...TIERS, rank, 'defaults'], `the tier gives ${asked} by default and allows ${allowed}`),
    path: path.replace(/^spec/, () => place),
  }));
  return { tier: read, problems: [...defaults.problems, ...resources.problems, ...beyond] };
};

/** Total. Of a document whose seals count; `parsed`: the same, for the places. */
export const readCatalog = ({ spec }: TierCatalog, parsed: ParsedDocument): CatalogOutcome => {
  if (spec.retired === true) return { ok: true, table: undefined };
  const read = (spec.tiers ?? []).map((tier, rank) => readTier(tier, rank, parsed));
  const problems = read.flatMap((one) => one.problems);
  const [first, ...others] = read.map(({ tier }) => tier);
  if (first === undefined) return { ok: false, problems: [problemAt(parsed, ['spec'], 'a catalog has at least one tier')] };
  if (problems.length > 0) return { ok: false, problems };
  const tiers = [first, ...others] as const;
  const expiresMs = spec.expires === undefined ? undefined : Date.parse(spec.expires);
  const defaultTier = tiers.find(({ name }) => name === spec.defaultTier) ?? first;
  return { ok: true, table: { digest: parsed.digest, version: spec.version, expiresMs, tiers, defaultTier } };
};
