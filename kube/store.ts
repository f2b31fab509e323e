// SPDX-License-Identifier: Apache-2.0
// Objects by key, and by whatever the indexes say. Maps throughout: keys and index values come from users, and an object
// named `constructor` or `__proto__` is only a name.
import { keyOf } from './objects.ts';
import type { KubeObject } from './objects.ts';

export type IndexFunctions<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

export type Change<T> =
  | { readonly type: 'added'; readonly object: T; readonly previous?: undefined }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T; readonly previous?: undefined };

export type Store<T> = {
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects whose index function named the value, in no order. */
  byIndex(index: string, value: string): readonly T[];
  /** Both say what changed; the same resourceVersion again is no change. */
  upsert(object: T): readonly Change<T>[];
  remove(key: string, last?: T): readonly Change<T>[];
  /** Makes the store hold exactly these; what is not among them is deleted. */
  replace(objects: readonly T[]): readonly Change<T>[];
};

export const createStore = <T extends KubeObject>(indexes: IndexFunctions<T>, onIndexError: (error: unknown) => void): Store<T> => {
  const objects = new Map<string, T>();
  const indexed = new Map<string, Map<string, Set<string>>>(Object.keys(indexes).map((name) => [name, new Map()]));
  // What each key was filed under: an index function need not say the same of an object twice.
  const filed = new Map<string, readonly (readonly [index: string, value: string])[]>();

  const unfile = (key: string): void => {
    for (const [index, value] of filed.get(key) ?? []) {
      const entries = indexed.get(index);
      const keys = entries?.get(value);
      keys?.delete(key);
      if (keys?.size === 0) entries?.delete(value);
    }
    filed.delete(key);
  };

  const file = (key: string, object: T): void => {
    const entries: (readonly [string, string])[] = [];
    for (const [index, valuesOf] of Object.entries(indexes)) {
      try {
        for (const value of valuesOf(object)) entries.push([index, value]);
      } catch (error) {
        onIndexError(error);
      }
    }
    for (const [index, value] of entries) {
      const values = indexed.get(index);
      const keys = values?.get(value) ?? new Set();
      values?.set(value, keys.add(key));
    }
    filed.set(key, entries);
  };

  const upsert = (object: T): readonly Change<T>[] => {
    const key = keyOf(object);
    const previous = objects.get(key);
    const version = object.metadata.resourceVersion;
    if (previous !== undefined && version !== undefined && previous.metadata.resourceVersion === version) return [];
    objects.set(key, object);
    unfile(key);
    file(key, object);
    if (previous === undefined) return [{ type: 'added', object }];
    // Deleted and made anew while nobody watched: not the same object, whatever its name.
    if (previous.metadata.uid !== object.metadata.uid) {
      return [
        { type: 'deleted', object: previous },
        { type: 'added', object },
      ];
    }
    return [{ type: 'updated', object, previous }];
  };

  const remove = (key: string, last?: T): readonly Change<T>[] => {
    const previous = objects.get(key);
    if (previous === undefined) return [];
    objects.delete(key);
    unfile(key);
    return [{ type: 'deleted', object: last ?? previous }];
  };

  return {
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    byIndex: (index, value) => {
      const entries = indexed.get(index);
      if (entries === undefined) throw new TypeError(`there is no index "${index}"`);
      const found: T[] = [];
      for (const key of entries.get(value) ?? []) {
        const object = objects.get(key);
        if (object !== undefined) found.push(object);
      }
      return found;
    },
    upsert,
    remove,
    replace: (wanted) => {
      const keys = new Set(wanted.map((object) => keyOf(object)));
      const gone = [...objects.keys()].filter((key) => !keys.has(key));
      return [...gone.flatMap((key) => remove(key)), ...wanted.flatMap((object) => upsert(object))];
    },
  };
};
