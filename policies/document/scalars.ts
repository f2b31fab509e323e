// SPDX-License-Identifier: Apache-2.0
// What a plain (unquoted) scalar says, or that readers disagree about it.
//
// A policy meets three families of readers: ours and any YAML 1.2 core reader, kubectl's (YAML 1.1 booleans and integers
// of Go, without base 60 and timestamps) and plain YAML 1.1 (with base 60). A scalar is legal where all three give the
// same JSON value. Dates and RFC 3339 times stay legal: kubectl and 1.2 give the text, and a 1.1 timestamp has no JSON
// value of its own, so it cannot silently become another one.

export type PlainScalar =
  | { readonly kind: 'value'; readonly value: string | number | boolean | null }
  | { readonly kind: 'ambiguous'; readonly readings: string }
  | { readonly kind: 'number'; readonly message: string };

const NULL = /^(?:|~|null|Null|NULL)$/;
const TRUE = /^(?:true|True|TRUE)$/;
const FALSE = /^(?:false|False|FALSE)$/;
const BOOLEAN_OF_1_1 = /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/;
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

// Integers and fractions that every reader takes for the same number.
const AGREED_INTEGER = /^(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$/;
const AGREED_FRACTION = /^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?$/;

// Whatever else at least one reader takes for a number.
const OTHER_NUMBERS: readonly { readonly pattern: RegExp; readonly readings: string }[] = [
  { pattern: /^[-+]?0[0-9_]+$/, readings: 'octal to YAML 1.1 and decimal to YAML 1.2' },
  { pattern: /^[-+]?0[oO][0-7_]+$/, readings: 'text to YAML 1.1 and octal to YAML 1.2' },
  { pattern: /^[-+]?0[bB][01_]+$/, readings: 'binary to YAML 1.1 and text to YAML 1.2' },
  { pattern: /^[-+]?0[xX][0-9a-fA-F_]+$/, readings: 'a number to YAML 1.1 and text to YAML 1.2' },
  { pattern: /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/, readings: 'a base 60 number to YAML 1.1 and text to YAML 1.2' },
  { pattern: /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$/, readings: 'a base 60 number to YAML 1.1 and text to YAML 1.2' },
  { pattern: /^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$/, readings: 'text to YAML 1.1 and a number to YAML 1.2' },
  {
    pattern: /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9_]+)?$/,
    readings: 'a number to YAML 1.1 and text to YAML 1.2',
  },
];

const readInteger = (source: string): PlainScalar => {
  const exact = BigInt(source.startsWith('+') || source.startsWith('-') ? source.slice(1) : source);
  if (exact > BigInt(Number.MAX_SAFE_INTEGER)) return { kind: 'number', message: `${source} is beyond ±2^53-1 and would be rounded` };
  // `-0` is one integer, 0, to every JSON reader but JavaScript's.
  return { kind: 'value', value: source.startsWith('-') && exact !== 0n ? -Number(exact) : Number(exact) };
};

const readFraction = (source: string): PlainScalar => {
  const value = Number(source);
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return { kind: 'number', message: `${source} is beyond ±2^53-1 and would be rounded` };
  return { kind: 'value', value: Object.is(value, -0) ? 0 : value };
};

/** Reads the text of a plain scalar; linear in its length. */
export const readPlainScalar = (source: string): PlainScalar => {
  if (NULL.test(source)) return { kind: 'value', value: null };
  if (TRUE.test(source)) return { kind: 'value', value: true };
  if (FALSE.test(source)) return { kind: 'value', value: false };
  if (BOOLEAN_OF_1_1.test(source)) return { kind: 'ambiguous', readings: 'a boolean to YAML 1.1 and text to YAML 1.2' };
  if (NOT_FINITE.test(source)) return { kind: 'number', message: `${source} has no JSON value` };
  if (AGREED_INTEGER.test(source)) return readInteger(source);
  if (AGREED_FRACTION.test(source)) return readFraction(source);
  if (source === '=' || source === '<<') return { kind: 'ambiguous', readings: 'an operator to YAML 1.1 and text to YAML 1.2' };
  const other = OTHER_NUMBERS.find(({ pattern }) => pattern.test(source));
  return other === undefined ? { kind: 'value', value: source } : { kind: 'ambiguous', readings: other.readings };
};
