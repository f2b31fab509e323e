// SPDX-License-Identifier: Apache-2.0
import { goQuoteBytes } from './quote.ts';

/**
 * Percent encoding as Go's net/url has it, part by part of a URL. Texts are bytes here, each one character (Latin-1), since an escape
 * may stand for any byte.
 */
export type UrlPart = 'path' | 'host' | 'zone' | 'user' | 'query' | 'fragment';

/** Besides letters, digits and `-_.~`, what may stand unescaped in each part. */
const HOST = '!$&\'()*+,;=:[]<>"';
const ALLOWED: Readonly<Record<UrlPart, string>> = {
  path: '$&+,/:;=@',
  host: HOST,
  zone: HOST,
  user: '$&+,;=',
  query: '',
  fragment: '$&+,/:;=?@!()*',
};

const UNRESERVED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~';

const tables = new Map<UrlPart, ReadonlySet<string>>(
  (['path', 'host', 'zone', 'user', 'query', 'fragment'] as const).map((part) => [part, new Set(UNRESERVED + ALLOWED[part])]),
);

const mustEscape = (char: string, part: UrlPart): boolean => tables.get(part)?.has(char) !== true;

export const escapePart = (bytes: string, part: UrlPart): string => {
  let escaped = '';
  for (const char of bytes) {
    escaped += mustEscape(char, part) ? `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}` : char;
  }
  return escaped;
};

/** Why a text is no URL, in Go's words. */
export class UrlFault {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const ESCAPE = /^%[0-9a-fA-F]{2}$/;

const badEscape = (escape: string): UrlFault => new UrlFault(`invalid URL escape ${goQuoteBytes(escape)}`);

/** In a host only bytes beyond ASCII may be escaped; in a zone what could stand there unescaped may, too. */
const isMisplaced = (escape: string, part: UrlPart): boolean => {
  if (escape === '%25' || (part !== 'host' && part !== 'zone')) return false;
  const code = Number.parseInt(escape.slice(1), 16);
  return part === 'host' ? code < 0x80 : code !== 0x20 && mustEscape(String.fromCharCode(code), 'host');
};

export const unescapePart = (bytes: string, part: UrlPart): string | UrlFault => {
  const isHost = part === 'host' || part === 'zone';
  if (!isHost && !bytes.includes('%') && !bytes.includes('+')) return bytes;
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const char = bytes.charAt(at);
    if (char === '%') {
      const escape = bytes.slice(at, at + 3);
      if (!ESCAPE.test(escape) || isMisplaced(escape, part)) return badEscape(escape);
      pieces.push(String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
      at += 2;
    } else if (isHost && char < '\u0080' && mustEscape(char, part)) {
      return new UrlFault(`invalid character ${goQuoteBytes(char)} in host name`);
    } else pieces.push(char === '+' && part === 'query' ? ' ' : char);
  }
  return pieces.join('');
};

/** Characters that may stand in a path or fragment as they are, or that begin an escape. */
const KEPT = "!$&'()*+,;=:@[]%";

const isEncoded = (bytes: string, part: UrlPart): boolean => {
  for (const char of bytes) if (!KEPT.includes(char) && mustEscape(char, part)) return false;
  return true;
};

/** A part as it was written, when that is a proper encoding of it; else one of our own. */
export const encodedPart = (raw: string, plain: string, part: 'path' | 'fragment'): string =>
  isEncoded(raw, part) ? raw : part === 'path' && plain === '*' ? '*' : escapePart(plain, part);
