// SPDX-License-Identifier: Apache-2.0
// A short document that programs wrote as JSON, read without the YAML library: to it JSON is YAML like any other, and what it makes
// of a kilobyte on the way to a value is hundreds of kilobytes of garbage. Nothing is read here that the library could read otherwise:
// the text has to be letter for letter what JSON.stringify makes of its value, so no key stands twice and no scalar has a second
// spelling, and whatever `tree.ts` would refuse, or only might, is left to it. It never says what is wrong with a text.
import { isJsonObject } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';

/** In UTF-16 units. Places in a longer text are found while it is read in steps, which here would be looked for in one. */
const MAX_LENGTH = 4096;
/** Well below what is allowed at all. */
const MAX_DEPTH = 32;
/** YAML bounds the length of keys, other than JSON. */
const MAX_KEY_LENGTH = 256;

const parse = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Whether every reader of YAML has the same value for what JSON.stringify makes of this one. */
const isPlain = (value: JsonValue | undefined, depth: number): boolean => {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (value === undefined) return false;
  if (value === null || typeof value === 'boolean') return true;
  if (depth > MAX_DEPTH) return false;
  if (!isJsonObject(value)) return value.every((item) => isPlain(item, depth + 1));
  return Object.entries(value).every(
    ([key, item]) => key !== '__proto__' && key.length <= MAX_KEY_LENGTH && key.isWellFormed() && isPlain(item, depth + 1),
  );
};

const isWrittenAs = (text: string, value: JsonObject): boolean =>
  text.startsWith('{\n') ? text === `${JSON.stringify(value, undefined, 2)}\n` : text === `${JSON.stringify(value)}\n`;

/** Undefined: it is for the YAML library to say. Total. */
export const readJsonText = (text: string): JsonObject | undefined => {
  if (text.length > MAX_LENGTH || !text.startsWith('{')) return undefined;
  const value = parse(text);
  return isJsonObject(value) && isPlain(value, 0) && isWrittenAs(text, value) ? value : undefined;
};
