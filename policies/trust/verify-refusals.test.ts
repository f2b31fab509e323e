// SPDX-License-Identifier: Apache-2.0
// Seals that are not good, each refused by the code that says why.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { constants, createHash, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { digestOf } from '../document/digest.ts';
import type { ProblemCode } from '../problem.ts';
import { verify } from './index.ts';
import { hintOf } from './key.ts';
import { seal } from './seal.ts';
import {
  alice,
  bob,
  stranger,
  old,
  future,
  revoked,
  revokedPrincipal,
  p384,
  ed25519,
  rsa1024,
  rsa3072,
  k256,
  pss,
  trustText,
  trustOf,
  trust,
  POLICY,
  bytes,
  good,
  check,
  changed,
} from './test-principals.ts';
import { codeOf, NOW } from './test-trust.ts';
import type { Trust } from './trust.ts';

describe('refused', () => {
  const der = (): Buffer => sign('sha256', bytes, alice.privateKey);
  const other = Buffer.from(POLICY.replace('pinned', 'another'));
  const rows: readonly (readonly [name: string, bundle: string, code: ProblemCode])[] = [
    ['a seal of another file', seal(other, alice.privateKey), 'SEAL_DIGEST_MISMATCH'],
    [
      'a seal of another file that claims this digest (T6)',
      changed((b) => Object.assign(b['messageSignature']!, { signature: sign('sha256', other, alice.privateKey).toString('base64') })),
      'SEAL_SIGNATURE',
    ],
    [
      'a good signature with the digest of another file (T6)',
      changed((b) =>
        Object.assign(b['messageSignature']!['messageDigest']!, { digest: createHash('sha256').update('x').digest('base64') }),
      ),
      'SEAL_DIGEST_MISMATCH',
    ],
    [
      'a digest by another algorithm',
      changed((b) => Object.assign(b['messageSignature']!['messageDigest']!, { algorithm: 'SHA3_256' })),
      'SEAL_UNSUPPORTED',
    ],
    ['a seal by an unknown key', seal(bytes, stranger.privateKey), 'SEAL_UNKNOWN_KEY'],
    [
      'a seal by one key that names another',
      changed((b) => Object.assign(b['verificationMaterial']!['publicKey']!, { hint: hintOf(bob.publicKey) })),
      'SEAL_SIGNATURE',
    ],
    ...['constructor', '__proto__', 'toString', 'hasOwnProperty', ''].map(
      (hint) =>
        [
          `the hint ${JSON.stringify(hint)} (T11)`,
          changed((b) => Object.assign(b['verificationMaterial']!['publicKey']!, { hint })),
          'SEAL_UNKNOWN_KEY',
        ] as const,
    ),
    ['a key whose time has ended, without a timestamp (T5)', seal(bytes, old.privateKey), 'SEAL_KEY_NOT_VALID'],
    ['a key whose time has not begun', seal(bytes, future.privateKey), 'SEAL_KEY_NOT_VALID'],
    ['a revoked key', seal(bytes, revoked.privateKey), 'SEAL_REVOKED'],
    ['a key of a revoked principal', seal(bytes, revokedPrincipal.privateKey), 'SEAL_REVOKED'],
    ...(
      [
        ['P-384', p384],
        ['Ed25519', ed25519],
        ['RSA', rsa3072],
      ] as const
    ).map(
      ([name, pair]) =>
        [
          `a signature by P-256 under the name of a key of ${name}`,
          changed((b) => Object.assign(b['verificationMaterial']!['publicKey']!, { hint: hintOf(pair.publicKey) })),
          'SEAL_SIGNATURE',
        ] as const,
    ),
    [
      'a P-384 key that signed the SHA-256',
      changed((b) => {
        Object.assign(b['verificationMaterial']!['publicKey']!, { hint: hintOf(p384.publicKey) });
        Object.assign(b['messageSignature']!, { signature: sign('sha256', bytes, p384.privateKey).toString('base64') });
      }),
      'SEAL_SIGNATURE',
    ],
    [
      'RSA with PSS padding',
      changed((b) => {
        Object.assign(b['verificationMaterial']!['publicKey']!, { hint: hintOf(rsa3072.publicKey) });
        const key = { key: rsa3072.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING };
        Object.assign(b['messageSignature']!, { signature: sign('sha256', bytes, key).toString('base64') });
      }),
      'SEAL_SIGNATURE',
    ],
    ...(
      [
        [rsa1024, 'SEAL_KEY_WEAK'],
        [k256, 'SEAL_UNSUPPORTED'],
        [pss, 'SEAL_UNSUPPORTED'],
      ] as const
    ).map(
      ([pair, code]) =>
        [
          `a good signature by a key of ${pair.publicKey.asymmetricKeyType} that makes no seal`,
          changed((b) => {
            Object.assign(b['verificationMaterial']!['publicKey']!, { hint: hintOf(pair.publicKey) });
            Object.assign(b['messageSignature']!, { signature: sign('sha256', bytes, pair.privateKey).toString('base64') });
          }),
          code,
        ] as const,
    ),
    [
      'a certificate that is none (T3, T4)',
      changed((b) => Object.assign(b, { verificationMaterial: { certificate: { rawBytes: 'AAAA' } } })),
      'SEAL_CERTIFICATE',
    ],
    [
      'a certificate chain beside a key',
      changed((b) => Object.assign(b['verificationMaterial']!, { x509CertificateChain: { certificates: [] } })),
      'SEAL_MALFORMED',
    ],
    ['log entries that say nothing', changed((b) => Object.assign(b['verificationMaterial']!, { tlogEntries: [{}, {}] })), 'SEAL_LOG'],
    [
      'five log entries (T12)',
      changed((b) => Object.assign(b['verificationMaterial']!, { tlogEntries: [{}, {}, {}, {}, {}] })),
      'SEAL_TOO_LARGE',
    ],
    [
      'a timestamp that is none',
      changed((b) =>
        Object.assign(b['verificationMaterial']!, { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: 'AAAA' }] } }),
      ),
      'SEAL_TIMESTAMP',
    ],
    ['an unknown field at the top (T7)', changed((b) => Object.assign(b, { extra: 1 })), 'SEAL_MALFORMED'],
    ['an unknown field in the material', changed((b) => Object.assign(b['verificationMaterial']!, { extra: 1 })), 'SEAL_MALFORMED'],
    [
      'an unknown field beside the hint',
      changed((b) => Object.assign(b['verificationMaterial']!['publicKey']!, { rawBytes: 'AAAA' })),
      'SEAL_MALFORMED',
    ],
    ['an unknown field in the signature', changed((b) => Object.assign(b['messageSignature']!, { extra: 1 })), 'SEAL_MALFORMED'],
    [
      'an unknown field in the digest',
      changed((b) => Object.assign(b['messageSignature']!['messageDigest']!, { extra: 1 })),
      'SEAL_MALFORMED',
    ],
    ['__proto__ as a field', good.replace('{', '{"__proto__":{},'), 'SEAL_MALFORMED'],
    ['a repeated field', good.replace('{', '{"mediaType":"x",'), 'SEAL_MALFORMED'],
    [
      'junk within base64 (T7)',
      changed((b) =>
        Object.assign(b['messageSignature']!, {
          signature: `${der().toString('base64').slice(0, -4)}!${der().toString('base64').slice(-4)}`,
        }),
      ),
      'SEAL_MALFORMED',
    ],
    ['base64url', changed((b) => Object.assign(b['messageSignature']!, { signature: '_-8=' })), 'SEAL_MALFORMED'],
    ['an empty signature', changed((b) => Object.assign(b['messageSignature']!, { signature: '' })), 'SEAL_MALFORMED'],
    [
      'a signature with bytes after it',
      changed((b) => Object.assign(b['messageSignature']!, { signature: Buffer.concat([der(), Buffer.from([0, 0])]).toString('base64') })),
      'SEAL_SIGNATURE',
    ],
    [
      'a signature of zeros',
      changed((b) => Object.assign(b['messageSignature']!, { signature: Buffer.from('3006020100020100', 'hex').toString('base64') })),
      'SEAL_SIGNATURE',
    ],
    ['an empty digest', changed((b) => Object.assign(b['messageSignature']!, { messageDigest: {} })), 'SEAL_MALFORMED'],
    ['no digest', changed((b) => delete b['messageSignature']!['messageDigest']), 'SEAL_MALFORMED'],
    [
      'a digest of 31 bytes',
      changed((b) => Object.assign(b['messageSignature']!['messageDigest']!, { digest: Buffer.alloc(31, 1).toString('base64') })),
      'SEAL_MALFORMED',
    ],
    ['no material', changed((b) => delete b['verificationMaterial']), 'SEAL_MALFORMED'],
    [
      'another media type',
      changed((b) => Object.assign(b, { mediaType: 'application/vnd.dev.sigstore.bundle.v9.9+json' })),
      'SEAL_MALFORMED',
    ],
    [
      'a media type with more behind it',
      changed((b) => Object.assign(b, { mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json; x' })),
      'SEAL_MALFORMED',
    ],
    ['no JSON', 'x', 'SEAL_MALFORMED'],
    ['no text', '', 'SEAL_MALFORMED'],
    ['a JSON list', '[]', 'SEAL_MALFORMED'],
    ['JSON null', 'null', 'SEAL_MALFORMED'],
    ['deep JSON', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'SEAL_MALFORMED'],
    ['more than 64 KiB', `${good}${' '.repeat(64 * 1024)}`, 'SEAL_TOO_LARGE'],
  ];
  for (const [name, bundle, code] of rows) it(name, () => assert.equal(check(bundle), code));

  it('no seal, and more than eight', () => {
    assert.equal(codeOf(verify(bytes, [], trust, NOW)), 'SEAL_MISSING');
    assert.equal(
      codeOf(
        verify(
          bytes,
          Array.from({ length: 9 }, () => good),
          trust,
          NOW,
        ),
      ),
      'SEAL_TOO_LARGE',
    );
  });

  it('at any time that is not one', () => {
    assert.equal(check(good, { at: Number.NaN }), 'SEAL_KEY_NOT_VALID');
    assert.equal(check(good, { at: Number.POSITIVE_INFINITY }), 'SEAL_EXPIRED');
    assert.equal(check(seal(bytes, future.privateKey), { at: Number.NaN }), 'SEAL_KEY_NOT_VALID');
  });

  it('after it expired, to the millisecond', () => {
    assert.equal(check(good, { at: Date.UTC(2027, 2, 1) }), 'ok');
    assert.equal(check(good, { at: Date.UTC(2027, 2, 1) + 1 }), 'SEAL_EXPIRED');
  });

  it('a document below the least version that the trust policy takes', () => {
    const least = (...versions: readonly number[]): Trust =>
      trustOf({ minimums: versions.map((version) => ({ kind: 'Policy', name: 'pinned', version })) });
    assert.equal(check(good, { trust: least(4) }), 'SEAL_BELOW_MINIMUM');
    assert.equal(check(good, { trust: least(4, 2) }), 'SEAL_BELOW_MINIMUM');
    assert.equal(check(good, { trust: least(3) }), 'ok');
    const others = ['Tenant', 'Ruleset', 'Set'].map((kind) => ({ kind, name: 'pinned', version: 9 }));
    assert.equal(check(good, { trust: trustOf({ minimums: [...others, { kind: 'Policy', name: 'constructor', version: 9 }] }) }), 'ok');
  });
  it('a document that is revoked', () => assert.equal(check(good, { trust: trustOf({ documents: [digestOf(bytes)] }) }), 'SEAL_REVOKED'));

  it('everything once the trust policy has expired', () => {
    const expired = trustOf({ expires: '2026-01-01T00:00:00Z' });
    assert.equal(check(good, { trust: expired }), 'TRUST_EXPIRED');
    assert.equal(check(good, { trust: expired, at: Date.UTC(2025, 0, 1) }), 'ok');
  });

  const documents: readonly (readonly [name: string, text: string, code: ProblemCode])[] = [
    ['a well sealed document that is ambiguous', `${POLICY}  title: yes\n`, 'DOCUMENT_AMBIGUOUS'],
    ['a well sealed document that does not fit', `${POLICY}  enforcment: Deny\n`, 'DOCUMENT_UNKNOWN_FIELD'],
    ['a well sealed document without a version', POLICY.replace('  version: 3\n', ''), 'SEAL_VERSION'],
    [
      'a well sealed GitSource',
      'apiVersion: writ.dev/v1alpha1\nkind: GitSource\nmetadata: {name: a, namespace: b}\nspec: {url: "https://host/x"}\n',
      'SEAL_KIND',
    ],
    ['a well sealed trust policy', trustText(), 'SEAL_KIND'],
    ['a well sealed document with CR', POLICY.replaceAll('\n', '\r\n'), 'DOCUMENT_ENCODING'],
    ['a well sealed document of 97 KiB', `${POLICY}#${'x'.repeat(96 * 1024)}`, 'DOCUMENT_TOO_LARGE'],
    [
      'a kind that no rule speaks of',
      'apiVersion: writ.dev/v1alpha1\nkind: Ruleset\nmetadata: {name: a}\nspec:\n  version: 1\n  policies: [{path: a.yaml, sha256: "' +
        '0'.repeat(64) +
        '"}]\n',
      'SEAL_NO_RULE',
    ],
  ];
  for (const [name, text, code] of documents) {
    it(name, () => {
      const document = Buffer.from(text);
      const outcome = verify(document, [seal(document, alice.privateKey)], trust, NOW);
      assert.equal(codeOf(outcome), code);
      assert.ok(!outcome.ok && outcome.problem.at !== undefined);
    });
  }
});
