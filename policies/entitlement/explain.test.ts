// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { explainTenant } from './explain.ts';
import type { FieldExplained } from './explain.ts';
import type { LicenseTerms } from './license.ts';
import type { EntitlementState } from './remembered.ts';
import { tableOf } from './test-catalog.ts';

const AT_MS = Date.parse('2026-06-01T00:00:00Z');
const HERE = '0f9f2f0e-6a39-4a4e-b14e-3b7d8b1f9e11';
const license = (name: string, spec: Partial<LicenseTerms['spec']> = {}, endsMs = AT_MS + 1000): LicenseTerms => ({
  name,
  spec: { version: 1, installation: HERE, tier: 'Enterprise', ...spec },
  expiresMs: endsMs,
  closesMs: endsMs,
});
const stateWith = (...licenses: readonly LicenseTerms[]): EntitlementState => ({ catalog: tableOf(), licenses, installation: HERE });
const explained = (spec: TenantSpec, state = stateWith()) => explainTenant({ metadata: { name: 'acme' }, spec }, state, AT_MS);
const field = (fields: readonly FieldExplained[], path: string): FieldExplained | undefined => fields.find((one) => one.path === path);

describe('a Tenant is explained', () => {
  it('field by field: its own word, the default of the tier, what the tier gives and what it cuts', () => {
    const { fields } = explained({
      tier: 'Free',
      locale: 'es',
      namespaces: { quota: 40 },
      network: { egress: [{ name: 'x', cidrs: ['10.0.0.0/8'] }] },
    });
    assert.deepEqual(field(fields, 'spec.locale'), { path: 'spec.locale', value: 'es', source: 'tenant' });
    assert.deepEqual(field(fields, 'spec.network.dns'), { path: 'spec.network.dns', value: 'ClusterDNS', source: 'default' });
    assert.equal(field(fields, 'spec.usage.limits')?.source, 'given');
    assert.deepEqual(field(fields, 'spec.namespaces.quota'), { path: 'spec.namespaces.quota', value: 1, source: 'cut', asked: 40 });
    const egress = field(fields, 'spec.network.egress');
    assert.deepEqual([egress?.source, egress?.allowedBy, egress?.value], ['cut', 'Professional', []]);
    assert.equal(field(fields, 'spec.tier'), undefined);
  });

  it('with the features of its tier and who has those that it lacks', () => {
    const { features } = explained({ tier: 'Professional' });
    const of = (name: string) => features.find((one) => one.name === name);
    assert.deepEqual(
      [of('external-egress')?.has, of('namespace-adoption')?.has, of('namespace-adoption')?.allowedBy],
      [true, false, 'Enterprise'],
    );
  });

  it('with each license and why it gives nothing', () => {
    const { licenses } = explained(
      { tier: 'Enterprise' },
      stateWith(
        license('b-foreign', { installation: 'elsewhere' }),
        license('c-others', { tenants: ['umbrella'] }),
        license('d-over', {}, AT_MS),
        license('e-retired', { retired: true }),
        license('f-less', { tier: 'Professional' }),
        license('a-good'),
      ),
    );
    assert.deepEqual(
      licenses.map(({ name, counts, why }) => [name, counts, why]),
      [
        ['a-good', true, undefined],
        ['b-foreign', false, 'it is for installation elsewhere'],
        ['c-others', false, 'it is for umbrella'],
        ['d-over', false, 'it has ended'],
        ['e-retired', false, 'it is retired'],
        ['f-less', false, 'license a-good gives as much or more'],
      ],
    );
    const unknown = explained({}, { ...stateWith(license('a-good')), installation: undefined });
    assert.equal(unknown.licenses[0]?.why, 'which installation this is is not known');
  });

  it('without a catalog as it is written', () => {
    const { fields, problems, effective } = explained(
      { tier: 'Enterprise', namespaces: { quota: 40 } },
      { catalog: undefined, licenses: [], installation: undefined },
    );
    assert.deepEqual([fields.map(({ source }) => source), problems, effective.tier], [['tenant'], [], undefined]);
  });

  it('so that every problem of a field is a field that is cut, whatever the spec', () => {
    const spec: fc.Arbitrary<TenantSpec> = fc.record(
      {
        tier: fc.constantFrom('Free', 'Starter', 'Professional', 'Enterprise', 'MissionCritical'),
        namespaces: fc.record({
          quota: fc.integer({ min: 1, max: 60 }),
          items: fc.array(fc.constant({ name: 'one' }), { maxLength: 8 }),
          adoptionPolicy: fc.constantFrom('Never', 'IfUnowned'),
        }),
        podSecurity: fc.record({ enforce: fc.constantFrom('privileged', 'baseline', 'restricted') }),
        network: fc.record({ tenantPolicies: fc.constantFrom('Allowed', 'Bounded') }),
        locale: fc.constantFrom('constructor', '__proto__'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(spec, (said) => {
        const { fields, problems } = explained(said);
        const cut = fields.filter(({ source }) => source === 'cut' || source === 'kept').map(({ path }) => path);
        const told = problems.flatMap(({ code, path = '' }) => (code === 'ENTITLEMENT_EXCEEDED' ? [path] : []));
        assert.deepEqual(cut.toSorted(), told.toSorted());
        for (const { source, value, path } of fields) if (source === 'tenant') assert.notEqual(value, undefined, path);
      }),
      { numRuns: 300 },
    );
  });
});
