// SPDX-License-Identifier: Apache-2.0
// Sizes as Kubernetes writes them (resource.Quantity) → whole bytes, exactly.

const FACTORS: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 10n ** 3n,
  M: 10n ** 6n,
  G: 10n ** 9n,
  T: 10n ** 12n,
  P: 10n ** 15n,
  E: 10n ** 18n,
  Ki: 2n ** 10n,
  Mi: 2n ** 20n,
  Gi: 2n ** 30n,
  Ti: 2n ** 40n,
  Pi: 2n ** 50n,
  Ei: 2n ** 60n,
};
const QUANTITY = /^(\d{1,30})(?:\.(\d{1,18}))?(?:([eE])(\d{1,2})|([kMGTPE]|[KMGTPE]i))?$/;

/** Rounded up, as Kubernetes does; undefined for what is no size. */
export const quantityBytes = (text: unknown): bigint | undefined => {
  if (typeof text !== 'string') return undefined;
  const [whole, integer = '', fraction = '', exponent, power = '0', suffix = ''] = QUANTITY.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const factor = exponent === undefined ? (FACTORS[suffix] ?? 1n) : 10n ** BigInt(power);
  const divisor = 10n ** BigInt(fraction.length);
  return (BigInt(`${integer}${fraction}`) * factor + divisor - 1n) / divisor;
};
