// SPDX-License-Identifier: Apache-2.0
import { SyntaxFault } from './issue.ts';

export type TokenKind = 'identifier' | 'escaped' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'punctuation' | 'end';
export type Token = { readonly kind: TokenKind; readonly text: string; readonly offset: number };

const SKIPPED = /(?:[\t\n\f\r ]+|\/\/[^\n]*)+/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const ESCAPED_WORD = /`[A-Za-z0-9_.\-/ ]+`/y;
const DOUBLE = /(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)/y;
const INTEGER = /(?:0x[0-9a-fA-F]+|[0-9]+)[uU]?/y;
const PUNCTUATION = /(?:==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()[\]{}])/y;
const STRING_START = /([bB]?)([rR]?)("""|'''|"|')/y;

const CLOSERS = new Map<string, RegExp>([
  ['"', /(?:[^"\\\n\r]|\\[^\n\r])*"/y],
  ["'", /(?:[^'\\\n\r]|\\[^\n\r])*'/y],
  ['r"', /[^"\n\r]*"/y],
  ["r'", /[^'\n\r]*'/y],
]);

const matchAt = (pattern: RegExp, source: string, offset: number): string | undefined => {
  pattern.lastIndex = offset;
  return pattern.test(source) ? source.slice(offset, pattern.lastIndex) : undefined;
};

/** The end of a triple-quoted literal, searched by hand: one regex would need a stack as deep as the text is long. */
const closeTriple = (source: string, from: number, quote: string, raw: boolean): number => {
  for (let at = from; at < source.length; at++) {
    if (!raw && source[at] === '\\') at++;
    else if (source.startsWith(quote, at)) return at + quote.length;
  }
  return -1;
};

const stringAt = (source: string, offset: number): Token | undefined => {
  STRING_START.lastIndex = offset;
  const start = STRING_START.exec(source);
  if (start === null) return undefined;
  const [opening, bytes = '', raw = '', quote = ''] = start;
  const from = offset + opening.length;
  const closer = CLOSERS.get(raw === '' ? quote : `r${quote}`);
  const rest = closer === undefined ? undefined : matchAt(closer, source, from);
  const end = closer === undefined ? closeTriple(source, from, quote, raw !== '') : rest === undefined ? -1 : from + rest.length;
  if (end < 0) throw new SyntaxFault(`Syntax error: token recognition error at: '${source.slice(offset, offset + 20)}'`, offset);
  return { kind: bytes === '' ? 'string' : 'bytes', text: source.slice(offset, end), offset };
};

const tokenAt = (source: string, offset: number): Token => {
  const string = stringAt(source, offset);
  if (string !== undefined) return string;
  const word = matchAt(WORD, source, offset);
  if (word !== undefined) return { kind: 'identifier', text: word, offset };
  const double = matchAt(DOUBLE, source, offset);
  if (double !== undefined) return { kind: 'double', text: double, offset };
  const integer = matchAt(INTEGER, source, offset);
  if (integer !== undefined) return { kind: /[uU]$/.test(integer) ? 'uint' : 'int', text: integer, offset };
  const punctuation = matchAt(PUNCTUATION, source, offset);
  if (punctuation !== undefined) return { kind: 'punctuation', text: punctuation, offset };
  const escaped = matchAt(ESCAPED_WORD, source, offset);
  if (escaped !== undefined) return { kind: 'escaped', text: escaped, offset };
  const unknown = String.fromCodePoint(source.codePointAt(offset) ?? 0xfffd);
  throw new SyntaxFault(`Syntax error: token recognition error at: '${unknown}'`, offset);
};

/** Source → tokens with an `end` token last. Throws SyntaxFault. */
export const tokenize = (source: string): readonly Token[] => {
  const tokens: Token[] = [];
  let offset = 0;
  for (;;) {
    offset += matchAt(SKIPPED, source, offset)?.length ?? 0;
    if (offset >= source.length) break;
    const token = tokenAt(source, offset);
    tokens.push(token);
    offset += token.text.length;
  }
  tokens.push({ kind: 'end', text: '<EOF>', offset: source.length });
  return tokens;
};
