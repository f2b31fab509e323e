// SPDX-License-Identifier: Apache-2.0
// The digest of what was decided: sha256 over the very bytes of `request.object` (of `oldObject` where there is no object)
// as the API server sent them. The slice is found by one scan over the text, without parsing it a second time.
import { hash } from 'node:crypto';
import { endOfString } from '../../policies/cel/index.ts';

const QUOTE = 0x22;

const isBlank = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

const skipBlanks = (text: string, start: number): number => {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
};

/** Index after the value that begins at `start`. */
const skipValue = (text: string, start: number): number => {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  const nested = first === 0x7b || first === 0x5b;
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
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

type Span = { readonly start: number; readonly end: number };
type Member = (key: string, start: number) => number | undefined;

/**
 * Calls `visit` for each member of the object that begins at `start`, with the index where its value begins; what `visit`
 * has not walked through itself is skipped. Returns the index after the object, or undefined where there is none.
 */
const walkMembers = (text: string, start: number, visit: Member): number | undefined => {
  let at = skipBlanks(text, start);
  if (text.charCodeAt(at) !== 0x7b) return undefined;
  at = skipBlanks(text, at + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = endOfString(text, at);
    const valueStart = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    at = skipBlanks(text, visit(text.slice(at + 1, keyEnd - 1), valueStart) ?? skipValue(text, valueStart));
    if (text.charCodeAt(at) !== 0x2c) break;
    at = skipBlanks(text, at + 1);
  }
  return at + 1;
};

const textOf = (review: string, span: Span | undefined): string | undefined => {
  const text = span === undefined ? 'null' : review.slice(span.start, span.end);
  return text === 'null' ? undefined : text;
};

/** The JSON text of the object under decision in a review that parsed; undefined where it has none (most CONNECTs). */
export const objectText = (review: string): string | undefined => {
  let object: Span | undefined;
  let oldObject: Span | undefined;
  // Of a key given twice the last counts, as in JSON.parse.
  walkMembers(review, 0, (key, start) => {
    if (key !== 'request') return undefined;
    object = undefined;
    oldObject = undefined;
    return walkMembers(review, start, (name, valueStart) => {
      if (name !== 'object' && name !== 'oldObject') return undefined;
      const end = skipValue(review, valueStart);
      if (name === 'object') object = { start: valueStart, end };
      else oldObject = { start: valueStart, end };
      return end;
    });
  });
  return textOf(review, object) ?? textOf(review, oldObject);
};

export const objectDigest = (review: string): string | undefined => {
  const text = objectText(review);
  return text === undefined ? undefined : `sha256:${hash('sha256', text, 'hex')}`;
};
