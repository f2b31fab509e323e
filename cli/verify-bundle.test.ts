// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createPublicKey, generateKeyPairSync, hash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { after, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { seal, sealStatement } from '../policies/trust/seal.ts';
import { p256 } from '../test/sigstore/certificates.ts';
import type { Json } from '../test/sigstore/index.ts';
import { isEcdsaOfDigest } from './bundle/curves.ts';
import { chooseRoot } from './bundle/roots.ts';
import { temporaryFolder } from './spawn-writ.ts';
import { atMs, bytes, digest, file, identity, judge, key, other, rootOf, sigstore, statementOf, whoever } from './test-bundle.ts';

const withChain = ({ mediaType: _, ...bundle }: Json): Json => {
  const { certificate, ...material } = bundle['verificationMaterial'] ?? {};
  return JSON.parse(
    JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
      ...bundle,
      verificationMaterial: { ...material, x509CertificateChain: { certificates: [certificate] } },
    }),
  );
};

describe('a bundle that is good is accepted', () => {
  const message = { message: bytes };
  const statement = { statement: statementOf({}) };
  const rows: readonly (readonly [string, Json])[] = [
    ['a file, Rekor v1', sigstore.seal({ content: message, identity, atMs })],
    ['a file, Rekor v2 and a timestamp', sigstore.seal({ content: message, identity, atMs, log: 2 })],
    ['a file, Rekor v1 and two timestamps', sigstore.seal({ content: message, identity, atMs, timestamps: 2 })],
    ['a statement of another predicate, Rekor v1', sigstore.seal({ content: statement, identity, atMs })],
    ['a statement, Rekor v2', sigstore.seal({ content: statement, identity, atMs, log: 2 })],
    ['a statement, early Rekor v2', sigstore.seal({ content: statement, identity, atMs, log: 2, earlyTiles: true })],
    ['bundle 0.1 with a chain', withChain(sigstore.seal({ content: message, identity, atMs }))],
  ];
  for (const [name, bundle] of rows) {
    it(`${name}: by file and by digest`, () => {
      assert.equal(judge(bundle), 'accepted');
      assert.equal(judge(bundle, { artifact: digest }), 'accepted');
    });
  }

  it('by a key, with and without log entries, whatever the hint says', () => {
    const expected = { key: key.publicKey };
    for (const content of [message, statement]) {
      assert.equal(judge(sigstore.seal({ content, key, atMs, log: 'none' }), { expected }), 'accepted');
      const logged = sigstore.seal({ content, key, atMs, log: 2 });
      Object.assign(logged['verificationMaterial'] ?? {}, { publicKey: { hint: 'release key 7' } });
      for (const artifact of [file, digest]) assert.equal(judge(logged, { expected, artifact }), 'accepted');
    }
  });

  const makers: readonly (readonly [string, KeyObject, string])[] = [
    ['ECDSA P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'accepted'],
    ['ECDSA P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey, 'SEAL_UNSUPPORTED'],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey, 'SEAL_UNSUPPORTED'],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey, 'accepted'],
  ];
  for (const [name, privateKey, byDigest] of makers) {
    it(`of our own making with ${name}`, () => {
      const expected = { key: createPublicKey(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
      assert.equal(judge(seal(bytes, privateKey), { expected }), 'accepted');
      assert.equal(judge(sealStatement(statementOf({}), privateKey), { expected, artifact: digest }), 'accepted');
      assert.equal(judge(seal(bytes, privateKey), { expected, artifact: digest }), byDigest);
      const wrong = { ...digest, sha256: hash('sha256', 'x') };
      assert.match(judge(seal(bytes, privateKey), { expected, artifact: wrong }), /^SEAL_(DIGEST_MISMATCH|UNSUPPORTED)$/);
    });
  }

  it('with a subject of SHA-512 alone, where the file is there', () => {
    const subject = [{ name: 'a', digest: { sha512: hash('sha512', bytes) } }];
    const bundle = sigstore.seal({ content: { statement: statementOf({ subject }) }, identity, atMs });
    assert.equal(judge(bundle), 'accepted');
    assert.equal(judge(bundle, { artifact: digest }), 'SEAL_DIGEST_MISMATCH');
  });
});

describe('a bundle that proves nothing is refused', () => {
  const good = sigstore.seal({ content: { message: bytes }, identity, atMs });
  const byKey = sigstore.seal({ content: { message: bytes }, key, atMs, log: 'none' });
  const about = (statement: object): Json => sigstore.seal({ content: { statement: statementOf(statement) }, identity, atMs });
  const changed = (change: (bundle: Json) => void): Json => {
    const copy: Json = JSON.parse(JSON.stringify(good));
    change(copy);
    return copy;
  };
  const rows: readonly (readonly [string, string, () => string])[] = [
    [
      'another file',
      'SEAL_DIGEST_MISMATCH',
      () => judge(good, { artifact: { ...file, sha256: hash('sha256', 'b'), bytes: Buffer.from('b') } }),
    ],
    ['another digest', 'SEAL_DIGEST_MISMATCH', () => judge(good, { artifact: { ...digest, sha256: hash('sha256', 'b') } })],
    ['another identity', 'SEAL_UNKNOWN_IDENTITY', () => judge(good, { expected: { ...whoever, identity: `${identity.subject}-evil` } })],
    ['an identity that is a pattern', 'SEAL_UNKNOWN_IDENTITY', () => judge(good, { expected: { ...whoever, identity: '.*' } })],
    ['another issuer', 'SEAL_UNKNOWN_IDENTITY', () => judge(good, { expected: { identity: identity.subject, issuer: 'https://evil' } })],
    ['a certificate where a key is asked for', 'SEAL_UNKNOWN_KEY', () => judge(good, { expected: { key: key.publicKey } })],
    ['a key where an identity is asked for', 'SEAL_UNKNOWN_IDENTITY', () => judge(byKey)],
    ['another key', 'SEAL_SIGNATURE', () => judge(byKey, { expected: { key: p256().publicKey } })],
    ['another key, by digest', 'SEAL_SIGNATURE', () => judge(byKey, { expected: { key: p256().publicKey }, artifact: digest })],
    ['an authority that is not trusted', 'SEAL_', () => judge(good, { root: rootOf(other.trustedRoot()) })],
    ['no log entry', 'SEAL_LOG', () => judge(sigstore.seal({ content: { message: bytes }, identity, atMs, log: 'none', timestamps: 1 }))],
    [
      'a log entry of another signature',
      'SEAL_LOG',
      () =>
        judge(
          changed((bundle) =>
            Object.assign(bundle['verificationMaterial'] ?? {}, {
              tlogEntries: sigstore.seal({ content: { message: bytes }, identity, atMs })['verificationMaterial']?.['tlogEntries'],
            }),
          ),
        ),
    ],
    [
      'no time in a log of v2',
      'SEAL_TIMESTAMP',
      () => judge(sigstore.seal({ content: { message: bytes }, identity, atMs, log: 2, timestamps: 0 })),
    ],
    ['no SCT', 'SEAL_SCT', () => judge(sigstore.seal({ content: { message: bytes }, identity, atMs, leaf: { sct: 'none' } }))],
    ['a statement of an unknown type', 'SEAL_STATEMENT', () => judge(about({ _type: 'https://in-toto.io/Statement/v2' }))],
    ['a statement without a type', 'SEAL_STATEMENT', () => judge(about({ _type: undefined }))],
    ['a statement without subjects', 'SEAL_STATEMENT', () => judge(about({ subject: [] }))],
    ['a statement about something else', 'SEAL_DIGEST_MISMATCH', () => judge(about({ subject: [{ digest: { sha256: '0'.repeat(64) } }] }))],
    [
      'a subject whose digests disagree',
      'SEAL_DIGEST_MISMATCH',
      () => judge(about({ subject: [{ digest: { sha256: file.sha256, sha512: '00' } }] })),
    ],
    [
      'a subject without a digest that is known',
      'SEAL_DIGEST_MISMATCH',
      () => judge(about({ subject: [{ digest: { constructor: 'x', __proto__: file.sha256 } }] })),
    ],
    [
      'an envelope of another payload',
      'SEAL_STATEMENT',
      () =>
        judge(
          changed((bundle) => {
            delete bundle['messageSignature'];
            Object.assign(bundle, { dsseEnvelope: { payload: 'AAAA', payloadType: 'text/plain', signatures: [{ sig: 'AAAA' }] } });
          }),
        ),
    ],
    [
      'both proofs at once',
      'SEAL_MALFORMED',
      () => judge(changed((bundle) => Object.assign(bundle, { dsseEnvelope: { payload: 'AAAA' } }))),
    ],
    ['an unknown field', 'SEAL_MALFORMED', () => judge(changed((bundle) => Object.assign(bundle, { extra: 1 })))],
    ['a chain in 0.3', 'SEAL_', () => judge({ ...withChain(good), mediaType: good['mediaType']! })],
    ['no JSON', 'SEAL_MALFORMED', () => judge('{')],
    [
      'RSA of 1024 bits',
      'SEAL_UNSUPPORTED',
      () => {
        const pair = generateKeyPairSync('rsa', { modulusLength: 1024 });
        return judge(byKey, { expected: { key: pair.publicKey } });
      },
    ],
  ];
  for (const [name, code, act] of rows) it(name, () => assert.ok(act().startsWith(code), `${act()}, not ${code}`));

  it('any flip of a byte in it, or of the artifact', () => {
    const text = JSON.stringify(byKey);
    const expected = { key: key.publicKey };
    const canonical = JSON.stringify(JSON.parse(text));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 127 }), (at, bits) => {
        const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ bits) + text.slice(at + 1);
        const isHint = flipped.replace(/"hint":"[^"]*"/, '') === canonical.replace(/"hint":"[^"]*"/, '');
        assert.ok(isHint || judge(flipped, { expected, artifact: digest }) !== 'accepted', flipped);
      }),
      { numRuns: 150 },
    );
  });
});

describe('ECDSA over a digest', () => {
  for (const [curve, algorithm] of [
    ['P-256', 'sha256'],
    ['P-256', 'sha512'],
    ['P-384', 'sha384'],
    ['P-384', 'sha256'],
  ] as const) {
    it(`${curve} with ${algorithm} says what OpenSSL says`, () => {
      const pair = generateKeyPairSync('ec', { namedCurve: curve });
      for (const text of ['a', 'b', 'c']) {
        const signature = sign(algorithm, Buffer.from(text), pair.privateKey);
        assert.equal(isEcdsaOfDigest(hash(algorithm, text, 'buffer'), signature, pair.publicKey), true);
        assert.equal(isEcdsaOfDigest(hash(algorithm, 'd', 'buffer'), signature, pair.publicKey), false);
      }
    });
  }

  it('takes no signature of zeros, of the order, of less or more than two numbers', () => {
    const { publicKey } = p256();
    const order = '00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    for (const hex of [
      '',
      '3000',
      '3006020100020100',
      '3006020101020100',
      '300302010130',
      `3026022100${order.slice(2)}020101`,
      '3009020101020101020101',
      '300602018102017f',
      '30080202000102020001',
    ])
      assert.equal(isEcdsaOfDigest(Buffer.alloc(32, 1), Buffer.from(hex, 'hex'), publicKey), false, hex);
    assert.equal(
      isEcdsaOfDigest(Buffer.alloc(32), Buffer.from('3006020101020101', 'hex'), generateKeyPairSync('ed25519').publicKey),
      false,
    );
  });
});

describe('writ verify-bundle', () => {
  const folder = temporaryFolder();
  after(() => folder[Symbol.dispose]());
  const { publicKey } = key;
  folder.write({
    'a.txt': bytes,
    'root.json': sigstore.trustedRoot(),
    'keyless.json': JSON.stringify(sigstore.seal({ content: { message: bytes }, identity, atMs })),
    'keyed.json': JSON.stringify(sigstore.seal({ content: { statement: statementOf({}) }, key, atMs, log: 'none' })),
    'key.pub': String(publicKey.export({ type: 'spki', format: 'pem' })),
  });
  const run = (...args: readonly string[]) => folder.writ(['verify-bundle', ...args]);
  const named = ['--certificate-identity', identity.subject, '--certificate-oidc-issuer', identity.issuer];

  it('accepts and tells who and when', () => {
    const { code, out, err } = run('--bundle', 'keyless.json', ...named, '--trusted-root', 'root.json', 'a.txt');
    assert.deepEqual([code, err], [0, '']);
    assert.match(
      out,
      /^a\.txt: accepted: the file is signed by https:\/\/git\.example\.com.* there at 2026-05-01T00:00:01\.000Z, in a transparency log\n$/,
    );
    const json = JSON.parse(run('--bundle', 'keyed.json', '--key', 'key.pub', `sha256:${file.sha256}`, '--output', 'json').out);
    assert.deepEqual([json.verified, json.predicateType, json.logEntries, json.times], [true, 'https://slsa.dev/provenance/v1', 0, []]);
  });

  it('judges by the public Sigstore where no trusted root is given', () => {
    const { material } = chooseRoot(undefined);
    const logs = material.tlogs.map(({ baseURL }) => baseURL);
    assert.ok(logs.includes('https://rekor.sigstore.dev') && logs.includes('https://log2025-1.rekor.sigstore.dev'), logs.join());
    assert.ok(material.certificateAuthorities.length > 0 && material.ctlogs.length > 0 && material.timestampAuthorities.length > 0);
    const { code, err } = run('--bundle', 'keyless.json', ...named, 'a.txt');
    assert.equal(code, 1);
    assert.match(err, /^SEAL_LOG: keyless\.json: .* a log that the trusted root does not list/);
  });

  it('refuses with 1 and a reason', () => {
    const { code, out, err } = run('--bundle', 'keyed.json', '--key', 'key.pub', 'key.pub');
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /^SEAL_DIGEST_MISMATCH: keyed\.json: its statement is about other files/);
    const json = run('--bundle', 'keyed.json', '--key', 'key.pub', 'key.pub', '--output', 'json');
    assert.deepEqual([json.code, JSON.parse(json.out).verified], [1, false]);
  });

  it('says how it is used', () => {
    for (const [args, words] of [
      [['--bundle', 'keyless.json', ...named, '--key', 'key.pub', 'a.txt'], /exclude each other/],
      [['--bundle', 'keyless.json', 'a.txt'], /give --certificate-identity and --certificate-oidc-issuer, or --key/],
      [['a.txt'], /required option '--bundle <file>'/],
    ] as const) {
      const { code, err } = run(...args);
      assert.equal(code, 2);
      assert.match(err, words);
    }
    assert.match(run('--bundle', 'none', '--key', 'a.txt', 'a.txt').err, /KEY_UNREADABLE: a\.txt: not a public key/);
    assert.match(run('--bundle', 'none', '--key', 'key.pub', 'a.txt').err, /FILE_UNREADABLE: none/);
    assert.match(run('--bundle', 'keyless.json', ...named, '--trusted-root', 'a.txt', 'a.txt').err, /TRUST_ROOT_INVALID: a\.txt/);
  });

  it('takes a file that is named like a digest as a file', () => {
    folder.write({ [`sha256:${'0'.repeat(64)}`]: bytes });
    assert.equal(run('--bundle', 'keyed.json', '--key', 'key.pub', `sha256:${'0'.repeat(64)}`).code, 0);
    assert.match(run('--bundle', 'keyed.json', '--key', 'key.pub', 'sha256:00').err, /FILE_UNREADABLE: sha256:00/);
  });
});
