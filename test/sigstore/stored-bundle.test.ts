// SPDX-License-Identifier: Apache-2.0
// A bundle as it is stored in the cluster: however its maker laid it out it is stored in one form, in that it counts as before, and
// no byte of it can be another, since then it proves nothing or the guard does not let it in.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { digestOf } from '../../policies/document/digest.ts';
import { storedForm } from '../../policies/trust/stored-form.ts';
import { seal } from '../../policies/trust/seal.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { NOW, codeFor, keyed, policyBytes as bytes, trustOf } from '../../policies/trust/test-trust.ts';
import { p256 } from './certificates.ts';
import { createSigstore } from './index.ts';
import type { Json } from './index.ts';

const sigstore = createSigstore();
const key = p256();
const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
const trust = trustOf({ principals: [{ name: 'ci', identity }, keyed('held', key.publicKey)], trustedRoot: sigstore.trustedRoot() });
const atMs = NOW - 86_400_000;
const statement = { statement: writeStatement('approval', [{ name: 'a.yaml', digest: digestOf(bytes) }], {}) };
const NAME = 'application/vnd.dev.sigstore.bundle+json;version=';

const timestamped = sigstore.seal({ content: { message: bytes }, key, atMs, log: 'none', timestamps: 1 });
/** As authorities answer that send their certificates along, with words and with another digest named beside. */
const talkative = (): Json => {
  const copy: Json = structuredClone(timestamped);
  const { signature: text } = copy['messageSignature'] ?? {};
  assert.ok(typeof text === 'string');
  const signature = Buffer.from(text, 'base64');
  const stamp = sigstore.timestamps.stamp(signature, atMs, { carried: sigstore.timestamps.chain, status: 1 });
  Object.assign(copy['verificationMaterial']?.['timestampVerificationData'] ?? {}, {
    rfc3161Timestamps: [{ signedTimestamp: stamp.toString('base64') }],
  });
  return copy;
};

const rekor = [
  sigstore.seal({ content: { message: bytes }, identity, atMs, timestamps: 1 }),
  sigstore.seal({ content: statement, identity, atMs, log: 2 }),
] as const;
type Line = { readonly by?: string; /** Under the key of the log, as it says. */ readonly asLog?: boolean };
/** Under its checkpoint a line more, which no key here made. */
const witnessed = (bundle: Json, { by = 'witness.example', asLog = false }: Line = {}): Json => {
  const copy: Json = structuredClone(bundle);
  const [entry] = Object.values(copy['verificationMaterial']?.['tlogEntries'] ?? {});
  const note = entry?.['inclusionProof']?.['checkpoint'];
  const keyId = entry?.['logId']?.['keyId'];
  const told: unknown = note?.['envelope'];
  assert.ok(note && typeof told === 'string' && typeof keyId === 'string');
  const signature = Buffer.concat([asLog ? Buffer.from(keyId, 'base64').subarray(0, 4) : Buffer.alloc(4, 7), Buffer.alloc(72, 7)]);
  const envelope = `${told}\u2014 ${by} ${signature.toString('base64')}\n`;
  Object.assign(note, { envelope });
  return copy;
};

const bundles: readonly (readonly [name: string, bundle: Json])[] = [
  ['of a key', JSON.parse(seal(bytes, key.privateKey))],
  ['of a key, older', { ...JSON.parse(seal(bytes, key.privateKey)), mediaType: `${NAME}0.1` }],
  ['of a key, timestamped', timestamped],
  ['of a key, timestamped with certificates', talkative()],
  ['keyless in Rekor v1', rekor[0]],
  ['keyless in Rekor v2', rekor[1]],
];

const escaped = (text: string): string =>
  text.replaceAll(/[a-z](?=[a-zA-Z0-9]*":)/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
const spellings: readonly (readonly [how: string, spell: (bundle: Json) => string])[] = [
  ['as it is', (bundle) => JSON.stringify(bundle)],
  ['printed for people', (bundle) => `${JSON.stringify(bundle, undefined, 2)}\n`],
  ['indented with tabs', (bundle) => JSON.stringify(bundle, undefined, '\t')],
  ['with escapes', (bundle) => escaped(JSON.stringify(bundle))],
];

for (const [name, bundle] of bundles) {
  describe(`a bundle ${name}`, () => {
    const stored = storedForm(JSON.stringify(bundle));

    it('has one form in which it is stored, and counts in that', () => {
      assert.equal(codeFor(stored, trust), 'ok');
      for (const [how, spell] of spellings) {
        assert.equal(codeFor(spell(bundle), trust), 'ok', how);
        assert.equal(storedForm(spell(bundle)), stored, how);
      }
      assert.equal(storedForm(stored), stored);
    });

    it('proves nothing or is not let in with any byte changed', () => {
      const raw = Buffer.from(stored);
      const isKeyless = stored.includes('"certificate"');
      // What is hashed or signed as one block is the same at every place: a few of its bytes will do; of what holds it,
      // and of timestamps, which nothing signs as a whole, each bit where that is cheap.
      const blocks = [...stored.matchAll(/"[A-Za-z0-9+/=]{40,}"/g)].map(({ 0: block, index: from }) => ({ block, from }));
      const isTimestamp = (from: number): boolean => !isKeyless && stored.slice(0, from).endsWith('"signedTimestamp":');
      const isBlock = (at: number): boolean =>
        blocks.some(({ block, from }) => at > from && at < from + block.length - 3 && !isTimestamp(from));
      const passed: string[] = [];
      for (let at = 0; at < raw.length; at += 1) {
        for (let bit = 0; bit < 8; bit += 1) {
          if (isBlock(at) && at % 61 !== 0) continue;
          if ((isBlock(at) || isKeyless) && bit !== at % 7) continue;
          const copy = Buffer.from(raw);
          copy[at] = (copy[at] ?? 0) ^ (1 << bit);
          const text = copy.toString('utf8');
          if (storedForm(text) === text && codeFor(text, trust) === 'ok') passed.push(`${at} bit ${bit}: ${text.slice(at - 20, at + 20)}`);
        }
      }
      assert.deepEqual(passed, []);
    });
  });
}

describe('a checkpoint with more lines', () => {
  for (const [index, bundle] of rekor.entries()) {
    it(`is stored with that of its log alone: Rekor v${index + 1}`, () => {
      const without = storedForm(JSON.stringify(bundle));
      for (const by of ['witness.example', 'rekor.example', 'constructor']) {
        const text = JSON.stringify(witnessed(bundle, { by }));
        assert.equal(codeFor(text, trust), 'ok');
        assert.equal(storedForm(text), without);
      }
      assert.equal(storedForm(JSON.stringify(witnessed(witnessed(bundle)))), without);
    });

    it(`proves nothing with two lines of its log: Rekor v${index + 1}`, () => {
      const [, name = ''] = /\\n\u2014 ([^ ]+) /.exec(JSON.stringify(bundle)) ?? [];
      assert.ok(name);
      for (const by of [name, 'witness.example'])
        assert.equal(codeFor(storedForm(JSON.stringify(witnessed(bundle, { by, asLog: true }))), trust), 'SEAL_LOG');
    });
  }
});

describe('a text that is no bundle', () => {
  it('stays as it is, or is stored as the JSON that it is', () => {
    for (const text of ['', '{', '[]', 'null', '{"a":1,"a":2}', '['.repeat(50_000), `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`])
      assert.equal(storedForm(text), text);
    assert.equal(storedForm('{ "__proto__": { "a": 1 }, "constructor": 1 }'), '{"__proto__":{"a":1},"constructor":1}');
    for (const odd of [
      { verificationMaterial: [] },
      { verificationMaterial: { timestampVerificationData: { rfc3161Timestamps: [1] } } },
      { mediaType: 3 },
    ])
      assert.equal(storedForm(JSON.stringify(odd, undefined, 1)), JSON.stringify(odd));
  });
});
