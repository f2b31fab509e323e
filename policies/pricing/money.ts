// SPDX-License-Identifier: Apache-2.0
// Money is a whole number of the currency's smallest unit, 9900 for $99.00. Nothing here has a floating point.
import { multiply, parseDecimal, roundHalfEven, whole } from './ratio.ts';
import type { Ratio } from './ratio.ts';

export type Currency = { readonly code: string; readonly minorDigits: number };

/** `99.5` of a currency with two digits is 9950; undefined where the text is no decimal or has more digits than the currency. */
export const parseMoney = (text: string, { minorDigits }: Currency): bigint | undefined => {
  const value = parseDecimal(text);
  if (value === undefined) return undefined;
  const scaled = value.count * 10n ** BigInt(minorDigits);
  return scaled % value.of === 0n ? scaled / value.of : undefined;
};

/** The one rounding of a line: from units of the currency to its smallest. */
export const toMinor = (value: Ratio, { minorDigits }: Currency): bigint =>
  roundHalfEven(multiply(value, whole(10n ** BigInt(minorDigits))));

/** `99.50 USD`, `-0.01 USD`. */
export const formatMoney = (amount: bigint, { code, minorDigits }: Currency): string => {
  const size = (amount < 0n ? -amount : amount).toString().padStart(minorDigits + 1, '0');
  const fraction = minorDigits === 0 ? '' : `.${size.slice(-minorDigits)}`;
  return `${amount < 0n ? '-' : ''}${size.slice(0, size.length - minorDigits)}${fraction} ${code.toUpperCase()}`;
};

/** Beyond this JSON readers round; no invoice is near it. */
export const MOST_MINOR = BigInt(Number.MAX_SAFE_INTEGER);
