// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { nanosOfQuantity } from '../quota/quantity.ts';
import { effectiveTenant } from './effective.ts';
import type { EffectiveTenant } from './effective.ts';
import { checkEntitlement } from './index.ts';
import type { Asked } from './index.ts';
import { licenseFor } from './license.ts';
import type { LicenseGrant, LicenseTerms } from './license.ts';
import { entitle, rememberEntitled } from './remembered.ts';
import { CATALOG, readCatalogText, tableOf } from './test-catalog.ts';

const NOW = Date.UTC(2026, 5, 1);
const table = tableOf();
const enterprise: LicenseGrant = { name: 'acme', tier: 'Enterprise', expiresMs: NOW + 10, closesMs: NOW + 20 };

const effective = (spec: TenantSpec, license?: LicenseGrant, atMs = NOW): EffectiveTenant =>
  effectiveTenant({ tenant: { metadata: { name: 'acme' }, spec }, catalog: table, license, atMs });

const told = ({ problems }: EffectiveTenant): readonly string[] =>
  problems.map(({ code, path, allowedBy }) => `${code} ${path} ${allowedBy ?? '-'}`);

describe('a tenant in its tier', () => {
  it('is what it says where there is no catalog', () => {
    const spec: TenantSpec = { tier: 'Free', namespaces: { quota: 200 } };
    const outcome = effectiveTenant({ tenant: { metadata: { name: 'acme' }, spec }, catalog: undefined, license: undefined, atMs: NOW });
    assert.equal(outcome.spec, spec);
    assert.deepEqual([outcome.tier, outcome.problems, outcome.entitled], [undefined, [], undefined]);
    assert.deepEqual(checkEntitlement(outcome, { what: 'Feature', feature: 'anything' }), { allowed: true });
  });

  it('has the defaults of its tier, and its own words win within them', () => {
    const { spec, problems, tier } = effective({ network: { dns: 'None' }, podSecurity: { audit: 'baseline' } });
    assert.deepEqual([tier, problems], ['Free', []]);
    assert.deepEqual(spec.network, { defaultDeny: ['Ingress', 'Egress'], dns: 'None' });
    assert.deepEqual(spec.podSecurity, { enforce: 'restricted', warn: 'restricted', audit: 'baseline' });
    assert.equal(spec.namespaces?.quota, 1);
    assert.deepEqual(spec.resourceQuotas, [
      { name: 'tier', scope: 'Tenant', hard: { cpu: '2', pods: '10', 'count/agents.writ.dev': '3' } },
    ]);
    assert.deepEqual(
      spec.usage?.limits?.map(({ name, limit }) => [name, limit]),
      [['executions', '1000']],
    );
    assert.deepEqual(spec.slo?.objectives, [{ name: 'availability', target: '99.0' }]);
  });

  it('is cut to what the tier allows, and told the tier that would allow it', () => {
    const outcome = effective({
      tier: 'Professional',
      namespaces: { quota: 20, adoptionPolicy: 'IfUnowned' },
      podSecurity: { enforce: 'privileged' },
      resourceQuotas: [{ name: 'compute', scope: 'Tenant', hard: { 'requests.cpu': '64', pods: '0.1k' } }],
      usage: { limits: [{ name: 'mine', meter: 'policy_executions', window: 'Month', limit: '200000', onExceed: 'Audit' }] },
      slo: { objectives: [{ name: 'availability', target: '99.99' }] },
    });
    assert.deepEqual(told(outcome), [
      'ENTITLEMENT_EXCEEDED spec.namespaces.quota Enterprise',
      'ENTITLEMENT_EXCEEDED spec.podSecurity.enforce Enterprise',
      'ENTITLEMENT_EXCEEDED spec.resourceQuotas[0].hard["requests.cpu"] Enterprise',
      'ENTITLEMENT_EXCEEDED spec.usage.limits[0].limit Enterprise',
      'ENTITLEMENT_EXCEEDED spec.usage.limits[0].onExceed Enterprise',
      'ENTITLEMENT_EXCEEDED spec.slo.objectives[0].target -',
      'ENTITLEMENT_EXCEEDED spec.namespaces.adoptionPolicy Enterprise',
    ]);
    const { spec } = outcome;
    assert.deepEqual(spec.namespaces, { quota: 5, adoptionPolicy: 'Never' });
    assert.equal(spec.podSecurity?.enforce, 'baseline');
    assert.deepEqual(spec.resourceQuotas, [
      { name: 'compute', scope: 'Tenant', hard: { 'requests.cpu': '16', pods: '0.1k' } },
      { name: 'tier', scope: 'Tenant', hard: { 'count/agents.writ.dev': '50' } },
    ]);
    assert.deepEqual(spec.usage?.limits, [
      { name: 'mine', meter: 'policy_executions', window: 'Month', limit: '100000', onExceed: 'Deny' },
    ]);
    assert.match(outcome.problems[0]?.message ?? '', /^20 is asked for, tier Professional allows 5; tier Enterprise would allow it$/);
  });

  it('loses nothing that narrows it, however far beyond the tier', () => {
    const spec: TenantSpec = {
      tier: 'Free',
      namespaces: { items: [{ name: 'a' }, { name: 'b' }] },
      rulesets: [{ name: 'one' }, { name: 'two' }],
      dataResidency: { regions: ['eu-west-1'], enforcement: 'Strict' },
      images: { registries: [{ prefix: 'ghcr.io/acme/' }] },
    };
    const outcome = effective(spec);
    assert.deepEqual(told(outcome), [
      'ENTITLEMENT_EXCEEDED spec.namespaces.items Professional',
      'ENTITLEMENT_EXCEEDED spec.rulesets Professional',
    ]);
    const { namespaces, rulesets, dataResidency, images } = outcome.spec;
    assert.deepEqual(
      [namespaces?.items, rulesets, dataResidency, images],
      [spec.namespaces?.items, spec.rulesets, spec.dataResidency, spec.images],
    );
  });

  it('does only what a feature of the tier lets it', () => {
    const spec: TenantSpec = {
      network: { egress: [{ name: 'corp', cidrs: ['10.0.0.0/8'] }], tenantPolicies: 'Allowed' },
      additionalRoleBindings: [{ clusterRoleName: 'view', subjects: [{ kind: 'User', name: 'eve' }] }],
      agents: { unsignedPolicy: 'Audit', tools: { allowed: [{ server: 'crm' }] } },
      slo: { objectives: [{ name: 'latency', target: '99' }] },
    };
    const free = effective({ ...spec, tier: 'Free' });
    assert.deepEqual(told(free), [
      'ENTITLEMENT_EXCEEDED spec.slo.objectives[0] Enterprise',
      'ENTITLEMENT_EXCEEDED spec.network.egress Professional',
      'ENTITLEMENT_EXCEEDED spec.network.tenantPolicies Enterprise',
      'ENTITLEMENT_EXCEEDED spec.additionalRoleBindings Professional',
      'ENTITLEMENT_EXCEEDED spec.agents.unsignedPolicy Enterprise',
    ]);
    assert.deepEqual([free.spec.network?.egress, free.spec.network?.tenantPolicies], [[], 'Bounded']);
    assert.deepEqual(free.spec.agents, { unsignedPolicy: 'Deny', tools: { allowed: [{ server: 'crm' }] } });
    assert.deepEqual(told(effective({ ...spec, tier: 'Enterprise' }, enterprise)), []);
  });

  it('has the highest tier that it may have, when the one that it asks for needs a license', () => {
    const without = effective({ tier: 'Enterprise' });
    assert.deepEqual([without.tier, told(without)], ['Professional', ['TIER_UNLICENSED spec.tier -']]);
    assert.equal(effective({ tier: 'Enterprise' }, enterprise).tier, 'Enterprise');
    assert.equal(effective({ tier: 'Enterprise' }, enterprise, NOW + 19).tier, 'Enterprise');
    assert.equal(effective({ tier: 'Enterprise' }, enterprise, NOW + 20).tier, 'Professional');
    assert.equal(effective({ tier: 'Enterprise' }, { ...enterprise, tier: 'Professional' }).tier, 'Professional');
    assert.equal(effective({ tier: 'Free' }, enterprise).tier, 'Free');
  });

  it('has the first tier where the catalog does not know its own', () => {
    const outcome = effective({ tier: 'MissionCritical', namespaces: { quota: 9 } }, enterprise);
    assert.equal(outcome.tier, 'Free');
    assert.deepEqual(told(outcome), ['TIER_UNKNOWN spec.tier -', 'ENTITLEMENT_EXCEEDED spec.namespaces.quota Enterprise']);
  });
});

describe('entitlements', () => {
  const asks: readonly (readonly [Asked, string])[] = [
    [{ what: 'Feature', feature: 'reports' }, 'Professional'],
    [{ what: 'Feature', feature: 'constructor' }, '-'],
    [{ what: 'Ruleset', name: 'a', publisherTier: undefined }, 'allowed'],
    [{ what: 'Ruleset', name: 'a', publisherTier: 'Silver' }, 'Professional'],
    [{ what: 'Ruleset', name: 'a', publisherTier: 'Platinum' }, 'Enterprise'],
    [{ what: 'Ruleset', name: 'a', publisherTier: '__proto__' }, 'Enterprise'],
  ];
  for (const [asked, expected] of asks) {
    it(`${JSON.stringify(asked)}: ${expected}`, () => {
      const answer = checkEntitlement(effective({ tier: 'Free' }), asked);
      assert.equal(answer.allowed ? 'allowed' : (answer.problem.allowedBy ?? '-'), expected);
    });
  }
});

const terms = (name: string, changes: Partial<LicenseTerms['spec']> = {}, closesMs: number | undefined = NOW + 100): LicenseTerms => ({
  name,
  spec: { version: 1, installation: 'here', tier: 'Enterprise', expires: '2027-01-01T00:00:00Z', ...changes },
  expiresMs: closesMs,
  closesMs,
});

describe('the license of a tenant', () => {
  const cases: readonly (readonly [what: string, licenses: readonly LicenseTerms[], installation: string | undefined, expected: string])[] =
    [
      ['one for this installation', [terms('a')], 'here', 'a'],
      ['one for another', [terms('a')], 'there', '-'],
      ['an installation that is not known', [terms('a', { installation: 'undefined' })], undefined, '-'],
      ['one for another tenant', [terms('a', { tenants: ['other'] })], 'here', '-'],
      ['one for this tenant', [terms('a', { tenants: ['other', 'acme'] })], 'here', 'a'],
      ['one that is over', [terms('a', {}, NOW)], 'here', '-'],
      ['one that was ended', [terms('a', { retired: true })], 'here', '-'],
      ['the higher of two', [terms('a', { tier: 'Professional' }), terms('b'), terms('c', { tier: 'Free' })], 'here', 'b'],
      ['the longer of two', [terms('a'), terms('b', {}, NOW + 200), terms('c', {}, NOW + 1)], 'here', 'b'],
      [
        'one of a tier that the catalog does not know',
        [terms('a', { tier: 'MissionCritical' }), terms('b', { tier: 'Free' })],
        'here',
        'b',
      ],
    ];
  for (const [what, licenses, installation, expected] of cases) {
    it(what, () => assert.equal(licenseFor({ licenses, table, installation, tenant: 'acme', atMs: NOW })?.name ?? '-', expected));
  }

  it('is asked anew when it ends, when the clock goes back, and when the catalog changes', () => {
    const remembered = rememberEntitled();
    const tenant = { metadata: { name: 'acme' }, spec: { tier: 'Enterprise' } } as const;
    const state = { catalog: table, licenses: [terms('a')], installation: 'here' };
    const first = remembered(tenant, state, NOW);
    assert.equal(first.tier, 'Enterprise');
    assert.equal(remembered(tenant, state, NOW + 99), first);
    assert.equal(remembered(tenant, state, NOW + 100).tier, 'Professional');
    assert.equal(remembered(tenant, state, NOW + 50).tier, 'Enterprise');
    assert.equal(remembered(tenant, { ...state, catalog: undefined }, NOW).tier, undefined);
    assert.deepEqual(entitle(tenant, state, NOW), first);
  });
});

describe('a catalog', () => {
  const problemsOf = (change: (text: string) => string): readonly string[] => {
    const outcome = readCatalogText(change(CATALOG));
    return outcome.ok ? [] : outcome.problems.map(({ code, path, at }) => `${code} ${path} ${at?.line}`);
  };
  const withDefaults = (defaults: string) => (text: string) => text.replace(/ {4}defaults: .*\n/, `    defaults: ${defaults}\n`);

  it('gives by default only what a Tenant may say, and what the tier allows', () => {
    assert.deepEqual(
      problemsOf((text) => text),
      [],
    );
    assert.deepEqual(problemsOf(withDefaults('{owners: []}')), ['CATALOG_INVALID spec.tiers[0].defaults.owners 12']);
    assert.deepEqual(problemsOf(withDefaults('{network: {dsn: None}}')), ['DOCUMENT_UNKNOWN_FIELD spec.tiers[0].defaults.network.dsn 12']);
    assert.deepEqual(problemsOf(withDefaults('{network: {egress: [{name: a, cidrs: [x]}]}}')), [
      'DOCUMENT_INVALID spec.tiers[0].defaults.network.egress[0].cidrs[0] 12',
    ]);
    assert.deepEqual(problemsOf(withDefaults('{podSecurity: {enforce: baseline}}')), [
      'CATALOG_INVALID spec.tiers[0].defaults.podSecurity.enforce 12',
    ]);
    assert.deepEqual(
      problemsOf((text) => text.replace('cpu: "2"', 'cpu: "2", requests.cpu: "3"')),
      ['CATALOG_INVALID spec.tiers[0].limits.resources["requests.cpu"] 8'],
    );
    assert.deepEqual(
      problemsOf((text) => text.replace('cpu: "2"', 'cpu: "2e99"')),
      ['CATALOG_INVALID spec.tiers[0].limits.resources.cpu 8'],
    );
  });

  it('is none once it is retired', () => {
    const outcome = readCatalogText(CATALOG.replace(/ {2}tiers:[^]*/, '  retired: true\n'));
    assert.deepEqual(outcome, { ok: true, table: undefined });
  });
});

const quantity = fc.oneof(fc.nat(200).map(String), fc.constantFrom('0.5', '500m', '1k', '2Ki', '1e3', '64', '1e9999', '-1', ''));
const anySpec: fc.Arbitrary<TenantSpec> = fc.record(
  {
    tier: fc.constantFrom('Free', 'Professional', 'Enterprise', 'MissionCritical'),
    namespaces: fc.record({ quota: fc.nat(30), adoptionPolicy: fc.constantFrom('Never', 'IfUnowned') }, { requiredKeys: [] }),
    podSecurity: fc.record({ enforce: fc.constantFrom('privileged', 'baseline', 'restricted') }, { requiredKeys: [] }),
    resourceQuotas: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('tier', 'tier-2', 'a', 'b'),
        scope: fc.constantFrom('Tenant', 'Namespace'),
        hard: fc.dictionary(fc.constantFrom('cpu', 'requests.cpu', 'pods', 'constructor', '__proto__', 'memory'), quantity),
      }),
      { selector: ({ name }) => name },
    ),
    usage: fc.record({
      limits: fc.array(
        fc.record({
          name: fc.constantFrom('executions', 'x'),
          meter: fc.constantFrom('policy_executions', 'tokens'),
          window: fc.constantFrom('Month', '24h'),
          limit: fc.nat(200_000).map(String),
          onExceed: fc.constantFrom('Deny', 'Throttle', 'Audit'),
        }),
        { maxLength: 3 },
      ),
    }),
    agents: fc.record({ unsignedPolicy: fc.constantFrom('Deny', 'Audit') }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

describe('whatever a Tenant says', () => {
  it('is never worth more than its tier, and being held to the tier twice changes nothing', () => {
    fc.assert(
      fc.property(anySpec, fc.boolean(), (spec, licensed) => {
        const { tier, spec: bounded, entitled } = effective(spec, licensed ? enterprise : undefined);
        assert.ok(entitled !== undefined && tier !== undefined);
        for (const [key, { nano }] of entitled.tier.resources) {
          const sums = (bounded.resourceQuotas ?? [])
            .filter(({ scope }) => scope !== 'Namespace')
            .flatMap(({ hard }) => Object.entries(hard));
          const said = sums.filter(([name]) => name === key || `requests.${name}` === key).map(([, text]) => nanosOfQuantity(text));
          assert.ok(said.length > 0 && said.every((one) => one !== undefined && one <= nano), key);
        }
        assert.ok((bounded.namespaces?.quota ?? 0) <= (entitled.tier.limits.namespaces ?? 0));
        const again = effective(bounded, licensed ? enterprise : undefined);
        assert.deepEqual(again.spec, bounded);
        assert.deepEqual(again.problems, []);
      }),
    );
  });

  it('is allowed by the tier that is named, and by none before', () => {
    fc.assert(
      fc.property(anySpec, (spec) => {
        const { problems, entitled } = effective(spec);
        for (const { code, path, allowedBy } of problems) {
          if (code !== 'ENTITLEMENT_EXCEEDED' || allowedBy === undefined) continue;
          const rankOf = (name: string): number => table.tiers.findIndex((one) => one.name === name);
          const above = table.tiers.filter(({ rank }) => rank > (entitled?.tier.rank ?? 0) && rank <= rankOf(allowedBy));
          const refusing = above.filter(({ name }) =>
            effective({ ...spec, tier: name }, enterprise).problems.some((one) => one.path === path),
          );
          assert.deepEqual(
            refusing.map(({ name }) => name),
            above.slice(0, -1).map(({ name }) => name),
          );
        }
      }),
    );
  });
});
