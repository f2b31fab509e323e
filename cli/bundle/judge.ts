// SPDX-License-Identifier: Apache-2.0
/**
 * Whether any Sigstore bundle, not only a seal of ours, proves that somebody signed an artifact.
 *
 * In: the text of the bundle, the artifact or its digest, who must have signed (a key, or an identity), and the trusted root.
 * Out: what is proven, or the first reason why nothing is. The same pieces judge as for seals (policies/trust): strict
 * bundle, certificate, log entries, timestamps. Statements of every kind count here, since the question is who signed and
 * not whether it approves anything. `verify-bundle.ts` alone imports this. Total on bundles and artifacts.
 */
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import type { JsonObject } from '../../policies/document/json.ts';
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import { readAnyBundle } from '../../policies/trust/bundle.ts';
import type { AnySeal } from '../../policies/trust/bundle.ts';
import { readCertificate } from '../../policies/trust/certificate.ts';
import type { Certificate } from '../../policies/trust/certificate.ts';
import { checkEvidence } from '../../policies/trust/evidence.ts';
import type { EvidenceOutcome } from '../../policies/trust/evidence.ts';
import { algorithmOf, hintOf } from '../../policies/trust/key.ts';
import { objectAt } from '../../policies/trust/strict-json.ts';
import type { TrustedRoot } from '../../policies/trust/trusted-root.ts';
import { digestOf } from './artifact.ts';
import type { Artifact } from './artifact.ts';
import { isAbout, readAnyStatement } from './in-toto.ts';
import { isSignatureOf, isSignatureOfDigest, isSignatureOfLongDigest, keyProblem } from './signature.ts';
import type { Signed } from './signature.ts';

/** Who must have signed. */
export type Expected = { readonly key: KeyObject } | { readonly identity: string; readonly issuer: string };

export type Proven = {
  readonly ok: true;
  /** Undefined: the file itself is signed. */
  readonly predicateType: string | undefined;
  readonly by: { readonly key: string; readonly hint: string } | { readonly identity: string; readonly issuer: string };
  /** Trusted moments at which the signature was there, epoch milliseconds. */
  readonly timesMs: readonly number[];
  readonly logEntries: number;
};

export type Judgement = Proven | { readonly ok: false; readonly problem: Problem };

export type Question = {
  readonly bundle: string;
  readonly artifact: Artifact;
  readonly expected: Expected;
  readonly root: TrustedRoot;
};

type Refused = { readonly ok: false; readonly problem: Problem };
const refuse = (code: ProblemCode, message: string, hint?: string): Refused => ({
  ok: false,
  problem: { code, message, ...(hint === undefined ? {} : { hint }) },
});

/** What can be done where digests are not enough. */
const needsFile = ({ sha384 }: Artifact): string =>
  sha384 === undefined
    ? 'give the file instead of its digest'
    : 'Ed25519 signs the file itself, not a digest of it: files of more than 16 MiB are not held for that';

/** The catalogue's advice is for whoever seals; here somebody checks what others made. */
const ADVICE: Partial<Readonly<Record<ProblemCode, string>>> = {
  SEAL_MALFORMED: 'ask for the bundle as its maker wrote it',
  SEAL_UNSUPPORTED: 'ask for a bundle by ECDSA, RSA or Ed25519 over the file',
  SEAL_DIGEST_MISMATCH: 'check that the file is the one that the bundle was made for',
  SEAL_UNKNOWN_KEY: 'give the key by which it is said to be signed',
  SEAL_STATEMENT: 'ask for a bundle over the file, or over an in-toto statement about it',
  SEAL_SIGNATURE: 'do not believe the file: it is not what was signed, or not by this key',
  SEAL_CERTIFICATE: 'give the trusted root of the Sigstore instance that it was made with: --trusted-root',
  SEAL_SCT: 'give the trusted root of the Sigstore instance that it was made with: --trusted-root',
  SEAL_LOG: 'give a newer trusted root, if its log is newer: --trusted-root; else do not believe the bundle',
  SEAL_TIMESTAMP: 'give the trusted root of the Sigstore instance that it was made with: --trusted-root',
  SEAL_TOO_LARGE: 'ask for a smaller bundle',
};

const forVerifiers = (judged: Judgement): Judgement => {
  if (judged.ok || judged.problem.hint !== undefined) return judged;
  const hint = ADVICE[judged.problem.code];
  return hint === undefined ? judged : { ok: false, problem: { ...judged.problem, hint } };
};

/** Whether the bundle claims to be for the artifact at all. */
const readClaim = ({ proof }: AnySeal, artifact: Artifact): { readonly ok: true; readonly predicateType: string | undefined } | Refused => {
  if (proof.kind === 'envelope') {
    const read = readAnyStatement(proof.payload);
    if (!read.ok) return refuse('SEAL_STATEMENT', `the envelope holds no in-toto statement: ${read.why}`);
    return isAbout(read.statement, artifact)
      ? { ok: true, predicateType: read.statement.predicateType }
      : refuse('SEAL_DIGEST_MISMATCH', `its statement is about other files than sha256:${artifact.sha256}`);
  }
  const { claimed } = proof;
  if (claimed === undefined) return { ok: true, predicateType: undefined };
  const actual = digestOf(artifact, claimed.algorithm);
  if (actual === undefined) return refuse('SEAL_UNSUPPORTED', `the bundle speaks of a ${claimed.algorithm} digest`, needsFile(artifact));
  return actual === claimed.hex
    ? { ok: true, predicateType: undefined }
    : refuse('SEAL_DIGEST_MISMATCH', `it was made for ${claimed.algorithm}:${claimed.hex}, this is ${claimed.algorithm}:${actual}`);
};

type Signer = { readonly ok: true; readonly key: KeyObject; readonly certificate: Certificate | undefined };

const signerOf = ({ signatory }: AnySeal, expected: Expected): Signer | Refused => {
  if ('key' in expected)
    return signatory.kind === 'key'
      ? { ok: true, key: expected.key, certificate: undefined }
      : refuse('SEAL_UNKNOWN_KEY', 'the bundle is by a certificate, not by a key', 'name its identity: --certificate-identity');
  if (signatory.kind === 'key')
    return refuse('SEAL_UNKNOWN_IDENTITY', 'the bundle is by a key, which proves no identity', 'give the key: --key');
  const read = readCertificate(signatory.der);
  return read.ok
    ? { ok: true, key: read.certificate.key.publicKey, certificate: read.certificate }
    : refuse('SEAL_CERTIFICATE', `the certificate cannot be believed: ${read.why}`);
};

/** By digests alone. */
const isSigned = ({ sha256, sha384 }: Artifact, signed: Signed): boolean | 'unknown' => {
  const holds = isSignatureOfDigest(sha256, signed);
  return holds === 'unknown' && sha384 !== undefined ? isSignatureOfLongDigest(sha384, signed) : holds;
};

const signatureProblem = ({ proof, signature }: AnySeal, key: KeyObject, artifact: Artifact): Refused | undefined => {
  const weak = keyProblem(key);
  if (weak !== undefined) return refuse('SEAL_UNSUPPORTED', weak, 'sign with ECDSA P-256 or P-384, Ed25519 or RSA of 2048 bits or more');
  const bytes = proof.kind === 'envelope' ? proof.signed : artifact.bytes;
  const signed = { key, signature };
  const holds = bytes === undefined ? isSigned(artifact, signed) : isSignatureOf(bytes, signed);
  if (holds === true) return undefined;
  return holds === 'unknown'
    ? refuse('SEAL_UNSUPPORTED', `a signature by ${algorithmOf(key)} is not over the SHA-256 of the file`, needsFile(artifact))
    : refuse('SEAL_SIGNATURE', 'the signature is not by this key over this artifact');
};

const withDigest = (bundle: JsonObject, { sha256 }: Artifact): JsonObject => {
  const messageDigest = { algorithm: 'SHA2_256', digest: Buffer.from(sha256, 'hex').toString('base64') };
  return { ...bundle, messageSignature: { ...objectAt(bundle, 'messageSignature'), messageDigest } };
};

const evidenceOf = (seal: AnySeal, { key, certificate }: Signer, { artifact, root }: Question): EvidenceOutcome => {
  // A log entry is held against the digest that the bundle names; where it names none, against that of the file.
  const json = seal.proof.kind === 'message' && seal.proof.claimed === undefined ? withDigest(seal.json, artifact) : seal.json;
  const isBare = seal.logEntries.length === 0 && !seal.isTimestamped;
  if (certificate === undefined && isBare) return { ok: true, timesMs: [] };
  // A hint may be anything; what counts is whether the entry names the key that is asked for.
  const named = certificate === undefined ? { ...seal, json, signatory: { kind: 'key', hint: hintOf(key) } as const } : { ...seal, json };
  return checkEvidence({ bytes: artifact.bytes ?? new Uint8Array(), seal: named, key, certificate, root });
};

const identityProblem = (certificate: Certificate | undefined, expected: Expected): Refused | undefined => {
  if (certificate === undefined || 'key' in expected) return undefined;
  const { subject, issuer } = certificate;
  if (subject === expected.identity && issuer === expected.issuer) return undefined;
  const found = `${JSON.stringify(subject.slice(0, 256))}, vouched for by ${JSON.stringify(issuer.slice(0, 256))}`;
  return refuse('SEAL_UNKNOWN_IDENTITY', `the certificate is of ${found}`, 'issuer and identity are compared as exact text');
};

const judge = (question: Question): Judgement => {
  const { bundle, artifact, expected } = question;
  const read = readAnyBundle(bundle);
  if (!read.ok) return read;
  const { seal } = read;
  const claim = readClaim(seal, artifact);
  if (!claim.ok) return claim;
  const signer = signerOf(seal, expected);
  if (!signer.ok) return signer;
  const { key, certificate } = signer;
  const unsigned = signatureProblem(seal, key, artifact);
  if (unsigned !== undefined) return unsigned;
  const evidence = evidenceOf(seal, signer, question);
  if (!evidence.ok) return evidence;
  const stranger = identityProblem(certificate, expected);
  if (stranger !== undefined) return stranger;
  return {
    ok: true,
    predicateType: claim.predicateType,
    by:
      certificate === undefined
        ? { key: algorithmOf(key), hint: hintOf(key) }
        : { identity: certificate.subject, issuer: certificate.issuer },
    timesMs: evidence.timesMs,
    logEntries: seal.logEntries.length,
  };
};

export const judgeBundle = (question: Question): Judgement => forVerifiers(judge(question));
