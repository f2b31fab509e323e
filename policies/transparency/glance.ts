// SPDX-License-Identifier: Apache-2.0
/**
 * A quick look at the bytes of an entry: most are plain, and to check a log of millions is mostly to look at them. What it
 * sees is what `decodeEntry` would have said, in a quarter of the time; where anything is out of the ordinary (an escape, a fraction,
 * encrypted fields, a field that is not known) it says nothing, and the entry is to be decoded.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { ACTION, LEAF, OBJECT_FIELDS, TIME } from './entry.ts';
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

/** Of digits that `endOfNumber` has seen. */
const wholeAt = (bytes: Uint8Array, from: number, end: number): number => {
  let value = 0;
  for (let at = from; at < end; at += 1) value = value * 10 + (bytes[at] ?? 0) - 0x30;
  return value;
};

const lettersOf = (word: string): Buffer => Buffer.from(word, 'latin1');
const WORDS = ['true', 'false', 'null'].map(lettersOf);

const endOfWord = (bytes: Uint8Array, from: number): number => {
  const word = WORDS.find((letters) => letters.every((letter, index) => bytes[from + index] === letter));
  return word === undefined ? UNSURE : from + word.length;
};

/** Whether the key that ends before `otherFrom`'s comes before it: by their bytes. */
const isBefore = (bytes: Uint8Array, one: number, other: number): boolean => {
  for (let offset = 1; ; offset += 1) {
    const a = bytes[one + offset] ?? QUOTE;
    const b = bytes[other + offset] ?? QUOTE;
    if (a === b && a !== QUOTE) continue;
    return b !== QUOTE && (a === QUOTE || a < b);
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

const NAMES = ['v', 'ts', 'log', 'seq', 'prev', 'actor', 'action', 'detail', 'object', 'tenant', 'decision', 'requestId'] as const;
type FieldName = (typeof NAMES)[number];

/** By their length and first letter, which no two share. */
const FIELDS: ReadonlyMap<number, { readonly name: FieldName; readonly letters: Buffer }> = new Map(
  NAMES.map((name) => [name.length * 256 + name.charCodeAt(0), { name, letters: lettersOf(name) }]),
);
const OBJECT_LETTERS = OBJECT_FIELDS.map(lettersOf);

/** `key` and `end`: its quote and what comes after the other one. */
const isWord = (bytes: Uint8Array, letters: Buffer, { key, end }: { readonly key: number; readonly end: number }): boolean => {
  if (end - key - 2 !== letters.length) return false;
  for (let at = 0; at < letters.length; at += 1) if (bytes[key + 1 + at] !== letters[at]) return false;
  return true;
};

const fieldAt = (bytes: Uint8Array, key: number, end: number): FieldName | undefined => {
  const field = FIELDS.get((end - key - 2) * 256 + (bytes[key + 1] ?? 0));
  return field !== undefined && isWord(bytes, field.letters, { key, end }) ? field.name : undefined;
};

/** As `isObject` of entries, without making it. */
const isPlainObject = (bytes: Uint8Array, from: number): boolean => {
  if (bytes[from] !== OPEN) return false;
  let needed = 0;
  let good = true;
  endOfObject(bytes, from, 1, (key, value) => {
    const letters = OBJECT_LETTERS.find((word) => isWord(bytes, word, { key, end: value - 1 }));
    if (letters === undefined || bytes[value] !== QUOTE) good = false;
    else if (letters === OBJECT_LETTERS[0] || letters === OBJECT_LETTERS[1]) needed += 1;
  });
  return good && needed === 2;
};

/** Whether these bytes are the text; of one that is empty or not ASCII nothing is. */
const isText = (bytes: Uint8Array, from: number, end: number, text: string): boolean => {
  if (end - from !== text.length) return false;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80 || bytes[from + at] !== unit) return false;
  }
  return text !== '';
};

/** What the entry is likely to say: a text that is there already is not made again, and was found good before. */
export type Likely = Pick<Glance, 'log' | 'ts' | 'prev' | 'action'>;
export const NOTHING_LIKELY: Likely = { log: '', ts: '', prev: '', action: '' };

/** Undefined: decode it. `likely` changes nothing but the time that it takes; its texts but `log` must be ones of an entry. Total. */
export const glanceEntry = (bytes: Buffer, likely: Likely = NOTHING_LIKELY): Glance | undefined => {
  if (bytes[0] !== OPEN) return undefined;
  let { log, ts, prev, action } = likely;
  let seq = 0;
  let required = 0;
  let isPlain = true;
  const end = endOfObject(bytes, 0, 0, (key, value, end) => {
    const name = fieldAt(bytes, key, value - 1);
    const first = bytes[value];
    if (name === undefined) isPlain = false;
    else if (name === 'detail') isPlain &&= first === OPEN;
    else if (name === 'object') isPlain &&= isPlainObject(bytes, value);
    else if (name === 'v' || name === 'seq') {
      required += 1;
      isPlain &&= isDigit(first);
      if (name === 'seq') seq = wholeAt(bytes, value, end);
      else isPlain &&= end - value === 1 && first === 0x31;
    } else {
      isPlain &&= first === QUOTE;
      if (name === 'tenant' || name === 'decision' || name === 'requestId') return;
      required += 1;
      if (name === 'actor' || isText(bytes, value + 1, end - 1, likely[name])) return;
      const text = bytes.toString('utf8', value + 1, end - 1);
      if (name === 'log') log = text;
      else if (name === 'ts') isPlain &&= TIME.test((ts = text));
      else if (name === 'prev') isPlain &&= LEAF.test((prev = text));
      else isPlain &&= ACTION.test((action = text));
    }
  });
  return end === bytes.length && isPlain && required === 7 && isUtf8(bytes) ? { log, seq, ts, prev, action } : undefined;
};

/** Where a field's value stands; of a text without its quotes. */
export type FieldPlace = { readonly from: number; readonly end: number };

/** Of bytes that `glanceEntry` has found plain. */
export const fieldPlaces = (bytes: Uint8Array): ReadonlyMap<FieldName, FieldPlace> => {
  const places = new Map<FieldName, FieldPlace>();
  endOfObject(bytes, 0, 0, (key, value, end) => {
    const name = fieldAt(bytes, key, value - 1);
    const quoted = bytes[value] === QUOTE ? 1 : 0;
    if (name !== undefined) places.set(name, { from: value + quoted, end: end - quoted });
  });
  return places;
};
