// SPDX-License-Identifier: Apache-2.0
// One spelling of a JSON value (RFC 8785), so that who hashes it and who writes it anew get the same bytes.
import { Buffer } from 'node:buffer';
import { isJsonObject } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';

/** Piece by piece: right for every value, and slow. */
const spelled = (value: JsonValue): string => {
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed());
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('JSON has no such number');
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => spelled(item)).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value)
    .sort()
    .flatMap((key) => {
      const field = value[key];
      return field === undefined ? [] : [`${JSON.stringify(key.toWellFormed())}:${spelled(field)}`];
    });
  return `{${fields.join(',')}}`;
};

/** An object keeps its keys in the order in which they were given, but for such as these. */
const staysInPlace = (key: string): boolean => {
  const first = key.charCodeAt(0);
  return !(first >= 0x30 && first <= 0x39) && key !== '__proto__' && key.isWellFormed();
};

const sortedKeys = (value: JsonObject): readonly string[] => {
  const keys = Object.keys(value);
  // Whoever writes many gives them in order.
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] ?? '') > (keys[at] ?? '')) return keys.sort();
  return keys;
};

/** A copy that JSON.stringify spells as it should be; undefined of what it would not. */
const ordered = (value: JsonValue): JsonValue | undefined => {
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) {
      const copy = ordered(item);
      if (copy === undefined) return undefined;
      items.push(copy);
    }
    return items;
  }
  if (!isJsonObject(value)) return value;
  const fields: Record<string, JsonValue> = {};
  for (const key of sortedKeys(value)) {
    const field = value[key];
    if (field === undefined) continue;
    const copy = staysInPlace(key) ? ordered(field) : undefined;
    if (copy === undefined) return undefined;
    fields[key] = copy;
  }
  return fields;
};

/** Keys in the order of their UTF-16 units, numbers as ECMAScript writes them, no blanks. Half a surrogate pair becomes U+FFFD. */
export const canonicalJson = (value: JsonValue): string => {
  const copy = ordered(value);
  return copy === undefined ? spelled(value) : JSON.stringify(copy);
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
