// SPDX-License-Identifier: Apache-2.0
// Whatever the bundle: an answer, never a throw, in bounded time, and never a yes to what nobody sealed.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { digestOf } from '../../policies/document/digest.ts';
import { verify } from '../../policies/trust/index.ts';
import { readTrustedRoot } from '../../policies/trust/trusted-root.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { NOW, codeFor, codeOf, keyed, policyBytes as bytes, trustOf } from '../../policies/trust/test-trust.ts';
import { p256 } from './certificates.ts';
import { element } from './der-writer.ts';
import { createSigstore } from './index.ts';
import type { Json } from './index.ts';

const sigstore = createSigstore();
const key = p256();
const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
const trustedRoot = sigstore.trustedRoot();
const trust = trustOf({ principals: [{ name: 'ci', identity }, keyed('held', key.publicKey)], trustedRoot });
const atMs = NOW - 86_400_000;
const statement = writeStatement('set', [{ name: 'a.yaml', digest: digestOf(bytes) }], { sequence: 1 });
const seals: readonly Json[] = [
  sigstore.seal({ content: { message: bytes }, identity, atMs }),
  sigstore.seal({ content: { message: bytes }, identity, atMs, log: 2 }),
  sigstore.seal({ content: { statement }, identity, atMs, timestamps: 2 }),
  sigstore.seal({ content: { message: bytes }, key, atMs, log: 'none' }),
];
const texts = seals.map((seal) => JSON.stringify(seal));
/** What a reader of the bundle sees; two texts that differ in white space alone are one bundle. */
const meaning = (text: string): string => JSON.stringify(JSON.parse(text));
const isKnown = (text: string): boolean => texts.includes(meaning(text));

const timed = (action: () => void): number => {
  const before = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};
// One whole keyless seal on this machine now, so that the bound holds on any machine.
const onceMs = timed(() => void codeFor(texts[2] ?? '', trust));

const replaceAll = (value: unknown, change: (text: string) => unknown): unknown => {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => replaceAll(item, change));
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([field, item]) => [field, replaceAll(item, change)]))
    : value;
};

describe('a mutated bundle', () => {
  it('cut, filled and spliced anywhere is answered, and never with yes', () => {
    const mutated = fc
      .constantFrom(...texts)
      .chain((text) =>
        fc.tuple(
          fc.nat(text.length),
          fc.nat(40),
          fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('"', '{', '\\u0000', '__proto__', '"":', ',', '=', '\ud800')),
          fc.constant(text),
        ),
      );
    fc.assert(
      fc.property(mutated, ([at, cut, insert, text]) => {
        const bundle = text.slice(0, at) + insert + text.slice(at + cut);
        const code = codeFor(bundle, trust);
        assert.ok(code !== 'ok' || isKnown(bundle), bundle);
      }),
      { numRuns: 400 },
    );
  });

  it('with any two parts exchanged between two seals is answered, and never with yes', () => {
    const parts = ['mediaType', 'verificationMaterial', 'messageSignature', 'dsseEnvelope'];
    fc.assert(
      fc.property(fc.constantFrom(...seals), fc.constantFrom(...seals), fc.subarray(parts), (one, other, taken) => {
        const mixed = { ...one, ...Object.fromEntries(taken.map((part) => [part, other[part]])) };
        const text = JSON.stringify(mixed);
        assert.ok(codeFor(text, trust) !== 'ok' || isKnown(text));
      }),
      { numRuns: 200 },
    );
  });

  it('with every text replaced by any value is answered, and never with yes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...seals), fc.anything({ maxDepth: 2 }), fc.nat(30), (seal, value, which) => {
        let index = 0;
        const text = JSON.stringify(
          replaceAll(seal, (old) => ((index += 1) === which ? value : old)),
          (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item),
        );
        assert.ok(codeFor(text, trust) !== 'ok' || isKnown(text));
      }),
      { numRuns: 300 },
    );
  });

  it('as a trusted root is answered', () => {
    fc.assert(
      fc.property(fc.nat(trustedRoot.length), fc.nat(40), fc.string({ maxLength: 10 }), (at, cut, insert) => {
        const text = trustedRoot.toString();
        assert.equal(typeof readTrustedRoot(Buffer.from(text.slice(0, at) + insert + text.slice(at + cut))).ok, 'boolean');
      }),
      { numRuns: 100 },
    );
  });
});

describe('a costly bundle', () => {
  const withCertificate = (der: Buffer): string =>
    JSON.stringify({
      ...seals[0],
      verificationMaterial: { ...seals[0]!['verificationMaterial'], certificate: { rawBytes: der.toString('base64') } },
    });
  const withTimestamps = (...stamps: readonly Buffer[]): string =>
    JSON.stringify({
      ...seals[3],
      verificationMaterial: {
        ...seals[3]!['verificationMaterial'],
        timestampVerificationData: { rfc3161Timestamps: stamps.map((stamp) => ({ signedTimestamp: stamp.toString('base64') })) },
      },
    });
  const nested = (tag: number, depth: number): Buffer => {
    let der: Buffer = Buffer.from([5, 0]);
    for (let level = 0; level < depth; level += 1) der = element(tag, der);
    return der;
  };
  const entry = {
    logIndex: '0',
    logId: { keyId: 'AAAA' },
    kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
    canonicalizedBody: 'e30=',
  };
  const withEntry = (changes: object): string =>
    JSON.stringify({
      ...seals[0],
      verificationMaterial: { ...seals[0]!['verificationMaterial'], tlogEntries: [{ ...entry, ...changes }] },
    });
  const proof = {
    logIndex: '0',
    rootHash: 'AAAA',
    treeSize: '1',
    hashes: [],
    checkpoint: { envelope: `${'x\n'.repeat(4000)}\n\u2014 a AAAA\n` },
  };

  const rows: readonly (readonly [name: string, bundle: string])[] = [
    ['lists in lists', '['.repeat(60_000)],
    ['objects in objects', '{"a":'.repeat(12_000)],
    ['a key written sixty thousand times', `{${'"a":1,'.repeat(10_000)}"a":1}`],
    ['nothing but backslashes', `{"a":"${'\\\\'.repeat(30_000)}"}`],
    ['quotes without end', '"'.repeat(60_000)],
    ['a number of sixty thousand digits', `{"mediaType":${'9'.repeat(60_000)}}`],
    ['a certificate of sequences in sequences', withCertificate(nested(0x30, 1500))],
    ['a certificate of strings in strings', withCertificate(nested(0x04, 1500))],
    ['a certificate of 40 KiB', withCertificate(Buffer.alloc(40_000, 0x30))],
    ['a certificate whose length is a lie', withCertificate(Buffer.from('308400ffffff', 'hex'))],
    ['timestamps of strings in strings', withTimestamps(...[1, 2, 3, 4].map(() => nested(0x04, 1500)))],
    ['an index beyond any log', withEntry({ logIndex: '9'.repeat(60) })],
    [
      'a time beyond any calendar',
      withEntry({ integratedTime: '9223372036854775807', inclusionPromise: { signedEntryTimestamp: 'AAAA' } }),
    ],
    ['a time before any', withEntry({ integratedTime: '-1' })],
    ['a checkpoint of four thousand lines', withEntry({ inclusionProof: proof })],
    [
      'a proof of ten thousand hashes',
      withEntry({ inclusionProof: { ...proof, hashes: Array.from({ length: 1000 }, () => Buffer.alloc(32).toString('base64')) } }),
    ],
  ];
  for (const [name, bundle] of rows) {
    it(`of ${name} costs no more than a good one`, () => {
      let code = '';
      const spent = timed(() => void (code = codeFor(bundle, trust)));
      assert.match(code, /^(?:SEAL|TRUST)_/);
      assert.ok(spent < Math.max(60, 6 * onceMs), `${spent} ms of CPU, a good one ${onceMs} ms`);
    });
  }

  it('is refused before it is read where there are more than eight, whatever they hold', () => {
    const many = Array.from({ length: 100_000 }, () => texts[0] ?? '');
    assert.equal(codeOf(verify(bytes, many, trust, NOW)), 'SEAL_TOO_LARGE');
  });

  it('counts beside seven bad ones', () => {
    const others = rows.slice(0, 7).map(([, bundle]) => bundle);
    const outcome = verify(bytes, [...others, texts[0] ?? ''], trust, NOW);
    assert.ok(outcome.ok && outcome.ignored.length === 7);
  });

  it('is answered at any time of judgement', () => {
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 8.64e15 + 1, -8.64e15, 0]) {
      for (const text of texts) assert.equal(typeof verify(bytes, [text], trust, at).ok, 'boolean');
    }
  });
});
