// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { digestOf } from '../policies/document/digest.ts';
import { trustOf } from '../policies/trust/test-trust.ts';
import { createSigstore } from '../test/sigstore/index.ts';
import { POLICY, temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';

const read = (folder: Folder, name: string): string => readFileSync(join(folder.path, name), 'utf8');

/** Made by `cosign generate-key-pair` for these tests; its password is pw. */
const COSIGN_KEY = `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJocVlKYWFnanRWUC9SMmQvdlZhYmJRWm83WmZuMU9Q
ME1ndHQvMGpRMTFBPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJJMUFsMWtPNDJrcmR6bURkSWd5cVZ3aDdISlgrenlTSyJ9LCJj
aXBoZXJ0ZXh0IjoiTTB0eEdWZ1Y1Ri9KSHVzR3F6SzV5YU9mNDdqV3J4TlMxQVNQ
V1pDVGxnRGJHbmJ3L0VHbGFZUCtEcUE1TmRDck5uNlY0dFRpK3d4ekgvbHRleGZh
ZE5rdGQrUldvM29ISSs1Mkp1ZW9zMjJxbnY5cjY2SS9MMHJKS3Mva1lEeGt0UUdE
bTFFMlFkbURiOFB6Mnpob1dZNkYwSGhjNFBtb0JQV2xrL0NBT2h4OVlIRlRwdFg0
cmFSREpOZWp3V2pCN0VQTnZoSTFlU2twTmc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`;
const COSIGN_PASSWORD = 'pw';

const scene = (type: string): Folder => {
  const folder = temporaryFolder();
  assert.equal(folder.writ(['keygen', '--name', 'k', '--type', type]).code, 0);
  folder.write({
    'policies/a.yaml': POLICY,
    'policies/b.yaml': POLICY.replace('pinned', 'other'),
    'trust.yaml': trustPolicy({ k: read(folder, 'k.pub') }),
  });
  return folder;
};
const verified = (folder: Folder, ...files: readonly string[]): readonly { readonly [field: string]: unknown }[] => {
  const { code, out, err } = folder.writ(['verify', ...files, '--trust', 'trust.yaml', '--output', 'json']);
  assert.equal(code, 0, `${out}${err}`);
  return JSON.parse(out).documents.flatMap((document: { readonly seals: object[] }) => document.seals);
};

describe('seals', () => {
  for (const [type, name] of [
    ['ecdsa-p384', 'ECDSA P-384'],
    ['ed25519', 'Ed25519'],
    ['rsa-3072', 'RSA 3072'],
    ['rsa-4096', 'RSA 4096'],
  ] as const) {
    it(`by ${name}: made, printed and verified`, () => {
      using folder = scene(type);
      assert.equal(folder.writ(['sign', 'policies/a.yaml', '--key', 'k.key']).code, 0);
      const [seal] = verified(folder, 'policies/a.yaml');
      assert.match(String(seal?.['by']), new RegExp(`^${name} key `));
    });
  }

  it('of a Tenant, which needs a version as well', () => {
    using folder = scene('ecdsa-p256');
    const tenant = (spec: string): string => `apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: ${spec}\n`;
    folder.write({ 'tenants/acme.yaml': tenant('{suspend: false}') });
    const { code, err } = folder.writ(['sign', 'tenants/acme.yaml', '--key', 'k.key']);
    assert.equal(code, 1);
    assert.match(err, /tenants\/acme\.yaml:4:1: SEAL_VERSION/);
    folder.write({ 'tenants/acme.yaml': tenant('{version: 1}') });
    assert.equal(folder.writ(['sign', 'tenants/acme.yaml', '--key', 'k.key']).code, 0);
  });

  it('as an approval, and as one set for a repository', () => {
    using folder = scene('ecdsa-p256');
    assert.equal(
      folder.writ(['sign', 'policies/a.yaml', '--key', 'k.key', '--as', 'approval', '--expires', '2099-01-01T00:00:00Z']).code,
      0,
    );
    assert.equal(verified(folder, 'policies/a.yaml')[0]?.['proof'], 'approval');
    const set = folder.writ(['sign', 'policies/a.yaml', 'policies/b.yaml', '--key', 'k.key', '--as', 'set', '--sequence', '12']);
    assert.equal(set.code, 0, set.err);
    assert.match(set.out, /\nseal\.sigstore\.json: set 12\n$/);
    const seals = verified(folder, 'policies/a.yaml', 'policies/b.yaml');
    assert.deepEqual(
      seals.map(({ proof, sequence }) => [proof, sequence]),
      [
        ['approval', undefined],
        ['set', 12],
        ['set', 12],
      ],
    );
    const statement = JSON.parse(Buffer.from(JSON.parse(read(folder, 'seal.sigstore.json')).dsseEnvelope.payload, 'base64').toString());
    assert.deepEqual(
      statement.subject.map(({ name }: { readonly name: string }) => name),
      ['policies/a.yaml', 'policies/b.yaml'],
    );
    const text = folder.writ(['verify', 'policies/b.yaml', '--trust', 'trust.yaml']);
    assert.match(text.out, /\n {2}k sealed a set 12 at no trusted time: ECDSA P-256 key /);
  });

  it('as two sets by two signers, for the source whose policies they may end', () => {
    using folder = scene('ecdsa-p256');
    const sign = (...more: readonly string[]) =>
      folder.writ([
        'sign',
        'policies/a.yaml',
        '--key',
        'k.key',
        '--as',
        'set',
        '--sequence',
        '3',
        '--source',
        'writ-system/policies',
        ...more,
      ]);
    assert.match(sign().out, /seal\.sigstore\.json: set 3/);
    assert.match(sign('--signer', 'bob').out, /seal\.bob\.sigstore\.json: set 3/);
    assert.equal(verified(folder, 'policies/a.yaml').length, 2);
    const { dsseEnvelope } = JSON.parse(read(folder, 'seal.bob.sigstore.json'));
    const { predicate } = JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString());
    assert.deepEqual(predicate, { sequence: 3, source: 'writ-system/policies' });
  });

  it('put a set beside the trust policy above the documents, and say where', () => {
    using folder = scene('ecdsa-p256');
    const sign = (cwd: string) =>
      folder.run('sh', [
        '-c',
        `cd ${cwd} && '${process.execPath}' '${join(import.meta.dirname, 'main.ts')}' sign "$PWD"/a.yaml --key '${folder.path}/k.key' --as set --sequence 3`,
      ]);
    assert.match(sign('policies').out, /\n\.\.\/seal\.sigstore\.json: set 3\n$/);
    const [a] = verified(folder, 'policies/a.yaml');
    assert.deepEqual([a?.['proof'], a?.['sequence']], ['set', 3]);
    folder.write({ 'alone/a.yaml': read(folder, 'policies/a.yaml'), 'alone/trust.yaml': 'x: 1\n' });
    assert.match(sign('alone').out, /\nseal\.sigstore\.json: set 3\n$/);
    const both = folder.writ(['sign', 'alone/a.yaml', 'policies/a.yaml', '--key', 'k.key', '--as', 'set', '--sequence', '4']);
    assert.equal(both.code, 2);
    assert.match(both.err, /several repositories.*give --out/);
  });

  it('are asked for rightly', () => {
    using folder = scene('ecdsa-p256');
    for (const wrong of [
      ['--as', 'set'],
      ['--sequence', '1'],
      ['--as', 'set', '--sequence', '0'],
      ['--expires', '2099-01-01T00:00:00Z'],
      ['--as', 'approval', '--expires', 'soon'],
      ['--out', 'x'],
      ['--source', 'writ-system/policies'],
      ['--as', 'set', '--sequence', '1', '--source', 'policies'],
      ['--as', 'set', '--sequence', '1', '--output', 'resource'],
    ])
      assert.equal(folder.writ(['sign', 'policies/a.yaml', '--key', 'k.key', ...wrong]).code, 2, wrong.join(' '));
  });

  it("are made by cosign's own key files, with their password from either variable", () => {
    using folder = scene('ecdsa-p256');
    folder.write({ 'cosign.key': COSIGN_KEY });
    const sign = (env: Readonly<Record<string, string>>) => folder.writ(['sign', 'policies/a.yaml', '--key', 'cosign.key'], { env });
    assert.equal(sign({ COSIGN_PASSWORD }).code, 0);
    assert.equal(sign({ WRIT_KEY_PASSWORD: 'pw', COSIGN_PASSWORD: 'other' }).code, 0);
    assert.match(sign({ COSIGN_PASSWORD: '' }).err, /KEY_UNREADABLE: cosign\.key: the password does not open it/);
    assert.match(sign({}).err, /KEY_UNREADABLE: cosign\.key: the key is encrypted.*COSIGN_PASSWORD/);
    const greedy = Buffer.from(COSIGN_KEY.replaceAll(/-----.*-----|\n/g, ''), 'base64')
      .toString()
      .replace(/"N":\d+/, '"N":1073741824');
    folder.write({
      'cosign.key': `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${Buffer.from(greedy).toString('base64')}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n`,
    });
    assert.match(sign({ COSIGN_PASSWORD }).err, /not a key file as cosign writes it/);
  });

  it('without a key are verified by the trusted root beside the trust policy, and who and when is told', () => {
    using folder = temporaryFolder();
    const sigstore = createSigstore();
    const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
    const root = sigstore.trustedRoot();
    const atMs = Date.UTC(2026, 0, 15, 12);
    const bundle = sigstore.seal({ content: { message: Buffer.from(POLICY) }, identity, atMs });
    assert.ok(trustOf({ principals: [{ name: 'ci', identity }], trustedRoot: root }).root.ok);
    const spec = {
      version: 1,
      principals: [{ name: 'ci', identity }],
      rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['ci'] }] }],
      trustedRootSha256: digestOf(root).slice(7),
    };
    const trust = { apiVersion: 'writ.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name: 'cluster' }, spec };
    folder.write({ 'a.yaml': POLICY, 'a.yaml.sigstore.json': JSON.stringify(bundle), 'trust.yaml': JSON.stringify(trust) });
    const verify = (...more: readonly string[]) => folder.writ(['verify', 'a.yaml', '--trust', 'trust.yaml', ...more]);
    assert.match(verify().err, /TRUST_ROOT_MISSING: the file trusted_root\.json is not there/);
    folder.write({ 'trusted_root.json': root });
    assert.match(
      verify().out,
      /\n {2}ci sealed the file at 2026-01-15T12:00:01\.000Z: https:\/\/git\.example\.com\/acme\/seal\.yml@refs\/heads\/main, vouched for by https:\/\/token\.example\.com\n {2}the rule asks for 1 of ci\n$/,
    );
    folder.write({ 'other.json': '{}' });
    assert.match(verify('--trusted-root', 'other.json').err, /TRUST_ROOT_MISMATCH/);
  });
});
