// SPDX-License-Identifier: Apache-2.0
// Does a live object still say what was applied? Only what was declared counts: the API server and other owners may add
// fields, never change ours. Lists are compared whole, as server-side apply treats the lists that we write.
import { isRecord } from '../../crds/wire.ts';

/** The path of the first declared field that `live` does not carry as declared; undefined where all of them hold. */
export const firstDifference = (declared: unknown, live: unknown, path = ''): string | undefined => {
  if (Array.isArray(declared)) {
    if (!Array.isArray(live) || live.length !== declared.length) return path;
    for (const [index, item] of declared.entries()) {
      const difference = firstDifference(item, live[index], `${path}[${index}]`);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (isRecord(declared)) {
    if (!isRecord(live)) return path;
    for (const [name, value] of Object.entries(declared)) {
      const step = path === '' ? name : `${path}.${name}`;
      const difference = firstDifference(value, Object.hasOwn(live, name) ? live[name] : undefined, step);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  return Object.is(declared, live) ? undefined : path;
};

/** The path of the first field of `live` that nothing declares; lists are declared as a whole. */
export const firstExtra = (declared: unknown, live: unknown, path = ''): string | undefined => {
  if (!isRecord(live) || !isRecord(declared)) return undefined;
  for (const [name, value] of Object.entries(live)) {
    if (value === undefined) continue;
    const step = path === '' ? name : `${path}.${name}`;
    const said = Object.hasOwn(declared, name) ? declared[name] : undefined;
    const extra = said === undefined ? step : firstExtra(said, value, step);
    if (extra !== undefined) return extra;
  }
  return undefined;
};

/** The path of the first field in which two values of JSON differ; undefined where they are the same. */
export const anyDifference = (one: unknown, other: unknown, path = ''): string | undefined =>
  firstDifference(one, other, path) ?? firstDifference(other, one, path);
