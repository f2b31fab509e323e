// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import { CelType } from '../values/boxed.ts';
import { CelMap } from '../values/map.ts';
import { compareText, formatDouble } from '../values/text.ts';
import { CelDuration, CelTimestamp, formatDuration, formatTimestamp } from '../values/time.ts';
import { CelDouble, CelUint, isBytes, isInt, isJsonMap, isList, typeOf } from '../values/value.ts';
import type { Value } from '../values/value.ts';

/**
 * `format` as version 2 of cel-go's strings extension has it, which Kubernetes keeps: text inside lists and maps is quoted, doubles
 * there have six decimals, `%f` groups thousands and `%e` writes a power of ten, both as English does.
 */

/** A refused argument; its message has no context yet. */
type Refusal = { readonly refused: string };
type Piece = string | Refusal;

const DEFAULT_PRECISION = 6;
const MAX_DEPTH = 100;

/** Go's `%q`, for what can occur: quotes, backslashes, control characters. */
const goQuote = (text: string): string =>
  `"${text.replaceAll(/["\\\u0000-\u001f\u007f]/g, (char) => GO_ESCAPES.get(char) ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;

const GO_ESCAPES = new Map<string, string>([
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

const utf8 = new TextDecoder();

const special = (value: number): string | undefined => {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? undefined : value > 0 ? '+Inf' : '-Inf';
};

/** Rounds half to even on the exact binary value, which is what toFixed does for everything but ties. */
const fixed = (value: number, digits: number): string => {
  const scaled = Math.abs(value) * 10 ** digits;
  const tie = digits <= 15 && scaled < 2 ** 52 && scaled % 1 === 0.5 && (Math.floor(scaled) / 10 ** digits) * 10 ** digits === Math.floor(scaled);
  const exactTie = tie && Number.isInteger(Math.abs(value) * 2 ** Math.min(digits + 1, 52));
  if (exactTie && Math.floor(scaled) % 2 === 0) return (Math.sign(value) * (Math.floor(scaled) / 10 ** digits)).toFixed(digits);
  return large(value) ?? value.toFixed(digits);
};

/** toFixed turns to exponents at 1e21, Go does not. */
const large = (value: number): string | undefined => (Math.abs(value) >= 1e21 ? `${BigInt(value)}.` : undefined)?.padEnd(0);

const group = (text: string): string => {
  const [whole = '', decimals] = text.split('.');
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return decimals === undefined ? grouped : `${grouped}.${decimals}`;
};
