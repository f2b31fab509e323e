// SPDX-License-Identifier: Apache-2.0
// Is a key given twice in one object of a JSON text? RFC 8259 section 4 leaves open what that means: one reader takes the last value,
// another the first, and a bill would depend on who read it. Outside of texts a colon stands after each key and nowhere else, so a text has
// more of them than its value has keys if and only if a key was given twice: one look at the bytes and one at the value, and only a text that
// fails is read key by key.
import { isRecord } from '../../crds/wire.ts';

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];

const keysOfText = (bytes: Uint8Array): number => {
  let keys = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === COLON) keys += 1;
    else if (byte === QUOTE) {
      for (at += 1; at < bytes.length && bytes[at] !== QUOTE; at += 1) if (bytes[at] === BACKSLASH) at += 1;
    }
  }
  return keys;
};

/** With a stack of its own: a text may nest deeper than calls can. */
const keysOfValue = (value: unknown): number => {
  let keys = 0;
  const left: unknown[] = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (Array.isArray(one)) {
      for (const item of one) if (typeof item === 'object' && item !== null) left.push(item);
    } else if (isRecord(one)) {
      for (const key in one) {
        keys += 1;
        const item = one[key];
        if (typeof item === 'object' && item !== null) left.push(item);
      }
    }
  }
  return keys;
};

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/gs;

const firstTwice = (text: string): string | undefined => {
  const open: Set<string>[] = [];
  let last = '""';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ':') last = token;
    else {
      // Two spellings of one key are one key.
      const key = String(JSON.parse(last));
      if (open.at(-1)?.has(key) === true) return key;
      open.at(-1)?.add(key);
    }
  }
  return undefined;
};

/** `bytes`: valid JSON in UTF-8; `value`: what it was parsed to. */
export const keyGivenTwice = (bytes: Uint8Array, value: unknown): string | undefined =>
  keysOfText(bytes) === keysOfValue(value) ? undefined : (firstTwice(new TextDecoder().decode(bytes)) ?? '');
