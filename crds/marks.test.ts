// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMarks, encodeMarks, marksFit } from './marks.ts';
import type { Mark } from './marks.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const policy: Mark = { kind: 'Policy', name: 'agent-images-pinned', version: 3, digest };
const set: Mark = { kind: 'Set', name: 'writ-system/policies', version: 12, digest };
const tenant: Mark = { kind: 'Tenant', name: 'acme', version: 2, digest, mayEnd: true };
const gone: Mark = { kind: 'Ruleset', name: 'eu-ai-act', version: 1, digest, gone: true };

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const anyMark: fc.Arbitrary<Mark> = fc
  .record({ kind: fc.constantFrom('Policy', 'Ruleset', 'Set'), name, version: fc.integer({ min: 1 }), isGone: fc.boolean() })
  .map(({ kind, name: plain, version, isGone }) => ({
    kind,
    name: kind === 'Set' ? `writ-system/${plain}` : plain,
    version,
    digest,
    ...(kind === 'Policy' ? { source: 'writ-system/policies' } : {}),
    ...(isGone ? { gone: true as const } : {}),
  }));
const anyMarks = fc.uniqueArray(anyMark, { selector: (mark) => `${mark.kind}/${mark.name}`, maxLength: 8 });

const withText = (text: string, changes: object = {}): unknown => {
  const encoded = encodeMarks([policy]);
  return { ...encoded, metadata: { ...encoded.metadata, ...changes }, data: { ...encoded.data, 'marks.json': text } };
};
const changed = (...marks: readonly unknown[]): unknown => withText(JSON.stringify({ marks }));
const sorted = (marks: readonly Mark[] | undefined): readonly Mark[] | undefined =>
  marks?.toSorted((a, b) => (`${a.kind}/${a.name}` < `${b.kind}/${b.name}` ? -1 : 1));

test('what is encoded decodes to the same, one line a mark, in one order', () => {
  assert.deepEqual(decodeMarks(encodeMarks([tenant, set, policy, gone])), [policy, gone, set, tenant]);
  assert.equal(encodeMarks([set, policy]).data?.['marks.json'], encodeMarks([policy, set]).data?.['marks.json']);
  assert.equal(encodeMarks([set, policy, gone]).data?.['marks.json']?.split('\n').length, 2 + 3 + 1);
  fc.assert(fc.property(anyMarks, (marks) => assert.deepEqual(decodeMarks(encodeMarks(marks)), sorted(structuredClone(marks)))));
});

test('the object is found by its label and is not deleted at once', () => {
  const { metadata } = encodeMarks([policy], 'elsewhere');
  assert.deepEqual([metadata.name, metadata.namespace, metadata.finalizers], ['writ-marks', 'elsewhere', ['writ.dev/marks']]);
  assert.equal(metadata.labels?.['writ.dev/marks'], 'true');
});

const refused: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  'a list': [],
  'no data': { metadata: { name: 'writ-marks' } },
  'text that is no JSON': withText('{'),
  'marks that are no list': withText('{"marks":{"length":1}}'),
  'another name': withText('{"marks":[]}', { name: 'writ-marks-2' }),
  'an unknown format': { ...encodeMarks([]), data: { ...encodeMarks([]).data, format: '2' } },
  'a kind that is none': changed({ ...policy, kind: '__proto__' }),
  'a name that is none': changed({ ...policy, name: '__proto__' }),
  'a set without namespace': changed({ ...set, name: 'policies' }),
  'a policy with a namespace': changed({ ...policy, name: 'a/b' }),
  'version 0': changed({ ...policy, version: 0 }),
  'a version in quotes': changed({ ...policy, version: '3' }),
  'a version beyond what is exact': changed({ ...policy, version: 2 ** 53 }),
  'a digest of another form': changed({ ...policy, digest: 'md5:1' }),
  'a source that is none': changed({ ...policy, source: 'policies' }),
  'gone, not true': changed({ ...policy, gone: false }),
  'may end, not true': changed({ ...tenant, mayEnd: 'Orphan' }),
  'one document twice': changed(policy, { ...policy, version: 1 }),
  'null for a mark': changed(null),
};
for (const [what, value] of Object.entries(refused)) {
  test(`refused: ${what}`, () => assert.equal(decodeMarks(value), undefined));
}

test('decoding never throws', () => {
  fc.assert(fc.property(fc.anything(), (any) => assert.equal(decodeMarks(any), undefined)));
  fc.assert(fc.property(fc.json(), (text) => void decodeMarks(withText(text))));
});

test('two thousand Tenants fit beside two thousand policies, whatever their names and wherever they come from', () => {
  const name = (index: number): string => `${'n'.repeat(58)}-${index}`.slice(0, 63);
  const each = (mark: Mark): readonly Mark[] =>
    Array.from({ length: 2000 }, (_, index) => ({ ...mark, name: name(index), version: Number.MAX_SAFE_INTEGER, gone: true }));
  assert.equal(marksFit([...each({ ...policy, source: `${'a'.repeat(20)}/${'b'.repeat(20)}` }), ...each(tenant)]), true);
});

test('five thousand marks fit into a ConfigMap, ten thousand do not', () => {
  const many = (count: number): readonly Mark[] =>
    Array.from({ length: count }, (_, index) => ({ ...policy, name: `policy-number-${index}` }));
  assert.equal(marksFit(many(5000)), true);
  assert.equal(marksFit(many(10000)), false);
});
