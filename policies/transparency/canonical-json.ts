// SPDX-License-Identifier: Apache-2.0
// One spelling of a JSON value (RFC 8785), so that who hashes it and who writes it anew get the same bytes.
import { Buffer } from 'node:buffer';
import { isJsonObject } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';

/** Keys in the order of their UTF-16 units, numbers as ECMAScript writes them, no blanks. Half a surrogate pair becomes U+FFFD. */
export const canonicalJson = (value: JsonValue): string => {
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed());
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('JSON has no such number');
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => canonicalJson(item)).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value)
    .sort()
    .flatMap((key) => {
      const field = value[key];
      return field === undefined ? [] : [`${JSON.stringify(key.toWellFormed())}:${canonicalJson(field)}`];
    });
  return `{${fields.join(',')}}`;
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for bytes that are no UTF-8. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  // A third of the time that the decoder takes; what is no UTF-8 becomes this character, which may also have been meant.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  if (!text.includes('\uFFFD')) return text;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
};

const hasSortedKeys = (value: JsonValue): boolean => {
  if (Array.isArray(value)) return value.every((item: JsonValue) => hasSortedKeys(item));
  if (!isJsonObject(value)) return true;
  let before: string | undefined;
  for (const key of Object.keys(value)) {
    if (before !== undefined && key <= before) return false;
    before = key;
    const field = value[key];
    if (typeof field === 'object' && !hasSortedKeys(field)) return false;
  }
  return true;
};

/** The object of a text that is spelled so; undefined for any other text, also one with a key twice. Total. */
export const readCanonicalObject = (text: string): JsonObject | undefined => {
  try {
    const value: JsonValue = JSON.parse(text);
    if (!isJsonObject(value)) return undefined;
    // Nearly always enough; keys such as "10" come out of an object in another order than they were sorted in.
    if (JSON.stringify(value) === text && hasSortedKeys(value)) return value;
    return canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
};
