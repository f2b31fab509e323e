// SPDX-License-Identifier: Apache-2.0
/**
 * A quick look at the bytes of an entry: most are plain, and to check a log of millions is mostly to look at them. What it
 * sees is what `decodeEntry` would have said, in a quarter of the time; where anything is out of the ordinary (an escape, a fraction,
 * encrypted fields, a field that is not known) it says nothing, and the entry is to be decoded.
 */
import type { Buffer } from 'node:buffer';
import { isUtf8 } from 'node:buffer';
import { ACTION, LEAF, TIME, isObject } from './entry.ts';
import type { AuditEntry } from './entry.ts';

export type Glance = Pick<AuditEntry, 'log' | 'seq' | 'ts' | 'prev' | 'action'>;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
/** Deeper is nothing that Writ writes. */
const MAX_DEPTH = 16;
const UNSURE = -1;

/** Each of these takes where a value begins and says where it ends; UNSURE where it is not plainly canonical. */
const endOfString = (bytes: Uint8Array, from: number, isKey: boolean): number => {
  if (bytes[from] !== QUOTE) return UNSURE;
  for (let at = from + 1; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    // From U+E000 on the order of bytes is not that of UTF-16 units.
    if (byte < 0x20 || byte === 0x5c || (isKey && byte >= 0xee)) return UNSURE;
  }
  return UNSURE;
};

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** Whole numbers that a double holds, without a zero before them. */
const endOfNumber = (bytes: Uint8Array, from: number): number => {
  const first = bytes[from] === 0x2d ? from + 1 : from;
  let at = first;
  while (isDigit(bytes[at])) at += 1;
  const digits = at - first;
  const isPlain = digits > 0 && digits <= 15 && (bytes[first] !== 0x30 || (digits === 1 && first === from));
  return !isPlain || bytes[at] === 0x2e || bytes[at] === 0x65 || bytes[at] === 0x45 ? UNSURE : at;
};

const WORDS = ['true', 'false', 'null'].map((word) => [...word].map((letter) => letter.charCodeAt(0)));

const endOfWord = (bytes: Uint8Array, from: number): number => {
  const word = WORDS.find((letters) => letters.every((letter, index) => bytes[from + index] === letter));
  return word === undefined ? UNSURE : from + word.length;
};

/** Whether the key that ends before `otherFrom`'s comes before it: by their bytes. */
const isBefore = (bytes: Uint8Array, one: number, other: number): boolean => {
  for (let offset = 1; ; offset += 1) {
    const [a, b] = [bytes[one + offset], bytes[other + offset]];
    if (a === b && a !== QUOTE) continue;
    if (b === QUOTE || a === undefined || b === undefined) return false;
    return a === QUOTE || a < b;
  }
};

const endOfArray = (bytes: Uint8Array, from: number, depth: number): number => {
  let at = from + 1;
  if (bytes[at] === 0x5d) return at + 1;
  for (;;) {
    at = endOfValue(bytes, at, depth);
    if (at === UNSURE) return UNSURE;
    if (bytes[at] === 0x5d) return at + 1;
    if (bytes[at] !== COMMA) return UNSURE;
    at += 1;
  }
};

/** `field` is told where each key and its value stand. */
const endOfObject = (bytes: Uint8Array, from: number, depth: number, field?: (key: number, value: number, end: number) => void): number => {
  let key = from + 1;
  let before = UNSURE;
  if (bytes[key] === CLOSE) return key + 1;
  for (;;) {
    const keyEnd = endOfString(bytes, key, true);
    if (keyEnd === UNSURE || bytes[keyEnd] !== COLON || (before !== UNSURE && !isBefore(bytes, before, key))) return UNSURE;
    const end = endOfValue(bytes, keyEnd + 1, depth);
    if (end === UNSURE) return UNSURE;
    field?.(key, keyEnd + 1, end);
    if (bytes[end] === CLOSE) return end + 1;
    if (bytes[end] !== COMMA) return UNSURE;
    before = key;
    key = end + 1;
  }
};

function endOfValue(bytes: Uint8Array, from: number, depth: number): number {
  const first = bytes[from];
  if (first === QUOTE) return endOfString(bytes, from, false);
  if (depth >= MAX_DEPTH) return UNSURE;
  if (first === OPEN) return endOfObject(bytes, from, depth + 1);
  if (first === 0x5b) return endOfArray(bytes, from, depth + 1);
  return first === 0x2d || isDigit(first) ? endOfNumber(bytes, from) : endOfWord(bytes, from);
}

/** Undefined: decode it. Total. */
export const glanceEntry = (bytes: Buffer): Glance | undefined => {
  let [log, ts, prev, action] = ['', '', '', ''];
  let seq = -1;
  let known = 0;
  let isPlain = true;
  const text = (value: number, end: number): string => {
    if (bytes[value] !== QUOTE) isPlain = false;
    return bytes.toString('utf8', value + 1, end - 1);
  };
  const end = endOfObject(bytes, 0, 0, (key, value, end) => {
    switch (bytes.toString('latin1', key + 1, value - 2)) {
      case 'v':
        known += 1;
        if (end - value !== 1 || bytes[value] !== 0x31) isPlain = false;
        return;
      case 'seq':
        known += 1;
        if (!isDigit(bytes[value])) isPlain = false;
        seq = Number(bytes.toString('latin1', value, end));
        return;
      case 'log':
        known += 1;
        log = text(value, end);
        return;
      case 'ts':
        known += 1;
        ts = text(value, end);
        return;
      case 'prev':
        known += 1;
        prev = text(value, end);
        return;
      case 'action':
        known += 1;
        action = text(value, end);
        return;
      case 'actor':
        known += 1;
        if (bytes[value] !== QUOTE) isPlain = false;
        return;
      case 'tenant':
      case 'decision':
      case 'requestId':
        if (bytes[value] !== QUOTE) isPlain = false;
        return;
      case 'detail':
        if (bytes[value] !== OPEN) isPlain = false;
        return;
      case 'object':
        if (!isObject(JSON.parse(bytes.toString('utf8', value, end)))) isPlain = false;
        return;
      default:
        isPlain = false;
    }
  });
  if (end !== bytes.length || !isPlain || known !== 7 || !isUtf8(bytes)) return undefined;
  return TIME.test(ts) && LEAF.test(prev) && ACTION.test(action) ? { log, seq, ts, prev, action } : undefined;
};
