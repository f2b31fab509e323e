// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { constants, createHash, verify as cryptoVerify, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { digestOf } from '../document/digest.ts';
import type { ProblemCode } from '../problem.ts';
import { loadTrust, verify } from './index.ts';
import type { Trust, VerifyOutcome } from './index.ts';
import { hintOf } from './key.ts';
import { seal, sealStatement } from './seal.ts';
import { writeStatement } from './statement.ts';

const NOW = Date.UTC(2026, 5, 1);
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

type Pair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
const p256 = (): Pair => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject): string => String(key.export({ type: 'spki', format: 'pem' }));

const alice = p256();
const alice2 = p256();
const bob = p256();
const stranger = p256();
const old = p256();
const future = p256();
const revoked = p256();
const revokedPrincipal = p256();
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed25519 = generateKeyPairSync('ed25519');
const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 });
const rsa3072 = generateKeyPairSync('rsa', { modulusLength: 3072 });
const rsa4096 = generateKeyPairSync('rsa', { modulusLength: 4096 });
const k256 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 3072 });

type KeyEntry = { readonly pem: string; readonly validFor?: { readonly start?: string; readonly end?: string } };
type PrincipalEntry = {
  readonly name: string;
  readonly publicKeys?: readonly KeyEntry[];
  readonly identity?: object;
  readonly minRsaBits?: number;
};

const principals: readonly PrincipalEntry[] = [
  { name: 'alice', publicKeys: [{ pem: pem(alice.publicKey) }, { pem: pem(alice2.publicKey) }] },
  { name: 'bob', publicKeys: [{ pem: pem(bob.publicKey) }] },
  {
    name: 'rotated',
    publicKeys: [
      { pem: pem(old.publicKey), validFor: { end: '1970-06-01T00:00:00Z' } },
      { pem: pem(future.publicKey), validFor: { start: '2099-01-01T00:00:00Z' } },
    ],
  },
  { name: 'revoked-key', publicKeys: [{ pem: pem(revoked.publicKey) }] },
  { name: 'revoked-principal', publicKeys: [{ pem: pem(revokedPrincipal.publicKey) }] },
  { name: 'others', publicKeys: [p384, ed25519, rsa3072].map(({ publicKey }) => ({ pem: pem(publicKey) })) },
  { name: 'weak', publicKeys: [rsa1024, k256, pss].map(({ publicKey }) => ({ pem: pem(publicKey) })) },
  { name: 'partner', publicKeys: [{ pem: pem(rsa4096.publicKey) }], minRsaBits: 4096 },
  { name: 'ci', identity: { issuer: 'https://token.example', subject: 'https://example/ci' } },
];

type Spec = {
  readonly rules?: readonly object[];
  readonly principals?: readonly PrincipalEntry[];
  readonly expires?: string;
  readonly documents?: readonly string[];
};

const anyOne = { threshold: 1, principals: principals.map(({ name }) => name) };

const trustText = (spec: Spec = {}): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version: 1,
      ...(spec.expires === undefined ? {} : { expires: spec.expires }),
      principals: spec.principals ?? principals,
      rules: spec.rules ?? [{ kinds: ['Policy', 'Tenant'], allOf: [anyOne] }],
      revoked: { keys: [hintOf(revoked.publicKey)], principals: ['revoked-principal'], documents: spec.documents ?? [] },
    },
  });

const load = (text: string) => loadTrust(Buffer.from(text), { pinnedDigest: digestOf(Buffer.from(text)), file: 'trust.yaml' });

const trustOf = (spec: Spec = {}): Trust => {
  const outcome = load(trustText(spec));
  assert.ok(outcome.ok, outcome.ok ? '' : JSON.stringify(outcome.problems));
  return outcome.trust;
};

const trust = trustOf();
const two = trustOf({ rules: [{ kinds: ['Policy'], allOf: [{ threshold: 2, principals: ['alice', 'bob'] }] }] });

const POLICY = `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: pinned}
spec:
  version: 3
  expires: 2027-03-01T00:00:00Z
  workloads: [Agent]
  validations: [{expression: "true"}]
`;
const bytes = Buffer.from(POLICY);
const good = seal(bytes, alice.privateKey);

const codeOf = (outcome: VerifyOutcome): ProblemCode | 'ok' => (outcome.ok ? 'ok' : outcome.problem.code);
const check = (bundle: string, options: { document?: Uint8Array; trust?: Trust; at?: number } = {}): ProblemCode | 'ok' =>
  codeOf(verify(options.document ?? bytes, [bundle], options.trust ?? trust, options.at ?? NOW));

type Json = { [key: string]: Json } & { [key: string]: unknown };
/** The good bundle with something changed. */
const changed = (change: (bundle: Json) => void): string => {
  const bundle: Json = JSON.parse(good);
  change(bundle);
  return JSON.stringify(bundle);
};

/** The other valid signature of the same key over the same bytes: (r, n−s). */
const malleated = (bundle: string, key: KeyObject): string => {
  const parsed: Json = JSON.parse(bundle);
  const text: unknown = parsed['messageSignature']!['signature'];
  assert.ok(typeof text === 'string');
  const der = Buffer.from(text, 'base64');
  const readInteger = (at: number): { value: bigint; next: number } => {
    const length = der[at + 1]!;
    return { value: BigInt(`0x${der.subarray(at + 2, at + 2 + length).toString('hex')}`), next: at + 2 + length };
  };
  const r = readInteger(2);
  const s = readInteger(r.next);
  const integer = (value: bigint): Buffer => {
    const hex = value.toString(16);
    const raw = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    const padded = (raw[0]! & 0x80) === 0 ? raw : Buffer.concat([Buffer.from([0]), raw]);
    return Buffer.concat([Buffer.from([2, padded.length]), padded]);
  };
  const body = Buffer.concat([integer(r.value), integer(P256_ORDER - s.value)]);
  const signature = Buffer.concat([Buffer.from([0x30, body.length]), body]).toString('base64');
  Object.assign(parsed['messageSignature']!, { signature });
  assert.notEqual(JSON.stringify(parsed), bundle);
  assert.equal(hintOf(key), parsed['verificationMaterial']!['publicKey']!['hint']);
  return JSON.stringify(parsed);
};

describe('a good seal', () => {
  it('gives the document from the signed bytes, who signed and by which rule', () => {
    const outcome = verify(bytes, [good], trust, NOW);
    assert.ok(outcome.ok);
    assert.equal(outcome.document.kind, 'Policy');
    assert.equal(outcome.document.name, 'pinned');
    assert.equal(outcome.document.version, 3);
    assert.equal(outcome.document.expires, Date.UTC(2027, 2, 1));
    assert.equal(outcome.document.digest, digestOf(bytes));
    assert.deepEqual([outcome.signers, outcome.rule, outcome.ignored], [[{ name: 'alice' }], 0, []]);
  });

  it('by either key of a principal, and in the older media types', () => {
    assert.equal(check(seal(bytes, alice2.privateKey)), 'ok');
    for (const version of ['0.1', '0.2', '0.3']) {
      assert.equal(
        check(changed((bundle) => Object.assign(bundle, { mediaType: `application/vnd.dev.sigstore.bundle+json;version=${version}` }))),
        'ok',
      );
    }
  });

  it('of a Tenant, which may have a version', () => {
    for (const [spec, version] of [
      ['{}', 0],
      ['{version: 7}', 7],
    ] as const) {
      const tenant = Buffer.from(`apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: ${spec}\n`);
      const outcome = verify(tenant, [seal(tenant, bob.privateKey)], trust, NOW);
      assert.ok(outcome.ok);
      assert.deepEqual([outcome.document.kind, outcome.document.version], ['Tenant', version]);
    }
  });

  it('is not spoilt by bad ones beside it, which are named', () => {
    const outcome = verify(bytes, ['{', seal(bytes, stranger.privateKey), good], trust, NOW);
    assert.ok(outcome.ok);
    assert.deepEqual(
      outcome.ignored.map(({ code }) => code),
      ['SEAL_MALFORMED', 'SEAL_UNKNOWN_KEY'],
    );
    assert.match(outcome.ignored[1]?.message ?? '', /^seal 2: /);
  });

  for (const [name, { privateKey }, principal] of [
    ['ECDSA P-384', p384, 'others'],
    ['Ed25519', ed25519, 'others'],
    ['RSA of 3072 bits', rsa3072, 'others'],
    ['RSA of 4096 bits', rsa4096, 'partner'],
  ] as const) {
    it(`by ${name}, over the file and over an approval`, () => {
      const approval = sealStatement(writeStatement('approval', [{ name: 'x', digest: digestOf(bytes) }], {}), privateKey);
      for (const [proof, bundle] of [
        ['message', seal(bytes, privateKey)],
        ['approval', approval],
      ] as const) {
        const outcome = verify(bytes, [bundle], trust, NOW);
        assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem.message);
        assert.deepEqual(
          outcome.seals.map((counted) => [counted.principal.name, counted.proof, counted.signedAtMs]),
          [[principal, proof, undefined]],
        );
      }
    });
  }

  it('is PKCS#1 v1.5 with SHA-256 where the key is RSA', () => {
    const parsed: Json = JSON.parse(seal(bytes, rsa4096.privateKey));
    const text: unknown = parsed['messageSignature']!['signature'];
    assert.ok(typeof text === 'string');
    const signature = Buffer.from(text, 'base64');
    assert.ok(cryptoVerify('RSA-SHA256', bytes, { key: rsa4096.publicKey, padding: constants.RSA_PKCS1_PADDING }, signature));
  });

  it('is made by no weak key and by no public one', () => {
    for (const { privateKey } of [rsa1024, k256, pss]) assert.throws(() => seal(bytes, privateKey), TypeError);
    assert.throws(() => seal(bytes, alice.publicKey), TypeError);
  });
});

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

describe('thresholds count principals', () => {
  const bySecond = seal(bytes, alice2.privateKey);
  const byBob = seal(bytes, bob.privateKey);
  const rows: readonly (readonly [name: string, bundles: readonly string[], code: ProblemCode | 'ok'])[] = [
    ['one of two', [good], 'SEAL_THRESHOLD'],
    ['one twice', [good, good], 'SEAL_THRESHOLD'],
    ['one spelt in another way', [good, `${good} `], 'SEAL_THRESHOLD'],
    ['one and its malleated twin (T8)', [good, malleated(good, alice.publicKey)], 'SEAL_THRESHOLD'],
    ['one by two signatures of one key', [good, seal(bytes, alice.privateKey)], 'SEAL_THRESHOLD'],
    ['one by two keys of one principal', [good, bySecond], 'SEAL_THRESHOLD'],
    ['one and a stranger', [good, seal(bytes, stranger.privateKey)], 'SEAL_THRESHOLD'],
    ['two', [good, byBob], 'ok'],
    ['two in the other order, and junk', [byBob, '{}', good, bySecond], 'ok'],
  ];
  for (const [name, bundles, code] of rows) it(name, () => assert.equal(codeOf(verify(bytes, bundles, two, NOW)), code));

  it('a malleated signature alone is a good one of the same principal', () => assert.equal(check(malleated(good, alice.publicKey)), 'ok'));

  it('says who is missing', () => {
    const outcome = verify(bytes, [good], two, NOW);
    assert.ok(!outcome.ok);
    assert.equal(outcome.problem.message, 'signed by alice; needed: 2 of alice, bob (has 1)');
  });

  it('every group of a rule must be reached; any rule that fits grants', () => {
    const group = (threshold: number, ...names: string[]) => ({ threshold, principals: names });
    const both = trustOf({ rules: [{ kinds: ['Policy'], allOf: [group(1, 'alice'), group(1, 'bob')] }] });
    assert.equal(codeOf(verify(bytes, [good], both, NOW)), 'SEAL_THRESHOLD');
    assert.equal(codeOf(verify(bytes, [good, byBob], both, NOW)), 'ok');
    const either = trustOf({
      rules: [
        { kinds: ['Policy'], allOf: [group(2, 'alice', 'bob')] },
        { kinds: ['Policy'], allOf: [group(1, 'bob')] },
      ],
    });
    assert.equal(codeOf(verify(bytes, [good], either, NOW)), 'SEAL_THRESHOLD');
    const outcome = verify(bytes, [byBob], either, NOW);
    assert.ok(outcome.ok && outcome.rule === 1);
  });

  it("a rule for publishers' tiers speaks of no other tier and of no other kind", () => {
    const ruleset = (tier: string): Buffer =>
      Buffer.from(
        `apiVersion: writ.dev/v1alpha1\nkind: Ruleset\nmetadata: {name: a}\nspec:\n  version: 1\n  publisher: {name: x, tier: ${tier}}\n  policies: [{path: a.yaml, sha256: "${'0'.repeat(64)}"}]\n`,
      );
    const gold = trustOf({
      rules: [{ kinds: ['Ruleset', 'Policy'], publisherTiers: ['Gold'], allOf: [{ threshold: 1, principals: ['alice'] }] }],
    });
    assert.equal(check(seal(ruleset('Gold'), alice.privateKey), { document: ruleset('Gold'), trust: gold }), 'ok');
    assert.equal(check(seal(ruleset('Bronze'), alice.privateKey), { document: ruleset('Bronze'), trust: gold }), 'SEAL_NO_RULE');
    assert.equal(check(good, { trust: gold }), 'SEAL_NO_RULE');
  });

  it('a rule for tenants speaks of policies that are confined to them and bear their names, and of nothing else', () => {
    const policy = (name: string, tenants: string): Buffer =>
      Buffer.from(
        `apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata: {name: ${name}}\nspec:\n  version: 1\n${tenants}  workloads: [Agent]\n  validations: [{expression: "true"}]\n`,
      );
    const own = trustOf({ rules: [{ kinds: ['Policy', 'Ruleset'], tenants: ['acme'], allOf: [{ threshold: 1, principals: ['alice'] }] }] });
    const codeFor = (name: string, tenants: string): string => {
      const document = policy(name, tenants === '' ? '' : `  tenants: [${tenants}]\n`);
      return check(seal(document, alice.privateKey), { document, trust: own });
    };
    assert.equal(codeFor('acme.pinned', 'acme'), 'ok');
    for (const [name, tenants] of [
      ['acme.pinned', ''],
      ['acme.pinned', 'rival'],
      ['acme.pinned', 'acme, rival'],
      // Of everybody else's policies no version is a tenant's to write.
      ['pinned', 'acme'],
      ['acme-pinned', 'acme'],
      ['rival.pinned', 'acme'],
    ] as const)
      assert.equal(codeFor(name, tenants), 'SEAL_NO_RULE', `${name} ${tenants}`);
    const ruleset = Buffer.from(
      `apiVersion: writ.dev/v1alpha1\nkind: Ruleset\nmetadata: {name: acme.a}\nspec:\n  version: 1\n  policies: [{path: a.yaml, sha256: "${'0'.repeat(64)}"}]\n`,
    );
    assert.equal(check(seal(ruleset, alice.privateKey), { document: ruleset, trust: own }), 'SEAL_NO_RULE');
  });

  it('without a rule nothing passes', () => assert.equal(check(good, { trust: trustOf({ rules: [] }) }), 'SEAL_NO_RULE'));
});

describe('a changed byte', () => {
  it('of the document is refused, whichever and however', () => {
    for (let index = 0; index < bytes.length; index += 1) {
      for (const mask of [0x01, 0x20, 0x80]) {
        const tampered = Buffer.from(bytes);
        tampered[index] = tampered[index]! ^ mask;
        assert.notEqual(check(good, { document: tampered }), 'ok', `byte ${index} ^ ${mask}`);
        // Even where the bundle claims the digest of the tampered bytes.
        const claimed = changed((b) =>
          Object.assign(b['messageSignature']!['messageDigest']!, { digest: createHash('sha256').update(tampered).digest('base64') }),
        );
        assert.notEqual(check(claimed, { document: tampered }), 'ok', `byte ${index} ^ ${mask}, digest adjusted`);
      }
    }
  });

  it('more or less is refused', () => {
    for (const document of [bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from('\n')]), Buffer.alloc(0)]) {
      assert.equal(check(good, { document }), 'SEAL_DIGEST_MISMATCH');
    }
  });

  it('of the bundle is refused wherever it changes what the bundle says', () => {
    for (let index = 0; index < good.length; index += 1) {
      const tampered = good.slice(0, index) + String.fromCodePoint(good.codePointAt(index)! ^ 1) + good.slice(index + 1);
      assert.notEqual(check(tampered), 'ok', `character ${index}: ${tampered}`);
    }
  });

  it('never throws, whatever the bundle', () => {
    const mangled = fc
      .tuple(fc.nat(good.length), fc.nat(20), fc.string({ maxLength: 20 }))
      .map(([at, cut, insert]) => good.slice(0, at) + insert + good.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(mangled, fc.json(), fc.string()), (bundle) => {
        assert.ok(check(bundle) !== 'ok' || JSON.stringify(JSON.parse(bundle)) === good);
      }),
      { numRuns: 1000 },
    );
  });
});
