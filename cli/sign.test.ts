// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyPairKeyObjectResult } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { validatePolicy } from '../crds/generated/validators.js';
import { digestOf } from '../policies/document/digest.ts';
import { parseDocument } from '../policies/document/index.ts';
import { hintOf } from '../policies/trust/key.ts';
import { resourceObject, resourceYaml } from './resource.ts';
import { POLICY, temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';

const read = (folder: Folder, name: string): string => readFileSync(join(folder.path, name), 'utf8');

/** Keys alice and bob, a policy, and a trust policy of both. */
const scene = (threshold = 1): Folder => {
  const folder = temporaryFolder();
  for (const name of ['alice', 'bob']) assert.equal(folder.writ(['keygen', '--name', name]).code, 0);
  folder.write({
    'policies/a.yaml': POLICY,
    'trust.yaml': trustPolicy({ alice: read(folder, 'alice.pub'), bob: read(folder, 'bob.pub') }, threshold),
  });
  return folder;
};

describe('keygen', () => {
  it('writes a P-256 pair, the private key for its owner only', () => {
    using folder = temporaryFolder();
    const { code, out } = folder.writ(['keygen', '--name', 'a', '--out', 'keys', '--output', 'json']);
    assert.equal(code, 0);
    const key = createPrivateKey(read(folder, 'keys/a.key'));
    assert.equal(key.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.deepEqual(JSON.parse(out), {
      privateKey: 'keys/a.key',
      publicKey: 'keys/a.pub',
      hint: hintOf(createPublicKey(read(folder, 'keys/a.pub'))),
    });
    assert.equal(hintOf(key), JSON.parse(out).hint);
    assert.equal(statSync(join(folder.path, 'keys/a.key')).mode & 0o777, 0o600);
  });

  it('loses no key', () => {
    using folder = temporaryFolder();
    folder.write({ 'writ.pub': 'mine' });
    const { code, err } = folder.writ(['keygen']);
    assert.equal(code, 1);
    assert.match(err, /FILE_EXISTS: writ\.pub/);
    assert.deepEqual(readdirSync(folder.path), ['writ.pub']);
    assert.equal(read(folder, 'writ.pub'), 'mine');
  });

  it('prints a principal that a trust policy takes as it is', () => {
    using folder = temporaryFolder();
    const { out } = folder.writ(['keygen', '--name', 'a']);
    const [principal] = parse(out.slice(out.indexOf('  - name')));
    assert.deepEqual(principal, { name: 'a', publicKeys: [{ pem: read(folder, 'a.pub') }] });
  });

  it('encrypts with a password, which signing then needs', () => {
    using folder = temporaryFolder();
    assert.equal(folder.writ(['keygen', '--encrypt']).code, 2);
    assert.equal(folder.writ(['keygen', '--encrypt'], { env: { WRIT_KEY_PASSWORD: 'sesame' } }).code, 0);
    assert.match(read(folder, 'writ.key'), /BEGIN ENCRYPTED PRIVATE KEY/);
    folder.write({ 'a.yaml': POLICY });
    const sign = (env: Record<string, string>) => folder.writ(['sign', 'a.yaml', '--key', 'writ.key'], { env });
    assert.match(sign({}).err, /KEY_UNREADABLE: writ\.key: the key is encrypted/);
    assert.match(sign({ WRIT_KEY_PASSWORD: 'wrong' }).err, /KEY_UNREADABLE: writ\.key: the password/);
    assert.equal(sign({ WRIT_KEY_PASSWORD: 'sesame' }).code, 0);
  });
});

describe('sign and verify', () => {
  it('agree, and say by whom and by what rule', () => {
    using folder = scene();
    assert.equal(folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']).code, 0);
    const digest = digestOf(Buffer.from(read(folder, 'trust.yaml')));
    const { code, out, err } = folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml', '--trust-digest', digest]);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^policies\/a\.yaml: good: Policy pinned version 3, sealed by alice \(spec\.rules\[0\]\), sha256:/);
    const json = JSON.parse(folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml', '--output', 'json']).out);
    assert.equal(json.trustDigest, digest);
    assert.deepEqual([json.documents[0].verified, json.documents[0].signers, json.documents[0].rule], [true, ['alice'], 0]);
  });

  it('print the digest that was assumed, and refuse a trust policy of another', () => {
    using folder = scene();
    folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']);
    const digest = digestOf(Buffer.from(read(folder, 'trust.yaml')));
    assert.match(folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml']).err, new RegExp(`--trust-digest ${digest}`));
    const { code, err } = folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml', '--trust-digest', `sha256:${'0'.repeat(64)}`]);
    assert.equal(code, 1);
    assert.match(err, /TRUST_NOT_PINNED/);
    for (const wrong of ['sha256:00', '0'.repeat(64)])
      assert.equal(folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml', '--trust-digest', wrong]).code, 2);
  });

  it('say what to name instead of a folder', () => {
    using folder = scene();
    for (const args of [
      ['sign', 'policies', '--key', 'alice.key'],
      ['verify', 'policies', '--trust', 'trust.yaml'],
    ])
      assert.match(
        folder.writ(args).err,
        /FILE_UNREADABLE: policies: it is a folder \(name the documents themselves: policies\/\*\.yaml\)/,
      );
  });

  it('a second seal lies beside the first, and neither is lost', () => {
    using folder = scene(2);
    const verify = () => folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml']);
    folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']);
    assert.match(verify().err, /SEAL_THRESHOLD: signed by alice; needed: 2 of alice, bob \(has 1\)/);
    const refused = folder.writ(['sign', 'policies/a.yaml', '--key', 'bob.key']);
    assert.equal(refused.code, 1);
    assert.match(
      refused.err,
      /FILE_EXISTS: policies\/a\.yaml\.sigstore\.json: it is the seal of another key \(add yours beside it with --signer NAME\)/,
    );
    assert.equal(folder.writ(['sign', 'policies/a.yaml', '--key', 'bob.key', '--signer', 'bob']).code, 0);
    assert.ok(readdirSync(join(folder.path, 'policies')).includes('a.yaml.bob.sigstore.json'));
    assert.match(verify().out, /sealed by alice, bob/);
  });

  it('a stale seal of another key gives way', () => {
    using folder = scene();
    folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']);
    folder.write({ 'policies/a.yaml': POLICY.replace('version: 3', 'version: 4') });
    const { code, err } = folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml']);
    assert.equal(code, 1);
    assert.match(err, /policies\/a\.yaml:1:1: SEAL_DIGEST_MISMATCH/);
    assert.equal(folder.writ(['sign', 'policies/a.yaml', '--key', 'bob.key']).code, 0);
    assert.match(folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml']).out, /sealed by bob/);
  });

  it('openssl accepts the signature, and no other bytes', (test) => {
    using folder = scene();
    if (folder.run('openssl', ['version']).code !== 0) return test.skip('openssl is not installed');
    folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']);
    const bundle = JSON.parse(read(folder, 'policies/a.yaml.sigstore.json'));
    folder.write({ 'a.sig': Buffer.from(bundle.messageSignature.signature, 'base64') });
    const verify = (key: string, file: string) => folder.run('openssl', ['dgst', '-sha256', '-verify', key, '-signature', 'a.sig', file]);
    assert.deepEqual([verify('alice.pub', 'policies/a.yaml').code, verify('alice.pub', 'policies/a.yaml').out], [0, 'Verified OK\n']);
    assert.notEqual(verify('bob.pub', 'policies/a.yaml').code, 0);
    assert.notEqual(verify('alice.pub', 'trust.yaml').code, 0);
  });

  it('a signature that openssl made is good', (test) => {
    using folder = scene();
    if (folder.run('openssl', ['version']).code !== 0) return test.skip('openssl is not installed');
    folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']);
    assert.equal(folder.run('openssl', ['dgst', '-sha256', '-sign', 'alice.key', '-out', 'b.sig', 'policies/a.yaml']).code, 0);
    const bundle = JSON.parse(read(folder, 'policies/a.yaml.sigstore.json'));
    bundle.messageSignature.signature = readFileSync(join(folder.path, 'b.sig')).toString('base64');
    folder.write({ 'b.json': JSON.stringify(bundle) });
    assert.equal(folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml', '--bundle', 'b.json']).code, 0);
  });

  it('seal nothing that two readers may read differently, and all or none', () => {
    using folder = scene();
    folder.write({ 'policies/b.yaml': `${POLICY}  description: yes\n` });
    const { code, err } = folder.writ(['sign', 'policies/a.yaml', 'policies/b.yaml', '--key', 'alice.key']);
    assert.equal(code, 1);
    assert.match(err, /^policies\/b\.yaml:13:16: DOCUMENT_AMBIGUOUS: spec\.description: yes is a boolean to YAML 1\.1/);
    assert.deepEqual(readdirSync(join(folder.path, 'policies')), ['a.yaml', 'b.yaml']);
  });

  it('tell expiry to come', () => {
    using folder = scene();
    folder.write({ 'policies/a.yaml': POLICY.replace('version: 3', 'version: 3\n  expires: 2099-01-01T00:00:00Z') });
    folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']);
    const verify = (...more: string[]) => folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml', ...more]);
    assert.equal(verify().code, 0);
    assert.match(verify('--at', '2099-01-02T00:00:00Z').err, /policies\/a\.yaml:6:3: SEAL_EXPIRED/);
    assert.equal(verify('--at', 'soon').code, 2);
  });

  it('refuse keys that cannot seal', () => {
    using folder = scene();
    const pem = (pair: KeyPairKeyObjectResult): string => String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    folder.write({
      'p521.key': pem(generateKeyPairSync('ec', { namedCurve: 'P-521' })),
      'rsa.key': pem(generateKeyPairSync('rsa', { modulusLength: 2048 })),
      'cosign.key': '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n',
      'junk.key': 'x',
    });
    for (const [key, message] of [
      ['p521.key', /ECDSA P-521 is not supported/],
      ['rsa.key', /RSA of 2048 bits, at least 3072/],
      ['cosign.key', /the key is encrypted/],
      ['junk.key', /not a private key/],
      ['alice.pub', /not a private key/],
      ['none.key', /there is no such file/],
    ] as const) {
      const { code, err } = folder.writ(['sign', 'policies/a.yaml', '--key', key]);
      assert.equal(code, 1);
      assert.match(err, message);
    }
  });
});

describe('sign --output resource', () => {
  it('prints the object that kubectl applies, with every seal, and writes no file', () => {
    using folder = scene();
    folder.writ(['sign', 'policies/a.yaml', '--key', 'bob.key', '--signer', 'bob']);
    const before = readdirSync(join(folder.path, 'policies'));
    const { code, out } = folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key', '--output', 'resource']);
    assert.equal(code, 0);
    assert.deepEqual(readdirSync(join(folder.path, 'policies')), before);
    const object = parse(out);
    assert.ok(validatePolicy(object), JSON.stringify(validatePolicy.errors));
    assert.equal(object.metadata.name, 'pinned');
    assert.equal(object.signature?.document, POLICY);
    assert.equal(object.signature.bundles?.length, 2);
    assert.deepEqual(object.spec, parse(POLICY).spec);
    folder.write({ 'c.yaml': object.signature.document, 'c.yaml.sigstore.json': object.signature.bundles?.[0] ?? '' });
    assert.match(folder.writ(['verify', 'c.yaml', '--trust', 'trust.yaml']).out, /sealed by alice/);
  });

  it('stores seals in their one form, however their files are laid out', () => {
    using folder = scene();
    folder.writ(['sign', 'policies/a.yaml', '--key', 'alice.key']);
    const stored = parse(folder.writ(['sign', 'policies/a.yaml', '--output', 'resource']).out).signature.bundles;
    const value: unknown = JSON.parse(stored[0]);
    folder.write({ 'policies/a.yaml.sigstore.json': `${JSON.stringify(value, undefined, 2)}\n` });
    assert.deepEqual(parse(folder.writ(['sign', 'policies/a.yaml', '--output', 'resource']).out).signature.bundles, stored);
  });

  it('keeps every byte of the document, to YAML 1.1 and 1.2 readers', () => {
    const line = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom('', ' ', '  x', '\ty', '# c', '---', '"', "'", 'yes: no', '- 1:30', 'x '),
    );
    const texts = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));
    const parsed = parseDocument(
      Buffer.from(
        'apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata: {name: a, labels: {"yes": "no", "0777": "1:30"}}\nspec: {title: "a\\nb\\u2028", x: "0o17"}\n',
      ),
      'a',
    );
    assert.ok(parsed.ok);
    const { document } = parsed;
    fc.assert(
      fc.property(texts, (text) => {
        // Bytes that the strict parser refuses are never sealed and so never printed.
        if (!parseDocument(Buffer.from(`a: "x"\n${text.replaceAll(/^(?!$)/gm, '#')}`), 'a').ok) return;
        const resource = resourceObject({ document, bytes: Buffer.from(text), bundles: ['{}'] });
        const yaml = resourceYaml(resource);
        for (const version of ['1.1', '1.2'] as const) assert.deepEqual(parse(yaml, { version }), JSON.parse(JSON.stringify(resource)));
      }),
      { numRuns: 1000 },
    );
  });
});
