// SPDX-License-Identifier: Apache-2.0
/**
 * What an attack is tried on: all that stands between an object of the API server and the enforced set, as replicas run it.
 *
 * In: what somebody tries. Out: the code of its refusal, or `accepted`. Pure; the same functions as webhook and operator.
 * A write of a Tenant where the trust policy names the kind: the guard's rule of it.
 * A Policy, Ruleset, TierCatalog or License: judgeSealedObject, then the end of the document, then its mark. What a tenant is entitled to: the same of
 * each document, then what they come to for it. A trust policy: loadTrustObject from the
 * pinned digest, then whether it may follow the one in force. The end of a document: verifySet, then the mark of the set, then
 * whether it may end what stands.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Mark } from '../../../crds/marks.ts';
import { checkMark, documentKey, markedSet, marksOf } from '../../../policies/currency/index.ts';
import { mayRemove } from '../../../policies/currency/removal.ts';
import type { Standing } from '../../../policies/currency/removal.ts';
import { digestOf } from '../../../policies/document/digest.ts';
import type { EntitlementInput } from '../../../policies/entitlement/effective.ts';
import { entitle } from '../../../policies/entitlement/remembered.ts';
import { entitlementState } from '../../../policies/entitlement/state.ts';
import { isClosed } from '../../../policies/policy-object.ts';
import type { SealedObject, SignedPolicy } from '../../../policies/policy-object.ts';
import type { ProblemCode } from '../../../policies/problem.ts';
import { judgeSealedObject } from '../../../policies/sealed-object.ts';
import { verifySet } from '../../../policies/trust/check-set.ts';
import { loadTrust, loadTrustObject } from '../../../policies/trust/index.ts';
import type { Trust } from '../../../policies/trust/index.ts';
import { hintOf } from '../../../policies/trust/key.ts';
import type { TrustSignature } from '../../../policies/trust/load.ts';
import { seal } from '../../../policies/trust/seal.ts';
import { refuseSwap } from '../../../policies/trust/succession.ts';
import { ruleOn } from '../../../webhook/guard/rules.ts';
import { viewOf } from '../../../webhook/guard/test-view.ts';
import { createSigstore } from '../../sigstore/index.ts';

export const NOW = Date.UTC(2026, 5, 1);

export type ObjectAttempt = {
  readonly object: SealedObject;
  readonly trust?: Trust;
  /** Of what was enforced. */
  readonly mark?: Mark;
  readonly atMs?: number;
};
export type TrustAttempt = { readonly signature: TrustSignature; readonly pinnedDigest: string; /** In force. */ readonly held?: Trust };
export type EndAttempt = { readonly sets: readonly string[]; readonly trust: Trust; readonly standing: Standing; readonly mark?: Mark };
/** A tenant asks for a tier under these documents, which are all that there is. */
export type TenantAttempt = {
  readonly documents: readonly SealedObject[];
  readonly tenant: EntitlementInput['tenant'];
  readonly installation: string | undefined;
  readonly trust: Trust;
  readonly atMs?: number;
};
type TenantObject = { readonly metadata: { readonly name: string }; readonly spec: unknown; readonly signature?: unknown };
/** A write of a Tenant at the API server, under a trust policy that names the kind. */
export type TenantWrite = {
  readonly before: TenantObject | undefined;
  readonly after: TenantObject | undefined;
  readonly by: Trust;
  /** Of what was in force. */
  readonly mark?: Mark;
};
export type Attempt = ObjectAttempt | TrustAttempt | EndAttempt | TenantAttempt | TenantWrite;
export type Attack = { readonly name: string; readonly code: ProblemCode; readonly attempt: () => Attempt };
export type Control = { readonly name: string; readonly attempt: () => Attempt };

type Said = ProblemCode | 'accepted';

const markFor = (document: Parameters<typeof documentKey>[0], mark: Mark | undefined): Mark | undefined =>
  marksOf(mark === undefined ? [] : [mark]).get(documentKey(document));

const gateOfObjects = ({ object, trust = standardTrust, mark, atMs = NOW }: ObjectAttempt): Said => {
  const judged = judgeSealedObject(object, trust, atMs);
  if (!judged.ok) return judged.problem.code;
  const { document } = judged;
  if (isClosed(document, atMs)) return 'POLICY_EXPIRED';
  return checkMark(markFor(document, mark), document)?.code ?? 'accepted';
};

const gateOfTrust = ({ signature, pinnedDigest, held }: TrustAttempt): Said => {
  const loaded = loadTrustObject(signature, { pinnedDigest, at: NOW });
  return loaded.ok ? (refuseSwap(held, loaded.trust)?.code ?? 'accepted') : loaded.problem.code;
};

const gateOfEnds = ({ sets, trust, standing, mark }: EndAttempt): Said => {
  const verified = verifySet(sets, { trust, at: NOW, ordered: [standing.kind] });
  if (!verified.ok) return verified.problem.code;
  const marked = markedSet(standing.source ?? '', verified.set);
  return checkMark(markFor(marked, mark), marked)?.code ?? mayRemove(standing, verified.set)?.code ?? 'accepted';
};

const gateOfTenants = ({ documents, tenant, installation, trust, atMs = NOW }: TenantAttempt): Said => {
  const held: SignedPolicy[] = [];
  for (const object of documents) {
    const judged = judgeSealedObject(object, trust, atMs);
    if (!judged.ok) return judged.problem.code;
    held.push(judged.document);
  }
  return entitle(tenant, entitlementState(held, installation), atMs).problems[0]?.code ?? 'accepted';
};

const gateOfTenantWrites = ({ before, after, by, mark }: TenantWrite): Said => {
  const name = (after ?? before)?.metadata.name ?? '';
  const ruling = ruleOn(
    { kind: 'Tenant', name, before, after },
    viewOf(by, { atMs: NOW, marks: marksOf(mark === undefined ? [] : [mark]) }),
  );
  return ruling.kind === 'pass' ? 'accepted' : ruling.problem.code;
};

export const gate = (attempt: Attempt): Said => {
  if ('by' in attempt) return gateOfTenantWrites(attempt);
  if ('tenant' in attempt) return gateOfTenants(attempt);
  if ('object' in attempt) return gateOfObjects(attempt);
  return 'signature' in attempt ? gateOfTrust(attempt) : gateOfEnds(attempt);
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
const trustedRoot = sigstore.trustedRoot();
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

const standardTrust = trustOf();
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
