// SPDX-License-Identifier: Apache-2.0

/** Strings count, index and order by code point; JavaScript's do by UTF-16 unit. Both agree while there is no surrogate. */
const SURROGATE = /[\ud800-\udfff]/;

/** To begin a search by a pattern takes longer than to look through a short text. */
const SHORT = 32;

const hasSurrogate = (text: string): boolean => {
  if (text.length > SHORT) return SURROGATE.test(text);
  for (let at = 0; at < text.length; at++) if ((text.charCodeAt(at) & 0xf800) === 0xd800) return true;
  return false;
};

export const sizeOf = (text: string): number => {
  if (!hasSurrogate(text)) return text.length;
  let size = 0;
  for (let at = 0; at < text.length; at++, size++) if ((text.codePointAt(at) ?? 0) > 0xffff) at++;
  return size;
};

/** Code points → index in UTF-16 units; -1 when the text has fewer. */
export const unitIndex = (text: string, codePoints: number): number => {
  if (!hasSurrogate(text)) return codePoints <= text.length ? codePoints : -1;
  let at = 0;
  for (let seen = 0; seen < codePoints; seen++) {
    if (at >= text.length) return -1;
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
};

/** Index in UTF-16 units → code points before it. */
export const codePointIndex = (text: string, unit: number): number => (hasSurrogate(text) ? sizeOf(text.slice(0, unit)) : unit);

/** Longer parts are searched with a table of their end alone, and may be compared in full at every place. */
const LONGEST_TABLED = 250;
/** A search takes this however short the text is. */
const CALL_EFFORT = 150;

/** Units of effort that searching a text for a part takes. */
export const searchEffort = (text: string, part: string): number =>
  CALL_EFFORT + text.length / 8 + (part.length > LONGEST_TABLED ? (Math.max(0, text.length - part.length) * part.length) / 32 : 0);

/** From the end there is no table at all. */
export const backwardSearchEffort = (text: string, part: string): number =>
  CALL_EFFORT + text.length + (Math.max(0, text.length - part.length) * part.length) / 4;

/** The text's code points, each as a string. */
export const codePointsOf = (text: string): readonly string[] => (SURROGATE.test(text) ? Array.from(text) : text.split(''));

/** Surrogates stand for code points above all other units, so they sort last. */
const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);

/** Orders by code point: negative, 0 or positive. */
export const compareText = (left: string, right: string): number => {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
};

/** Go's `%g` with the shortest digits, which writes an exponent below -4 and from 6 up (from 21 up where the caller says so). */
export const formatDouble = (value: number, plainBelow = 6): string => {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  // JavaScript itself writes these exponents without one.
  if (exponent >= -4 && exponent < Math.min(plainBelow, 21)) return String(value);
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent).toString().padStart(2, '0')}`;
};

/** Unicode's White_Space, which has U+0085 and not U+FEFF, unlike JavaScript's. */
const BEYOND_ASCII_SPACE = /[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const isSpace = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at);
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || (unit > 0x7f && BEYOND_ASCII_SPACE.test(text.charAt(at)));
};

/** As Go trims, what Kubernetes does with messages too. By hand from both ends: a regex that looks for trailing space tries at every space of the text. */
export const trimSpace = (text: string): string => {
  let start = 0;
  while (start < text.length && isSpace(text, start)) start++;
  let end = text.length;
  while (end > start && isSpace(text, end - 1)) end--;
  return text.slice(start, end);
};
