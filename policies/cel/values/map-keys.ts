// SPDX-License-Identifier: Apache-2.0
import type { JsonMap } from './value.ts';

/**
 * JavaScript does not know how many keys an object has: they are collected each time, 100-200 ns a key for a large one. So
 * the keys of large objects are kept as long as the object is; data is never changed.
 */
const large = new WeakMap<JsonMap, readonly string[]>();
const LARGE = 32;

export const keysOf = (map: JsonMap): readonly string[] => {
  const known = large.get(map);
  if (known !== undefined) return known;
  const keys = Object.keys(map);
  if (keys.length >= LARGE) large.set(map, keys);
  return keys;
};
