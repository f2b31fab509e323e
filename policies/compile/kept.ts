// SPDX-License-Identifier: Apache-2.0
// What was made of a text, for as long as all that is held stays within a size: who may write policies may write ever new ones.

export type Kept<T> = {
  recall(key: string): T | undefined;
  /** What is as large as all that may be held is held alone, for it is asked for next. */
  keep(key: string, outcome: T, size: number): void;
};

/** Beyond `most` the oldest go first. */
export const createKept = <T>(most: number): Kept<T> => {
  const kept = new Map<string, { readonly outcome: T; readonly size: number }>();
  let held = 0;
  const forget = (key: string): void => {
    held -= kept.get(key)?.size ?? 0;
    kept.delete(key);
  };
  return {
    recall: (key) => kept.get(key)?.outcome,
    keep: (key, outcome, size) => {
      forget(key);
      kept.set(key, { outcome, size });
      held += size;
      for (const oldest of kept.keys()) {
        if (held <= most || oldest === key) break;
        forget(oldest);
      }
    },
  };
};
