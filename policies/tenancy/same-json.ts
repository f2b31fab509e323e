// SPDX-License-Identifier: Apache-2.0
import { isJsonMap, isList } from '../cel/values/value.ts';
import type { Value } from '../cel/index.ts';

// Deeper than anything that the API server stores of the kinds that are compared; a stack has an end.
const MAX_DEPTH = 200;

/** Whether two parts of objects say the same; what is nested too deeply to be looked at does not. */
export const sameJson = (one: Value | undefined, other: Value | undefined, depth = 0): boolean => {
  if (Object.is(one, other)) return true;
  if (one === undefined || other === undefined || depth > MAX_DEPTH) return false;
  if (isList(one)) {
    return isList(other) && one.length === other.length && one.every((item, index) => sameJson(item, other[index], depth + 1));
  }
  if (!isJsonMap(one) || !isJsonMap(other)) return false;
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => Object.hasOwn(other, name) && sameJson(one[name], other[name], depth + 1));
};
