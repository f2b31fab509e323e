// SPDX-License-Identifier: Apache-2.0
// A reader of DER (X.690), as strict as the encoding is: one way to write a length, nothing behind the last element.
// It reads what is asked for and never descends by itself, so its cost is bounded by the caller.
import type { Buffer } from 'node:buffer';

export type Der = {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly whole: Buffer;
};

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  sequence: 0x30,
} as const;

const MAX_ELEMENTS = 128;

type Header = { readonly start: number; readonly end: number };

const readHeader = (bytes: Buffer, at: number): Header | undefined => {
  const first = bytes[at + 1];
  if (first === undefined || ((bytes[at] ?? 0) & 0x1f) === 0x1f) return undefined;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const size = first & 0x7f;
  if (size === 0 || size > 3 || at + 2 + size > bytes.length) return undefined;
  const length = bytes.readUIntBE(at + 2, size);
  const isShortest = length >= 0x80 && length >= 2 ** (8 * (size - 1));
  return isShortest ? { start: at + 2 + size, end: at + 2 + size + length } : undefined;
};

/** The elements that fill these bytes exactly; undefined where they do not. */
export const readDer = (bytes: Buffer): readonly Der[] | undefined => {
  const elements: Der[] = [];
  for (let at = 0; at < bytes.length;) {
    const header = readHeader(bytes, at);
    if (header === undefined || header.end > bytes.length || elements.length === MAX_ELEMENTS) return undefined;
    elements.push({ tag: bytes[at] ?? 0, content: bytes.subarray(header.start, header.end), whole: bytes.subarray(at, header.end) });
    at = header.end;
  }
  return elements;
};

/** The one element that fills these bytes, if it has this tag. */
export const readOne = (bytes: Buffer, tag: number): Der | undefined => {
  const elements = readDer(bytes);
  const [only] = elements ?? [];
  return elements?.length === 1 && only?.tag === tag ? only : undefined;
};

/** What the one element of this tag that fills these bytes holds. */
export const readInside = (bytes: Buffer, tag: number): readonly Der[] | undefined => {
  const outer = readOne(bytes, tag);
  return outer === undefined ? undefined : readDer(outer.content);
};

/** `1.3.6.1…`; undefined where an arc is larger than any that is compared here. */
export const oidOf = (element: Der | undefined): string | undefined => {
  if (element?.tag !== TAG.oid || element.content.length === 0 || element.content.length > 32) return undefined;
  const arcs: number[] = [];
  let arc = 0;
  for (const [index, byte] of element.content.entries()) {
    if (arc === 0 && byte === 0x80) return undefined;
    arc = arc * 0x80 + (byte & 0x7f);
    if (arc > 0xffff_ffff) return undefined;
    const isLast = (byte & 0x80) === 0;
    if (!isLast && index === element.content.length - 1) return undefined;
    if (isLast) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...others] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...others].join('.');
};

/** UTF-8 text; undefined for other bytes. */
export const utf8 = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

/** The text of one string element that fills these bytes. */
export const stringIn = (bytes: Buffer): string | undefined => {
  const elements = readDer(bytes);
  const [only] = elements ?? [];
  if (elements?.length !== 1 || only === undefined) return undefined;
  const isText = only.tag === TAG.utf8String || only.tag === TAG.ia5String || only.tag === TAG.printableString;
  return isText ? utf8(only.content) : undefined;
};
