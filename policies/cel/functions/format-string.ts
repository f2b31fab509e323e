// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import { CelType } from '../values/boxed.ts';
import { fixedDecimals } from '../values/decimal.ts';
import { CelMap } from '../values/map.ts';
import { goQuote } from '../values/quote.ts';
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

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const refuse = (expected: string, value: Value): Refusal => ({ refused: `${expected}, was given ${typeOf(value).name}` });

const bytesText = (bytes: Uint8Array): Piece => {
  try {
    return decoder.decode(bytes);
  } catch {
    return { refused: 'could not convert argument "invalid UTF-8 in bytes, cannot convert to string" to string' };
  }
};

/** `%s` of a value that is not a list or map. */
const plainText = (value: Value): Piece => {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || isInt(value)) return String(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelDouble) return formatDouble(value.value);
  if (isBytes(value)) return bytesText(value);
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
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof CelDouble)
    return Number.isFinite(value.value) ? fixedDecimals(value.value, DEFAULT_PRECISION) : goQuote(formatDouble(value.value));
  const text = plainText(value);
  if (typeof text !== 'string') return isBytes(value) ? text : { refused: `no formatting function for ${typeOf(value).name}` };
  if (isBytes(value)) return `b${goQuote(text)}`;
  if (value instanceof CelDuration) return `duration(${goQuote(text)})`;
  return value instanceof CelTimestamp ? `timestamp(${goQuote(text)})` : text;
};

const entriesOf = (value: CelMap | { readonly [key: string]: Value }): readonly (readonly [Value, Value])[] =>
  value instanceof CelMap ? Array.from(value.entries(), ({ key, value: item }) => [key, item] as const) : Object.entries(value);

const isFormattedKey = (key: Value): boolean => typeof key === 'string' || typeof key === 'boolean' || isInt(key) || key instanceof CelUint;

/** What stands inside of lists and maps, and a character of it, which is quoted and joined. */
const NESTED_EFFORT = 60;
const QUOTED_EFFORT = 8;

const containerText = (evaluation: Evaluation, value: Value, depth: number): Piece => {
  if (depth > MAX_DEPTH || !evaluation.strain(NESTED_EFFORT)) return { refused: 'value is nested too deeply' };
  if (isList(value)) {
    const pieces: string[] = [];
    for (const item of value) {
      const piece = nestedText(evaluation, item, depth + 1);
      if (typeof piece !== 'string') return piece;
      if (!evaluation.strain(NESTED_EFFORT + piece.length * QUOTED_EFFORT)) return piece;
      pieces.push(piece);
    }
    return `[${pieces.join(', ')}]`;
  }
  if (!(value instanceof CelMap) && !isJsonMap(value)) return plainText(value);
  const pairs: (readonly [string, string])[] = [];
  for (const [key, item] of entriesOf(value)) {
    if (!isFormattedKey(key)) return { refused: `no formatting function for map key of type ${typeOf(key).name}` };
    const name = nestedText(evaluation, key, depth + 1);
    const piece = nestedText(evaluation, item, depth + 1);
    if (typeof name !== 'string') return name;
    if (typeof piece !== 'string') return piece;
    if (!evaluation.strain(2 * NESTED_EFFORT + (name.length + piece.length) * QUOTED_EFFORT)) return piece;
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
  const [whole = '', decimals] = fixedDecimals(number === 0 ? 0 : number, precision).split('.');
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return decimals === undefined ? grouped : `${grouped}.${decimals}`;
};

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** Six decimals; a number in the middle between two goes to the even one, where JavaScript takes the greater. */
const roundedToEven = (number: number): string => {
  const exact = number.toExponential(20);
  const [, kept = '', rest = '', exponent = ''] = /^(-?\d\.\d{6})(\d*)(e.*)$/.exec(exact) ?? [];
  return /^50*$/.test(rest) && '02468'.includes(kept.at(-1) ?? '') ? kept + exponent : number.toExponential(DEFAULT_PRECISION);
};

/** cel-go takes the precision for a width here; there are always six decimals. */
const scientificText = (value: Value, width: number): Piece => {
  const number = doubleOf(value);
  if (number === undefined) return refuse('scientific clause can only be used on doubles', value);
  if (!Number.isFinite(number)) return infinite(number).padStart(width);
  const [mantissa = '', exponent = '0'] = roundedToEven(number).split('e');
  const power = exponent
    .replace(/^[+-]/, '')
    .padStart(2, '0')
    .replaceAll(/\d/g, (digit) => SUPERSCRIPTS.charAt(Number(digit)));
  return `${mantissa}\u00d710${exponent.startsWith('-') ? '⁻' : ''}${power}`.padStart(width);
};

const integerOf = (value: Value): bigint | undefined => (isInt(value) ? BigInt(value) : value instanceof CelUint ? value.value : undefined);

const hexText = (value: Value): Piece => {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : isBytes(value) ? value : undefined;
  if (bytes !== undefined) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
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
      return scientificText(value, clause.precision);
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

const CLAUSE = /(?:\.(\d*))?([^]|$)/uy;
const PARSING = 'could not parse formatting clause: ';
const PRECISION = `${PARSING}error while parsing precision: `;

/** Go cuts the text at a byte: of a character beyond ASCII it tells the first. */
const byteOf = (char: string): string =>
  (char.codePointAt(0) ?? 0) < 0x80 ? char : String.fromCharCode(Buffer.from(char, 'utf8')[0] ?? 0);

/** The clause behind a `%`, and where it ends. */
const clauseAt = (format: string, at: number): (Clause & { readonly end: number }) | Refusal => {
  CLAUSE.lastIndex = at;
  const [, digits, verb = ''] = CLAUSE.exec(format) ?? [];
  const end = CLAUSE.lastIndex;
  if (digits !== undefined && verb === '') return { refused: `${PRECISION}could not find end of precision specifier` };
  if (digits === '')
    return { refused: `${PRECISION}error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax` };
  const precision = digits === undefined ? DEFAULT_PRECISION : Number(digits);
  if (!'sdfexXob'.includes(verb)) return { refused: `${PARSING}unrecognized formatting clause "${byteOf(verb)}"` };
  return precision > MAX_PRECISION ? { refused: `${PARSING}precision ${precision} is too large` } : { verb, precision, end };
};

/** What a clause takes, and what a number with decimals or the bytes of a text take beyond that. */
const CLAUSE_EFFORT = 100;
const DECIMALS_EFFORT = 300;
const DECIMAL_EFFORT = 7;
const EXPONENT_EFFORT = 800;
const BYTES_EFFORT = 200;

const effortOf = ({ verb, precision }: Clause, value: Value): number => {
  if (verb === 'f') return DECIMALS_EFFORT + precision * DECIMAL_EFFORT;
  if (verb === 'e') return EXPONENT_EFFORT;
  if (verb === 'x' || verb === 'X') return BYTES_EFFORT + (typeof value === 'string' || isBytes(value) ? value.length : 0);
  return 0;
};

/** What takes the place of a clause; undefined = the evaluation has failed. */
const pieceOf = (evaluation: Evaluation, clause: Clause | Refusal, value: Value): string | undefined => {
  if ('refused' in clause) return evaluation.fail(clause.refused);
  if (!evaluation.strain(CLAUSE_EFFORT + effortOf(clause, value))) return undefined;
  const piece = clauseText(evaluation, clause, value);
  if (evaluation.cancelled) return undefined;
  if (typeof piece !== 'string') return evaluation.fail(`error during formatting: ${piece.refused}`);
  return evaluation.strain(piece.length >> 2) ? piece : undefined;
};

/** `text.format(list)`. Clauses are read as they come: what is wrong with an argument is told before what is wrong behind it. */
export const formatString = (evaluation: Evaluation, format: string, args: readonly Value[]): Value | undefined => {
  if (!evaluation.strain(100 + format.length)) return undefined;
  let text = '';
  let index = 0;
  let from = 0;
  for (let percent = format.indexOf('%'); percent !== -1; percent = format.indexOf('%', from)) {
    text += format.slice(from, percent);
    from = percent + 2;
    if (format[percent + 1] === '%') {
      text += '%';
      continue;
    }
    const value = args[index];
    if (value === undefined) return evaluation.fail(`index ${index} out of range`);
    if (percent + 1 === format.length) return evaluation.fail('unexpected end of string');
    const clause = clauseAt(format, percent + 1);
    const piece = pieceOf(evaluation, clause, value);
    if (piece === undefined) return undefined;
    text += piece;
    index++;
    if ('end' in clause) from = clause.end;
  }
  return text + format.slice(from);
};
