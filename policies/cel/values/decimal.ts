// SPDX-License-Identifier: Apache-2.0

const view = new DataView(new ArrayBuffer(8));

/** A finite double as `mantissa × 2^exponent`, exactly. */
const parts = (value: number): { readonly mantissa: bigint; readonly exponent: number } => {
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  return biased === 0 ? { mantissa: fraction, exponent: -1074 } : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
};

const divideHalfEven = (numerator: bigint, denominator: bigint): bigint => {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
};

/** A finite double with a fixed number of decimals, rounded half to even on its exact value as Go does (toFixed rounds ties up). */
export const fixedDecimals = (value: number, decimals: number): string => {
  const { mantissa, exponent } = parts(value);
  const scaled = mantissa * 10n ** BigInt(decimals);
  const rounded = exponent >= 0 ? scaled << BigInt(exponent) : divideHalfEven(scaled, 1n << BigInt(-exponent));
  const digits = rounded.toString().padStart(decimals + 1, '0');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return decimals === 0 ? sign + digits : `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
};
