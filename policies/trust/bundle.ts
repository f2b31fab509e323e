// SPDX-License-Identifier: Apache-2.0
// Bundle text → what it claims, before any of it is believed: strict JSON of known fields, canonical base64, the kind of
// proof and the kind of signer. The Sigstore library reads far more leniently; what passes here means the same to every
// reader of the format. Bundles 0.1 to 0.3: github.com/sigstore/protobuf-specs, sigstore_bundle.proto.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { readLogEntry } from './log-entry.ts';
import type { LogEntry } from './log-entry.ts';
import { inReadersForm } from './proto-json.ts';
import { PAYLOAD_TYPE, preAuthEncoding, readStatement } from './statement.ts';
import type { Statement } from './statement.ts';
import { isTimestampResponse } from './timestamp.ts';
import { bytesAt, objectAt, objectsAt, parseStrictObject, strangerIn, textAt } from './strict-json.ts';

const MAX_BUNDLE_BYTES = 64 * 1024;
export const MAX_BUNDLES = 8;
/** Of each sort; cosign writes one. */
const MAX_EVIDENCE = 4;
const MAX_TIMESTAMP_BYTES = 8 * 1024;
const MAX_CHAIN = 8;

type Digest = { readonly algorithm: DigestAlgorithm; /** Hexadecimal digits. */ readonly hex: string };

/** A signature over the file itself, or over a statement that names it. */
export type Proof =
  /** Of the file, as the bundle says; undefined where it says nothing, as cosign does for Ed25519. */
  | { readonly kind: 'message'; readonly claimed: Digest | undefined }
  | { readonly kind: 'statement'; readonly statement: Statement; /** What is signed. */ readonly signed: Buffer };

export type Signatory =
  | { readonly kind: 'key'; readonly hint: string }
  | {
      readonly kind: 'certificate';
      readonly der: Buffer;
      /** Certificates of authorities that old bundles carry. */ readonly above: readonly Buffer[];
    };

/** What any Sigstore bundle over a file or an in-toto statement holds, whatever the statement says. */
export type Content =
  | { readonly kind: 'message'; readonly claimed: Digest | undefined }
  | { readonly kind: 'envelope'; readonly payload: Buffer; /** Signed by nothing. */ readonly keyId: JsonValue; readonly signed: Buffer };

type SealOf<P> = {
  readonly proof: P;
  readonly signature: Buffer;
  readonly signatory: Signatory;
  readonly logEntries: readonly LogEntry[];
  /** Whether there are RFC 3161 timestamps. */
  readonly isTimestamped: boolean;
  /** The whole, for the library. */
  readonly json: JsonObject;
};

export type Seal = SealOf<Proof>;
export type AnySeal = SealOf<Content>;

export type Refusal = { readonly ok: false; readonly problem: Problem };
export type BundleOutcome = { readonly ok: true; readonly seal: Seal } | Refusal;

type DigestAlgorithm = 'sha256' | 'sha384' | 'sha512';
type Read<T> = ({ readonly ok: true } & T) | Refusal;

const MEDIA_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.dev.sigstore.bundle.v0.3+json',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
]);
const DIGESTS: ReadonlyMap<string, { readonly algorithm: DigestAlgorithm; readonly bytes: number }> = new Map([
  ['SHA2_256', { algorithm: 'sha256', bytes: 32 }],
  ['SHA2_384', { algorithm: 'sha384', bytes: 48 }],
  ['SHA2_512', { algorithm: 'sha512', bytes: 64 }],
]);

const refuse = (code: ProblemCode, message: string): Refusal => ({ ok: false, problem: { code, message } });
const malformed = (message: string): Refusal => refuse('SEAL_MALFORMED', message);

const isAbsent = (value: JsonValue | undefined): boolean => value === undefined || value === null;

const readCertificateField = (value: JsonObject | undefined): Buffer | undefined =>
  value === undefined || strangerIn(value, ['rawBytes']) !== undefined ? undefined : bytesAt(value, 'rawBytes');

const readChain = (chain: JsonObject): Read<{ readonly signatory: Signatory }> => {
  const objects = strangerIn(chain, ['certificates']) === undefined ? objectsAt(chain, 'certificates') : undefined;
  const certificates = (objects ?? []).map(readCertificateField);
  const [der, ...above] = certificates.flatMap((certificate) => certificate ?? []);
  if (der === undefined || certificates.includes(undefined)) return malformed('x509CertificateChain is not a list of certificates');
  return certificates.length > MAX_CHAIN
    ? refuse('SEAL_TOO_LARGE', `more than ${MAX_CHAIN} certificates`)
    : { ok: true, signatory: { kind: 'certificate', der, above } };
};

/** Exactly one of the three. */
const readSignatory = (material: JsonObject): Read<{ readonly signatory: Signatory }> => {
  const given = ['publicKey', 'certificate', 'x509CertificateChain'].filter((field) => !isAbsent(own(material, field)));
  if (given.length !== 1) return malformed('verificationMaterial must hold one of publicKey, certificate, x509CertificateChain');
  const chain = objectAt(material, 'x509CertificateChain');
  if (chain !== undefined) return readChain(chain);
  const certificate = objectAt(material, 'certificate');
  const der = readCertificateField(certificate);
  if (der !== undefined) return { ok: true, signatory: { kind: 'certificate', der, above: [] } };
  const publicKey = objectAt(material, 'publicKey');
  const hint = publicKey === undefined || strangerIn(publicKey, ['hint']) !== undefined ? undefined : textAt(publicKey, 'hint');
  return hint === undefined
    ? malformed('publicKey must hold a hint and nothing else, certificate rawBytes and nothing else')
    : { ok: true, signatory: { kind: 'key', hint } };
};

const readTimestamps = (material: JsonObject): Read<{ readonly count: number }> => {
  const data = own(material, 'timestampVerificationData');
  if (isAbsent(data)) return { ok: true, count: 0 };
  const list =
    isJsonObject(data) && strangerIn(data, ['rfc3161Timestamps']) === undefined ? objectsAt(data, 'rfc3161Timestamps') : undefined;
  if (list === undefined) return malformed('timestampVerificationData holds something else than rfc3161Timestamps');
  const tokens = list.map((item) => (strangerIn(item, ['signedTimestamp']) === undefined ? bytesAt(item, 'signedTimestamp') : undefined));
  if (tokens.includes(undefined)) return malformed('a timestamp is not canonical base64');
  const isTooLarge = tokens.length > MAX_EVIDENCE || tokens.some((token) => (token?.length ?? 0) > MAX_TIMESTAMP_BYTES);
  if (isTooLarge) return refuse('SEAL_TOO_LARGE', `more than ${MAX_EVIDENCE} timestamps, or one of more than ${MAX_TIMESTAMP_BYTES} bytes`);
  const isGranted = tokens.every((token) => token !== undefined && isTimestampResponse(token));
  return isGranted
    ? { ok: true, count: tokens.length }
    : refuse('SEAL_TIMESTAMP', 'a timestamp is not a granted response of RFC 3161 with one signer');
};

const readLogEntries = (material: JsonObject): Read<{ readonly entries: readonly LogEntry[] }> => {
  const list = objectsAt(material, 'tlogEntries');
  if (list === undefined) return malformed('tlogEntries is not a list of objects');
  if (list.length > MAX_EVIDENCE) return refuse('SEAL_TOO_LARGE', `more than ${MAX_EVIDENCE} log entries`);
  const entries: LogEntry[] = [];
  for (const item of list) {
    const outcome = readLogEntry(item);
    if (!outcome.ok) return refuse('SEAL_LOG', `a log entry cannot be believed: ${outcome.why}`);
    entries.push(outcome.entry);
  }
  return { ok: true, entries };
};

type SignedContent = { readonly content: Content; readonly signature: Buffer };

const readClaim = (digest: JsonObject | undefined): Read<{ readonly claimed: Digest | undefined }> => {
  if (digest === undefined || strangerIn(digest, ['algorithm', 'digest']) !== undefined)
    return malformed('messageSignature.messageDigest must hold algorithm and digest');
  if (Object.keys(digest).length === 0) return { ok: true, claimed: undefined };
  const known = DIGESTS.get(textAt(digest, 'algorithm') ?? '');
  if (known === undefined) return refuse('SEAL_UNSUPPORTED', 'the digest is by another algorithm than SHA2_256, SHA2_384 and SHA2_512');
  const bytes = bytesAt(digest, 'digest');
  if (bytes?.length !== known.bytes) return malformed(`messageSignature.messageDigest.digest is not the base64 of ${known.bytes} bytes`);
  return { ok: true, claimed: { algorithm: known.algorithm, hex: bytes.toString('hex') } };
};

const readMessage = (message: JsonObject): Read<SignedContent> => {
  const stranger = strangerIn(message, ['messageDigest', 'signature']);
  if (stranger !== undefined) return malformed(`unknown field messageSignature.${stranger}`);
  const claim = readClaim(objectAt(message, 'messageDigest'));
  if (!claim.ok) return claim;
  const signature = bytesAt(message, 'signature');
  if (signature === undefined) return malformed('messageSignature.signature is not canonical base64');
  return { ok: true, signature, content: { kind: 'message', claimed: claim.claimed } };
};

const readEnvelope = (envelope: JsonObject): Read<SignedContent> => {
  const stranger = strangerIn(envelope, ['payload', 'payloadType', 'signatures']);
  if (stranger !== undefined) return malformed(`unknown field dsseEnvelope.${stranger}`);
  if (textAt(envelope, 'payloadType') !== PAYLOAD_TYPE) return refuse('SEAL_STATEMENT', `dsseEnvelope.payloadType is not ${PAYLOAD_TYPE}`);
  const payload = bytesAt(envelope, 'payload');
  const [only, ...others] = objectsAt(envelope, 'signatures') ?? [];
  if (only === undefined || others.length > 0) return malformed('dsseEnvelope must have exactly one signature');
  const signature = strangerIn(only, ['sig', 'keyid']) === undefined ? bytesAt(only, 'sig') : undefined;
  if (payload === undefined || signature === undefined) return malformed('dsseEnvelope.payload or its signature is not canonical base64');
  const keyId = own(only, 'keyid') ?? '';
  return { ok: true, signature, content: { kind: 'envelope', payload, keyId, signed: preAuthEncoding(PAYLOAD_TYPE, payload) } };
};

const readContent = (root: JsonObject): Read<SignedContent> => {
  const message = objectAt(root, 'messageSignature');
  const envelope = objectAt(root, 'dsseEnvelope');
  if (message !== undefined && envelope === undefined) return readMessage(message);
  if (envelope !== undefined && message === undefined) return readEnvelope(envelope);
  return malformed('it must hold one of messageSignature and dsseEnvelope');
};

/** An envelope whose statement approves documents of ours. */
const proofOf = (content: Content, signatory: Signatory): Read<{ readonly proof: Proof }> => {
  if (content.kind === 'message') return { ok: true, proof: content };
  const { payload, keyId, signed } = content;
  // Nothing signs the name of the key, so it may say nothing that is not known already.
  if (keyId !== '' && !(signatory.kind === 'key' && keyId === signatory.hint))
    return malformed('dsseEnvelope names another key than the bundle');
  const read = readStatement(payload);
  if (!read.ok) return refuse('SEAL_STATEMENT', `the statement approves no document: ${read.why}`);
  return { ok: true, proof: { kind: 'statement', statement: read.statement, signed } };
};

type SealRead<P> = { readonly ok: true; readonly seal: SealOf<P> } | Refusal;
type Reading<P> = {
  readonly maxBytes: number;
  readonly toProof: (content: Content, signatory: Signatory) => Read<{ readonly proof: P }>;
  readonly tidy: (bundle: JsonObject) => JsonObject;
};

const read = <P>(text: string, { maxBytes, toProof, tidy }: Reading<P>): SealRead<P> => {
  if (Buffer.byteLength(text) > maxBytes) return refuse('SEAL_TOO_LARGE', `more than ${maxBytes} bytes`);
  const given = parseStrictObject(text);
  if (given === undefined) return malformed('not a JSON object without repeated keys');
  const root = tidy(given);
  if (!MEDIA_TYPES.has(textAt(root, 'mediaType') ?? '')) return malformed('mediaType is not that of a Sigstore bundle 0.1 to 0.3');
  const stranger = strangerIn(root, ['mediaType', 'verificationMaterial', 'messageSignature', 'dsseEnvelope']);
  if (stranger !== undefined) return malformed(`unknown field ${stranger}`);
  const material = objectAt(root, 'verificationMaterial');
  if (material === undefined) return malformed('verificationMaterial is missing');
  const odd = strangerIn(material, ['publicKey', 'certificate', 'x509CertificateChain', 'tlogEntries', 'timestampVerificationData']);
  if (odd !== undefined) return malformed(`unknown field verificationMaterial.${odd}`);
  const signer = readSignatory(material);
  if (!signer.ok) return signer;
  const { signatory } = signer;
  const content = readContent(root);
  if (!content.ok) return content;
  const proven = toProof(content.content, signatory);
  if (!proven.ok) return proven;
  const timestamps = readTimestamps(material);
  if (!timestamps.ok) return timestamps;
  const log = readLogEntries(material);
  if (!log.ok) return log;
  const { signature } = content;
  return {
    ok: true,
    seal: { proof: proven.proof, signature, signatory, logEntries: log.entries, isTimestamped: timestamps.count > 0, json: root },
  };
};

const readTotal = <P>(text: string, reading: Reading<P>): SealRead<P> => {
  try {
    return read(text, reading);
  } catch {
    return malformed('it does not follow the bundle format');
  }
};

/** Total. */
export const readBundle = (text: string): BundleOutcome =>
  readTotal(text, { maxBytes: MAX_BUNDLE_BYTES, toProof: proofOf, tidy: (bundle) => bundle });

/** Attestations, unlike approvals, carry whole bills of materials. */
const MAX_ANY_BUNDLE_BYTES = 16 * 1024 * 1024;

/** Reads a bundle that need not be a seal of ours: its statement, if it has one, is left unread. Total. */
export const readAnyBundle = (text: string): SealRead<Content> =>
  readTotal(text, { maxBytes: MAX_ANY_BUNDLE_BYTES, toProof: (content) => ({ ok: true, proof: content }), tidy: inReadersForm });

/** Whether the seal claims to be for these bytes. A claim only: the signature is another question. */
export const isFor = ({ proof }: Seal, bytes: Uint8Array): boolean => {
  if (proof.kind === 'statement') return proof.statement.digests.has(hash('sha256', bytes));
  return proof.claimed === undefined || hash(proof.claimed.algorithm, bytes) === proof.claimed.hex;
};

/** What the signature is over. */
export const signedBytes = ({ proof }: Seal, bytes: Uint8Array): Uint8Array => (proof.kind === 'message' ? bytes : proof.signed);
