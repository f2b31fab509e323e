// SPDX-License-Identifier: Apache-2.0
// JSON text → values, with the numbers that JSON.parse alone would get wrong.
import { Boxed } from './boxed.ts';
import { int64 } from './integer.ts';
import { CelDouble } from './value.ts';
import type { Value } from './value.ts';

/**
 * Finds any number that JSON.parse alone would get wrong: a fraction or exponent (a double, even `1.0`), or 16 digits and more. The
 * first pattern is quick and takes `image:1.2` for one; the second looks closer where the first has hit. A text that is nothing
 * but a number has nothing before it. A hit inside a string costs a look at the text's strings, no more.
 */
const MAY_NEED_SOURCE = /[:[,]\s*-?\d(?:\d*[.eE]|\d{15})/;
const NEEDS_SOURCE = /(?:"\s*:|[[,])\s*-?\d(?:\d*[.eE]|\d{15})/;
const IS_NUMBER = /^\s*-?\d/;

const needsSource = (text: string): boolean => (MAY_NEED_SOURCE.test(text) && NEEDS_SOURCE.test(text)) || IS_NUMBER.test(text);

/** Digits that an integer of 64 bits has at most. */
const MAX_DIGITS = 19;

const numberFrom = (source: string): Value => {
  // An integer beyond 64 bits is a double, as the API server's own JSON decoder has it.
  const mayBeInt = !/[.eE]/.test(source) && source.length <= MAX_DIGITS + 1;
  return (mayBeInt ? int64(BigInt(source)) : undefined) ?? new CelDouble(Number(source));
};

/** Index after the string that opens at `start` of a text that is JSON. A quote after an odd number of backslashes does not end it. */
export const endOfString = (text: string, start: number): number => {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) === 0x5c) before -= 1;
    if ((at - before) % 2 === 1) return at + 1;
  }
  return text.length;
};

/**
 * Before a number that JSON.parse would get wrong, which then stands in the text as a string. A reviver that is told the
 * sources would be called for every value, and takes ten times as long; nobody can guess the mark, so no data can pose as one.
 */
const MARK = `${crypto.randomUUID()} `;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
/** `.`, `e`, `E`, and the signs of an exponent. */
const isInFraction = (code: number): boolean => code === 0x2e || code === 0x65 || code === 0x45 || code === 0x2b || code === 0x2d;

type NumberToken = { readonly end: number; readonly isSpecial: boolean };

/** The number that begins at `start`. */
const numberAt = (text: string, start: number): NumberToken => {
  let at = start + 1;
  while (isDigit(text.charCodeAt(at))) at += 1;
  const digits = at - start;
  while (isDigit(text.charCodeAt(at)) || isInFraction(text.charCodeAt(at))) at += 1;
  return { end: at, isSpecial: at - start > digits || digits > 15 };
};

/** The text with its special numbers marked, or undefined where it has none. Total time is that of one look at each character. */
const marked = (text: string): string | undefined => {
  let found: string | undefined;
  let copied = 0;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (isDigit(code) || code === 0x2d) {
      const { end, isSpecial } = numberAt(text, at);
      if (isSpecial) {
        found = `${found ?? ''}${text.slice(copied, at)}"${MARK}${text.slice(at, end)}"`;
        copied = end;
      }
      at = end;
    } else at += 1;
  }
  return found === undefined ? undefined : found + text.slice(copied);
};

type Container = Value[] | Record<string, Value>;

const isContainer = (value: Value): value is Container => typeof value === 'object' && value !== null && !(value instanceof Boxed);

const numberOf = (value: Value): Value | undefined =>
  typeof value === 'string' && value.startsWith(MARK) ? numberFrom(value.slice(MARK.length)) : undefined;

const unmarkList = (list: Value[], pending: Container[]): void => {
  for (let index = 0; index < list.length; index += 1) {
    const child = list[index] ?? null;
    const number = numberOf(child);
    if (number !== undefined) list[index] = number;
    else if (isContainer(child)) pending.push(child);
  }
};

const unmarkFields = (fields: Record<string, Value>, pending: Container[]): void => {
  for (const [key, child] of Object.entries(fields)) {
    const number = numberOf(child);
    if (isContainer(child)) pending.push(child);
    // Defined, not assigned: a key `__proto__` stays data.
    else if (number !== undefined)
      Object.defineProperty(fields, key, { value: number, writable: true, enumerable: true, configurable: true });
  }
};

/** Puts the numbers in the place of their marks; without recursion, whatever the depth. */
const unmark = (root: Value): Value => {
  const pending: Container[] = isContainer(root) ? [root] : [];
  for (let container = pending.pop(); container !== undefined; container = pending.pop()) {
    if (Array.isArray(container)) unmarkList(container, pending);
    else unmarkFields(container, pending);
  }
  return numberOf(root) ?? root;
};

/**
 * JSON text → value: integral numbers are ints (bigint beyond 2^53), all others doubles. `__proto__` stays a plain key.
 * Throws SyntaxError, as JSON.parse, when it isn't JSON.
 */
export const parseJson = (text: string): Value => {
  if (!needsSource(text)) return JSON.parse(text);
  // What is no JSON must be told of the text itself: `[1.2.3]` with a mark in it would be some.
  const value: Value = JSON.parse(text);
  const withMarks = marked(text);
  return withMarks === undefined ? value : unmark(JSON.parse(withMarks));
};
