// SPDX-License-Identifier: Apache-2.0
// The digest of what was decided: sha256 over the very bytes of `request.object` (of `oldObject` where there is no object)
// as the API server sent them. The slice is found by one scan over the text, without parsing it a second time.
import { hash } from 'node:crypto';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index after the string that opens at `start`. Strings here are short: looking at each character beats a search. */
const skipString = (text: string, start: number): number => {
  const { length } = text;
  for (let at = start + 1; at < length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at + 1;
  }
  return length;
};

const isBlank = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

const skipBlanks = (text: string, start: number): number => {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
};

/** Index after the value that begins at `start`. */
const skipValue = (text: string, start: number): number => {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return skipString(text, start);
  const nested = first === 0x7b || first === 0x5b;
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    if (code === 0x7b || code === 0x5b) depth += 1;
    else if (code === 0x7d || code === 0x5d) {
      if (!nested) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (!nested && (code === 0x2c || isBlank(code))) return at;
    at += 1;
  }
  return at;
};

/** Where each of `keys` has its value in the object that begins at `start`; of a key given twice the last counts, as in JSON.parse. */
const findMembers = (text: string, start: number, keys: readonly string[]): ReadonlyMap<string, readonly [number, number]> => {
  const found = new Map<string, readonly [number, number]>();
  let at = skipBlanks(text, start);
  if (text.charCodeAt(at) !== 0x7b) return found;
  at = skipBlanks(text, at + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = skipString(text, at);
    const key = text.slice(at + 1, keyEnd - 1);
    const valueStart = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    const valueEnd = skipValue(text, valueStart);
    if (keys.includes(key)) found.set(key, [valueStart, valueEnd]);
    at = skipBlanks(text, valueEnd);
    if (text.charCodeAt(at) !== 0x2c) break;
    at = skipBlanks(text, at + 1);
  }
  return found;
};

const REVIEW_KEYS = ['request'];
const OBJECT_KEYS = ['object', 'oldObject'];

/** The JSON text of the object under decision in a review that parsed; undefined where it has none (most CONNECTs). */
export const objectText = (review: string): string | undefined => {
  const request = findMembers(review, 0, REVIEW_KEYS).get('request');
  if (request === undefined) return undefined;
  const members = findMembers(review, request[0], OBJECT_KEYS);
  for (const key of OBJECT_KEYS) {
    const member = members.get(key);
    if (member === undefined) continue;
    const text = review.slice(member[0], member[1]);
    if (text !== 'null') return text;
  }
  return undefined;
};

export const objectDigest = (review: string): string | undefined => {
  const text = objectText(review);
  return text === undefined ? undefined : `sha256:${hash('sha256', text, 'hex')}`;
};
