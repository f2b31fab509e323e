// SPDX-License-Identifier: Apache-2.0
// Kubernetes' amounts of a resource as whole billionths, so that sums and comparisons are exact. Below a billionth is rounded
// up, as Kubernetes does it: who asks for anything gets something.

const NANO = -9;
/** As many digits as any sensible amount has; what is longer is refused, not computed. */
const MAX_LENGTH = 64;
/** 10^24 of a unit is more than a million million terabytes. */
export const MAX_NANOS = 10n ** 33n;

const FORM = /^\+?(\d*)(?:\.(\d*))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,3}))?$/;
const DECIMAL_SUFFIXES = new Map(['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'].map((name, at) => [name, at * 3 - 9]));
const BINARY_SUFFIXES = new Map(['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((name, at) => [name, BigInt(at * 10 + 10)]));

/** `undefined` for what is no amount, is negative or is beyond all reason. Numbers are taken where they are whole. */
export const nanosOfQuantity = (value: unknown): bigint | undefined => {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || text.length > MAX_LENGTH) return undefined;
  const [, whole = '', fraction = '', suffix = '', exponent] = FORM.exec(text) ?? [];
  if (whole === '' && fraction === '') return undefined;
  const binary = BINARY_SUFFIXES.get(suffix);
  const power = (binary === undefined ? (exponent === undefined ? (DECIMAL_SUFFIXES.get(suffix) ?? 0) : Number(exponent)) : 0) - NANO;
  const mantissa = BigInt(whole + fraction) << (binary ?? 0n);
  const shift = power - fraction.length;
  // A thousand digits at most, since the exponent has three.
  const nanos = shift >= 0 ? mantissa * 10n ** BigInt(shift) : dividedUp(mantissa, 10n ** BigInt(-shift));
  return nanos <= MAX_NANOS ? nanos : undefined;
};

const dividedUp = (value: bigint, by: bigint): bigint => (value + by - 1n) / by;

/** For people: `1500m`, `64`, `68719476736`. */
export const quantityText = (nanos: bigint): string => {
  if (nanos % 1_000_000_000n === 0n) return (nanos / 1_000_000_000n).toString();
  if (nanos % 1_000_000n === 0n) return `${nanos / 1_000_000n}m`;
  return nanos % 1000n === 0n ? `${nanos / 1000n}u` : `${nanos}n`;
};

export const UNIT = 1_000_000_000n;
