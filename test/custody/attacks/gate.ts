// SPDX-License-Identifier: Apache-2.0
/**
 * What an attack is tried on: all that stands between an object of the API server and the enforced set, as replicas run it.
 *
 * In: an object, a trust policy, the mark of what was enforced, a time. Out: the code of its refusal, or `accepted`. Pure; the
 * same functions as webhook and operator: judgePolicyObject, then the end of the document, then its mark.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Mark } from '../../../crds/marks.ts';
import { checkMark } from '../../../policies/currency/index.ts';
import { digestOf } from '../../../policies/document/digest.ts';
import { isClosed, judgePolicyObject } from '../../../policies/policy-object.ts';
import type { SealedObject } from '../../../policies/policy-object.ts';
import type { ProblemCode } from '../../../policies/problem.ts';
import { loadTrust } from '../../../policies/trust/index.ts';
import type { Trust } from '../../../policies/trust/index.ts';
import { hintOf } from '../../../policies/trust/key.ts';
import { seal } from '../../../policies/trust/seal.ts';
import { createSigstore } from '../../sigstore/index.ts';

export const NOW = Date.UTC(2026, 5, 1);

export type Attempt = {
  readonly object: SealedObject;
  readonly trust?: Trust;
  /** Of what was enforced under its name. */
  readonly mark?: Mark;
  readonly atMs?: number;
};
export type Attack = { readonly name: string; readonly code: ProblemCode; readonly attempt: () => Attempt };
export type Control = { readonly name: string; readonly attempt: () => Attempt };

export const gate = ({ object, trust = standardTrust, mark, atMs = NOW }: Attempt): ProblemCode | 'accepted' => {
  const judged = judgePolicyObject(object, trust, atMs);
  if (!judged.ok) return judged.problem.code;
  const { document } = judged;
  if (isClosed(document, atMs)) return 'POLICY_EXPIRED';
  return checkMark(mark, document)?.code ?? 'accepted';
};

export type Pair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
const p256 = (): Pair => generateKeyPairSync('ec', { namedCurve: 'P-256' });

export const pairs = {
  alice: p256(),
  alice2: p256(),
  bob: p256(),
  stranger: p256(),
  ended: p256(),
  coming: p256(),
  revoked: p256(),
  departed: p256(),
  edward: generateKeyPairSync('ed25519'),
  paula: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  rsa: generateKeyPairSync('rsa', { modulusLength: 3072 }),
  partner: generateKeyPairSync('rsa', { modulusLength: 4096 }),
  shortPartner: generateKeyPairSync('rsa', { modulusLength: 3072 }),
  tiny: generateKeyPairSync('rsa', { modulusLength: 1024 }),
} as const satisfies Readonly<Record<string, Pair>>;

export const sigstore = createSigstore();
export const trustedRoot = sigstore.trustedRoot();
export const SIGNED_AT = Date.UTC(2026, 0, 15, 12);
export const ISSUER = 'https://token.actions.example.com';
export const SUBJECT = 'https://git.example.com/acme/policies/.github/workflows/seal.yml@refs/heads/main';
const REPOSITORY_OID = '1.3.6.1.4.1.57264.1.12';
export const REPOSITORY = 'https://git.example.com/acme/policies';

const entry = ({ publicKey }: Pair, validFor?: object): object => ({
  pem: String(publicKey.export({ type: 'spki', format: 'pem' })),
  ...(validFor === undefined ? {} : { validFor }),
});

const principals = [
  { name: 'alice', publicKeys: [entry(pairs.alice), entry(pairs.alice2)] },
  { name: 'bob', publicKeys: [entry(pairs.bob)] },
  {
    name: 'rotated',
    publicKeys: [entry(pairs.ended, { end: '2026-01-01T00:00:00Z' }), entry(pairs.coming, { start: '2027-01-01T00:00:00Z' })],
  },
  { name: 'revoked-key', publicKeys: [entry(pairs.revoked)] },
  { name: 'departed', publicKeys: [entry(pairs.departed)] },
  { name: 'edward', publicKeys: [entry(pairs.edward)] },
  { name: 'paula', publicKeys: [entry(pairs.paula)] },
  { name: 'rsa', publicKeys: [entry(pairs.rsa)] },
  { name: 'partner', publicKeys: [entry(pairs.partner), entry(pairs.shortPartner)], minRsaBits: 4096 },
  { name: 'tiny', publicKeys: [entry(pairs.tiny)] },
  { name: 'ci', identity: { issuer: ISSUER, subject: SUBJECT, oids: { [REPOSITORY_OID]: REPOSITORY } } },
  { name: 'ann', identity: { issuer: ISSUER, subject: 'ann@example.com' } },
];

const anyOf = (...names: readonly string[]): object => ({ threshold: 1, principals: names });

export const trustOf = (
  spec: { readonly rules?: readonly object[]; readonly documents?: readonly string[]; readonly more?: object } = {},
): Trust => {
  const text = JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version: 1,
      principals,
      rules: spec.rules ?? [{ kinds: ['Policy'], allOf: [anyOf(...principals.map(({ name }) => name))] }],
      revoked: { keys: [hintOf(pairs.revoked.publicKey)], principals: ['departed'], documents: spec.documents ?? [] },
      trustedRootSha256: digestOf(trustedRoot).replace('sha256:', ''),
      ...spec.more,
    },
  });
  const outcome = loadTrust(Buffer.from(text), { pinnedDigest: digestOf(Buffer.from(text)), trustedRoot });
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.trust;
};

export const standardTrust = trustOf();
export const bothTrust = trustOf({ rules: [{ kinds: ['Policy'], allOf: [{ threshold: 2, principals: ['alice', 'bob'] }] }] });

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
export const good = seal(bytes, pairs.alice.privateKey);

/** The object of this document and these seals. */
export const objectOf = (document: string, bundles: readonly string[], name = 'pinned'): SealedObject => ({
  metadata: { name },
  signature: { document, bundles },
});

/** Well sealed by alice, whatever it says. */
export const sealed = (document: string, name?: string): SealedObject =>
  objectOf(document, [seal(Buffer.from(document), pairs.alice.privateKey)], name);

export type Json = { [key: string]: Json } & { [key: string]: unknown };

/** The good policy with its seal changed. */
export const tampered = (change: (bundle: Json) => void, from = good): SealedObject => {
  const bundle: Json = JSON.parse(from);
  change(bundle);
  return objectOf(POLICY, [JSON.stringify(bundle)]);
};
