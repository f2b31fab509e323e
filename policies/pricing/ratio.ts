// SPDX-License-Identifier: Apache-2.0
// Exact numbers: quotients of whole ones. Quantities, prices and shares of time stay exact until the one rounding of a line.

/** `of > 0`; not reduced, since the lines of an invoice multiply a handful at most. */
export type Ratio = { readonly count: bigint; readonly of: bigint };

export const ZERO: Ratio = { count: 0n, of: 1n };
export const whole = (count: bigint | number): Ratio => ({ count: BigInt(count), of: 1n });
export const ratio = (count: bigint | number, of: bigint | number): Ratio => ({ count: BigInt(count), of: BigInt(of) });

export const add = (a: Ratio, b: Ratio): Ratio =>
  a.of === b.of ? { count: a.count + b.count, of: a.of } : { count: a.count * b.of + b.count * a.of, of: a.of * b.of };
export const negate = ({ count, of }: Ratio): Ratio => ({ count: -count, of });
export const subtract = (a: Ratio, b: Ratio): Ratio => add(a, negate(b));
export const multiply = (a: Ratio, b: Ratio): Ratio => ({ count: a.count * b.count, of: a.of * b.of });
/** Below, at or above zero as `a` is to `b`. */
export const compare = (a: Ratio, b: Ratio): number => {
  const difference = a.count * b.of - b.count * a.of;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};
export const larger = (a: Ratio, b: Ratio): Ratio => (compare(a, b) < 0 ? b : a);
export const smaller = (a: Ratio, b: Ratio): Ratio => (compare(a, b) < 0 ? a : b);

const DECIMAL = /^(-?)(\d{1,24})(?:\.(\d{1,24}))?$/;

/** `12.5`, `-0.001`; undefined for any other text, also one with an exponent. */
export const parseDecimal = (text: string): Ratio | undefined => {
  const [, sign, digits, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const count = BigInt(digits + fraction);
  return { count: sign === '-' ? -count : count, of: 10n ** BigInt(fraction.length) };
};

/** Half goes to the even neighbour, so that many roundings lean to neither side; symmetric around zero. */
export const roundHalfEven = ({ count, of }: Ratio): bigint => {
  const size = count < 0n ? -count : count;
  const [below, rest] = [size / of, (size % of) * 2n];
  const rounded = rest > of || (rest === of && below % 2n === 1n) ? below + 1n : below;
  return count < 0n ? -rounded : rounded;
};

const ceiling = ({ count, of }: Ratio): bigint => (count > 0n ? (count + of - 1n) / of : count / of);

/** Digits after the point that quantities have, as in usage statements. */
const QUANTITY_DIGITS = 6;
const QUANTITY_UNIT = 10n ** BigInt(QUANTITY_DIGITS);

/** The least quantity of six digits that is no less. */
export const ceilingQuantity = (value: Ratio): Ratio => ({ count: ceiling(multiply(value, whole(QUANTITY_UNIT))), of: QUANTITY_UNIT });

/** Without trailing zeros; the fraction is cut after 18 digits, beyond which no input has any. */
export const formatDecimal = ({ count, of }: Ratio): string => {
  const size = count < 0n ? -count : count;
  const fraction = ((size % of) * 10n ** 18n) / of;
  const digits = fraction.toString().padStart(18, '0').replace(/0+$/, '');
  const text = `${size / of}${digits === '' ? '' : `.${digits}`}`;
  return count < 0n && text !== '0' ? `-${text}` : text;
};
