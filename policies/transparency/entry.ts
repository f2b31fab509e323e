// SPDX-License-Identifier: Apache-2.0
// What one entry of the audit log says, and its exact bytes: canonical JSON, whose hash is the leaf. Each names the leaf before it,
// so that who reads a stream of entries sees a gap at once; what is believed is the tree.
import { Buffer } from 'node:buffer';
import { isJsonObject } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import { textAt } from '../trust/strict-json.ts';
import { canonicalJson, readCanonicalObject, textOf } from './canonical-json.ts';
import { readSealedField } from './sealed-field.ts';
import type { SealedField } from './sealed-field.ts';

/** What the first entry of a log names as the one before. */
export const NO_LEAF = '0'.repeat(64);

export type AuditObject = {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** `metadata.generation` or `resourceVersion`, whichever says which state is meant. */
  readonly version?: string;
};

/** What is told by those who do things. */
export type AuditFact = {
  /** Two words and a point: `commit.refused`. */
  readonly action: string;
  /** Which part of Writ says it, or who did it, where that is known. */
  readonly actor: string;
  readonly object?: AuditObject;
  readonly tenant?: string;
  readonly decision?: string;
  readonly requestId?: string;
  readonly detail?: JsonObject;
};

export type AuditEntry = AuditFact & {
  readonly v: 1;
  /** Origin of the log, so that an entry can not be passed off as one of another log. */
  readonly log: string;
  readonly seq: number;
  /** RFC 3339 UTC to the millisecond. Never before the entry before. */
  readonly ts: string;
  /** Hexadecimal digits of the leaf before. */
  readonly prev: string;
  /** Fields that only who holds their key reads, by their path, such as `detail.spec`. */
  readonly enc?: Readonly<Record<string, SealedField>>;
};

const REQUIRED: ReadonlySet<string> = new Set(['v', 'log', 'seq', 'ts', 'prev', 'action', 'actor']);
/** To the millisecond, in UTC: such times are in the order of their texts. */
export const TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
export const ACTION = /^[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*$/;
export const LEAF = /^[0-9a-f]{64}$/;

export const encodeEntry = (entry: AuditEntry): Buffer => {
  const { action, actor, decision, detail, enc, log, object, prev, requestId, seq, tenant, ts, v } = entry;
  // In the order in which they are spelled.
  const fields = {
    action,
    actor,
    decision,
    detail,
    enc: enc === undefined ? undefined : { ...enc },
    log,
    object,
    prev,
    requestId,
    seq,
    tenant,
    ts,
    v,
  };
  return Buffer.from(canonicalJson(fields));
};

/** The first two must be there. */
export const OBJECT_FIELDS = ['kind', 'name', 'namespace', 'uid', 'version'];

const isObject = (value: JsonValue | undefined): boolean =>
  isJsonObject(value) &&
  textAt(value, 'kind') !== undefined &&
  textAt(value, 'name') !== undefined &&
  Object.keys(value).every((field) => OBJECT_FIELDS.includes(field) && typeof value[field] === 'string');

const isSealed = (value: JsonValue | undefined): boolean =>
  isJsonObject(value) && Object.values(value).every((field) => readSealedField(field) !== undefined);

const isText = (value: JsonValue | undefined): boolean => typeof value === 'string';

/** What each field must be; those that may be absent are judged where they are there. */
const CHECKS: ReadonlyMap<string, (value: JsonValue | undefined) => boolean> = new Map([
  ['action', (value) => typeof value === 'string' && ACTION.test(value)],
  ['actor', isText],
  ['decision', isText],
  ['detail', isJsonObject],
  ['enc', isSealed],
  ['log', isText],
  ['object', isObject],
  ['prev', (value) => typeof value === 'string' && LEAF.test(value)],
  ['requestId', isText],
  ['seq', (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0],
  ['tenant', isText],
  ['ts', (value) => typeof value === 'string' && TIME.test(value)],
  ['v', (value) => value === 1],
]);

const isEntry = (value: JsonObject): value is JsonObject & AuditEntry => {
  let known = 0;
  for (const field of Object.keys(value)) {
    if (CHECKS.get(field)?.(value[field]) !== true) return false;
    if (REQUIRED.has(field)) known += 1;
  }
  return known === REQUIRED.size;
};

/** Undefined for any bytes that `encodeEntry` would not have written. Total. */
export const decodeEntry = (bytes: Uint8Array): AuditEntry | undefined => {
  const text = textOf(bytes);
  const value = text === undefined ? undefined : readCanonicalObject(text);
  return value !== undefined && isEntry(value) ? value : undefined;
};
