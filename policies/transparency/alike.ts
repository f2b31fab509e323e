// SPDX-License-Identifier: Apache-2.0
/**
 * Entries that are spelled like one before. A log says the same few things again and again, with other names and numbers of the same
 * length in the same places; where nothing else differs, what the glance found out about the one holds for the other, and one
 * look at each byte suffices. Says nothing wherever it is not sure; what it says is what `glanceEntry` would have said.
 */
import type { Buffer } from 'node:buffer';
import { fieldPlaces, glanceEntry } from './glance.ts';
import type { FieldPlace, Glance, Likely } from './glance.ts';
import { LEAF, TIME } from './entry.ts';

/** What may stand at a place of a known spelling, if not the same byte. */
const SAME = 0;
/** Within a text: any plain character of ASCII. */
const TEXT = 1;
const DIGIT = 2;
/** The first one of several: no zero. */
const FIRST_DIGIT = 3;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;

type Spelling = {
  readonly bytes: Uint8Array;
  /** The same, four at a time. */
  readonly words: Int32Array;
  readonly places: Uint8Array;
  readonly seen: Glance;
  readonly ts: FieldPlace;
  readonly prev: FieldPlace;
  readonly seq: FieldPlace;
  /** How well it has served of late: it is given up for another one below zero. */
  worth: number;
};

const MOST_WORTH = 4;
/** Longer ones are rare, and more lengths than these are no repetition. */
const MAX_LENGTH = 4096;
const MAX_SPELLINGS = 256;

const WORD_BYTES = 4;
const copied = new Uint8Array(MAX_LENGTH);
const copiedWords = new Int32Array(copied.buffer);

/** Undefined where it lacks a field, as no entry does. */
const spellingOf = (bytes: Buffer, seen: Glance): Spelling | undefined => {
  const found = fieldPlaces(bytes);
  const [ts, prev, seq, action, log] = [found.get('ts'), found.get('prev'), found.get('seq'), found.get('action'), found.get('log')];
  if (ts === undefined || prev === undefined || seq === undefined || action === undefined || log === undefined) return undefined;
  const places = new Uint8Array(bytes.length);
  // Without an escape a text ends at the next quote; one that a colon follows is a key.
  for (let from = bytes.indexOf(QUOTE); from !== -1;) {
    const end = bytes.indexOf(QUOTE, from + 1);
    if (bytes[end + 1] !== COLON) for (let at = from + 1; at < end; at += 1) if ((bytes[at] ?? 0) < 0x80) places[at] = TEXT;
    from = bytes.indexOf(QUOTE, end + 1);
  }
  places.fill(DIGIT, seq.from, seq.end);
  if (seq.end - seq.from > 1) places[seq.from] = FIRST_DIGIT;
  for (const { from, end } of [action, log]) places.fill(SAME, from, end);
  const known = new Uint8Array(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES);
  known.set(bytes);
  return { bytes: known.subarray(0, bytes.length), words: new Int32Array(known.buffer), places, seen, ts, prev, seq, worth: 0 };
};

const mayStand = (byte: number, place: number | undefined): boolean => {
  if (place === SAME) return false;
  if (place === TEXT) return byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH;
  return byte <= NINE && (place === FIRST_DIGIT ? byte > ZERO : byte >= ZERO);
};

const fits = ({ words, bytes: known, places }: Spelling, bytes: Buffer): boolean => {
  copied.set(bytes);
  // The last word may end in bytes of an entry before, which nobody looks at.
  for (let word = 0; word < words.length; word += 1) {
    if (words[word] === copiedWords[word]) continue;
    const end = Math.min((word + 1) * WORD_BYTES, known.length);
    for (let at = word * WORD_BYTES; at < end; at += 1) {
      const byte = copied[at] ?? 0;
      if (byte !== known[at] && !mayStand(byte, places[at])) return false;
    }
  }
  return true;
};

const wholeAt = (bytes: Buffer, { from, end }: FieldPlace): number => {
  let value = 0;
  for (let at = from; at < end; at += 1) value = value * 10 + (bytes[at] ?? ZERO) - ZERO;
  return value;
};

const seenAs = (spelling: Spelling, bytes: Buffer, likely: Likely): Glance | undefined => {
  if (!fits(spelling, bytes)) return undefined;
  const { seen, seq, ts: atTs, prev: atPrev } = spelling;
  const [ts, prev] = [bytes.toString('latin1', atTs.from, atTs.end), bytes.toString('latin1', atPrev.from, atPrev.end)];
  if ((ts !== likely.ts && !TIME.test(ts)) || (prev !== likely.prev && !LEAF.test(prev))) return undefined;
  return { log: seen.log, action: seen.action, seq: wholeAt(bytes, seq), ts, prev };
};

/** A glance that remembers how entries of each length were spelled. As `glanceEntry`, whatever it was asked before. Total. */
export const createGlance = (): typeof glanceEntry => {
  const spellings = new Map<number, Spelling>();
  return (bytes, likely) => {
    const known = spellings.get(bytes.length);
    const same = known === undefined || likely === undefined ? undefined : seenAs(known, bytes, likely);
    if (known !== undefined && same !== undefined) {
      if (known.worth < MOST_WORTH) known.worth += 1;
      return same;
    }
    const seen = glanceEntry(bytes, likely);
    if (seen === undefined || bytes.length > MAX_LENGTH) return seen;
    if (known !== undefined && known.worth > 0) {
      known.worth -= 1;
      return seen;
    }
    if (known === undefined && spellings.size >= MAX_SPELLINGS) spellings.clear();
    const spelling = spellingOf(bytes, seen);
    if (spelling !== undefined) spellings.set(bytes.length, spelling);
    return seen;
  };
};
