// SPDX-License-Identifier: Apache-2.0
// writ tenant entitlements: all tenants at once, what each tier gives, and what each license does.
import { Command } from 'commander';
import { explainTenant } from '../../policies/entitlement/explain.ts';
import type { TenantExplained } from '../../policies/entitlement/explain.ts';
import type { EntitlementState } from '../../policies/entitlement/remembered.ts';
import type { Tier } from '../../policies/entitlement/tier.ts';
import { judgedAt } from '../judged-at.ts';
import { EXIT_FINDINGS, printJson, problemRow } from '../output.ts';
import type { Terminal } from '../output.ts';
import { endOf } from './explain.ts';
import { columns, heldToOptions, readHeldTo } from './held-to.ts';
import type { HeldToOptions } from './held-to.ts';

const HELP = `
One line a tenant: the tier that it asks for, the one that it has, the License that gives it and until when, and how much of its spec
lies beyond. Then one line a tier of the catalog, and one a License with the tenants that it counts for.
\`writ tenant explain NAME\` tells one of them field by field. Seals are not asked for: \`writ verify\` does that.

Formats: text; json has {catalog, tenants, tiers, licenses}.

Exit codes: 0 all are within their tiers, 1 some are not, 2 wrong use.

Examples:
  writ tenant entitlements -f .
  writ tenant entitlements --context production --output json`;

const tierRow = ({ name, needsLicense, features, limits, resources, publisherTiers }: Tier) => ({
  name,
  license: needsLicense ? 'Required' : 'None',
  namespaces: limits.namespaces ?? null,
  rulesets: limits.rulesets ?? null,
  podSecurity: limits.podSecurity ?? null,
  resources: Object.fromEntries([...resources.values()].map(({ name: resource, text }) => [resource, text])),
  publisherTiers: publisherTiers === undefined ? null : [...publisherTiers],
  features: [...features].toSorted(),
});

const listed = (names: readonly string[]): string => (names.length === 0 ? '-' : names.join(', '));

const tenantCells = ({ tenant, asks, effective, problems }: TenantExplained): readonly string[] => {
  const license = effective.entitled?.tier.needsLicense === true ? effective.entitled.license : undefined;
  return [
    tenant,
    asks ?? '(default)',
    effective.tier ?? '-',
    license?.name ?? '-',
    license === undefined ? '-' : endOf(license.closesMs),
    problems.length === 0 ? '-' : `${problems.length}: ${listed([...new Set(problems.map(({ path = '' }) => path))].slice(0, 3))}`,
  ];
};

/** For whom each counts: a license that counts for nobody is worth a look. */
const licenseUses = (state: EntitlementState, explained: readonly TenantExplained[]) =>
  state.licenses
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, spec, closesMs }) => ({
      name,
      tier: spec.tier ?? null,
      ends: closesMs === undefined ? null : endOf(closesMs),
      countsFor: explained.flatMap(({ tenant, licenses }) => (licenses.some((one) => one.name === name && one.counts) ? [tenant] : [])),
    }));

const run = async (options: HeldToOptions, terminal: Terminal): Promise<void> => {
  const atMs = judgedAt(options.at, terminal);
  const { tenants, state, notes } = await readHeldTo(options, terminal);
  for (const note of notes) terminal.err(`note: ${note}\n`);
  const explained = tenants
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((tenant) => explainTenant(tenant, state, atMs));
  if (explained.some(({ problems }) => problems.length > 0)) terminal.exit(EXIT_FINDINGS);
  const tiers = (state.catalog?.tiers ?? []).map(tierRow);
  const licenses = licenseUses(state, explained);
  if (options.output === 'json') {
    const rows = explained.map(({ tenant, asks, effective, problems }) => ({
      tenant,
      asks: asks ?? null,
      tier: effective.tier ?? null,
      license: effective.entitled?.license?.name ?? null,
      problems: problems.map((problem) => ({ ...problemRow(problem), allowedBy: problem.allowedBy ?? null })),
    }));
    const catalog = state.catalog === undefined ? null : { version: state.catalog.version, digest: state.catalog.digest };
    return printJson(terminal, { catalog, tenants: rows, tiers, licenses });
  }
  terminal.out(columns([['TENANT', 'ASKS', 'HAS', 'LICENSE', 'UNTIL', 'BEYOND'], ...explained.map(tenantCells)]));
  if (state.catalog === undefined) return terminal.out('\nThere is no catalog: every spec counts as it is written.\n');
  const tierCells = tiers.map(({ name, license, namespaces, rulesets, podSecurity, resources, features }) => [
    name,
    license,
    String(namespaces ?? '-'),
    String(rulesets ?? '-'),
    podSecurity ?? '-',
    listed(Object.entries(resources).map(([resource, text]) => `${resource} ${text}`)),
    listed(features),
  ]);
  terminal.out(`\n${columns([['TIER', 'LICENSE', 'NAMESPACES', 'RULESETS', 'POD SECURITY', 'RESOURCES', 'FEATURES'], ...tierCells])}`);
  if (licenses.length === 0) return;
  const cells = licenses.map(({ name, tier, ends, countsFor }) => [name, tier ?? '-', ends ?? 'never', listed(countsFor)]);
  terminal.out(`\n${columns([['LICENSE', 'GIVES', 'ENDS', 'COUNTS FOR'], ...cells])}`);
};

export const entitlementsCommand = (terminal: Terminal): Command =>
  heldToOptions(new Command('entitlements').description('tell what all tenants, tiers and licenses come to'))
    .addHelpText('after', HELP)
    .action((options: HeldToOptions) => run(options, terminal));
