// SPDX-License-Identifier: Apache-2.0
// JSON as every reader of it understands it: no key twice, no field that is not known, base64 in its one spelling.
// protojson refuses all of these too; JSON.parse keeps the last of two equal keys where other readers keep the first.
import { Buffer } from 'node:buffer';
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';

const countKeys = (value: JsonValue): number => {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countKeys(item), 0);
  if (!isJsonObject(value)) return 0;
  return Object.values(value).reduce<number>((sum, item) => sum + 1 + countKeys(item ?? null), 0);
};

const hasRepeatedKey = (text: string, value: JsonValue): boolean => {
  let keys = 0;
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) keys += match[1] === undefined ? 0 : 1;
  return keys !== countKeys(value);
};

/** An object without repeated keys; undefined for anything else, also for what is nested too deeply to be walked. */
export const parseStrictObject = (text: string): JsonObject | undefined => {
  try {
    const value: JsonValue = JSON.parse(text);
    return isJsonObject(value) && !hasRepeatedKey(text, value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/** UTF-8 bytes of such an object. */
export const parseStrictBytes = (bytes: Uint8Array): JsonObject | undefined => {
  try {
    return parseStrictObject(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
};

/** The name of a field that is not in the list, shortened. */
export const strangerIn = (object: JsonObject, known: readonly string[]): string | undefined =>
  Object.keys(object)
    .find((key) => !known.includes(key))
    ?.slice(0, 40);

export const objectAt = (object: JsonObject, field: string): JsonObject | undefined => {
  const value = own(object, field);
  return isJsonObject(value) ? value : undefined;
};

export const textAt = (object: JsonObject, field: string): string | undefined => {
  const value = own(object, field);
  return typeof value === 'string' ? value : undefined;
};

/** The objects of a list, which may be absent; undefined where it is no list of objects. */
export const objectsAt = (object: JsonObject, field: string): readonly JsonObject[] | undefined => {
  const value = own(object, field);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const items: readonly JsonValue[] = value;
  const objects = items.filter((item) => isJsonObject(item));
  return objects.length === items.length ? objects : undefined;
};

/** Canonical base64 of at least one byte. */
export const decodeBase64 = (text: JsonValue | undefined): Buffer | undefined => {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
};

export const bytesAt = (object: JsonObject, field: string): Buffer | undefined => decodeBase64(own(object, field));

/** A whole number as protojson writes an int64: digits in quotes, without zeros in front. */
export const integerAt = (object: JsonObject, field: string): bigint | undefined => {
  const text = textAt(object, field);
  return text !== undefined && /^(?:0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : undefined;
};

/** The same where protojson leaves out a zero. */
export const indexAt = (object: JsonObject, field: string): bigint | undefined =>
  own(object, field) === undefined ? 0n : integerAt(object, field);
