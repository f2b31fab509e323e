// SPDX-License-Identifier: Apache-2.0
// One bundle → whose seal of these bytes it is, or why it does not count.
//
// The order is that of cost and of what may be believed: format, digest, key, signature, evidence, identity, validity,
// revocation. Nobody's name is looked for before the signature holds and the certificate is proven.
import type { Problem, ProblemCode } from '../problem.ts';
import { isFor, readBundle, signedBytes } from './bundle.ts';
import type { Refusal, Seal } from './bundle.ts';
import { readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { checkEvidence } from './evidence.ts';
import type { EvidenceOutcome } from './evidence.ts';
import { evidenceKey } from './evidence-memory.ts';
import type { EvidenceMemory } from './evidence-memory.ts';
import { digestFor, isSignedBy } from './key.ts';
import { judgeKey, keyByHint, principalOf, termOfKey } from './principals.ts';
import type { PrincipalOutcome } from './principals.ts';
import type { Term } from './term.ts';
import { isPast } from './trust.ts';
import type { Principal, Trust } from './trust.ts';

/** A seal that counts. */
export type CountedSeal = {
  readonly principal: Principal;
  /** Over the file itself, over an approval of it, or over a set that names it. */
  readonly proof: 'message' | 'approval' | 'set';
  /** For people: the key, or the identity in the certificate. */
  readonly by: string;
  /** The first trusted moment at which it was there, epoch milliseconds; undefined where nothing trusted says so. */
  readonly signedAtMs: number | undefined;
  /** Of a set. */
  readonly sequence: number | undefined;
};

/** `term`: when it counts. A refusal has one where time alone stands in the way. */
export type SealOutcome = { readonly ok: true; readonly seal: CountedSeal; readonly term: Term } | (Refusal & { readonly term?: Term });

/** `at` is now, in epoch milliseconds; `digest` is `sha256:hex` of the bytes. */
export type SealContext = {
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly trust: Trust;
  readonly at: number;
  readonly evidence?: EvidenceMemory | undefined;
  /** The bundle, under which evidence is remembered. */
  readonly text?: string;
};

const refuse = (code: ProblemCode, message: string): Refusal => ({ ok: false, problem: { code, message } });

const digestProblem = ({ proof }: Seal, digest: string): Problem => {
  const made =
    proof.kind === 'statement'
      ? `its statement names ${proof.statement.digests.size} documents`
      : `it was made for ${proof.claimed?.algorithm ?? ''}:${proof.claimed?.hex ?? ''}`;
  return { code: 'SEAL_DIGEST_MISMATCH', message: `${made}, these bytes are ${digest}` };
};

/** Ed25519 signs no digest, so cosign names none there; wherever there is one, a bundle must name it. */
const lacksDigest = ({ proof }: Seal, { key }: Signer): boolean =>
  proof.kind === 'message' && proof.claimed === undefined && digestFor(key.publicKey) !== null;

type Signer = {
  /** The principal by key, for messages; one by certificate is known only later. */
  readonly who: string;
  readonly key: Certificate['key'];
  readonly certificate: Certificate | undefined;
  readonly judge: (timesMs: readonly number[]) => PrincipalOutcome;
  /** Where only now can be asked. */
  readonly term: Term | undefined;
  readonly by: string;
};

type SignerOutcome = { readonly ok: true; readonly signer: Signer } | Refusal;

const signerOf = ({ signatory }: Seal, { trust, at }: SealContext): SignerOutcome => {
  if (signatory.kind === 'key') {
    const named = keyByHint(signatory.hint, trust);
    if (!named.ok) return named;
    const { key } = named;
    const judge = (timesMs: readonly number[]): PrincipalOutcome => judgeKey(key, trust, timesMs.length === 0 ? [at] : timesMs);
    return {
      ok: true,
      signer: {
        who: `the key of ${key.principal.name}`,
        key,
        certificate: undefined,
        judge,
        term: termOfKey(key, trust),
        by: `${key.algorithm} key ${key.hint}`,
      },
    };
  }
  const read = readCertificate(signatory.der);
  if (!read.ok) return refuse('SEAL_CERTIFICATE', `the certificate cannot be believed: ${read.why}`);
  const { certificate } = read;
  const { key, subject, issuer } = certificate;
  if (key.refusal !== undefined) return refuse(key.refusal.code, `the key of the certificate makes no seal: ${key.refusal.message}`);
  return {
    ok: true,
    signer: {
      who: 'the key of the certificate',
      key,
      certificate,
      judge: (timesMs) => principalOf(certificate, trust, timesMs),
      term: undefined,
      by: `${subject}, vouched for by ${issuer}`,
    },
  };
};

const evidenceOf = (seal: Seal, signer: Signer, { bytes, digest, trust, evidence, text }: SealContext): EvidenceOutcome => {
  const { key, certificate } = signer;
  if (certificate === undefined && seal.logEntries.length === 0 && !seal.isTimestamped) return { ok: true, timesMs: [] };
  if (!trust.root.ok) return trust.root;
  const { root } = trust.root;
  const prove = (): EvidenceOutcome => checkEvidence({ bytes, seal, key: key.publicKey, certificate, root });
  if (evidence === undefined || text === undefined) return prove();
  const memoryKey = evidenceKey(text, { digest, rootDigest: root.digest });
  const known = evidence.recall(memoryKey);
  if (known !== undefined) return known;
  const outcome = prove();
  evidence.keep(memoryKey, outcome);
  return outcome;
};

const always = (principal: Principal): Term => ({ principal, fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY });

/** Total, as far as the libraries below it are; `verifyArtifact` answers no for what they throw after all. */
export const checkSeal = (text: string, context: SealContext): SealOutcome => {
  const read = readBundle(text);
  if (!read.ok) return read;
  return isFor(read.seal, context.bytes)
    ? countSeal(read.seal, { ...context, text })
    : { ok: false, problem: digestProblem(read.seal, context.digest) };
};

/** Whether it counts under this trust policy, or may at another time; also where that cannot be told. */
export const mayCount = (text: string, context: SealContext): boolean => {
  try {
    const outcome = checkSeal(text, context);
    return outcome.ok || outcome.term !== undefined;
  } catch {
    return true;
  }
};

/** Whether a seal counts for those who made it; that it speaks of these bytes, or of no file alone, is the caller's to know. */
export const countSeal = (seal: Seal, context: SealContext): SealOutcome => {
  const found = signerOf(seal, context);
  if (!found.ok) return found;
  const { signer } = found;
  if (lacksDigest(seal, signer)) return refuse('SEAL_MALFORMED', 'messageSignature.messageDigest is empty');
  if (!isSignedBy(signedBytes(seal, context.bytes), seal.signature, signer.key.publicKey))
    return refuse('SEAL_SIGNATURE', `the signature is not by ${signer.who}`);
  const evidence = evidenceOf(seal, signer, context);
  if (!evidence.ok) return evidence;
  const judged = signer.judge(evidence.timesMs);
  const statement = seal.proof.kind === 'statement' ? seal.proof.statement : undefined;
  const lastMs = statement?.expires ?? Number.POSITIVE_INFINITY;
  const ofKey = evidence.timesMs.length === 0 ? signer.term : undefined;
  if (!judged.ok) return ofKey === undefined ? judged : { ...judged, term: { ...ofKey, untilMs: Math.min(ofKey.untilMs, lastMs) } };
  const standing = ofKey ?? always(judged.principal);
  const term: Term = { ...standing, untilMs: Math.min(standing.untilMs, lastMs) };
  if (isPast(statement?.expires, context.at))
    return { ...refuse('SEAL_EXPIRED', `the ${statement?.kind ?? ''} of ${judged.principal.name} has expired`), term };
  return {
    ok: true,
    term,
    seal: {
      principal: judged.principal,
      proof: statement?.kind ?? 'message',
      by: signer.by,
      signedAtMs: evidence.timesMs.length === 0 ? undefined : Math.min(...evidence.timesMs),
      sequence: statement?.sequence,
    },
  };
};
