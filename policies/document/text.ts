// SPDX-License-Identifier: Apache-2.0
// Bytes → text: the size, the encoding and the characters that a signed document may have.
import { isUtf8 } from 'node:buffer';
import { startOf } from '../problem.ts';
import type { Problem } from '../problem.ts';

/** The largest document. A custom resource carries it as one string beside its bundles, well below etcd's 1.5 MB. */
const MAX_DOCUMENT_BYTES = 96 * 1024;

const LF = 0x0a;

type TextOutcome = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: Problem };

// Each class of character that two readers, or a reader and a reviewer, see differently:
// - U+0085, U+2028, U+2029 end a line (and so a comment) in YAML 1.1 and not in 1.2 (YAML 1.2.2, 5.4);
// - bidirectional controls show a reviewer another order than the parser reads (CVE-2021-42574);
// - the other control characters are not printable in either version.
// eslint-disable-next-line no-control-regex
const FORBIDDEN_CHARACTER = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

const CHARACTER_NAMES: ReadonlyMap<number, string> = new Map([
  [0x00, 'a NUL character'],
  [0x0d, 'a carriage return'],
  [0x85, 'a line end that only YAML 1.1 knows'],
  [0x2028, 'a line end that only YAML 1.1 knows'],
  [0x2029, 'a line end that only YAML 1.1 knows'],
  [0xfeff, 'a byte order mark'],
]);

const describeCharacter = (code: number): string => {
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  const bidirectional = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return `${CHARACTER_NAMES.get(code) ?? (bidirectional ? 'a bidirectional control' : 'a control character')} (${hex})`;
};

const characterFix = (code: number): string => {
  if (code === 0x0d) return 'save the file with LF line ends';
  if (code === 0xfeff) return 'save the file as UTF-8 without a byte order mark';
  return 'remove it, or write it as an escape in double quotes';
};

/** The place of the first byte that is not UTF-8. No UTF-8 sequence holds an LF byte, so lines can be judged one by one. */
const placeOfBadByte = (bytes: Uint8Array): { readonly line: number; readonly column: number } => {
  let line = 1;
  for (let start = 0; start <= bytes.length; line += 1) {
    const next = bytes.indexOf(LF, start);
    const end = next === -1 ? bytes.length : next;
    const part = bytes.subarray(start, end);
    if (!isUtf8(part)) return { line, column: new TextDecoder('utf-8', { ignoreBOM: true }).decode(part).indexOf('\ufffd') + 1 };
    start = end + 1;
  }
  return { line: 1, column: 1 };
};

const placeOfIndex = (text: string, index: number): { readonly line: number; readonly column: number } => {
  const before = text.slice(0, index);
  const lastLineEnd = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: index - lastLineEnd };
};

export const decodeText = (bytes: Uint8Array, file: string): TextOutcome => {
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    const message = `${bytes.length} bytes, at most ${MAX_DOCUMENT_BYTES} are allowed`;
    return { ok: false, problem: { code: 'DOCUMENT_TOO_LARGE', message, at: startOf(file) } };
  }
  if (!isUtf8(bytes)) {
    return {
      ok: false,
      problem: { code: 'DOCUMENT_ENCODING', message: 'a byte here is not UTF-8', at: { file, ...placeOfBadByte(bytes) } },
    };
  }
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const index = text.search(FORBIDDEN_CHARACTER);
  if (index === -1) return { ok: true, text };
  const code = text.codePointAt(index) ?? 0;
  const at = { file, ...placeOfIndex(text, index) };
  const message = `${describeCharacter(code)} is not allowed`;
  return { ok: false, problem: { code: 'DOCUMENT_ENCODING', message, at, hint: characterFix(code) } };
};
