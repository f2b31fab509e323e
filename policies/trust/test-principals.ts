// SPDX-License-Identifier: Apache-2.0
// For tests of seals: principals of every kind of key, trust policies that name them, one policy and a good seal over it.
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { ProblemCode } from '../problem.ts';
import { verify } from './index.ts';
import type { Trust } from './index.ts';
import { hintOf } from './key.ts';
import { seal } from './seal.ts';
import { codeOf, NOW, trustFrom } from './test-trust.ts';
import type { PrincipalEntry } from './test-trust.ts';

type Pair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
const p256 = (): Pair => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject): string => String(key.export({ type: 'spki', format: 'pem' }));

export const alice = p256();
export const alice2 = p256();
export const bob = p256();
export const stranger = p256();
export const old = p256();
export const future = p256();
export const revoked = p256();
export const revokedPrincipal = p256();
export const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
export const ed25519 = generateKeyPairSync('ed25519');
export const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 });
export const rsa3072 = generateKeyPairSync('rsa', { modulusLength: 3072 });
export const rsa4096 = generateKeyPairSync('rsa', { modulusLength: 4096 });
export const k256 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
export const pss = generateKeyPairSync('rsa-pss', { modulusLength: 3072 });

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
  readonly minimums?: readonly { readonly kind: string; readonly name: string; readonly version: number }[];
};

const anyOne = { threshold: 1, principals: principals.map(({ name }) => name) };

export const trustText = (spec: Spec = {}): string =>
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
      ...(spec.minimums === undefined ? {} : { minimums: spec.minimums }),
    },
  });

export const trustOf = (spec: Spec = {}): Trust => trustFrom(Buffer.from(trustText(spec)));

export const trust = trustOf();
export const two = trustOf({ rules: [{ kinds: ['Policy'], allOf: [{ threshold: 2, principals: ['alice', 'bob'] }] }] });

export const POLICY = `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: pinned}
spec:
  version: 3
  expires: 2027-03-01T00:00:00Z
  workloads: [Agent]
  validations: [{expression: "true"}]
`;
export const bytes = Buffer.from(POLICY);
export const good = seal(bytes, alice.privateKey);

export const check = (bundle: string, options: { document?: Uint8Array; trust?: Trust; at?: number } = {}): ProblemCode | 'ok' =>
  codeOf(verify(options.document ?? bytes, [bundle], options.trust ?? trust, options.at ?? NOW));

export type Json = { [key: string]: Json } & { [key: string]: unknown };
/** The good bundle with something changed. */
export const changed = (change: (bundle: Json) => void): string => {
  const bundle: Json = JSON.parse(good);
  change(bundle);
  return JSON.stringify(bundle);
};
