// SPDX-License-Identifier: Apache-2.0
// Field paths of the table of kinds: `spec.{template,worker}`, `spec.groups[].template`, `` for the object itself. Reading
// is total: a step that meets the wrong type ends there, because what stands at the path came from a stranger.
import { isJsonMap, isList } from '../cel/values/value.ts';
import type { JsonMap, Value } from '../cel/index.ts';

/** One step: own properties of these names, or (EACH) the items of a list. */
export type Path = readonly (readonly string[] | typeof EACH)[];

const EACH = 'each item';

/** The table is ours, so a path that does not parse is a bug and throws when the module loads. */
export const parsePath = (text: string): Path => {
  if (text === '') return [];
  return text.split(/\.(?![^{]*\})/).flatMap((step) => {
    const parts = /^(?:\{([\w,]+)\}|(\w+))((?:\[\])*)$/.exec(step);
    if (parts === null) throw new Error(`bad path ${text}`);
    const names = (parts[1] ?? parts[2] ?? '').split(',');
    const lists = Array.from({ length: (parts[3] ?? '').length / 2 }, (): typeof EACH => EACH);
    return [names, ...lists];
  });
};

/** The own property of a JSON object, undefined for everything else. */
export const own = (value: Value | undefined, key: string): Value | undefined =>
  value !== undefined && isJsonMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;

export const ownMap = (value: Value | undefined, key: string): JsonMap | undefined => {
  const found = own(value, key);
  return found !== undefined && isJsonMap(found) ? found : undefined;
};

export const ownList = (value: Value | undefined, key: string): readonly Value[] => {
  const found = own(value, key);
  return found !== undefined && isList(found) ? found : [];
};

export const ownText = (value: Value | undefined, key: string): string | undefined => {
  const found = own(value, key);
  return typeof found === 'string' ? found : undefined;
};

/** Everything that stands at the path, in the order of the object. */
export const readPath = (root: Value, path: Path): readonly Value[] => {
  let here: readonly Value[] = [root];
  for (const step of path) {
    const next: Value[] = [];
    for (const value of here) {
      if (step === EACH) {
        if (isList(value)) for (const item of value) next.push(item);
        continue;
      }
      for (const name of step) {
        const found = own(value, name);
        if (found !== undefined) next.push(found);
      }
    }
    if (next.length === 0) return next;
    here = next;
  }
  return here;
};

/** The last name of a path, for what has no name of its own. */
export const lastName = (path: Path): string => {
  const names = path.filter((step) => step !== EACH);
  return names.at(-1)?.[0] ?? 'object';
};
