// SPDX-License-Identifier: Apache-2.0
// Quantities are decimal texts outside and whole millionths (bigint) inside: no float ever touches what is billed.

/** Millionths in one unit. */
export const SCALE = 1_000_000n;
const FRACTION_DIGITS = 6;
/** Stripe refuses more (meter_event_value_too_many_digits), and so does every system that reads numbers as doubles. */
const MAX_DIGITS = 15;

const DECIMAL = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;

/** What `parseQuantity` takes, as one pattern. */
export const QUANTITY_PATTERN = `^(0(\\.[0-9]{1,${FRACTION_DIGITS}})?|(?=([0-9]\\.?){1,${MAX_DIGITS}}$)[1-9][0-9]*(\\.[0-9]{1,${FRACTION_DIGITS}})?)$`;
/** What `quantityText` gives. */
export const AMOUNT_PATTERN = `^-?(0|[1-9][0-9]*)(\\.[0-9]{0,${FRACTION_DIGITS - 1}}[1-9])?$`;

export type QuantityRefusal = 'not-decimal' | 'negative' | 'too-many-digits' | 'too-fine';

/** Millionths of a decimal such as `12.5`: no sign, no exponent, no blanks, no leading zeros. */
export const parseQuantity = (
  text: unknown,
): { readonly ok: true; readonly scaled: bigint } | { readonly ok: false; readonly why: QuantityRefusal } => {
  if (typeof text !== 'string' || text.length > 64) return { ok: false, why: 'not-decimal' };
  if (text.startsWith('-') && DECIMAL.test(text.slice(1))) return { ok: false, why: 'negative' };
  const [whole, integer, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined || integer === undefined) return { ok: false, why: 'not-decimal' };
  const digits = integer === '0' ? fraction : integer + fraction;
  if (digits.length > MAX_DIGITS && digits.replace(/^0+/, '').length > MAX_DIGITS) return { ok: false, why: 'too-many-digits' };
  if (fraction.length > FRACTION_DIGITS) return { ok: false, why: 'too-fine' };
  return { ok: true, scaled: BigInt(digits.padEnd(integer === '0' ? FRACTION_DIGITS : integer.length + FRACTION_DIGITS, '0')) };
};

/** `12.5` of 12500000n; no trailing zeros. */
export const quantityText = (scaled: bigint): string => {
  const size = scaled < 0n ? -scaled : scaled;
  const fraction = String(size % SCALE)
    .padStart(FRACTION_DIGITS, '0')
    .replace(/0+$/, '');
  return `${scaled < 0n ? '-' : ''}${size / SCALE}${fraction === '' ? '' : `.${fraction}`}`;
};

/** Quotient rounded to the nearest, a half to the even one; the divisor is positive. */
export const divideHalfEven = (dividend: bigint, divisor: bigint): bigint => {
  const size = dividend < 0n ? -dividend : dividend;
  const floor = size / divisor;
  const twice = (size % divisor) * 2n;
  const rounded = twice > divisor || (twice === divisor && floor % 2n === 1n) ? floor + 1n : floor;
  return dividend < 0n ? -rounded : rounded;
};
