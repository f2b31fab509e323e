// SPDX-License-Identifier: Apache-2.0
// Tenants are guarded where a rule of the trust policy speaks of them, and nobody's business here otherwise.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadTrust } from '../../policies/trust/index.ts';
import { createSealer } from '../../test/faults/webhook/sealed.ts';
import { ruleOn } from './rules.ts';
import { specProblem, withTenantDefaults } from './spec.ts';
import { codeOf, viewOf } from './test-view.ts';
import type { GuardView } from './view.ts';

const sealer = createSealer();
const loaded = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(loaded.ok);
const { trust } = loaded;
const view = viewOf(trust, {
  atMs: Date.UTC(2026, 0, 1),
});
/** Under a trust policy that leaves Tenants to RBAC. */
const lenient: GuardView = { ...view, trust: { ...trust, rules: trust.rules.map((rule) => ({ ...rule, kinds: new Set(['Policy']) })) } };

type Spec = Readonly<Record<string, unknown>>;
type TenantObject = { readonly metadata: object; readonly spec: Spec; readonly signature?: object };

/** As the API server shows it: what the schema fills in stands beside what was signed. */
const tenant = (spec: Spec, name = 'acme'): TenantObject => {
  const document = JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name }, spec });
  const any = sealer.policy('any', { version: 1, matchConstraints: {}, validations: [] });
  const { signature } = sealer.sealAgain({ ...any, signature: { document, bundles: [] } }, 0);
  return { metadata: { name: 'acme' }, spec: withTenantDefaults(spec), signature };
};
const said = (before: TenantObject | undefined, after: TenantObject | undefined, by = view): string => {
  return codeOf(ruleOn({ kind: 'Tenant', name: 'acme', before, after }, by));
};
const bare = tenant({ namespaces: { items: [{ name: 'acme-prod' }] } });
const one = tenant({ version: 1, namespaces: { items: [{ name: 'acme-prod' }] } });
const two = tenant({ version: 2, namespaces: { items: [{ name: 'acme-prod' }, { name: 'acme-test' }] } });
const third = tenant({ version: 3 });
const { signature: _, ...unsealed } = two;

describe('a Tenant under a rule for Tenants', () => {
  const rows: readonly (readonly [string, TenantObject | undefined, TenantObject | undefined, string])[] = [
    ['comes sealed', undefined, one, 'pass'],
    ['changes sealed', one, two, 'pass'],
    ['is refused without a seal', undefined, unsealed, 'POLICY_UNSIGNED'],
    ['is refused when another spec is written over its seal', one, { ...one, spec: two.spec }, 'SPEC_DIFFERS'],
    ['is refused when what the schema fills in says something else', one, { ...one, spec: { ...one.spec, suspend: true } }, 'SPEC_DIFFERS'],
    ['is refused under another name', undefined, tenant({ version: 1 }, 'other'), 'POLICY_NAME_MISMATCH'],
    ['does not come without a version', undefined, bare, 'SEAL_VERSION'],
    ['does not lose its version', one, bare, 'SEAL_VERSION'],
    ['gets a version', bare, third, 'pass'],
    ['rises', third, tenant({ version: 4 }), 'pass'],
    ['does not fall to an older one', third, tenant({ version: 2 }), 'POLICY_ROLLBACK'],
    ['does not fall to the first', third, one, 'POLICY_ROLLBACK'],
    ['does not fall to one from before it had a version', third, bare, 'SEAL_VERSION'],
    ['is not another of the same version', third, tenant({ version: 3, tier: 'Free' }), 'POLICY_EQUIVOCATION'],
    ['is put back as it was sealed', { ...third, spec: one.spec }, third, 'pass'],
    ['is not held back by a version that nothing signs', { ...bare, spec: { ...bare.spec, version: 9 } }, third, 'pass'],
    ['is not held back by bytes that are no Tenant', { ...one, signature: { document: '[', bundles: [] } }, third, 'pass'],
    ['stays', one, undefined, 'REMOVAL_UNSEALED'],
    ['goes where its sealed document says so', tenant({ version: 1, deletionPolicy: 'Orphan' }), undefined, 'pass'],
    ['stays where only its spec says so', { ...one, spec: { ...one.spec, deletionPolicy: 'Orphan' } }, undefined, 'REMOVAL_UNSEALED'],
  ];
  for (const [what, before, after, expected] of rows) it(what, () => assert.equal(said(before, after), expected));
});

it('without such a rule RBAC decides, once there is a trust policy that says so', () => {
  assert.equal(said(undefined, unsealed, lenient), 'pass');
  assert.equal(said(one, undefined, lenient), 'pass');
  for (const after of [unsealed, undefined]) assert.equal(said(one, after, { ...view, trust: undefined }), 'TRUST_MISSING');
});

it('the defaults are those of the schema, all of them', () => {
  const schema = readFileSync(new URL('../../crds/tenants.yaml', import.meta.url), 'utf8');
  const defaults = [...schema.matchAll(/^ +default: (\S+)$/gm)].map(([, value]) => value);
  assert.deepEqual(defaults, ['false', 'Open', 'Protect', 'None', 'Never']);
  for (const file of ['policies', 'rulesets', 'tiercatalogs', 'licenses', 'trustpolicies']) {
    const other = readFileSync(new URL(`../../crds/${file}.yaml`, import.meta.url), 'utf8');
    assert.deepEqual([...other.matchAll(/^ +default: (\S+)$/gm)], [], file);
  }
  assert.equal(specProblem('Tenant', { namespaces: {} }, withTenantDefaults({ namespaces: {} })), undefined);
});
