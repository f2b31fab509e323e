// SPDX-License-Identifier: Apache-2.0
// With the real cosign: its seals count here, ours count there, for every kind of key and both kinds of proof.
//
// Three things are cosign's (3.1.3): its verify-blob takes SHA-256 for P-384 unless told otherwise, though its sign-blob
// signs SHA-384; its attest-blob signs Ed25519ph, which is another algorithm than Ed25519; and it verifies the statements
// of P-384 keys, its own too, with SHA-256, so that none of them pass.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openCosignKey } from '../../cli/cosign-key.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { hintOf } from '../../policies/trust/key.ts';
import { seal, sealStatement } from '../../policies/trust/seal.ts';
import { PREDICATE_TYPES, writeStatement } from '../../policies/trust/statement.ts';
import { codeFor, keyed, policyBytes, trustOf } from '../../policies/trust/test-trust.ts';
import { findCosign } from './cosign-program.ts';
import { createSigstore } from './index.ts';

const cosign = await findCosign();
const folder = mkdtempSync(join(tmpdir(), 'writ-cosign-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const PASSWORD = 'a password of many words';
const run = (...args: readonly string[]): { readonly code: number | null; readonly told: string; readonly out: string } => {
  assert.ok(cosign.ok);
  // Nothing of the person's own, and no network: a home without a trusted root, and no proxy to be asked.
  const env = { HOME: folder, PATH: process.env['PATH'] ?? '', COSIGN_PASSWORD: PASSWORD, SIGSTORE_NO_CACHE: '1' };
  const { status, stdout, stderr } = spawnSync(cosign.path, [...args], { cwd: folder, env, encoding: 'utf8' });
  return { code: status, told: `${stdout}${stderr}`, out: stdout };
};
const good = (...args: readonly string[]): string => {
  const { code, told, out } = run(...args);
  assert.equal(code, 0, `cosign ${args.join(' ')}\n${told}`);
  return out;
};
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);

type Kind = {
  readonly name: string;
  readonly key: KeyObject;
  /** What cosign must be told to verify a file. */
  readonly flags?: readonly string[];
  readonly statements: 'both ways' | 'only ours' | 'only theirs';
};

const kinds: readonly Kind[] = [
  { name: 'ECDSA P-256', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, statements: 'both ways' },
  {
    name: 'ECDSA P-384',
    key: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
    flags: ['--signature-digest-algorithm', 'sha384'],
    statements: 'only theirs',
  },
  { name: 'Ed25519', key: generateKeyPairSync('ed25519').privateKey, statements: 'only ours' },
  { name: 'RSA 3072', key: generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey, statements: 'both ways' },
  { name: 'RSA 4096', key: generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey, statements: 'both ways' },
];

describe('cosign', { skip: cosign.ok ? false : cosign.why }, () => {
  before(() => {
    write('document.yaml', policyBytes);
    write('other.yaml', 'other');
    write('predicate.json', '{}');
    // No log and no timestamp authority: nothing is asked of the network.
    write('offline.json', good('signing-config', 'create'));
  });

  for (const [index, { name, key, flags = [], statements }] of kinds.entries()) {
    const file = `key${index}`;
    const publicKey = createPublicKey(key);
    const trust = trustOf({ principals: [keyed('held', publicKey)] });

    describe(name, () => {
      before(() => {
        write(`${file}.pem`, key.export({ type: 'pkcs8', format: 'pem' }));
        good('import-key-pair', '--key', `${file}.pem`, '--output-key-prefix', file);
      });

      it('keeps its encrypted key files in a form that we open', () => {
        const outcome = openCosignKey(read(`${file}.key`), PASSWORD);
        assert.ok(outcome.kind === 'key' && hintOf(outcome.key) === hintOf(key));
        assert.equal(openCosignKey(read(`${file}.key`), 'wrong').kind, 'wrong-password');
      });

      it('writes seals that count', () => {
        good('sign-blob', '--yes', '--key', `${file}.key`, '--signing-config', 'offline.json', '--bundle', `${file}.json`, 'document.yaml');
        assert.equal(codeFor(read(`${file}.json`), trust), 'ok');
        assert.notEqual(codeFor(read(`${file}.json`), trust, Buffer.from(`${policyBytes.toString()}#`)), 'ok');
      });

      it('accepts our seals, and refuses them for another file', () => {
        write(`${file}.ours.json`, seal(policyBytes, key));
        const verify = ['verify-blob', '--key', `${file}.pub`, '--bundle', `${file}.ours.json`, '--insecure-ignore-tlog', ...flags];
        assert.match(run(...verify, 'document.yaml').told, /Verified OK/);
        assert.notEqual(run(...verify, 'other.yaml').code, 0);
      });

      it('writes approvals that count', { skip: statements === 'only ours' ? 'attest-blob signs Ed25519ph' : false }, () => {
        const made = ['--predicate', 'predicate.json', '--type', PREDICATE_TYPES.approval, '--bundle', `${file}.approval.json`];
        good('attest-blob', '--yes', '--key', `${file}.key`, '--signing-config', 'offline.json', ...made, 'document.yaml');
        assert.equal(codeFor(read(`${file}.approval.json`), trust), 'ok');
      });

      it(
        'accepts our approvals and sets',
        { skip: statements === 'only theirs' ? 'cosign verifies statements of P-384 keys with SHA-256' : false },
        () => {
          const subjects = [{ name: 'document.yaml', digest: digestOf(policyBytes) }];
          const others = [...subjects, { name: 'other.yaml', digest: digestOf(Buffer.from('other')) }];
          for (const [type, payload] of [
            [PREDICATE_TYPES.approval, writeStatement('approval', subjects, {})],
            [PREDICATE_TYPES.set, writeStatement('set', others, { sequence: 1 })],
          ] as const) {
            write(`${file}.statement.json`, sealStatement(payload, key));
            const verify = [
              'verify-blob-attestation',
              '--key',
              `${file}.pub`,
              '--bundle',
              `${file}.statement.json`,
              '--insecure-ignore-tlog',
              '--type',
              type,
            ];
            assert.match(run(...verify, 'document.yaml').told, /Verified OK/);
          }
        },
      );
    });
  }

  // That cosign accepts what the test stack makes says that the stack is a true picture of Sigstore.
  describe('without a key', () => {
    const sigstore = createSigstore();
    const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
    const atMs = Date.UTC(2026, 0, 5);
    const statement = writeStatement('approval', [{ name: 'document.yaml', digest: digestOf(policyBytes) }], {});
    const trust = trustOf({ principals: [{ name: 'ci', identity }], trustedRoot: sigstore.trustedRoot() });
    const by = ['--trusted-root', 'root.json', '--certificate-oidc-issuer', identity.issuer, '--certificate-identity'];
    for (const [name, command, content] of [
      ['messages', ['verify-blob'], { message: policyBytes }],
      ['approvals', ['verify-blob-attestation', '--type', PREDICATE_TYPES.approval], { statement }],
    ] as const) {
      for (const log of [1, 2] as const) {
        it(`agrees on ${name} in Rekor v${log}`, () => {
          write('root.json', sigstore.trustedRoot());
          const bundle = JSON.stringify(sigstore.seal({ content, identity, atMs, log }));
          write('keyless.json', bundle);
          const verify = (subject: string): ReturnType<typeof run> =>
            run(...command, ...by, subject, '--bundle', 'keyless.json', 'document.yaml');
          assert.match(verify(identity.subject).told, /Verified OK/);
          assert.equal(codeFor(bundle, trust), 'ok');
          assert.notEqual(verify(`${identity.subject}-evil`).code, 0);
        });
      }
    }
  });
});
