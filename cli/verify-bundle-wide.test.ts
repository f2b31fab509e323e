// SPDX-License-Identifier: Apache-2.0
// What must be accepted beyond the bundles of one writer over small files, and what is told to whoever checks.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { generateKeyPairSync, hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { seal, sealStatement } from '../policies/trust/seal.ts';
import type { Json } from '../test/sigstore/index.ts';
import { readArtifact } from './bundle/artifact.ts';
import { judgeBundle } from './bundle/judge.ts';
import { temporaryFolder } from './spawn-writ.ts';
import { atMs, bytes, digest, file, identity, judge, key, other, root, rootOf, sigstore, statementOf, whoever } from './test-bundle.ts';

describe('what protobuf lets a writer of bundles choose', () => {
  it('is taken: numbers as numbers, and no digest', () => {
    const numbers = (bundle: Json): string => JSON.stringify(bundle).replaceAll(/"(logIndex|integratedTime|treeSize)":"(\d+)"/g, '"$1":$2');
    for (const log of [1, 2] as const) {
      const bundle = sigstore.seal({ content: { message: bytes }, identity, atMs, log });
      assert.match(numbers(bundle), /"treeSize":\d/);
      assert.equal(judge(numbers(bundle)), 'accepted');
    }
    const keyed = sigstore.seal({ content: { message: bytes }, key, atMs });
    Reflect.deleteProperty(keyed['messageSignature'] ?? {}, 'messageDigest');
    assert.equal(judge(keyed, { expected: { key: key.publicKey } }), 'accepted');
    assert.equal(judge(keyed, { expected: { key: key.publicKey }, artifact: digest }), 'accepted');
    const wrong = { ...file, sha256: hash('sha256', 'b'), bytes: Buffer.from('b') };
    assert.equal(judge(keyed, { expected: { key: key.publicKey }, artifact: wrong }), 'SEAL_SIGNATURE');
  });

  it('is refused where a number is none that can be kept', () => {
    const bundle = JSON.stringify(sigstore.seal({ content: { message: bytes }, identity, atMs }));
    for (const number of ['-1', '1.5', '1e400', '9007199254740993', 'true'])
      assert.equal(judge(bundle.replace(/"treeSize":"\d+"/, `"treeSize":${number}`)), 'SEAL_LOG', number);
  });
});

describe('a large artifact', () => {
  const pairs = {
    'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    'RSA-3072': generateKeyPairSync('rsa', { modulusLength: 3072 }),
    Ed25519: generateKeyPairSync('ed25519'),
  };
  const large = Buffer.alloc(200_000, 'x');

  it('is hashed as it is read, and judged by its digests', () => {
    using folder = temporaryFolder();
    folder.write({ large });
    const path = `${folder.path}/large`;
    const kept = readArtifact(path);
    const artifact = readArtifact(path, 100_000);
    assert.equal(kept.bytes?.length, large.length);
    assert.equal(artifact.bytes, undefined);
    assert.equal(artifact.sha256, hash('sha256', large));
    for (const [name, { publicKey, privateKey }] of Object.entries(pairs)) {
      const expected = { key: publicKey };
      assert.equal(judge(seal(large, privateKey), { expected, artifact: kept }), 'accepted', name);
      assert.equal(judge(seal(large, privateKey), { expected, artifact }), name === 'Ed25519' ? 'SEAL_UNSUPPORTED' : 'accepted', name);
      const other = seal(Buffer.alloc(200_000, 'y'), privateKey);
      assert.match(judge(other, { expected, artifact }), /^SEAL_(DIGEST_MISMATCH|UNSUPPORTED)$/, name);
    }
    const about = statementOf({ subject: [{ name: 'a', digest: { sha512: hash('sha512', large) } }] });
    assert.equal(
      judge(sealStatement(about, pairs['P-256'].privateKey), { expected: { key: pairs['P-256'].publicKey }, artifact }),
      'accepted',
    );
  });

  it('of more than 16 MiB is accepted at the command line', () => {
    using folder = temporaryFolder();
    const huge = Buffer.alloc(17 * 1024 * 1024, 'z');
    const { publicKey, privateKey } = pairs['P-256'];
    folder.write({ huge, 'a.pub': publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'huge.json': seal(huge, privateKey) });
    assert.equal(folder.writ(['verify-bundle', '--bundle', 'huge.json', '--key', 'a.pub', 'huge']).code, 0);
    const digits = hash('sha256', huge).toUpperCase();
    assert.equal(folder.writ(['verify-bundle', '--bundle', 'huge.json', '--key', 'a.pub', `sha256:${digits}`]).code, 0);
  });
});

describe('advice to whoever checks a bundle', () => {
  it('never is to sign', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const bundle = sigstore.seal({ content: { message: bytes }, key, atMs, log: 'none' });
    const asked = [
      { bundle: '{}' },
      { bundle: JSON.stringify(bundle), expected: { key: publicKey } },
      { bundle: sealStatement(Buffer.from('{}'), key.privateKey), expected: { key: key.publicKey } },
      { bundle: JSON.stringify(bundle), artifact: { ...file, sha256: '0'.repeat(64), bytes: Buffer.from('b') } },
      { bundle: JSON.stringify(sigstore.seal({ content: { message: bytes }, identity, atMs })), root: rootOf(other.trustedRoot()) },
    ];
    for (const question of asked) {
      const outcome = judgeBundle({ artifact: file, expected: whoever, root, ...question });
      assert.ok(!outcome.ok);
      const { code, hint } = outcome.problem;
      assert.ok(hint !== undefined && !/\bsign\b|writ sign/.test(hint), `${code}: ${hint}`);
    }
  });
});
