// SPDX-License-Identifier: Apache-2.0
// The sizes that cost is counted by, as the API server's cost tracker sees them. `undefined` stands for an argument that failed.
import { Boxed } from '../values/boxed.ts';
import { CidrPrefix, IpAddress, widthOf } from '../values/ip.ts';
import { CelMap } from '../values/map.ts';
import { keysOf } from '../values/map-keys.ts';
import { sizeOf } from '../values/text.ts';
import { CelOptional, isBytes, isList } from '../values/value.ts';
import type { Value } from '../values/value.ts';

/** Reading a text costs 0.1 a character, a pattern 0.25. */
const STRING_FACTOR = 0.1;
const PATTERN_FACTOR = 0.25;

/** Entries, code points or bytes; what has no size counts 1. */
export const actualSize = (value: Value | undefined): number => {
  if (typeof value === 'string') return sizeOf(value);
  if (value === undefined || value === null || typeof value !== 'object') return 1;
  if (isList(value) || isBytes(value)) return value.length;
  if (value instanceof CelMap) return value.size;
  if (!(value instanceof Boxed)) return keysOf(value).length;
  if (value instanceof IpAddress) return widthOf(value) / 8;
  return value instanceof CidrPrefix ? Math.ceil(value.length / 8) : 1;
};

/** The functions of cel-go's standard library look into optionals, those of Kubernetes and of extensions don't. */
export const unwrappedSize = (value: Value | undefined): number =>
  value instanceof CelOptional && value.value !== undefined ? unwrappedSize(value.value) : actualSize(value);

export const traversal = (size: number): number => Math.ceil(size * STRING_FACTOR);

/** The same for a text, without counting code points where its length alone decides. */
export const textTraversal = (text: string): number => (text.length <= 10 ? Math.min(text.length, 1) : traversal(sizeOf(text)));

/** Comparing two texts reads the shorter; a text of at most half the units of the other is that, whatever they stand for. */
export const shorterTraversal = (left: string, right: string): number => {
  const shorter = Math.min(left.length, right.length);
  // The other is at least as long, and so costs at least as much.
  if (shorter <= 10) return Math.min(shorter, 1);
  if (left.length * 2 <= right.length) return textTraversal(left);
  return right.length * 2 <= left.length ? textTraversal(right) : Math.min(textTraversal(left), textTraversal(right));
};

export const patternTimes = (patternSize: number): number => Math.ceil(patternSize * PATTERN_FACTOR);

/** Searching a text for a pattern; an empty text counts as one character. */
export const patternSearch = (size: number, patternSize: number): number => traversal(1 + size) * patternTimes(patternSize);

const utf8Size = (text: string): number => {
  let size = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) ?? 0;
    size += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
    if (code >= 0x1_0000) at++;
  }
  return size;
};

const MAX_DEPTH = 500;

/** Everything in a list or a map is read, texts by their bytes and rounded down. */
export const treeTraversal = (value: Value | undefined, depth = 0): number => {
  if (typeof value === 'string') return Math.floor(utf8Size(value) * STRING_FACTOR);
  if (value === undefined || value === null || typeof value !== 'object' || depth > MAX_DEPTH) return 1;
  if (isBytes(value)) return Math.floor(value.length * STRING_FACTOR);
  let cost = 0;
  if (isList(value)) for (const item of value) cost += treeTraversal(item, depth + 1);
  else if (value instanceof CelMap)
    for (const entry of value.entries()) cost += treeTraversal(entry.key) + treeTraversal(entry.value, depth + 1);
  else if (value instanceof Boxed) return 1;
  else for (const key of keysOf(value)) cost += treeTraversal(key) + treeTraversal(value[key], depth + 1);
  return cost;
};

/** Units of effort that one value takes to look at, beside the units of its text. */
const VISIT_EFFORT = 24;

/** Units of effort that `treeTraversal` takes; counted no further than beyond `most`. */
export const treeEffort = (value: Value | undefined, most: number, depth = 0): number => {
  if (typeof value === 'string') return VISIT_EFFORT + (value.length >> 1);
  if (value === undefined || value === null || typeof value !== 'object' || depth > MAX_DEPTH) return VISIT_EFFORT;
  if (value instanceof Boxed && !(value instanceof CelMap)) return VISIT_EFFORT;
  let effort = VISIT_EFFORT;
  const add = (item: Value | undefined): boolean => {
    effort += treeEffort(item, most - effort, depth + 1);
    return effort <= most;
  };
  if (isList(value)) value.every(add);
  else if (value instanceof CelMap) for (const entry of value.entries()) if (!add(entry.key) || !add(entry.value)) break;
  if (isList(value) || value instanceof Boxed || isBytes(value)) return effort;
  keysOf(value).every((key) => add(key) && add(value[key]));
  return effort;
};
