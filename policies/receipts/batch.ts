// SPDX-License-Identifier: Apache-2.0
// A batch: the leaves before it, under one signature. What is signed is an in-toto statement in a DSSE envelope whose subject
// is the root of the leaves' tree; it names the batch before by digest, so that a batch that is taken out leaves a gap.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { isDigest, isName, isTime } from '../../crds/wire.ts';
import { own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import { PAYLOAD_TYPE, STATEMENT_TYPE, preAuthEncoding } from '../trust/statement.ts';
import { bytesAt, objectAt, objectsAt, parseStrictBytes, textAt } from '../trust/strict-json.ts';

const BATCH_TYPE = 'https://writ.dev/receipt-batch/v1';
/** The name under which the subject carries the root: SHA-256 over nodes, as RFC 6962 hashes them. */
const ROOT_DIGEST = 'rfc6962Sha256';
/** What the first batch of all names as the one before. */
export const NO_BATCH = `sha256:${'0'.repeat(64)}`;

/** How the process that wrote before ended, told by the first batch of a process. */
export type Restart = {
  /** It wrote a last batch that says so. */
  readonly clean: boolean;
  /** Bytes after its last whole batch, which a crash left and which were cut off. */
  readonly tornBytes: number;
};

export type BatchClaim = {
  readonly replica: string;
  /** Counts from 1, over restarts. */
  readonly batch: number;
  /** How many leaves. */
  readonly size: number;
  /** Hexadecimal digits of the root of their tree. */
  readonly root: string;
  /** Digest (`sha256:…`) of the payload of the batch before. */
  readonly prev: string;
  /** Records since the batch before that got no receipt. */
  readonly lost: number;
  /** RFC 3339: when the first leaf came, and when the batch was sealed. */
  readonly from: string;
  readonly to: string;
  readonly restart?: Restart;
  /** The process ended in order after this batch. */
  readonly end?: true;
};

/** The very bytes that are signed (after DSSE's encoding). */
export const encodeClaim = ({ replica, batch, size, root, prev, lost, from, to, restart, end }: BatchClaim): Buffer =>
  Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: [{ name: `receipts/${replica}/${batch}`, digest: { [ROOT_DIGEST]: root } }],
      predicateType: BATCH_TYPE,
      predicate: {
        replica,
        batch,
        size,
        prev,
        lost,
        from,
        to,
        ...(restart === undefined ? {} : { restart: { clean: restart.clean, tornBytes: restart.tornBytes } }),
        ...(end === undefined ? {} : { end }),
      },
    }),
  );

const countAt = (object: JsonObject, field: string): number | undefined => {
  const value = own(object, field);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
};

const restartOf = (value: JsonObject | undefined): Restart | undefined => {
  const clean = value === undefined ? undefined : own(value, 'clean');
  const tornBytes = value === undefined ? undefined : countAt(value, 'tornBytes');
  return typeof clean === 'boolean' && tornBytes !== undefined ? { clean, tornBytes } : undefined;
};

/** Undefined for any bytes that `encodeClaim` would not have written. Total. */
export const decodeClaim = (payload: Uint8Array): BatchClaim | undefined => {
  const statement = parseStrictBytes(payload);
  const predicate = statement === undefined ? undefined : objectAt(statement, 'predicate');
  const [subject] = (statement === undefined ? undefined : objectsAt(statement, 'subject')) ?? [];
  if (predicate === undefined || subject === undefined) return undefined;
  const [batch, size, lost] = [countAt(predicate, 'batch'), countAt(predicate, 'size'), countAt(predicate, 'lost')];
  const [replica, prev, from, to] = ['replica', 'prev', 'from', 'to'].map((field) => own(predicate, field));
  const root = textAt(objectAt(subject, 'digest') ?? {}, ROOT_DIGEST);
  if (batch === undefined || batch < 1 || size === undefined || lost === undefined || !isName(replica)) return undefined;
  if (!isDigest(prev) || !isTime(from) || !isTime(to) || root === undefined || !isDigest(`sha256:${root}`)) return undefined;
  const restart = restartOf(objectAt(predicate, 'restart'));
  const claim: BatchClaim = {
    replica,
    batch,
    size,
    root,
    prev,
    lost,
    from,
    to,
    ...(restart === undefined ? {} : { restart }),
    ...(own(predicate, 'end') === true ? { end: true } : {}),
  };
  // One way to write it: no field that nobody reads, no second spelling.
  return encodeClaim(claim).equals(payload) ? claim : undefined;
};

export type SignedBatch = {
  readonly claim: BatchClaim;
  readonly payload: Buffer;
  readonly signature: Buffer;
  /** Names the key: base64 of the SHA-256 of its SubjectPublicKeyInfo. */
  readonly hint: string;
};

/** By which the next batch names it. Over what is signed, not over the signature, of which there may be several. */
export const batchDigest = (payload: Uint8Array): string => `sha256:${hash('sha256', payload, 'hex')}`;

export const signedBytes = (payload: Uint8Array): Buffer => preAuthEncoding(PAYLOAD_TYPE, payload);

export type Envelope = {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly [{ readonly keyid: string; readonly sig: string }];
};

export const envelopeOf = ({ payload, signature, hint }: Omit<SignedBatch, 'claim'>): Envelope => ({
  payloadType: PAYLOAD_TYPE,
  payload: payload.toString('base64'),
  signatures: [{ keyid: hint, sig: signature.toString('base64') }],
});

/** Reads what `envelopeOf` made. Whether the signature holds is not looked at. Total. */
export const readEnvelope = (value: JsonValue | undefined): SignedBatch | undefined => {
  const envelope: JsonObject | undefined = value === undefined ? undefined : objectAt({ value }, 'value');
  if (envelope === undefined) return undefined;
  const [first] = objectsAt(envelope, 'signatures') ?? [];
  const payload = bytesAt(envelope, 'payload');
  const signature = first === undefined ? undefined : bytesAt(first, 'sig');
  const hint = first === undefined ? undefined : textAt(first, 'keyid');
  const claim = payload === undefined ? undefined : decodeClaim(payload);
  if (payload === undefined || signature === undefined || hint === undefined || claim === undefined) return undefined;
  const batch = { claim, payload, signature, hint };
  return JSON.stringify(envelopeOf(batch)) === JSON.stringify(envelope) ? batch : undefined;
};
