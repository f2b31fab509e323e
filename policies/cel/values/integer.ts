// SPDX-License-Identifier: Apache-2.0
import type { CelInt } from './value.ts';

export const INT_MIN = -(2n ** 63n);
export const INT_MAX = 2n ** 63n - 1n;
export const UINT_MAX = 2n ** 64n - 1n;

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const SAFE_MIN = -SAFE_MAX;

/** The one form of an int: a number while it is exact, so that equal ints are `===`. */
export const intOf = (value: bigint): CelInt => (value >= SAFE_MIN && value <= SAFE_MAX ? Number(value) : value);

/** As intOf; undefined outside of 64 bits. */
export const int64 = (value: bigint): CelInt | undefined => (value < INT_MIN || value > INT_MAX ? undefined : intOf(value));
