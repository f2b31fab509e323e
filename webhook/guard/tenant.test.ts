// SPDX-License-Identifier: Apache-2.0
// Tenants are guarded where a rule of the trust policy speaks of them, and nobody's business here otherwise.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { marksOf } from '../../policies/currency/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { judgeTenant, withTenantDefaults } from '../../policies/tenant-object.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { createSealer } from '../../test/faults/webhook/sealed.ts';
import { ruleOn } from './rules.ts';
import { specProblem } from './spec.ts';
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
type TenantObject = { readonly metadata: { readonly name: string }; readonly spec: Spec; readonly signature?: object };

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

/** As the marks have it. */
const markOf = ({ signature }: TenantObject, version: number, more: Partial<Mark> = {}): Mark => {
  const document = signature === undefined || !('document' in signature) ? '' : String(signature.document);
  return { kind: 'Tenant', name: 'acme', version, digest: digestOf(Buffer.from(document)), ...more };
};

describe('a Tenant under a rule for Tenants, by its mark,', () => {
  const leaving = tenant({ version: 3, deletionPolicy: 'Orphan' });
  const mark = markOf(leaving, 3, { mayEnd: true });
  const marked = (...marks: readonly Mark[]): GuardView => ({ ...view, marks: marksOf(marks) });
  const rows: readonly (readonly [string, TenantObject | undefined, TenantObject | undefined, GuardView, string])[] = [
    ['does not come again under an older version', undefined, two, marked(mark), 'POLICY_ROLLBACK'],
    ['is put back as it was', undefined, leaving, marked(mark), 'pass'],
    ['does not come again as it ended', undefined, leaving, marked({ ...mark, gone: true }), 'POLICY_ROLLBACK'],
    ['comes again under a higher version', undefined, tenant({ version: 4 }), marked({ ...mark, gone: true }), 'pass'],
    ['does not fall below the mark where an older one stands', one, two, marked(mark), 'POLICY_ROLLBACK'],
    ['goes, with the leave of what is marked', leaving, undefined, marked(mark), 'pass'],
    [
      'stays, where an older one gives leave',
      tenant({ version: 2, deletionPolicy: 'Delete' }),
      undefined,
      marked(mark),
      'REMOVAL_UNSEALED',
    ],
    ['goes where it has ended and was brought back', one, undefined, marked({ ...mark, gone: true }), 'pass'],
    [
      'stays where a newer one than ended gives no leave',
      tenant({ version: 4 }),
      undefined,
      marked({ ...mark, gone: true }),
      'REMOVAL_UNSEALED',
    ],
  ];
  for (const [what, before, after, by, expected] of rows) it(what, () => assert.equal(said(before, after, by), expected));

  it('is bounded by no mark where the trust policy names the kind no more', () => {
    assert.equal(said(undefined, two, { ...lenient, marks: marksOf([mark]) }), 'pass');
  });

  it('does not come again under an older version before its mark is written', () => {
    const judged = judgeTenant(leaving, { trust, atMs: view.atMs });
    assert.ok(judged.ok);
    const seen = { isThere: false, standing: undefined, departed: undefined };
    for (const place of ['standing', 'departed']) {
      const by = { ...view, tenant: () => ({ ...seen, [place]: judged.document }) };
      assert.deepEqual([said(undefined, two, by), said(undefined, leaving, by)], ['POLICY_ROLLBACK', 'pass'], place);
    }
  });
});

describe('the mark of a Tenant', () => {
  const leaving = tenant({ version: 3, deletionPolicy: 'Orphan' });
  const seenAs = (object: TenantObject, where: 'standing' | 'departed'): GuardView['tenant'] => {
    const judged = judgeTenant(object, { trust, atMs: view.atMs });
    assert.ok(judged.ok);
    const seen = { isThere: where === 'standing', standing: undefined, departed: undefined };
    return () => ({ ...seen, [where]: judged.document });
  };
  const write = (before: Mark | undefined, after: Mark | undefined, by: Partial<GuardView> = {}): string => {
    const encode = (mark: Mark | undefined) => ({ ...encodeMarks(mark === undefined ? [] : [mark]) });
    return codeOf(ruleOn({ kind: 'Marks', name: 'writ-marks', before: encode(before), after: encode(after) }, { ...view, ...by }));
  };
  const low = markOf(two, 2);
  const high = markOf(leaving, 3, { mayEnd: true });
  const { mayEnd: _mayEnd, ...plain } = high;
  const gone = { ...high, gone: true } as const;
  const here = { tenant: seenAs(leaving, 'standing') };
  const left = { tenant: seenAs(leaving, 'departed') };
  const inventory = { source: 'writ-system/policies', revision: 'r', documents: [] };
  const orders = { group: 'writ.dev', version: 'v1alpha1', plural: 'tenants', kind: 'Tenant', name: 'acme', digest: high.digest };
  const rows: readonly (readonly [string, string, string])[] = [
    ['rises to what stands', write(low, high, here), 'pass'],
    ['comes with what stands', write(undefined, high, here), 'pass'],
    ['rises to what went a moment ago', write(low, high, left), 'pass'],
    ['rises to nothing that is not here', write(low, high), 'MARK_UNPROVEN'],
    ['rises to no version that the document does not say', write(low, { ...high, version: 9 }, here), 'MARK_UNPROVEN'],
    [
      'says that it may end where the document says so alone',
      write(undefined, { ...low, mayEnd: true }, { tenant: seenAs(two, 'standing') }),
      'MARK_UNPROVEN',
    ],
    ['is not silent about it', write(undefined, plain, here), 'MARK_UNPROVEN'],
    ['does not unsay it', write(high, plain), 'MARK_UNPROVEN'],
    ['names no source, whose set would end it', write(low, { ...high, source: 'writ-system/policies' }, here), 'MARK_UNPROVEN'],
    ['does not fall', write(high, low, here), 'MARK_LOWERED'],
    ['does not go', write(high, undefined), 'MARK_LOWERED'],
    ['is no other of its version', write(high, { ...high, digest: low.digest }, here), 'MARK_LOWERED'],
    ['stays as it is', write(high, high), 'pass'],
    ['says gone of what may end and is not there', write(high, gone), 'pass'],
    ['says gone with what went a moment ago', write(low, gone, left), 'pass'],
    ['says gone of nothing that may not end', write(low, { ...low, gone: true }), 'REMOVAL_UNSEALED'],
    ['says gone of nothing that is there', write(high, gone, here), 'MARK_UNPROVEN'],
    [
      'says gone of nothing that a commit orders',
      write(high, gone, { inventories: [{ ...inventory, documents: [orders] }] }),
      'MARK_UNPROVEN',
    ],
    ['never says no more that it is gone', write(gone, high, here), 'MARK_LOWERED'],
    ['is written anew by what this replica knows', write(undefined, gone, { marks: marksOf([high]) }), 'pass'],
  ];
  for (const [what, code, expected] of rows) it(what, () => assert.equal(code, expected));
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
