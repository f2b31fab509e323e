// SPDX-License-Identifier: Apache-2.0

/** `mantissa × 10^exponent`, exactly. The exponent is any 32-bit integer, so a decimal is small even where its digits would not be. */
export type ExactDecimal = { readonly mantissa: bigint; readonly exponent: number };

/**
 * Units of effort (5 ns each) that reading, printing or aligning so many digits takes: V8 needs 1.5 ms for 20,000 digits and
 * 17 ms for 100,000.
 */
export const effortOfDigits = (digits: number): number => (digits <= 40 ? 0 : digits * 4 + (digits * digits) / 2_500);

const SAFE_DIGITS = 40;

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** How many digits the mantissa has; up to three too many where there are more than 18. */
export const decimalDigits = ({ mantissa }: ExactDecimal): number => {
  const size = absolute(mantissa);
  if (size < 10n ** 18n) return Math.max(1, size.toString().length);
  return Math.ceil(size.toString(16).length * 1.204_12) + 1;
};

export const timesTenTo = (value: bigint, exponent: number): bigint => value * 10n ** BigInt(exponent);

const sign = (value: bigint): number => (value < 0n ? -1 : value > 0n ? 1 : 0);

/** -1, 0 or 1. Powers of ten are only computed between decimals of about the same size. */
export const compareDecimals = (left: ExactDecimal, right: ExactDecimal): number => {
  const order = sign(left.mantissa) - sign(right.mantissa);
  if (order !== 0 || left.mantissa === 0n) return Math.sign(order);
  const apart = left.exponent - right.exponent;
  if (apart === 0) return sign(left.mantissa - right.mantissa);
  if (Math.abs(apart) > SAFE_DIGITS) {
    // The counts may be too high by some, so only clearly different sizes decide.
    const sizes = decimalDigits(left) + left.exponent - decimalDigits(right) - right.exponent;
    if (Math.abs(sizes) > SAFE_DIGITS) return Math.sign(sizes) * sign(left.mantissa);
  }
  return apart > 0 ? sign(timesTenTo(left.mantissa, apart) - right.mantissa) : sign(left.mantissa - timesTenTo(right.mantissa, -apart));
};

/** At the finer of the two exponents. */
export const addDecimals = (left: ExactDecimal, right: ExactDecimal): ExactDecimal => {
  const exponent = Math.min(left.exponent, right.exponent);
  return {
    mantissa: timesTenTo(left.mantissa, left.exponent - exponent) + timesTenTo(right.mantissa, right.exponent - exponent),
    exponent,
  };
};
