// SPDX-License-Identifier: Apache-2.0
// Ranges of sizes and costs, in unsigned 64-bit numbers that stop at their largest, as cel-go's estimates have them.

/** Of both: what is at least, and at most, there. */
export type Range = { readonly min: bigint; readonly max: bigint };

export const LARGEST = 2n ** 64n - 1n;

const capped = (value: bigint): bigint => (value > LARGEST ? LARGEST : value);

export const fixed = (value: bigint): Range => ({ min: value, max: value });
export const NOTHING = fixed(0n);
export const ONE = fixed(1n);
export const UNKNOWN: Range = { min: 0n, max: LARGEST };

export const add = (left: Range, right: Range): Range => ({ min: capped(left.min + right.min), max: capped(left.max + right.max) });
export const multiply = (left: Range, right: Range): Range => ({ min: capped(left.min * right.min), max: capped(left.max * right.max) });
export const sumOf = (ranges: readonly Range[]): Range => ranges.reduce(add, NOTHING);

export const union = (left: Range, right: Range): Range => ({
  min: left.min < right.min ? left.min : right.min,
  max: left.max > right.max ? left.max : right.max,
});

const scaled = (value: bigint, factor: number): bigint => {
  const product = Math.ceil(Number(value) * factor);
  return product >= 2 ** 64 ? LARGEST : BigInt(product);
};

/** Rounded up. */
export const times = (range: Range, factor: number): Range => ({ min: scaled(range.min, factor), max: scaled(range.max, factor) });

/** Where cel-go's own arithmetic does not stop at the largest number but begins again at 0. */
export const wrapped = (value: bigint): bigint => BigInt.asUintN(64, value);
