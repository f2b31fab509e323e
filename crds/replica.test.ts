// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { REFUSED_MAX, decodeReceiptsHead, decodeReplica, encodeReceiptsHead, encodeReplica } from './replica.ts';
import type { ReplicaReport } from './replica.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const report: ReplicaReport = {
  replica: 'writ-webhook-7c9-abcde',
  setDigest: digest,
  trustDigest: digest,
  policies: { 'agent-images-pinned': digest, constructor: digest },
  refused: { 'agent-limits': { code: 'DOCUMENT_INVALID', message: 'spec.validations is missing' } },
  flippedAt: '2026-05-01T10:00:00Z',
};
const changed = (changes: object): unknown => {
  const encoded = encodeReplica(report);
  return { ...encoded, data: { ...encoded.data, 'report.json': JSON.stringify({ ...report, ...changes }) } };
};

test('what is encoded decodes to the same', () => {
  assert.deepEqual(decodeReplica(encodeReplica(report)), report);
  const empty = { ...report, setDigest: '', trustDigest: '', policies: {}, refused: {} };
  assert.deepEqual(decodeReplica(encodeReplica(empty)), empty);
  const sealing = { ...report, receiptKey: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString() };
  assert.deepEqual(decodeReplica(encodeReplica(sealing)), sealing);
});

test('the object is named and labelled for its replica', () => {
  const { metadata } = encodeReplica(report);
  assert.equal(metadata.name, 'writ-replica-writ-webhook-7c9-abcde');
  assert.equal(metadata.namespace, 'writ-system');
  assert.equal(metadata.labels?.['writ.dev/replica'], 'webhook');
});

test('a policy named constructor is an own property, one that is absent is not found', () => {
  const policies = decodeReplica(encodeReplica(report))?.policies ?? {};
  assert.equal(Object.hasOwn(policies, 'constructor'), true);
  assert.equal(Object.hasOwn(policies, 'toString'), false);
});

test('a long message is cut, so that the report is read again', () => {
  const long = { ...report, refused: { a: { code: 'DOCUMENT_INVALID', message: 'x'.repeat(5000) } } };
  assert.equal(decodeReplica(encodeReplica(long))?.refused['a']?.message.length, 1024);
});

test('of many refusals the first by name are reported, and how many more there are', () => {
  const many = (count: number, message: string): ReplicaReport => ({
    ...report,
    refused: Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`p-${String(count - index).padStart(5, '0')}`, { code: 'POLICY_UNSIGNED', message }]),
    ),
  });
  const read = decodeReplica(encodeReplica(many(5000, 'no seal')));
  assert.equal(Object.keys(read?.refused ?? {}).length, REFUSED_MAX);
  assert.equal(Object.keys(read?.refused ?? {})[0], 'p-00001');
  assert.equal(read?.refusedMore, 4800);
  assert.equal(decodeReplica(encodeReplica(many(REFUSED_MAX, 'no seal')))?.refusedMore, undefined);
  // Each of these characters is six bytes of JSON.
  const wide = encodeReplica(many(5000, '\u0001'.repeat(1024)));
  assert.ok(Buffer.byteLength(JSON.stringify(wide)) < 1_000_000);
  const readWide = decodeReplica(wide);
  assert.equal(Object.keys(readWide?.refused ?? {}).length + (readWide?.refusedMore ?? 0), 5000);
});

const refused: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  'a report of another replica': changed({ replica: 'other' }),
  'no digest': changed({ setDigest: undefined }),
  'a digest of another form': changed({ trustDigest: 'sha256:1' }),
  'no time': changed({ flippedAt: 'yesterday' }),
  'policies that are a list': changed({ policies: [digest] }),
  'a digest that is no text': changed({ policies: { a: { toString: 'x' } } }),
  'a key that is no name': {
    ...encodeReplica(report),
    data: { format: '1', 'report.json': JSON.stringify(report).replace('"constructor"', '"__proto__"') },
  },
  'a refusal without code': changed({ refused: { a: { message: 'x' } } }),
  'a key that is none': changed({ receiptKey: '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n' }),
  'a count that is none': changed({ refusedMore: -1 }),
  'a refusal that is null': changed({ refused: { a: null } }),
};
for (const [what, value] of Object.entries(refused)) {
  test(`refused: ${what}`, () => assert.equal(decodeReplica(value), undefined));
}

test('decoding never throws', () => {
  fc.assert(fc.property(fc.anything(), (any) => assert.equal(decodeReplica(any), undefined)));
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (any) => void decodeReplica(changed(any))));
});

test('where receipts stand is read as it was written, and of no other text', () => {
  const head = { batch: 7, digest: `sha256:${'a'.repeat(64)}` };
  assert.deepEqual(decodeReceiptsHead(encodeReceiptsHead(head)), head);
  for (const text of [undefined, '', '0 sha256:', `07 ${head.digest}`, `7 ${head.digest} `, `-1 ${head.digest}`, `7  ${head.digest}`])
    assert.equal(decodeReceiptsHead(text), undefined, text);
});
