// SPDX-License-Identifier: Apache-2.0
// Whom the members of a ruleset bind, and how strongly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../cel/index.ts';
import { createSet } from '../compile/set-index.ts';
import type { Enforcement, PolicySet } from '../compile/index.ts';
import { subjectOf } from '../subject/index.ts';
import { explain } from './explain.ts';
import type { AdmissionRequest, JsonObject } from './request.ts';
import { decideOn, namespaceObject, request, setOf, validation } from './test-case.ts';

const STRENGTHS = ['Audit', 'Warn', 'Deny'] as const;

const members = (scope: 'Tenants' | 'Cluster', enforcement: Enforcement = 'Warn'): PolicySet =>
  createSet(
    setOf({ ...validation('false'), enforcement }).policies.map((policy) => ({
      ...policy,
      name: 'eu/p0',
      ruleset: { name: 'eu', release: '1.4.0', scope },
    })),
  );

const tenant = (rulesets: unknown): JsonObject => ({ metadata: { name: 'acme' }, spec: JSON.parse(JSON.stringify({ rulesets })) });

const clusterScoped: AdmissionRequest = request({
  namespace: '',
  kind: { group: 'writ.dev', version: 'v1alpha1', kind: 'Policy' },
  resource: { group: 'writ.dev', version: 'v1alpha1', resource: 'policies' },
  requestKind: undefined,
  requestResource: undefined,
});
const aNamespace: AdmissionRequest = request({
  name: 'acme',
  namespace: 'acme',
  kind: { group: '', version: 'v1', kind: 'Namespace' },
  resource: { group: '', version: 'v1', resource: 'namespaces' },
  requestKind: undefined,
  requestResource: undefined,
  object: parseJson('{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"acme","labels":{"writ.dev/tenant":"acme"}}}'),
});

const rows: readonly (readonly [what: string, scope: 'Tenants' | 'Cluster', tenant: JsonObject | null, verdict: string])[] = [
  ['a tenant that names it', 'Tenants', tenant([{ name: 'eu' }]), 'Warn'],
  ['a tenant that names others', 'Tenants', tenant([{ name: 'us' }]), 'Allow'],
  ['a tenant that names none', 'Tenants', tenant(undefined), 'Allow'],
  ['a tenant that is not known', 'Tenants', null, 'Warn'],
  ['a tenant that hopes for another release', 'Tenants', tenant([{ name: 'eu', release: '^2' }]), 'Warn'],
  ['a tenant that asks for more', 'Tenants', tenant([{ name: 'eu', enforcement: 'Deny' }]), 'Deny'],
  ['a tenant that asks for less', 'Tenants', tenant([{ name: 'eu', enforcement: 'Audit' }]), 'Warn'],
  ['a tenant that asks for nonsense', 'Tenants', tenant([{ name: 'eu', enforcement: 'constructor' }, null, 'eu', 7]), 'Warn'],
  ['a tenant whose list is none', 'Tenants', tenant({ eu: {} }), 'Allow'],
  ['everybody', 'Cluster', tenant([]), 'Warn'],
  ['everybody, and more whoever asks for it', 'Cluster', tenant([{ name: 'eu', enforcement: 'Deny' }]), 'Deny'],
  ['a tenant of a hostile name', 'Tenants', tenant([{ name: '__proto__' }, { name: 'constructor' }]), 'Allow'],
];

for (const [what, scope, of, verdict] of rows) {
  test(`a ruleset of scope ${scope} and ${what}: ${verdict}`, () => {
    assert.equal(decideOn(members(scope), request(), { tenant: of }).verdict, verdict);
  });
}

test('what lies in no namespace is bound by no tenant; a Namespace is its own tenant', () => {
  const named = tenant([{ name: 'eu' }]);
  assert.equal(decideOn(members('Tenants'), clusterScoped, { namespaceObject: null, tenant: null, governed: true }).verdict, 'Allow');
  assert.equal(decideOn(members('Cluster'), clusterScoped, { namespaceObject: null, tenant: null, governed: true }).verdict, 'Warn');
  assert.equal(decideOn(members('Tenants'), aNamespace, { tenant: named }).verdict, 'Warn');
  assert.equal(decideOn(members('Tenants'), aNamespace, { tenant: tenant([]) }).verdict, 'Allow');
});

test('it is told why a member does not apply', () => {
  const asked = request();
  const explained = explain(members('Tenants'), subjectOf(asked), { request: asked, namespaceObject, tenant: tenant([]) });
  assert.deepEqual(
    explained.policies.map(({ applied, because }) => [applied, because]),
    [[false, 'it is a member of a ruleset that the tenant of the namespace does not name']],
  );
});

test('no Tenant makes a member weaker than its release says', () => {
  const entry = fc.record({
    name: fc.constantFrom('eu', 'us'),
    enforcement: fc.constantFrom(...STRENGTHS, 'Off', undefined),
    release: fc.constantFrom('^1', '^9'),
  });
  fc.assert(
    fc.property(fc.constantFrom(...STRENGTHS), fc.array(entry, { maxLength: 3 }), (enforcement, rulesets) => {
      const verdict = decideOn(members('Cluster', enforcement), request(), { tenant: tenant(rulesets) }).verdict;
      const found = STRENGTHS.findIndex((strength) => strength === verdict);
      assert.ok(found >= STRENGTHS.indexOf(enforcement));
      if (!rulesets.some(({ name }) => name === 'eu')) assert.equal(verdict, enforcement);
    }),
  );
});
