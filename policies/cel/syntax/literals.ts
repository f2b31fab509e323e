// SPDX-License-Identifier: Apache-2.0
import { INT_MAX, INT_MIN, intOf, UINT_MAX } from '../values/integer.ts';
import { CelDouble, CelUint } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { SyntaxFault } from './issue.ts';
import type { Token } from './lexer.ts';

const SIMPLE_ESCAPES = new Map<string, string>([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ['?', '?'],
  ['"', '"'],
  ["'", "'"],
  ['`', '`'],
]);

const NUMERIC_ESCAPE = /(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;

type Piece = { readonly code: number; readonly length: number; readonly unicode: boolean };

const numericEscape = (body: string, at: number, token: Token): Piece => {
  NUMERIC_ESCAPE.lastIndex = at;
  const parts = NUMERIC_ESCAPE.exec(body);
  if (parts === null) throw new SyntaxFault('unable to unescape string', token.offset);
  const [whole, hex, short, long, octal] = parts;
  const code = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
  return { code, length: whole.length, unicode: short !== undefined || long !== undefined };
};

const isScalar = (code: number): boolean => code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);

/** Reads the body of a non-raw literal, calling back for each plain run and each escape that stands for a number. */
const unescape = (body: string, token: Token, out: { text(run: string): void; code(piece: Piece): void }): void => {
  let from = 0;
  for (let slash = body.indexOf('\\'); slash !== -1; slash = body.indexOf('\\', from)) {
    out.text(body.slice(from, slash));
    const simple = SIMPLE_ESCAPES.get(body[slash + 1] ?? '');
    if (simple !== undefined) {
      out.text(simple);
      from = slash + 2;
      continue;
    }
    const piece = numericEscape(body, slash + 1, token);
    out.code(piece);
    from = slash + 1 + piece.length;
  }
  out.text(body.slice(from));
};

const strip = (token: Token): { readonly body: string; readonly raw: boolean } => {
  const prefix = /^[bBrR]*/.exec(token.text)?.[0] ?? '';
  const quoted = token.text.slice(prefix.length);
  const quotes = quoted.startsWith('"""') || quoted.startsWith("'''") ? 3 : 1;
  // A literal holds the same text whatever line ends its file has.
  return { body: quoted.slice(quotes, -quotes).replaceAll(/\r\n?/g, '\n'), raw: /[rR]/.test(prefix) };
};

const stringValue = (token: Token): string => {
  const { body, raw } = strip(token);
  if (raw || !body.includes('\\')) return body;
  let text = '';
  unescape(body, token, {
    text: (run) => (text += run),
    code: ({ code }) => {
      if (!isScalar(code)) throw new SyntaxFault('invalid unicode code point', token.offset);
      text += String.fromCodePoint(code);
    },
  });
  return text;
};

const bytesValue = (token: Token): Uint8Array => {
  const { body, raw } = strip(token);
  const encoder = new TextEncoder();
  if (raw) return encoder.encode(body);
  const bytes: number[] = [];
  unescape(body, token, {
    text: (run) => {
      for (const byte of encoder.encode(run)) bytes.push(byte);
    },
    code: ({ code, unicode }) => {
      if (unicode) throw new SyntaxFault('unable to unescape string', token.offset);
      bytes.push(code);
    },
  });
  return Uint8Array.from(bytes);
};

/** The value of a literal token; `negative` when a minus sign belongs to it (so that -2^63 can be written). Throws SyntaxFault. */
export const literalValue = (token: Token, negative: boolean): Value => {
  switch (token.kind) {
    case 'int': {
      const value = negative ? -BigInt(token.text) : BigInt(token.text);
      if (value < INT_MIN || value > INT_MAX) throw new SyntaxFault('invalid int literal', token.offset);
      return intOf(value);
    }
    case 'uint': {
      const value = BigInt(token.text.slice(0, -1));
      if (value > UINT_MAX) throw new SyntaxFault('invalid uint literal', token.offset);
      return new CelUint(value);
    }
    case 'double': {
      const value = Number(token.text);
      if (!Number.isFinite(value)) throw new SyntaxFault('invalid double literal', token.offset);
      return new CelDouble(negative ? -value : value);
    }
    case 'bytes':
      return bytesValue(token);
    case 'string':
    case 'identifier':
    case 'escaped':
    case 'punctuation':
    case 'end':
      return stringValue(token);
    default:
      return token.kind satisfies never;
  }
};
