// SPDX-License-Identifier: Apache-2.0
// One decision taken out of a spool for someone who has nothing else: its record, the proof that a signed batch holds it, the
// record of the policy set that it was made under, and the in-toto statement that all of this comes to.
import type { Buffer } from 'node:buffer';
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import type { Problem } from '../problem.ts';
import { readPublicKey } from '../trust/key.ts';
import type { PublicKey } from '../trust/key.ts';
import { decodeBase64, parseStrictObject, textAt } from '../trust/strict-json.ts';
import { envelopeOf, readEnvelope } from './batch.ts';
import type { Envelope, SignedBatch } from './batch.ts';
import { checkSeal } from './index.ts';
import type { Keys } from './index.ts';
import { pemOf } from './lines.ts';
import { inclusionProof, leafOfBytes, leafOfText, rootFromProof } from '../transparency/merkle.ts';
import { readDecision, receiptStatement } from './statement.ts';
import type { FoundBatch } from './spool-file.ts';

const RECEIPT_MEDIA_TYPE = 'application/vnd.writ.decision-receipt.v1+json';

/** Why the record is believed. */
type Proven = {
  readonly record: string;
  readonly index: number;
  readonly hashes: readonly string[];
  readonly batch: Envelope;
  readonly publicKey: string;
};

/** A record within its batch. */
export type Placed = { readonly found: FoundBatch; readonly index: number; readonly key: PublicKey };

const provenOf = ({ found: { batch, records }, index, key }: Placed): Proven => ({
  record: (records[index] ?? records[0])?.toString() ?? '',
  index,
  hashes: inclusionProof(records.map(leafOfBytes), index).map((hash) => hash.toString('base64')),
  batch: envelopeOf(batch),
  publicKey: pemOf(key.publicKey),
});

type Parts = { readonly decision: Proven; readonly policySet: Proven | undefined; readonly statement: JsonObject };

const format = ({ decision, policySet, statement }: Parts): string =>
  `${JSON.stringify({ mediaType: RECEIPT_MEDIA_TYPE, statement, decision, ...(policySet === undefined ? {} : { policySet }) }, null, 2)}\n`;

/** The text of a receipt; undefined where the record is no decision. */
export const writeReceipt = (decision: Placed, policySet: Placed | undefined): string | undefined => {
  const proven = provenOf(decision);
  const record = readDecision(proven.record);
  if (record === undefined) return undefined;
  const { replica } = decision.found.batch.claim;
  const statement = receiptStatement({ line: proven.record, record, replica });
  return format({ decision: proven, policySet: policySet === undefined ? undefined : provenOf(policySet), statement });
};

type Read = { readonly proven: Proven; readonly batch: SignedBatch; readonly hashes: readonly Buffer[]; readonly key: PublicKey };

const readProven = (value: JsonValue | undefined): Read | undefined => {
  if (!isJsonObject(value)) return undefined;
  const record = textAt(value, 'record');
  const index = own(value, 'index');
  const hashes = own(value, 'hashes');
  const batch = readEnvelope(own(value, 'batch'));
  const key = readPublicKey(textAt(value, 'publicKey') ?? '');
  if (record === undefined || typeof index !== 'number' || !Array.isArray(hashes) || batch === undefined || key === undefined)
    return undefined;
  const given: readonly JsonValue[] = hashes;
  const decoded = given.flatMap((hash) => decodeBase64(hash) ?? []);
  if (decoded.length !== given.length) return undefined;
  const proven = {
    record,
    index,
    hashes: decoded.map((hash) => hash.toString('base64')),
    batch: envelopeOf(batch),
    publicKey: pemOf(key.publicKey),
  };
  return { proven, batch, hashes: decoded, key };
};

/** What is wrong with a proof; undefined: the record is in a batch sealed by a key that counts. */
const proofProblem = ({ proven: { record, index }, batch, hashes, key }: Read, keys: Keys): Problem | undefined => {
  const seal = checkSeal(batch, key, keys);
  if (!seal.ok) return seal.problem;
  const { batch: number, size, root } = batch.claim;
  const reached = rootFromProof({ leaf: leafOfText(record), index, size, hashes });
  return reached?.toString('hex') === root ? undefined : { code: 'RECEIPT_INCLUSION', message: `the record is not in batch ${number}` };
};

export type ProvenReceipt = {
  readonly statement: JsonObject;
  readonly record: JsonObject;
  /** The documents that the set digest stands for, and their signers. */
  readonly policySet: JsonObject | undefined;
  readonly batch: SignedBatch;
};

export type ReceiptOutcome = { readonly ok: true; readonly receipt: ProvenReceipt } | { readonly ok: false; readonly problem: Problem };

const malformed = (message: string): ReceiptOutcome => ({ ok: false, problem: { code: 'RECEIPT_MALFORMED', message } });

const setRecordFor = (record: JsonObject, line: string): JsonObject | undefined => {
  const set = parseStrictObject(line);
  const isIt = set !== undefined && own(set, 'msg') === 'policy set' && textAt(set, 'setDigest') === textAt(record, 'setDigest');
  return isIt ? set : undefined;
};

export const isReceipt = (text: string): boolean => text.startsWith(`{\n  "mediaType": "${RECEIPT_MEDIA_TYPE}"`);

/** Checks the text that `writeReceipt` made. Total. */
export const verifyReceipt = (text: string, keys: Keys): ReceiptOutcome => {
  const object = parseStrictObject(text);
  if (object === undefined) return malformed('it is not a JSON object without repeated keys');
  const decision = readProven(own(object, 'decision'));
  const record = decision === undefined ? undefined : readDecision(decision.proven.record);
  if (decision === undefined || record === undefined) return malformed('it holds no decision with its proof');
  const set = own(object, 'policySet') === undefined ? undefined : readProven(own(object, 'policySet'));
  const { claim } = decision.batch;
  const statement = receiptStatement({ line: decision.proven.record, record, replica: claim.replica });
  // One way to write it: whatever a person reads in it is what is proven, the statement too.
  if (format({ decision: decision.proven, policySet: set?.proven, statement }) !== text)
    return malformed('it is not as `writ verify-receipt --extract` writes it from the record that it holds');
  const problem = proofProblem(decision, keys) ?? (set === undefined ? undefined : proofProblem(set, keys));
  if (problem !== undefined) return { ok: false, problem };
  const policySet = set === undefined ? undefined : setRecordFor(record, set.proven.record);
  if (set !== undefined && (policySet === undefined || set.batch.claim.replica !== claim.replica))
    return malformed('the policy set that it holds is not that of the decision');
  return { ok: true, receipt: { statement, record, policySet, batch: decision.batch } };
};
