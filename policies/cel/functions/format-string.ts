// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import { CelType } from '../values/boxed.ts';
import { fixedDecimals } from '../values/decimal.ts';
import { CelMap } from '../values/map.ts';
import { compareText, formatDouble } from '../values/text.ts';
import { CelDuration, CelTimestamp, formatDuration, formatTimestamp } from '../values/time.ts';
import { CelDouble, CelUint, isBytes, isInt, isJsonMap, isList, typeOf } from '../values/value.ts';
import type { Value } from '../values/value.ts';

/**
 * `format` as version 2 of cel-go's strings extension has it, which Kubernetes keeps: text inside lists and maps is quoted, doubles
 * there have six decimals, `%f` groups thousands and `%e` writes a power of ten, both as English does.
 */

/** Why an argument does not fit its clause. */
type Refusal = { readonly refused: string };
type Piece = string | Refusal;

const DEFAULT_PRECISION = 6;
const MAX_PRECISION = 1_000;
const MAX_DEPTH = 100;

const ESCAPES = new Map<string, string>([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
]);

const escape = (char: string): string => ESCAPES.get(char) ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
/** Characters below space are those that Go's `%q` escapes. */
const quote = (text: string): string =>
  `"${Array.from(text, (char) => (char < ' ' || char === '"' || char === '\\' || char === '\u007f' ? escape(char) : char)).join('')}"`;

const decoder = new TextDecoder();

const refuse = (expected: string, value: Value): Refusal => ({ refused: `${expected}, was given ${typeOf(value).name}` });

/** `%s` of a value that is not a list or map. */
const plainText = (value: Value): Piece => {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || isInt(value)) return String(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelDouble) return formatDouble(value.value);
  if (isBytes(value)) return decoder.decode(value);
  if (value instanceof CelDuration) return formatDuration(value);
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelType) return value.name;
  return refuse(
    'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
    value,
  );
};

/** A value inside a list or map, written so that it could be read as CEL. */
const nestedText = (evaluation: Evaluation, value: Value, depth: number): Piece => {
  if (isList(value) || value instanceof CelMap || isJsonMap(value)) return containerText(evaluation, value, depth);
  if (typeof value === 'string') return quote(value);
  if (value instanceof CelDouble)
    return Number.isFinite(value.value) ? fixedDecimals(value.value, DEFAULT_PRECISION) : quote(formatDouble(value.value));
  const text = plainText(value);
  if (typeof text !== 'string') return { refused: `no formatting function for ${typeOf(value).name}` };
  if (isBytes(value)) return `b${quote(text)}`;
  if (value instanceof CelDuration) return `duration(${quote(text)})`;
  return value instanceof CelTimestamp ? `timestamp(${quote(text)})` : text;
};

const entriesOf = (value: CelMap | { readonly [key: string]: Value }): readonly (readonly [Value, Value])[] =>
  value instanceof CelMap ? Array.from(value.entries(), ({ key, value: item }) => [key, item] as const) : Object.entries(value);

const containerText = (evaluation: Evaluation, value: Value, depth: number): Piece => {
  if (depth > MAX_DEPTH || !evaluation.strain(8)) return { refused: 'value is nested too deeply' };
  if (isList(value)) {
    const pieces: string[] = [];
    for (const item of value) {
      const piece = nestedText(evaluation, item, depth + 1);
      if (typeof piece !== 'string') return piece;
      if (!evaluation.strain(piece.length)) return piece;
      pieces.push(piece);
    }
    return `[${pieces.join(', ')}]`;
  }
  if (!(value instanceof CelMap) && !isJsonMap(value)) return plainText(value);
  const pairs: (readonly [string, string])[] = [];
  for (const [key, item] of entriesOf(value)) {
    const name = nestedText(evaluation, key, depth + 1);
    const piece = nestedText(evaluation, item, depth + 1);
    if (typeof name !== 'string') return name;
    if (typeof piece !== 'string') return piece;
    if (!evaluation.strain(name.length + piece.length)) return piece;
    pairs.push([name, piece]);
  }
  const sorted = pairs.toSorted(([left], [right]) => compareText(left, right));
  return `{${sorted.map(([name, piece]) => `${name}:${piece}`).join(', ')}}`;
};

/** A number as a double where `%f` and `%e` take one: the texts NaN, Infinity and -Infinity count. */
const doubleOf = (value: Value): number | undefined => {
  if (value instanceof CelDouble) return value.value;
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
};

const infinite = (value: number): string => (Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞');

const fixedText = (value: Value, precision: number): Piece => {
  const number = doubleOf(value);
  if (number === undefined) return refuse('fixed-point clause can only be used on doubles', value);
  if (!Number.isFinite(number)) return infinite(number);
  const [whole = '', decimals] = fixedDecimals(number, precision).split('.');
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return decimals === undefined ? grouped : `${grouped}.${decimals}`;
};

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

const scientificText = (value: Value): Piece => {
  const number = doubleOf(value);
  if (number === undefined) return refuse('scientific clause can only be used on doubles', value);
  if (!Number.isFinite(number)) return infinite(number);
  const [mantissa = '', exponent = '0'] = number.toExponential(DEFAULT_PRECISION).split('e');
  const power = exponent
    .replace(/^[+-]/, '')
    .padStart(2, '0')
    .replaceAll(/\d/g, (digit) => SUPERSCRIPTS.charAt(Number(digit)));
  return `${mantissa}\u202f×\u202f10${exponent.startsWith('-') ? '⁻' : ''}${power}`;
};

const integerOf = (value: Value): bigint | undefined => (isInt(value) ? BigInt(value) : value instanceof CelUint ? value.value : undefined);

const hexText = (value: Value): Piece => {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : isBytes(value) ? value : undefined;
  if (bytes !== undefined) return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return integerOf(value)?.toString(16) ?? refuse('only integers, byte buffers, and strings can be formatted as hex', value);
};

const binaryText = (value: Value): Piece => {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return integerOf(value)?.toString(2) ?? refuse('only integers and bools can be formatted as binary', value);
};

type Clause = { readonly verb: string; readonly precision: number };

const clauseText = (evaluation: Evaluation, clause: Clause, value: Value): Piece => {
  switch (clause.verb) {
    case 's':
      return isList(value) || value instanceof CelMap || isJsonMap(value) ? containerText(evaluation, value, 0) : plainText(value);
    case 'd':
      return integerOf(value)?.toString() ?? refuse('decimal clause can only be used on integers', value);
    case 'f':
      return fixedText(value, clause.precision);
    case 'e':
      return scientificText(value);
    case 'x':
      return hexText(value);
    case 'X': {
      const hex = hexText(value);
      return typeof hex === 'string' ? hex.toUpperCase() : hex;
    }
    case 'o':
      return integerOf(value)?.toString(8) ?? refuse('octal clause can only be used on integers', value);
    default:
      return binaryText(value);
  }
};

export type FormatPart = string | Clause;

const CLAUSE = /(?:\.(\d+))?([^]|$)/uy;

/** A format text cut into plain text and clauses, or the reason why it is none. */
export const parseFormat = (format: string): readonly FormatPart[] | Refusal => {
  const parts: FormatPart[] = [];
  let from = 0;
  for (let percent = format.indexOf('%'); percent !== -1; percent = format.indexOf('%', from)) {
    parts.push(format.slice(from, percent));
    CLAUSE.lastIndex = percent + 1;
    const [, digits, verb = ''] = CLAUSE.exec(format) ?? [];
    from = CLAUSE.lastIndex;
    const precision = digits === undefined ? DEFAULT_PRECISION : Number(digits);
    if (verb === '') return { refused: 'could not parse formatting clause: unexpected end of string' };
    if (verb === '%' && digits === undefined) parts.push('%');
    else if (!'sdfexXob'.includes(verb)) return { refused: `could not parse formatting clause: unrecognized formatting clause "${verb}"` };
    else if (precision > MAX_PRECISION) return { refused: `could not parse formatting clause: precision ${precision} is too large` };
    else parts.push({ verb, precision });
  }
  parts.push(format.slice(from));
  return parts;
};

/** `text.format(list)`. */
export const formatString = (evaluation: Evaluation, format: string, args: readonly Value[]): Value | undefined => {
  if (!evaluation.strain(format.length)) return undefined;
  const parts = parseFormat(format);
  if ('refused' in parts) return evaluation.fail(parts.refused);
  let text = '';
  let index = 0;
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const value = args[index];
    if (value === undefined) return evaluation.fail(`index ${index} out of range`);
    index++;
    const piece = clauseText(evaluation, part, value);
    if (evaluation.cancelled) return undefined;
    if (typeof piece !== 'string') return evaluation.fail(`error during formatting: ${piece.refused}`);
    if (!evaluation.strain(piece.length >> 2)) return undefined;
    text += piece;
  }
  return text;
};
