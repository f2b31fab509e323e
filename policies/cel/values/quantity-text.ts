// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import { compareDecimals, effortOfDigits, timesTenTo } from './exact-decimal.ts';
import type { ExactDecimal } from './exact-decimal.ts';
import { INT_MAX } from './integer.ts';
import { Quantity } from './quantity.ts';

/** Kubernetes' texts for what is no quantity. */
const FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX = "unable to parse quantity's suffix";
const NUMERIC = 'unable to parse numeric part of quantity';

type Suffix = { readonly base: 2 | 10; readonly exponent: number };

const SUFFIXES = new Map<string, Suffix>([
  ...['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'].map((name, at): [string, Suffix] => [name, { base: 10, exponent: at * 3 - 9 }]),
  ...['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((name, at): [string, Suffix] => [name, { base: 2, exponent: at * 10 + 10 }]),
]);

const EXPONENT = /^[eE]([+-]?)0*(\d{1,19})$/;

/** Exponents are 64 bits when read and 32 when kept, as Kubernetes has them. */
const int32 = (value: number | bigint): number => Number(BigInt.asIntN(32, BigInt(value)));

const suffixOf = (text: string): Suffix | undefined => {
  const [, sign = '', digits] = EXPONENT.exec(text) ?? [];
  if (digits === undefined) return SUFFIXES.get(text);
  const value = BigInt(sign === '-' ? `-${digits}` : digits);
  return value === BigInt.asIntN(64, value) ? { base: 10, exponent: int32(value) } : undefined;
};

type Parts = {
  readonly negative: boolean;
  readonly whole: string;
  readonly decimals: string;
  readonly given: string;
  readonly suffix: string;
};

const SIGN = /[+-]?/y;
const ZEROS = /0*/y;
const DIGITS = /\d*/y;
const LETTERS = /[eEinumkKMGTP]*/y;

/** Cut piece by piece, each in one pass: a whole pattern would try a long run of digits again and again. */
const partsOf = (text: string): Parts | undefined => {
  let at = 0;
  const take = (piece: RegExp): string => {
    piece.lastIndex = at;
    const taken = piece.exec(text)?.[0] ?? '';
    at += taken.length;
    return taken;
  };
  const sign = take(SIGN);
  take(ZEROS);
  const whole = take(DIGITS);
  let decimals = '';
  if (text.charAt(at) === '.') {
    at++;
    decimals = take(DIGITS);
  }
  const given = text.slice(0, at);
  const suffix = take(LETTERS) + take(SIGN) + take(DIGITS);
  return at === text.length ? { negative: sign === '-', whole: whole === '' ? '0' : whole, decimals, given, suffix } : undefined;
};

/** Digits that Kubernetes holds in 64 bits before it goes over to decimals of any size. */
const MAX_SMALL_DIGITS = 18;
const FINEST = -9;
const MAX_ALLOWED: ExactDecimal = { mantissa: INT_MAX, exponent: 0 };

const smallOf = ({ negative, whole, decimals }: Parts, { base, exponent }: Suffix): Quantity | undefined => {
  const room = base === 10 ? MAX_SMALL_DIGITS - whole.length - decimals.length : 14 - whole.length - (exponent / 10) * 3;
  const scale = base === 10 ? int32(exponent - decimals.length) : 0;
  if (room < 0 || scale < FINEST || (base === 2 && decimals !== '')) return undefined;
  const size = BigInt(whole + decimals) * (base === 2 ? 1n << BigInt(exponent) : 1n);
  return new Quantity({ mantissa: negative ? -size : size, exponent: scale }, true, false);
};

/** To billionths, away from zero: who asks for anything gets something. undefined = too much work. */
const toFinest = (evaluation: Evaluation, { mantissa, exponent }: ExactDecimal, digits: number): ExactDecimal | undefined => {
  const shift = exponent - FINEST;
  if (mantissa === 0n || shift === 0) return { mantissa, exponent };
  if (shift > 0) {
    return evaluation.strain(effortOfDigits(digits + shift)) ? { mantissa: timesTenTo(mantissa, shift), exponent: FINEST } : undefined;
  }
  if (-shift > digits) return { mantissa: 1n, exponent: FINEST };
  const divisor = timesTenTo(1n, -shift);
  return { mantissa: (mantissa + divisor - 1n) / divisor, exponent: FINEST };
};

const largeOf = (evaluation: Evaluation, parts: Parts, { base, exponent }: Suffix): Quantity | string | undefined => {
  const { negative, whole, decimals, given } = parts;
  if (!/\d/.test(given)) return NUMERIC;
  const digits = whole.length + decimals.length;
  if (!evaluation.strain(effortOfDigits(digits))) return undefined;
  const unscaled = BigInt(whole + decimals) << BigInt(base === 2 ? exponent : 0);
  const read = { mantissa: unscaled, exponent: int32(base === 10 ? exponent - decimals.length : -decimals.length) };
  const rounded = toFinest(evaluation, read, digits + 20);
  if (rounded === undefined) return undefined;
  const capped = base === 2 && compareDecimals(rounded, MAX_ALLOWED) > 0 ? MAX_ALLOWED : rounded;
  return new Quantity(negative ? { ...capped, mantissa: -capped.mantissa } : capped, false, false);
};

/** What Kubernetes' own reader of quantities makes of a text, or its reason why it is none; undefined = it takes too much work. */
export const parseQuantity = (evaluation: Evaluation, text: string): Quantity | string | undefined => {
  if (!evaluation.strain(text.length >> 3)) return undefined;
  const parts = text === '' ? undefined : partsOf(text);
  if (parts === undefined) return FORM;
  const suffix = suffixOf(parts.suffix);
  if (suffix === undefined) return SUFFIX;
  return smallOf(parts, suffix) ?? largeOf(evaluation, parts, suffix);
};
