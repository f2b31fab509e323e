// SPDX-License-Identifier: Apache-2.0
// What was verified in the commit before need not be verified again in the next one: most of a commit is the commit before.
// Kept are good outcomes only, under everything that the outcome depends on but the time of expiry, which the caller checks.
import { createHash } from 'node:crypto';
import type { Trust } from '../../policies/trust/index.ts';
import type { ManifestDocument } from './index.ts';

export type Memo<T> = {
  /** The outcome for the same bytes, seals, path and trust, if it was kept. */
  recall(key: string): T | undefined;
  keep(key: string, outcome: T): void;
  /** Forgets what was neither recalled nor kept since the last call: what has left the tree. */
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

/** Changes when a key begins or ceases to be valid, so that a seal is never judged by the keys of another day. */
const validKeys = (trust: Trust, atMs: number): string =>
  [...trust.keys.values()]
    .filter((key) => key.validFromMs <= atMs && atMs < key.validUntilMs)
    .map((key) => key.hint)
    .join(' ');

export const memoKeys = (trust: Trust, atMs: number): ((document: ManifestDocument) => string) => {
  const standing = `${trust.digest} ${validKeys(trust, atMs)}`;
  return ({ path, bytes, bundles }) => {
    const hash = createHash('sha256').update(JSON.stringify([standing, path, bundles]));
    return hash.update(bytes).digest('base64');
  };
};
