// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { verify } from '../../policies/trust/index.ts';
import { trustOf } from '../../policies/trust/test-trust.ts';
import { createSigstore } from '../../test/sigstore/index.ts';
import { serveSigstore } from '../../test/sigstore/services.ts';
import type { Services, ServicesOptions } from '../../test/sigstore/services.ts';
import { POLICY, temporaryFolder } from '../spawn-writ.ts';
import type { Folder } from '../spawn-writ.ts';
import { runInProcess } from '../test-run.ts';
import type { Ran } from '../spawn-writ.ts';

const issuer = 'https://token.example.com';
const subject = 'https://git.example.com/acme/seal.yml@refs/heads/main';
const sigstore = createSigstore();
const trustedRoot = sigstore.trustedRoot();
const trust = trustOf({ principals: [{ name: 'ci', identity: { issuer, subject } }], trustedRoot });
const tokenOf = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.e30`;
const TOKEN = tokenOf({ iss: issuer, sub: subject });

type Scene = AsyncDisposable & { readonly folder: Folder; readonly services: Services; sign(...args: readonly string[]): Promise<Ran> };

const scene = async (answer?: ServicesOptions['answer']): Promise<Scene> => {
  const folder = temporaryFolder();
  folder.write({ 'a.yaml': POLICY, 'trust.yaml': '', 'trusted_root.json': trustedRoot, token: `${TOKEN}\n` });
  const services = await serveSigstore({ sigstore, issuer, now: Date.now, ...(answer === undefined ? {} : { answer }) });
  return {
    folder,
    services,
    sign: (...args) =>
      runInProcess(['sign', join(folder.path, 'a.yaml'), '--keyless', '--fulcio-url', services.url, '--rekor-url', services.url, ...args]),
    [Symbol.asyncDispose]: async () => {
      folder[Symbol.dispose]();
      await services[Symbol.asyncDispose]();
    },
  };
};
const sealOf = ({ folder }: Scene, name = 'a.yaml.sigstore.json'): string => readFileSync(join(folder.path, name), 'utf8').trim();
const signersOf = (bundle: string): readonly string[] => {
  const outcome = verify(Buffer.from(POLICY), [bundle], trust, Date.now());
  assert.ok(outcome.ok, outcome.ok ? '' : JSON.stringify(outcome.problems));
  return outcome.signers.map(({ name }) => name);
};

describe('sign --keyless', () => {
  for (const [name, args] of [
    ['a file, Rekor v1', []],
    ['a file, Rekor v1 and a timestamp', ['--tsa-url', 'TSA']],
    ['a file, Rekor v2 and a timestamp', ['--rekor-version', '2', '--tsa-url', 'TSA']],
    ['an approval, Rekor v1', ['--as', 'approval']],
    ['an approval, Rekor v2', ['--as', 'approval', '--rekor-version', '2', '--tsa-url', 'TSA']],
  ] as const) {
    it(`makes a seal that counts: ${name}`, async () => {
      await using one = await scene();
      const { url } = one.services;
      const ran = await one.sign('--identity-token', TOKEN, ...args.map((arg) => (arg === 'TSA' ? `${url}/tsa` : arg)));
      assert.deepEqual([ran.code, ran.err], [0, '1 document sealed by an identity, by ' + new URL(url).host + '\n']);
      assert.deepEqual(signersOf(sealOf(one)), ['ci']);
    });
  }

  it('takes the token from a file, the environment, or the GitHub job', async () => {
    await using one = await scene();
    const path = join(one.folder.path, 'a.yaml');
    const urls = ['--fulcio-url', one.services.url, '--rekor-url', one.services.url, '--output', 'json'];
    const run = async (args: readonly string[], env?: Record<string, string>): Promise<string> => {
      one.folder.write({ 'a.yaml.sigstore.json': '' });
      const { code, out, err } = await runInProcess(['sign', path, '--keyless', ...urls, ...args], env);
      assert.equal(code, 0, err);
      return JSON.parse(out)[0].identity;
    };
    assert.equal(await run(['--identity-token-file', join(one.folder.path, 'token')]), subject);
    assert.equal(
      await run([], { SIGSTORE_ID_TOKEN: tokenOf({ email: 'ada@example.com', email_verified: true, sub: '7' }) }),
      'ada@example.com',
    );
    const github = { ACTIONS_ID_TOKEN_REQUEST_URL: `${one.services.url}/token?v=1`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' };
    assert.equal(await run([], github), 'https://git.example.com/acme/job');
    assert.ok(one.services.asked.includes('/token?v=1&audience=sigstore'));
  });

  it('replaces its own seal, and no one else’s', async () => {
    await using one = await scene();
    assert.equal((await one.sign('--identity-token', TOKEN)).code, 0);
    const first = sealOf(one);
    assert.equal((await one.sign('--identity-token', TOKEN)).code, 0);
    assert.notEqual(sealOf(one), first);
    const other = await one.sign('--identity-token', tokenOf({ sub: 'https://git.example.com/other' }));
    assert.match(other.err, /FILE_EXISTS: .*it is the seal of another identity/);
  });

  const bad: readonly (readonly [string, ServicesOptions['answer'], RegExp])[] = [
    [
      'a certificate of another key',
      (path, answer) => (path.endsWith('signingCert') ? otherCertificate() : answer),
      /SIGNER_FAILED: .*not of the key that was sent/,
    ],
    ['no certificate', (path, answer) => (path.endsWith('signingCert') ? {} : answer), /SIGNER_SERVICE: Fulcio at .* no certificate/],
    [
      'an entry of something else',
      (path, answer) => (path.includes('/v1/') ? { x: { body: 'e30=' } } : answer),
      /SIGNER_SERVICE: Rekor at .*no log entry/,
    ],
    [
      'an entry that a stranger promised',
      (path, answer) => (path.includes('/v1/') ? withPromise(answer) : answer),
      /SIGNER_FAILED: .*SEAL_LOG/,
    ],
    ['no JSON', (path, answer) => (path.includes('/v1/') ? Buffer.from('<html>') : answer), /SIGNER_SERVICE: Rekor at .*not a JSON object/],
    [
      'more than is read',
      (path, answer) => (path.includes('/v1/') ? Buffer.alloc(300_000, 0x20) : answer),
      /SIGNER_SERVICE: .*more than 262144 bytes/,
    ],
    [
      'nothing in time',
      (path, answer) => (path.includes('/v1/') ? undefined : answer),
      /SIGNER_SERVICE: Rekor .*no answer within 1 seconds/,
    ],
  ];
  for (const [name, answer, words] of bad) {
    it(`writes nothing where a service gives ${name}`, async () => {
      await using one = await scene(answer);
      const { code, err } = await one.sign('--identity-token', TOKEN, '--signer-timeout', '1');
      assert.equal(code, 1);
      assert.match(err, words);
      assert.ok(!existsSync(join(one.folder.path, 'a.yaml.sigstore.json')));
    });
  }

  it('refuses tokens that name nobody, and sends none in the clear', async () => {
    await using one = await scene();
    for (const token of ['x', 'a.b.c', tokenOf({}), tokenOf({ email: 'a@b', email_verified: false }), tokenOf({ constructor: 1 })])
      assert.match((await one.sign('--identity-token', token)).err, /TOKEN_INVALID/);
    for (const url of ['http://example.com', 'ftp://127.0.0.1', 'http://127.0.0.1.evil.example', 'https://u:p@example.com', 'x']) {
      const ran = await one.sign('--identity-token', TOKEN, '--fulcio-url', url);
      assert.deepEqual([ran.code, /write an https:\/\/ URL/.test(ran.err)], [2, true], url);
    }
    assert.match((await one.sign('--identity-token', TOKEN, '--rekor-version', '2')).err, /needs --tsa-url/);
    assert.match((await one.sign()).err, /--keyless needs an identity token/);
    assert.deepEqual(one.services.asked, []);
  });

  it('tells what a service said, and that none is there', async () => {
    await using one = await scene();
    const wrong = await one.sign('--identity-token', TOKEN, '--rekor-url', `${one.services.url}/none`);
    assert.match(wrong.err, /SIGNER_SERVICE: Rekor at http:\/\/127\.0\.0\.1:\d+: it answered 400: AssertionError/);
    const gone = await one.sign('--identity-token', TOKEN, '--fulcio-url', 'http://127.0.0.1:1');
    assert.match(gone.err, /SIGNER_SERVICE: Fulcio at http:\/\/127\.0\.0\.1:1: it cannot be reached/);
  });
});

const otherCertificate = (): object => {
  const { fulcio } = sigstore;
  const leaf = fulcio.issue({ identity: { issuer, subject }, publicKey: fulcio.log.publicKey, atMs: Date.now() });
  const pem = `-----BEGIN CERTIFICATE-----\n${leaf.toString('base64')}\n-----END CERTIFICATE-----\n`;
  return { signedCertificateEmbeddedSct: { chain: { certificates: [pem] } } };
};

const withPromise = (answer: Buffer | object): object =>
  JSON.parse(JSON.stringify(answer).replace(/"signedEntryTimestamp":"[^"]*"/, '"signedEntryTimestamp":"MEUCIQAAAA=="'));
