// SPDX-License-Identifier: Apache-2.0
// What was judged before need not be judged again: most of a commit is the commit before, most of a cluster is the cluster of
// a moment ago. It holds what the last two looks asked for, however long the process lives.

export type Memo<T> = {
  /** What was kept under the key, if it was. */
  recall(key: string): T | undefined;
  keep(key: string, outcome: T): void;
  /** Forgets what was neither recalled nor kept since the last call: after a look at everything, what is gone. */
  sweep(): void;
};

export const createMemo = <T>(): Memo<T> => {
  let before = new Map<string, T>();
  let now = new Map<string, T>();
  return {
    recall: (key) => {
      const outcome = now.get(key) ?? before.get(key);
      if (outcome !== undefined) now.set(key, outcome);
      return outcome;
    },
    keep: (key, outcome) => void now.set(key, outcome),
    sweep: () => {
      before = now;
      now = new Map();
    },
  };
};
