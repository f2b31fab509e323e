// SPDX-License-Identifier: Apache-2.0
/**
 * One field of an entry under AES-256-GCM, encrypted before the entry is hashed: that the key is destroyed takes the field away
 * and leaves every proof as it was.
 *
 * GCM commits to no key: a ciphertext can be made that opens under two. So a commitment, derived from the key by HKDF, is stored
 * beside the id of the key and compared first. What a field was encrypted for (log, tenant, number of the entry, path, key) is
 * authenticated, so that it opens nowhere else. Nonces are random: at most 2^32 for one key (NIST SP 800-38D, 8.3); keys are
 * changed long before.
 */
import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, hkdfSync, timingSafeEqual } from 'node:crypto';
import { isJsonObject } from '../document/json.ts';
import type { JsonValue } from '../document/json.ts';
import { bytesAt, strangerIn, textAt } from '../trust/strict-json.ts';

export type SealedField = {
  /** Names the data key. */
  readonly kid: string;
  /** base64: what only this key commits to. */
  readonly commit: string;
  /** base64 of 12 bytes. */
  readonly nonce: string;
  /** base64 of the ciphertext and, after it, its tag. */
  readonly data: string;
};

/** Where a field stands: it opens nowhere else. */
export type FieldPlace = { readonly log: string; readonly tenant: string; readonly seq: number; readonly path: string };

export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const DATA_KEY_BYTES = 32;

const commitmentOf = (key: Uint8Array): Buffer => Buffer.from(hkdfSync('sha256', key, '', 'commit', 32));

const authenticated = ({ log, tenant, seq, path }: FieldPlace, kid: string): Buffer =>
  Buffer.from([log, tenant, String(seq), path, kid].join('|'));

export type DataKey = { readonly kid: string; readonly bytes: Uint8Array };

export const sealField = (input: {
  readonly plain: Uint8Array;
  readonly place: FieldPlace;
  readonly key: DataKey;
  /** 12 random bytes, never twice under one key. */
  readonly nonce: Uint8Array;
}): SealedField => {
  const { plain, place, key, nonce } = input;
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
  cipher.setAAD(authenticated(place, key.kid));
  const data = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return {
    kid: key.kid,
    commit: commitmentOf(key.bytes).toString('base64'),
    nonce: Buffer.from(nonce).toString('base64'),
    data: data.toString('base64'),
  };
};

/** Undefined where the key is another, or anything of the field or of its place was changed. Total. */
export const openField = (sealed: SealedField, place: FieldPlace, key: DataKey): Buffer | undefined => {
  const [commit, nonce, data] = [sealed.commit, sealed.nonce, sealed.data].map((text) => Buffer.from(text, 'base64'));
  if (commit?.length !== 32 || nonce?.length !== NONCE_BYTES || data === undefined || data.length < TAG_BYTES) return undefined;
  if (sealed.kid !== key.kid || key.bytes.length !== DATA_KEY_BYTES || !timingSafeEqual(commit, commitmentOf(key.bytes))) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(authenticated(place, key.kid));
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
};

/** Undefined for any value that `sealField` would not have made. Total. */
export const readSealedField = (value: JsonValue | undefined): SealedField | undefined => {
  if (!isJsonObject(value) || strangerIn(value, ['kid', 'commit', 'nonce', 'data']) !== undefined) return undefined;
  const [kid, commit, nonce, data] = ['kid', 'commit', 'nonce', 'data'].map((field) => textAt(value, field));
  if (kid === undefined || commit === undefined || nonce === undefined || data === undefined) return undefined;
  if (bytesAt(value, 'commit')?.length !== 32 || bytesAt(value, 'nonce')?.length !== NONCE_BYTES) return undefined;
  return (bytesAt(value, 'data')?.length ?? 0) < TAG_BYTES ? undefined : { kid, commit, nonce, data };
};
