// SPDX-License-Identifier: Apache-2.0
// Quantities of resources in documents, as the pattern of the schemas admits them: no sign, and at most one of fraction,
// exponent and suffix each. The library of CEL has its own, which also says what Kubernetes says to what is no quantity.

const FORM = /^(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d{1,4})|([numkKMGTPE]i?))?$/;
const MAX_LENGTH = 64;
/** Far beyond what any cluster counts; more would only make numbers that cost memory. */
const MAX_EXPONENT = 60;

const DECIMAL = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const BINARY = new Map([
  ['Ki', 10n],
  ['Mi', 20n],
  ['Gi', 30n],
  ['Ti', 40n],
  ['Pi', 50n],
  ['Ei', 60n],
]);

/** Kubernetes keeps nothing finer than a billionth, and rounds up to it. */
const NANO = 9;

const scaled = (mantissa: bigint, exponent: number): bigint => {
  if (exponent >= 0) return mantissa * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  return (mantissa + divisor - 1n) / divisor;
};

/** In billionths, rounded up; undefined for what is no quantity. Total. */
export const nanoQuantity = (value: unknown): bigint | undefined => {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || text.length > MAX_LENGTH) return undefined;
  const [, whole, decimals = '', exponent, suffix] = FORM.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const mantissa = BigInt(whole + decimals);
  const binary = suffix === undefined ? undefined : BINARY.get(suffix);
  if (binary !== undefined) return scaled(mantissa << binary, NANO - decimals.length);
  const power = suffix === undefined ? Number(exponent ?? 0) : DECIMAL.get(suffix);
  if (power === undefined || Math.abs(power) > MAX_EXPONENT) return undefined;
  return scaled(mantissa, power + NANO - decimals.length);
};
