// SPDX-License-Identifier: Apache-2.0
import { CidrPrefix, IpAddress, widthOf } from '../values/ip.ts';
import { CelMap } from '../values/map.ts';
import { sizeOf } from '../values/text.ts';
import { isBytes, isJsonMap, isList } from '../values/value.ts';
import type { Value } from '../values/value.ts';

/** cel-go's factors: reading a string costs 0.1 a character, a pattern 0.25. */
const STRING_FACTOR = 0.1;
const PATTERN_FACTOR = 0.25;

/** The size that cel-go's cost tracker sees; what has no size counts 1. */
export const actualSize = (value: Value | undefined): number => {
  if (typeof value === 'string') return sizeOf(value);
  if (value === undefined || value === null || typeof value !== 'object') return 1;
  if (isList(value) || isBytes(value)) return value.length;
  if (value instanceof IpAddress) return widthOf(value) / 8;
  if (value instanceof CidrPrefix) return Math.ceil(value.length / 8);
  if (value instanceof CelMap) return value.size;
  return isJsonMap(value) ? Object.keys(value).length : 1;
};

export const traversal = (size: number): number => Math.ceil(size * STRING_FACTOR);

/** The same for a text, without counting code points where its length alone decides. */
export const textTraversal = (text: string): number => (text.length <= 10 ? Math.min(text.length, 1) : traversal(sizeOf(text)));

export const costOfMatch = (text: Value | undefined, pattern: Value | undefined): number =>
  traversal(1 + actualSize(text)) * Math.ceil(actualSize(pattern) * PATTERN_FACTOR);

/** The text of every argument is read once. */
export const costOfFirst = (args: readonly Value[]): number => traversal(actualSize(args[0]));
export const costOfSecond = (args: readonly Value[]): number => traversal(actualSize(args[1]));
export const costOfSum = (args: readonly Value[]): number => traversal(actualSize(args[0]) + actualSize(args[1]));
export const costOfSearch = (args: readonly Value[]): number => traversal(actualSize(args[0])) * traversal(actualSize(args[1]));

/** Comparing two texts reads the shorter. */
export const costOfComparison = (args: readonly Value[]): number => {
  const [left = null, right = null] = args;
  const text = (value: Value): boolean => typeof value === 'string' || isBytes(value);
  return text(left) && text(right) ? traversal(Math.min(actualSize(left), actualSize(right))) : 1;
};
