// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { digestOf } from '../document/digest.ts';
import { hintOf } from './key.ts';
import { loadTrust } from './load.ts';
import type { LoadOutcome } from './read-policy.ts';

const pem = (key: KeyObject): string => String(key.export({ type: 'spki', format: 'pem' }));
const first = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const second = generateKeyPairSync('ec', { namedCurve: 'P-256' });

type Entry = { readonly name: string; readonly publicKeys?: readonly object[]; readonly identity?: object; readonly minRsaBits?: number };

const policyOf = (principals: readonly Entry[], spec: object = {}): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: { version: 4, principals, rules: [], ...spec },
  });

const load = (text: string): LoadOutcome => loadTrust(Buffer.from(text), { pinnedDigest: digestOf(Buffer.from(text)), file: 'trust.yaml' });
const keyed = (...pems: readonly string[]): string => policyOf([{ name: 'a', publicKeys: pems.map((text) => ({ pem: text })) }]);

/** The same point with its compressed encoding: another SubjectPublicKeyInfo of the same key. */
const compressed = (key: KeyObject): string => {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const sign = (Buffer.from(y, 'base64url').at(-1) ?? 0) & 1;
  const head = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex');
  const der = Buffer.concat([head, Buffer.from([2 + sign]), Buffer.from(x, 'base64url')]);
  return `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
};

describe('a trust policy', () => {
  it('is what its bytes say, under their digest', () => {
    const text = policyOf(
      [
        {
          name: 'a',
          publicKeys: [{ pem: pem(first.publicKey), validFor: { start: '2026-01-01T00:00:00Z', end: '2026-12-31T00:00:00Z' } }],
        },
      ],
      {
        expires: '2027-01-01T00:00:00Z',
        rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['a'] }] }],
        revoked: { documents: [`sha256:${'0'.repeat(64)}`] },
        unsigned: 'Deny',
      },
    );
    const outcome = load(text);
    assert.ok(outcome.ok);
    const { trust } = outcome;
    assert.deepEqual([trust.digest, trust.version, trust.expires], [digestOf(Buffer.from(text)), 4, Date.UTC(2027, 0, 1)]);
    const key = trust.keys.get(hintOf(first.publicKey));
    assert.deepEqual([key?.principal.name, key?.validFromMs, key?.validUntilMs], ['a', Date.UTC(2026, 0, 1), Date.UTC(2026, 11, 31)]);
    assert.deepEqual([key?.algorithm, key?.refusal], ['ECDSA P-256', undefined]);
    assert.deepEqual(trust.rules, [
      { kinds: new Set(['Policy']), publisherTiers: new Set(), tenants: new Set(), allOf: [{ threshold: 1, principals: new Set(['a']) }] },
    ]);
    assert.ok(trust.revoked.documents.has(`sha256:${'0'.repeat(64)}`));
  });

  it('says what becomes of a policy without any seal; by default it is refused', () => {
    const unsigned = (spec: object): string | undefined => {
      const outcome = load(policyOf([{ name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] }], spec));
      return outcome.ok ? outcome.trust.unsigned : undefined;
    };
    assert.deepEqual([unsigned({}), unsigned({ unsigned: 'Deny' }), unsigned({ unsigned: 'Audit' })], ['Deny', 'Deny', 'Audit']);
  });

  it('keeps keys that make no seal, each with the reason', () => {
    const keys = [
      generateKeyPairSync('rsa', { modulusLength: 1024 }),
      generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 3 }),
      generateKeyPairSync('rsa-pss', { modulusLength: 3072 }),
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
      generateKeyPairSync('x25519'),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    ];
    const outcome = load(keyed(...keys.map(({ publicKey }) => pem(publicKey))));
    assert.ok(outcome.ok);
    assert.deepEqual(
      [...outcome.trust.keys.values()].map(({ algorithm, refusal }) => `${algorithm} ${refusal?.code ?? 'good'}`),
      [
        'RSA 1024 SEAL_KEY_WEAK',
        'RSA 3072 SEAL_KEY_WEAK',
        'RSA-PSS 3072 SEAL_UNSUPPORTED',
        'ECDSA secp256k1 SEAL_UNSUPPORTED',
        'x25519 SEAL_UNSUPPORTED',
        'Ed25519 good',
        'ECDSA P-384 good',
      ],
    );
  });

  it('raises the bits of RSA for one principal, never lowers them', () => {
    const rsa = (modulusLength: number): string => pem(generateKeyPairSync('rsa', { modulusLength }).publicKey);
    const outcome = load(
      policyOf([
        { name: 'strict', publicKeys: [{ pem: rsa(3072) }, { pem: rsa(4096) }, { pem: pem(first.publicKey) }], minRsaBits: 4096 },
        { name: 'lax', publicKeys: [{ pem: rsa(2048) }, { pem: rsa(3072) }], minRsaBits: 2048 },
      ]),
    );
    assert.ok(outcome.ok);
    assert.deepEqual(
      [...outcome.trust.keys.values()].map(({ refusal }) => refusal?.code),
      ['SEAL_KEY_WEAK', undefined, undefined, 'SEAL_KEY_WEAK', undefined],
    );
  });

  it('pins the trusted root: without the file keyless seals are missing it, another file is refused', () => {
    const trusted = Buffer.from('{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
    const text = Buffer.from(
      policyOf([], { trustedRootSha256: digestOf(trusted).slice('sha256:'.length), principals: undefined }).replace(
        '"version":4',
        '"version":4,"principals":[{"name":"a","identity":{"issuer":"https://i","subject":"s"}}]',
      ),
    );
    const loadWith = (trustedRoot?: Buffer): LoadOutcome =>
      loadTrust(text, { pinnedDigest: digestOf(text), file: 'trust.yaml', trustedRoot });
    const [without, good, other] = [loadWith(), loadWith(trusted), loadWith(Buffer.from('{}'))];
    assert.ok(without.ok && !without.trust.root.ok && without.trust.root.problem.code === 'TRUST_ROOT_MISSING');
    assert.ok(good.ok && good.trust.root.ok);
    assert.ok(!other.ok && other.problem.code === 'TRUST_ROOT_MISMATCH' && other.problem.at?.file === 'trusted_root.json');
  });

  it('is refused unread when it is not the one that is pinned', () => {
    const outcome = loadTrust(Buffer.from('{'), { pinnedDigest: `sha256:${'0'.repeat(64)}` });
    assert.ok(!outcome.ok);
    assert.equal(outcome.problem.code, 'TRUST_NOT_PINNED');
    assert.ok(outcome.problem.message.includes(digestOf(Buffer.from('{'))));
  });

  const privatePem = String(first.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const rows: readonly (readonly [name: string, text: string, code: string, path: string | undefined])[] = [
    [
      'one key under two principals',
      policyOf([
        { name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] },
        { name: 'b', publicKeys: [{ pem: pem(first.publicKey) }] },
      ]),
      'TRUST_KEY_SHARED',
      'spec.principals[1].publicKeys[0]',
    ],
    [
      'one identity under two principals',
      policyOf([
        { name: 'a', identity: { issuer: 'https://i', subject: 's', oids: { '1.2.3': 'x' } } },
        { name: 'b', identity: { issuer: 'https://i', subject: 's', oids: { '1.2.4': 'y' } } },
      ]),
      'TRUST_IDENTITY_SHARED',
      'spec.principals[1].identity',
    ],
    [
      'an oid that is none',
      policyOf([{ name: 'a', identity: { issuer: 'https://i', subject: 's', oids: { issuer: 'x' } } }]),
      'TRUST_INVALID',
      'spec.principals[0].identity.oids.issuer',
    ],
    ['one key twice', keyed(pem(first.publicKey), pem(first.publicKey)), 'TRUST_KEY_SHARED', 'spec.principals[0].publicKeys[1]'],
    [
      'one key in two encodings',
      keyed(pem(first.publicKey), compressed(first.publicKey)),
      'TRUST_KEY_SHARED',
      'spec.principals[0].publicKeys[1]',
    ],
    ['a private key', keyed(privatePem), 'DOCUMENT_INVALID', 'spec.principals[0].publicKeys[0].pem'],
    [
      'a private key behind a public one',
      keyed(`${pem(first.publicKey)}${privatePem}`),
      'TRUST_KEY_INVALID',
      'spec.principals[0].publicKeys[0].pem',
    ],
    [
      'two keys in one PEM',
      keyed(`${pem(first.publicKey)}${pem(second.publicKey)}`),
      'TRUST_KEY_INVALID',
      'spec.principals[0].publicKeys[0].pem',
    ],
    [
      'junk in PEM',
      keyed('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'),
      'TRUST_KEY_INVALID',
      'spec.principals[0].publicKeys[0].pem',
    ],
    [
      'a principal twice',
      policyOf([
        { name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] },
        { name: 'a', publicKeys: [{ pem: pem(second.publicKey) }] },
      ]),
      'DOCUMENT_INVALID',
      'spec.principals',
    ],
    [
      'a time that ends before it begins',
      policyOf([
        {
          name: 'a',
          publicKeys: [{ pem: pem(first.publicKey), validFor: { start: '2027-01-01T00:00:00Z', end: '2026-01-01T00:00:00Z' } }],
        },
      ]),
      'TRUST_INVALID',
      'spec.principals[0].publicKeys[0].validFor',
    ],
    [
      'a revocation that begins after it ends',
      policyOf([{ name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] }], {
        revoked: { certificates: [{ issuer: 'i', subject: 's', from: '2026-02-01T00:00:00Z', until: '2026-01-01T00:00:00Z' }] },
      }),
      'TRUST_INVALID',
      'spec.revoked.certificates[0]',
    ],
    [
      'a rule of an unknown principal',
      policyOf([{ name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] }], {
        rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['b'] }] }],
      }),
      'DOCUMENT_INVALID',
      'spec',
    ],
    [
      'a threshold that cannot be reached',
      policyOf([{ name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] }], {
        rules: [{ kinds: ['Policy'], allOf: [{ threshold: 2, principals: ['a'] }] }],
      }),
      'DOCUMENT_INVALID',
      'spec.rules[0].allOf[0]',
    ],
    [
      'a threshold of none',
      policyOf([{ name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] }], {
        rules: [{ kinds: ['Policy'], allOf: [{ threshold: 0, principals: ['a'] }] }],
      }),
      'DOCUMENT_INVALID',
      'spec.rules[0].allOf[0].threshold',
    ],
    [
      'a rule of no group',
      policyOf([{ name: 'a', publicKeys: [{ pem: pem(first.publicKey) }] }], { rules: [{ kinds: ['Policy'], allOf: [] }] }),
      'DOCUMENT_INVALID',
      'spec.rules[0].allOf',
    ],
    [
      'another kind',
      JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name: 'cluster' }, spec: {} }),
      'TRUST_INVALID',
      'kind',
    ],
    ['no YAML', '[', 'DOCUMENT_SYNTAX', undefined],
  ];
  for (const [name, text, code, path] of rows) {
    it(`with ${name} is refused`, () => {
      const outcome = load(text);
      assert.ok(!outcome.ok);
      assert.deepEqual([outcome.problem.code, outcome.problem.path], [code, path]);
      assert.equal(outcome.problem.at?.file, 'trust.yaml');
    });
  }

  it('names a key alike however its point is encoded', () => {
    const other = createPublicKey(compressed(first.publicKey));
    assert.notEqual(pem(other), pem(first.publicKey));
    assert.equal(hintOf(other), hintOf(first.publicKey));
  });
});
