// SPDX-License-Identifier: Apache-2.0
// Log entries, timestamps and certificates of a seal, proven by Sigstore's verifier from the pinned trusted root.
//
// The library proves: the chain of the certificate at every trusted time, its SCTs, the promise and the inclusion proof of
// each entry, that the entry speaks of this signature, and RFC 3161 timestamps. Before and after it stand the questions
// that it leaves open (see log-entry.ts): certificates beside the chain, the name under a checkpoint, whether a log was
// still in service at the time, and whether the authority signed byte for byte what was read here. Identity is not asked
// here: the library would match it as a pattern.
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { bundleFromJSON } from '@sigstore/bundle';
import { VerificationError, Verifier, toSignedEntity } from '@sigstore/verify';
import type { SignedEntity } from '@sigstore/verify';
import type { ProblemCode } from '../problem.ts';
import type { Refusal, Seal } from './bundle.ts';
import type { Certificate } from './certificate.ts';
import { fixDer, verifyOnce } from './fixed-der.ts';
import { isEntryBy, isSignedByLog } from './log-entry.ts';
import type { Material } from './log-entry.ts';
import type { TrustedRoot } from './trusted-root.ts';

/** The part of a seal that is asked here; what it proves is another question. */
type Evidence = Pick<Seal, 'signatory' | 'logEntries' | 'isTimestamped' | 'json'>;

export type EvidenceInput = {
  /** Looked at by nothing but the signature, which is known to hold. */
  readonly bytes: Uint8Array;
  readonly seal: Evidence;
  /** By which the signature is known to hold. */
  readonly key: KeyObject;
  readonly certificate: Certificate | undefined;
  readonly root: TrustedRoot;
};

/** `timesMs`: trusted moments at which the signature was there, epoch milliseconds. */
export type EvidenceOutcome = { readonly ok: true; readonly timesMs: readonly number[] } | Refusal;

const refuse = (code: ProblemCode, message: string): Refusal => ({ ok: false, problem: { code, message } });

// A key is believed by its own right, so what comes with it must be good but need not be there.
const KEY_THRESHOLDS = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 } as const;
const CERTIFICATE_THRESHOLDS = { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 } as const;

const messageOf = (error: VerificationError): string => {
  const cause: unknown = error.cause;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
};

const explain = (error: unknown): Refusal => {
  if (!(error instanceof VerificationError)) return refuse('SEAL_MALFORMED', 'a certificate, log entry or timestamp cannot be read');
  const message = messageOf(error);
  if (error.code === 'TIMESTAMP_ERROR') return refuse('SEAL_TIMESTAMP', `a timestamp cannot be believed: ${message}`);
  if (error.code === 'CERTIFICATE_ERROR')
    return message.includes('SCT')
      ? refuse('SEAL_SCT', `no certificate log vouches for the certificate: ${message}`)
      : refuse('SEAL_CERTIFICATE', `the certificate cannot be believed: ${message}`);
  return error.code === 'SIGNATURE_ERROR'
    ? refuse('SEAL_SIGNATURE', message)
    : refuse('SEAL_LOG', `a log entry cannot be believed: ${message}`);
};

const materialOf = ({ signatory }: Evidence): Material =>
  signatory.kind === 'key' ? { hint: signatory.hint } : { certificate: signatory.der };

/** A note is signed under the address of its log without the scheme (C2SP tlog-checkpoint). */
const nameOfLog = (baseUrl: string): string => baseUrl.replace(/^https?:\/\//, '').replace(/\/$/, '');

const entryProblem = (seal: Evidence, root: TrustedRoot): string | undefined => {
  const material = materialOf(seal);
  for (const entry of seal.logEntries) {
    const logs = root.material.tlogs.filter((log) => log.logID.equals(entry.logId));
    if (logs.length === 0) return 'it is of a log that the trusted root does not list';
    if (!isEntryBy(entry, material)) return 'it names another signer';
    const { checkpoint } = entry;
    if (
      checkpoint !== undefined &&
      !logs.some(({ baseURL, logID }) => isSignedByLog(checkpoint, { name: nameOfLog(baseURL), logId: logID }))
    )
      return 'its checkpoint is not signed by that log';
  }
  return undefined;
};

/** What must be there at all before a certificate can count. */
const lackOf = ({ signatory, logEntries, isTimestamped }: Evidence, root: TrustedRoot): Refusal | undefined => {
  if (signatory.kind === 'key') return undefined;
  // A root that comes with the bundle would be trusted for being there: the format forbids it (sigstore_bundle.proto).
  if (!signatory.above.every((der) => root.intermediates.has(der.toString('base64'))))
    return refuse('SEAL_CERTIFICATE', 'it carries a certificate that is of no intermediate authority of the trusted root');
  if (logEntries.length === 0) return refuse('SEAL_LOG', 'there is no log entry, so nobody could see that the certificate was used');
  const isTimed = isTimestamped || logEntries.some(({ integratedMs }) => integratedMs !== undefined);
  return isTimed
    ? undefined
    : refuse('SEAL_TIMESTAMP', 'nothing that can be believed says when it was made, so the certificate cannot be judged');
};

const timesOf = (seal: Evidence, entity: SignedEntity): readonly number[] => [
  ...seal.logEntries.flatMap(({ integratedMs }) => integratedMs ?? []),
  ...entity.timestamps.flatMap((timestamp) =>
    timestamp.$case === 'timestamp-authority' ? [timestamp.timestamp.signingTime.getTime()] : [],
  ),
];

/** A checkpoint has no time that is believed, so a log that was retired could go on signing; the library does not ask. */
const isOutOfService = (seal: Evidence, root: TrustedRoot, timesMs: readonly number[]): boolean =>
  seal.logEntries.some(
    ({ logId }) =>
      !root.material.tlogs.some(
        (log) =>
          log.logID.equals(logId) && timesMs.every((time) => log.validFor.start.getTime() <= time && time <= log.validFor.end.getTime()),
      ),
  );

const check = ({ bytes, seal, key, certificate, root }: EvidenceInput): EvidenceOutcome => {
  const lack = lackOf(seal, root);
  if (lack !== undefined) return lack;
  const odd = entryProblem(seal, root);
  if (odd !== undefined) return refuse('SEAL_LOG', `a log entry cannot be believed: ${odd}`);
  const entity = toSignedEntity(bundleFromJSON(seal.json), Buffer.from(bytes));
  // The library knows neither Ed25519 over files nor SHA-384 in envelopes; the signature was checked by key.ts, so what
  // remains to be asked is that it was by the key that the library has proven.
  entity.signature.verifySignature = (proven) => proven.equals(key);
  if (entity.key.$case === 'certificate' && certificate !== undefined && seal.signatory.kind === 'certificate') {
    // So the authority must have signed the very bytes that the identity is read from.
    const { root, tbsCertificate } = entity.key.certificate;
    fixDer(root, seal.signatory.der);
    fixDer(tbsCertificate, certificate.signedPart);
    verifyOnce(entity.key.certificate);
  }
  const trusted = { ...root.material, publicKey: () => ({ publicKey: key, validFor: () => true }) };
  new Verifier(trusted, certificate === undefined ? KEY_THRESHOLDS : CERTIFICATE_THRESHOLDS).verify(entity);
  const timesMs = timesOf(seal, entity);
  return isOutOfService(seal, root, timesMs)
    ? refuse('SEAL_LOG', 'a log entry cannot be believed: the log was not in service then')
    : { ok: true, timesMs };
};

/** Total: the library throws errors of every class on hostile input, and each of them is a no. */
export const checkEvidence = (input: EvidenceInput): EvidenceOutcome => {
  try {
    return check(input);
  } catch (error) {
    return explain(error);
  }
};
