// SPDX-License-Identifier: Apache-2.0
// What a Sigstore client must accept and what it must refuse: form of the bundle, content, signer, log entry. The situations are
// those that Sigstore's conformance suite asks about, made anew here; times and checkpoints are in any-bundle-evidence.test.ts, what
// was swapped between good bundles in swapped-evidence.test.ts.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { PAYLOAD_TYPE } from '../../policies/trust/statement.ts';
import { sealStatement } from '../../policies/trust/seal.ts';
import { authority, p256 } from './certificates.ts';
import {
  AT,
  changed,
  changedEntry,
  changedProof,
  inChain,
  message,
  sealed,
  sigstore,
  statement,
  statementOf,
  verdictOn,
} from './any-bundle.ts';
import type { Row } from './any-bundle.ts';
import { createSigstore } from './index.ts';
import type { Json } from './index.ts';
import { entryOf, inside, textAt } from './json-fields.ts';

const key = p256();
const held = { key: key.publicKey };
const elsewhere = createSigstore();
const flip = (base64: string): string => {
  const raw = Buffer.from(base64, 'base64');
  raw[raw.length - 1] = (raw.at(-1) ?? 0) ^ 1;
  return raw.toString('base64');
};

const signatureOf = (bundle: Json): Json => inside(bundle, 'dsseEnvelope', 'signatures', 0);

const form: readonly Row[] = [
  ['version 0.1', 'accepted', () => ({ bundle: inChain(sealed(), '0.1') })],
  ['version 0.2', 'accepted', () => ({ bundle: inChain(sealed(), '0.2', [sigstore.fulcio.intermediate.der]) })],
  [
    'version 0.3, its media type as it was at first',
    'accepted',
    () => ({ bundle: changed(sealed(), [], { mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.3' }) }),
  ],
  ['version 0.3', 'accepted', () => ({ bundle: sealed() })],
  [
    'a version that is not there yet',
    'SEAL_MALFORMED',
    () => ({ bundle: changed(sealed(), [], { mediaType: 'application/vnd.dev.sigstore.bundle+json;version=99.9' }) }),
  ],
  ['something else than JSON', 'SEAL_MALFORMED', () => ({ bundle: JSON.stringify(sealed()).slice(0, -1) })],
  [
    'no certificate in the chain',
    'SEAL_MALFORMED',
    () => ({ bundle: changed(inChain(sealed(), '0.1'), ['verificationMaterial'], { x509CertificateChain: { certificates: [] } }) }),
  ],
  [
    'the trusted root certificate in the chain',
    'SEAL_CERTIFICATE',
    () => ({ bundle: inChain(sealed(), '0.1', [sigstore.fulcio.intermediate.der, sigstore.fulcio.root.der]) }),
  ],
  ['another root certificate in the chain', 'SEAL_CERTIFICATE', () => ({ bundle: inChain(sealed(), '0.2', [authority('test root').der]) })],
  ['a signature that is no base64', 'SEAL_MALFORMED', () => ({ bundle: changed(sealed(), ['messageSignature'], { signature: '<none>' }) })],
  ['a negative index', 'SEAL_LOG', () => ({ bundle: changedEntry(sealed(), { logIndex: '-1' }) })],
  [
    'the bundle of another instance',
    'SEAL_LOG',
    () => ({
      bundle: elsewhere.seal({
        content: message,
        atMs: AT,
        identity: { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/release.yml@refs/heads/main' },
      }),
    }),
  ],
];

const content: readonly Row[] = [
  [
    'a digest that is not of the file',
    'SEAL_DIGEST_MISMATCH',
    () => ({ bundle: changed(sealed(), ['messageSignature', 'messageDigest'], { digest: Buffer.alloc(32).toString('base64') }) }),
  ],
  [
    'another signature',
    'SEAL_SIGNATURE',
    () => ({ bundle: changed(sealed(), ['messageSignature'], { signature: textAt(inside(sealed(), 'messageSignature'), 'signature') }) }),
  ],
  ['another file', 'SEAL_DIGEST_MISMATCH', () => ({ bundle: sealed({ content: { message: Buffer.from('another') } }) })],
  [
    'another file, under the digest of this one',
    'SEAL_SIGNATURE',
    () => ({
      bundle: changed(sealed({ content: { message: Buffer.from('another') } }), ['messageSignature'], {
        messageDigest: inside(sealed(), 'messageSignature', 'messageDigest'),
      }),
    }),
  ],
  ['a statement', 'accepted', () => ({ bundle: sealed({ content: statement }) })],
  [
    'a statement about something else',
    'SEAL_DIGEST_MISMATCH',
    () => ({ bundle: sealed({ content: { statement: statementOf({ subject: [{ name: 'x', digest: { sha256: '0'.repeat(64) } }] }) } }) }),
  ],
  [
    'a statement without its type',
    'SEAL_STATEMENT',
    () => ({ bundle: sealed({ content: { statement: statementOf({ _type: undefined }) } }) }),
  ],
  [
    'a statement of an unknown type',
    'SEAL_STATEMENT',
    () => ({ bundle: sealed({ content: { statement: statementOf({ _type: 'https://in-toto.io/Statement/v9' }) } }) }),
  ],
  [
    'a statement whose signature does not hold',
    'SEAL_SIGNATURE',
    () => ({
      bundle: changed(sealed({ content: statement }), ['dsseEnvelope', 'signatures', 0], {
        sig: textAt(signatureOf(sealed({ content: statement })), 'sig'),
      }),
    }),
  ],
  [
    'a statement with two signatures',
    'SEAL_MALFORMED',
    () => {
      const bundle = sealed({ content: statement });
      return { bundle: changed(bundle, ['dsseEnvelope'], { signatures: [signatureOf(bundle), signatureOf(bundle)] }) };
    },
  ],
  [
    'a statement of another payload type',
    'SEAL_STATEMENT',
    () => ({ bundle: changed(sealed({ content: statement }), ['dsseEnvelope'], { payloadType: `${PAYLOAD_TYPE}x` }) }),
  ],
];

const logged: readonly Row[] = [
  ...(['dsse', 'intoto', 'hashedrekord'] as const).map((statementAs): Row => [
    `a statement entered as ${statementAs}`,
    'accepted',
    () => ({ bundle: sealed({ content: statement, statementAs }) }),
  ]),
  ...(['dsse', 'intoto', 'hashedrekord'] as const).map((statementAs): Row => [
    `a statement by a key, entered as ${statementAs}`,
    'accepted',
    () => ({ bundle: sealed({ key, content: statement, statementAs }), expected: held }),
  ]),
  ...([{}, { statementAs: 'intoto' }, { statementAs: 'hashedrekord' }, { log: 2 }, { log: 2, earlyTiles: true }] as const).map(
    (options): Row => [
      `the entry of another statement by the same key (${JSON.stringify(options)})`,
      'SEAL_LOG',
      () => {
        const other = sealed({ key, content: { statement: statementOf({ predicate: { other: 1 } }) }, ...options });
        const bundle = sealed({ key, content: statement, ...options });
        return { bundle: changed(bundle, ['verificationMaterial'], { tlogEntries: [entryOf(other)] }), expected: held };
      },
    ],
  ),
  ...([{}, { log: 2 }] as const).map((options): Row => [
    `the entry of another signature of the same file by the same key (${JSON.stringify(options)})`,
    'SEAL_LOG',
    () => {
      const bundle = sealed({ key, ...options });
      return { bundle: changed(bundle, ['verificationMaterial'], { tlogEntries: [entryOf(sealed({ key, ...options }))] }), expected: held };
    },
  ]),
  [
    'the entry of another file',
    'SEAL_LOG',
    () => ({
      bundle: changed(sealed(), ['verificationMaterial'], { tlogEntries: [entryOf(sealed({ content: { message: Buffer.from('x') } }))] }),
    }),
  ],
  [
    'an entry at the index 0, which the format may leave out',
    'accepted',
    () => {
      const bundle = sealed({ log: 2, entry: { place: 0 } });
      return { bundle: changedEntry(changedProof(bundle, { logIndex: undefined }), { logIndex: undefined }) };
    },
  ],
  [
    'an entry whose index is left out and is not 0',
    'SEAL_LOG',
    () => ({ bundle: changedEntry(changedProof(sealed({ log: 2 }), { logIndex: undefined }), { logIndex: undefined }) }),
  ],
  [
    'an entry whose key was exchanged',
    'SEAL_LOG',
    () => {
      const bundle = sealed();
      const body = JSON.parse(Buffer.from(textAt(entryOf(bundle), 'canonicalizedBody'), 'base64').toString());
      body.spec.signature.publicKey.content = Buffer.from(String(p256().publicKey.export({ type: 'spki', format: 'pem' }))).toString(
        'base64',
      );
      return { bundle: changedEntry(bundle, { canonicalizedBody: Buffer.from(JSON.stringify(body)).toString('base64') }) };
    },
  ],
  [
    'a promise that the log did not sign',
    'SEAL_LOG',
    () => {
      const bundle = sealed();
      const promise = textAt(inside(entryOf(bundle), 'inclusionPromise'), 'signedEntryTimestamp');
      return { bundle: changedEntry(bundle, { inclusionPromise: { signedEntryTimestamp: flip(promise) } }) };
    },
  ],
  [
    'a time that the log did not promise',
    'SEAL_CERTIFICATE',
    () => ({ bundle: changedEntry(sealed(), { integratedTime: String(Date.UTC(2090, 0, 1) / 1000) }) }),
  ],
];

const signer: readonly Row[] = [
  ['a key, without any evidence', 'accepted', () => ({ bundle: sealed({ key, log: 'none' }), expected: held })],
  [
    'a key, and a trusted root that lists nothing',
    'accepted',
    () => ({
      bundle: sealed({ key, log: 'none' }),
      expected: held,
      root: Buffer.from('{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'),
    }),
  ],
  ['a key, with an entry of v1', 'accepted', () => ({ bundle: sealed({ key }), expected: held })],
  [
    'a key, with an entry that promises no time',
    'accepted',
    () => ({ bundle: sealed({ key, content: statement, statementAs: 'intoto', entry: { withoutPromise: true } }), expected: held }),
  ],
  ['a key that was not asked for', 'SEAL_SIGNATURE', () => ({ bundle: sealed({ key }), expected: { key: p256().publicKey } })],
  ['a key where an identity is asked for', 'SEAL_UNKNOWN_IDENTITY', () => ({ bundle: sealed({ key }) })],
  ['a certificate where a key is asked for', 'SEAL_UNKNOWN_KEY', () => ({ bundle: sealed(), expected: held })],
  [
    'a key over a statement without a type',
    'SEAL_STATEMENT',
    () => ({ bundle: JSON.parse(sealStatement(statementOf({ _type: undefined }), key.privateKey)), expected: held }),
  ],
  ['an SCT with extensions', 'accepted', () => ({ bundle: sealed({ leaf: { sctExtensions: Buffer.from('more') } }) })],
  [
    'an SCT whose extensions were changed',
    'SEAL_SCT',
    () => ({
      bundle: sealed({
        leaf: { sctExtensions: Buffer.from('more'), sct: (sct) => Buffer.from(sct.map((byte, at) => (at === 43 ? byte ^ 1 : byte))) },
      }),
    }),
  ],
  [
    'an SCT by a log of another key',
    'SEAL_SCT',
    () => ({
      bundle: sealed(),
      root: sigstore.trustedRoot((root) =>
        Object.assign(inside(root, 'ctlogs', 0, 'publicKey'), {
          rawBytes: p256().publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
        }),
      ),
    }),
  ],
  ...(['before', 'behind'] as const).map((where): Row => [
    `an authority of the same name ${where} the right one in the trusted root`,
    'accepted',
    () => ({
      bundle: sealed(),
      root: sigstore.trustedRoot((root) => {
        const list: unknown = root['certificateAuthorities'];
        assert.ok(Array.isArray(list));
        const decoy = {
          ...inside(root, 'certificateAuthorities', 0),
          certChain: { certificates: [{ rawBytes: authority('test intermediate').der.toString('base64') }] },
        };
        list.splice(where === 'before' ? 0 : 1, 0, decoy);
      }),
    }),
  ]),
];

const groups = { form, content, logged, signer };
for (const [name, rows] of Object.entries(groups))
  describe(`any bundle: ${name}`, () => {
    for (const [what, verdict, make] of rows) it(`${what}: ${verdict}`, () => assert.equal(verdictOn(make()), verdict));
  });
