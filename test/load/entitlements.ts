// SPDX-License-Identifier: Apache-2.0
/**
 * What it costs on the way to a verdict to know what a tenant may have.
 *
 * In: nothing. Out: rows `entitlement/…`: the shipped catalog, 2,000 tenants of all tiers and 200 licenses; a check with what was
 * worked out before (as requests find it), and the first of each tenant after a change of the catalog.
 */
import { readFileSync } from 'node:fs';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { validateDocument } from '../../policies/document/validate.ts';
import { readCatalog } from '../../policies/entitlement/catalog.ts';
import { checkEntitlement } from '../../policies/entitlement/index.ts';
import { rememberEntitled } from '../../policies/entitlement/remembered.ts';
import type { EntitlementState } from '../../policies/entitlement/remembered.ts';
import type { TierTable } from '../../policies/entitlement/tier.ts';
import { median, quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

const TENANTS = 2000;
const LICENSES = 200;
const NOW = Date.UTC(2026, 5, 1);
const INSTALLATION = 'here';

const shipped = (): TierTable => {
  const parsed = parseDocument(readFileSync(new URL('../../deploy/examples/tiers.yaml', import.meta.url)), 'tiers.yaml');
  const valid = parsed.ok ? validateDocument(parsed.document) : parsed;
  if (!parsed.ok || !valid.ok || valid.kind !== 'TierCatalog') throw new Error('the shipped catalog cannot be read');
  const read = readCatalog(valid.object, parsed.document);
  if (!read.ok || read.table === undefined) throw new Error('the shipped catalog makes no sense');
  return read.table;
};

const stateOf = (catalog: TierTable): EntitlementState => ({
  catalog,
  installation: INSTALLATION,
  licenses: Array.from({ length: LICENSES }, (_, index) => ({
    name: `license-${index}`,
    spec: {
      version: 1,
      installation: INSTALLATION,
      tier: catalog.tiers[index % catalog.tiers.length]?.name ?? 'Free',
      tenants: [`tenant-${index}`],
      expires: '2027-01-01T00:00:00Z',
    },
    expiresMs: NOW + 1e9,
    closesMs: NOW + 1e9,
  })),
});

/** Every other one asks for more than it may have. */
const specOf = (catalog: TierTable, index: number): TenantSpec => ({
  tier: catalog.tiers[index % catalog.tiers.length]?.name ?? 'Free',
  namespaces: { quota: index % 2 === 0 ? 1 : 300 },
  resourceQuotas: [{ name: 'compute', scope: 'Tenant', hard: { 'requests.cpu': '1', 'requests.memory': '2Gi', pods: String(index) } }],
  network: { egress: [{ name: 'corp', cidrs: ['10.0.0.0/8'] }] },
  rulesets: [{ name: 'eu-ai-act' }],
});

export const measureEntitlements = ({ rounds, checks }: { readonly rounds: number; readonly checks: number }): readonly BenchRow[] => {
  const catalog = shipped();
  const tenants = Array.from({ length: TENANTS }, (_, index) => ({
    metadata: { name: `tenant-${index}` },
    spec: specOf(catalog, index),
  }));
  const entitle = rememberEntitled();
  const check = (state: EntitlementState, at: number): void => {
    const tenant = tenants[at % TENANTS];
    if (tenant === undefined) throw new Error('there is no tenant');
    const effective = entitle(tenant, state, NOW);
    checkEntitlement(effective, { what: 'Feature', feature: 'external-egress' });
    checkEntitlement(effective, { what: 'Ruleset', name: 'eu-ai-act', publisherTier: 'Gold' });
  };
  const time = (state: EntitlementState, count: number): readonly number[] =>
    Array.from({ length: count }, (_, at) => {
      const startedMs = performance.now();
      check(state, at);
      return (performance.now() - startedMs) * 1000;
    });
  const known: (readonly number[])[] = [];
  const first: (readonly number[])[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    const state = stateOf(catalog);
    first.push(time(state, TENANTS));
    known.push(time(state, checks));
  }
  const across = (all: readonly (readonly number[])[], share: number): number =>
    rounded(median(all.map((times) => quantile(times, share))));
  const how = `${TENANTS} tenants of five tiers, ${LICENSES} licenses, two questions each; median of ${rounds} rounds`;
  return [
    { name: 'entitlement/check/p50', unit: 'µs', value: across(known, 0.5), how: `as a request finds it; ${how} of ${checks}` },
    { name: 'entitlement/check/p99', unit: 'µs', value: across(known, 0.99), how: `as a request finds it; ${how} of ${checks}` },
    { name: 'entitlement/first/p50', unit: 'µs', value: across(first, 0.5), how: `the first after the catalog has changed; ${how}` },
    { name: 'entitlement/first/p99', unit: 'µs', value: across(first, 0.99), how: `the first after the catalog has changed; ${how}` },
  ];
};
