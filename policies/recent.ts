// SPDX-License-Identifier: Apache-2.0
// The last few outcomes of work that depends on nothing but its key, so that it is not done again at each look.

export type Recent<T> = {
  recall(key: string): T | undefined;
  keep(key: string, outcome: T): void;
};

/** Holds the last `max` that were asked for. */
export const createRecent = <T>(max: number): Recent<T> => {
  const kept = new Map<string, T>();
  const put = (key: string, outcome: T): void => {
    kept.delete(key);
    kept.set(key, outcome);
    if (kept.size <= max) return;
    for (const oldest of kept.keys()) {
      kept.delete(oldest);
      break;
    }
  };
  return {
    recall: (key) => {
      const outcome = kept.get(key);
      if (outcome !== undefined) put(key, outcome);
      return outcome;
    },
    keep: put,
  };
};
