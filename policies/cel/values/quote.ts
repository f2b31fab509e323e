// SPDX-License-Identifier: Apache-2.0

/** How Go's `%q` writes a text, which error texts carry: what can't be printed is escaped. */

/** Characters that Go and CEL escape by a letter or by themselves. */
export const NAMED_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ['"', '\\"'],
]);

const PLAIN = /^[ !#-[\]-~]*$/;
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

const quoteCharacter = (char: string): string => {
  const named = NAMED_ESCAPES.get(char);
  if (named !== undefined) return named;
  if (PRINTABLE.test(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd';
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
};

export const goQuote = (text: string): string => (PLAIN.test(text) ? `"${text}"` : `"${Array.from(text, quoteCharacter).join('')}"`);

/** One valid UTF-8 sequence, or a byte that starts none. */
const SEQUENCE =
  // eslint-disable-next-line no-control-regex -- bytes as Latin-1
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[^]/g;

/** The same for bytes, each one character: what is no UTF-8 is escaped byte by byte. */
export const goQuoteBytes = (bytes: string): string => {
  if (PLAIN.test(bytes)) return `"${bytes}"`;
  const quoted = bytes.replace(SEQUENCE, (sequence) => {
    const code = sequence.charCodeAt(0);
    if (sequence.length === 1 && code >= 0x80) return `\\x${hex(code, 2)}`;
    return quoteCharacter(Buffer.from(sequence, 'latin1').toString('utf8'));
  });
  return `"${quoted}"`;
};
