// SPDX-License-Identifier: Apache-2.0
// Amounts of resources as whole billionths, the finest that Kubernetes counts, so that sums are exact.

/** 10^-9 of a unit. */
export type Amount = bigint;

const QUANTITY = /^([+-]?)(\d{0,40})(?:\.(\d{0,40}))?(?:([eE])([+-]?\d{1,3})|([numkKMGTPE]|[KMGTPE]i)?)$/;
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };
const FINEST = 9;
const MAX_EXPONENT = 40;

/** Up to the next whole one: who asks for anything gets something. */
const scaled = (digits: bigint, exponent: number): bigint => {
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  return (digits + divisor - 1n) / divisor;
};

/** What a Kubernetes quantity says; undefined where it is none, or larger than anything that exists. */
export const parseAmount = (quantity: unknown): Amount | undefined => {
  const text = typeof quantity === 'number' || typeof quantity === 'bigint' ? String(quantity) : quantity;
  if (typeof text !== 'string' || text.length > 96) return undefined;
  const [, sign, whole = '', decimals = '', , power, suffix = ''] = QUANTITY.exec(text) ?? [];
  if (whole + decimals === '') return undefined;
  const exponent = power === undefined ? (DECIMAL[suffix] ?? 0) : Number(power);
  if (Math.abs(exponent) > MAX_EXPONENT) return undefined;
  const digits = BigInt(whole + decimals) << (BINARY[suffix] ?? 0n);
  const size = scaled(digits, exponent - decimals.length + FINEST);
  return sign === '-' ? -size : size;
};

const UNIT = 10n ** BigInt(FINEST);

/** The shortest plain decimal, which reads back to the same amount. */
export const formatAmount = (amount: Amount): string => {
  const size = amount < 0n ? -amount : amount;
  const decimals = (size % UNIT).toString().padStart(FINEST, '0').replace(/0+$/, '');
  return `${amount < 0n ? '-' : ''}${size / UNIT}${decimals === '' ? '' : `.${decimals}`}`;
};

export const amountOf = (count: number): Amount => BigInt(count) * UNIT;
