// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeInventory, encodeInventory, inventoryFits, inventoryName } from './inventory.ts';
import type { ConfigMap, Inventory } from './inventory.ts';
import { sourceLabel } from './kinds.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const policy = { kind: 'Policy', name: 'agent-images-pinned', group: 'writ.dev', version: 'v1alpha1', plural: 'policies', digest };
const inventory: Inventory = {
  source: 'writ-system/policies',
  revision: 'main@sha1:363a',
  committedAt: '2026-05-01T10:00:00Z',
  receivedAt: '2026-05-01T10:00:01.250Z',
  documents: [policy, { kind: 'ConfigMap', name: 'settings', namespace: 'acme-prod', group: '', version: 'v1', digest }],
};

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const anyInventory: fc.Arbitrary<Inventory> = fc.record({
  source: fc.tuple(name, name).map((parts) => parts.join('/')),
  revision: fc.string({ minLength: 1, maxLength: 40 }),
  documents: fc.uniqueArray(
    fc.record({
      kind: fc.constantFrom('Policy', 'Tenant'),
      name,
      group: fc.constantFrom('', 'writ.dev'),
      version: fc.constant('v1'),
      digest: fc.constant(digest),
    }),
    {
      selector: (document) => `${document.group}/${document.kind}/${document.name}`,
      maxLength: 8,
    },
  ),
});

const withText = (text: string, changes: Partial<ConfigMap['metadata']> = {}): unknown => {
  const encoded = encodeInventory(inventory);
  return { ...encoded, metadata: { ...encoded.metadata, ...changes }, data: { ...encoded.data, 'inventory.json': text } };
};
const withSets = (text: string): unknown => {
  const encoded = encodeInventory(inventory);
  return { ...encoded, data: { ...encoded.data, 'sets.json': text } };
};
const changed = (changes: object): unknown => withText(JSON.stringify({ ...inventory, ...changes }));

test('what is encoded decodes to the same', () => {
  assert.deepEqual(decodeInventory(encodeInventory(inventory)), inventory);
  const sealed: Inventory = { ...inventory, sets: ['{"mediaType":"x"}', '{}'] };
  assert.deepEqual(decodeInventory(encodeInventory(sealed)), sealed);
  fc.assert(fc.property(anyInventory, (any) => assert.deepEqual(decodeInventory(encodeInventory(any)), structuredClone(any))));
});

test('the object says whose it is, in labels that a selector finds', () => {
  const { metadata } = encodeInventory(inventory);
  assert.equal(metadata.name, 'writ-inventory-writ-system.policies');
  assert.equal(metadata.namespace, 'writ-system');
  assert.deepEqual(metadata.labels, {
    'writ.dev/inventory': 'true',
    'writ.dev/source': 'writ-system.policies',
    'app.kubernetes.io/managed-by': 'writ',
  });
  assert.equal(encodeInventory(inventory, 'elsewhere').metadata.namespace, 'elsewhere');
});

test('the text has one line a document', () => {
  assert.equal(encodeInventory(inventory).data?.['inventory.json']?.split('\n').length, 2 + inventory.documents.length + 1);
});

test('names that are too long for a label stay distinct and valid', () => {
  const long = (end: string): string => `${'n'.repeat(63)}/${'a'.repeat(200)}${end}`;
  assert.notEqual(inventoryName(long('x')), inventoryName(long('y')));
  assert.match(sourceLabel(long('x')), /^[a-z0-9][-a-z0-9.]{0,61}[a-z0-9]$/);
  assert.match(sourceLabel(`${'n'.repeat(45)}/-----------------------`), /^[a-z0-9][-a-z0-9.]{0,61}[a-z0-9]$/);
});

const refused: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  null: null,
  'a list': [],
  'no metadata': { data: {} },
  'no data': { metadata: { name: inventoryName(inventory.source) } },
  'text that is no JSON': withText('{'),
  'JSON that is no object': withText('[]'),
  'a number as source': changed({ source: 1 }),
  'a source without namespace': changed({ source: 'policies' }),
  'a source with three parts': changed({ source: 'a/b/c' }),
  'another source than the name says': changed({ source: 'writ-system/other' }),
  'the name of another source': withText(JSON.stringify(inventory), { name: 'writ-inventory-writ-system.other' }),
  'no revision': changed({ revision: '' }),
  'a time that is none': changed({ committedAt: '2026-13-45T00:00:00Z' }),
  'documents that are no list': changed({ documents: { length: 1 } }),
  'a digest of another form': changed({ documents: [{ ...policy, digest: 'md5:1' }] }),
  'a digest in capitals': changed({ documents: [{ ...policy, digest: digest.toUpperCase() }] }),
  'a name that is no name': changed({ documents: [{ ...policy, name: '__proto__' }] }),
  'no group': changed({ documents: [{ ...policy, group: undefined }] }),
  'one object twice': changed({ documents: [policy, { ...policy, digest: `sha256:${'f'.repeat(64)}` }] }),
  'null for a document': changed({ documents: [null] }),
  'set seals that are no JSON': withSets('['),
  'set seals that are no list': withSets('{}'),
  'set seals that are no texts': withSets('[1]'),
  'too many set seals': withSets(JSON.stringify(Array.from({ length: 9 }, () => '{}'))),
  'an unknown format': { ...encodeInventory(inventory), data: { ...encodeInventory(inventory).data, format: '2' } },
};
for (const [what, value] of Object.entries(refused)) {
  test(`refused: ${what}`, () => assert.equal(decodeInventory(value), undefined));
}

test('decoding never throws', () => {
  fc.assert(fc.property(fc.anything(), (any) => assert.equal(decodeInventory(any), undefined)));
  fc.assert(fc.property(fc.json(), (text) => void decodeInventory(withText(text))));
});

test('five thousand documents fit into a ConfigMap, ten thousand do not', () => {
  const many = (count: number): Inventory => ({
    ...inventory,
    documents: Array.from({ length: count }, (_, index) => ({ ...policy, name: `policy-number-${index}` })),
  });
  assert.equal(inventoryFits(many(5000)), true);
  assert.equal(inventoryFits(many(10000)), false);
  assert.equal(inventoryFits({ ...many(5000), sets: ['x'.repeat(400_000)] }), false);
});
