// SPDX-License-Identifier: Apache-2.0
// The namespaces that a cache holds, and a bounded wait for one that it does not hold yet: the API server may ask about
// a pod in a namespace that was made or labelled milliseconds ago, before the watch has brought that here.
import type { JsonObject } from '../../policies/decide/request.ts';
import type { Clock } from '../../process/clock.ts';

type NamespaceWait = { readonly timeoutMs: number; readonly accept: (namespace: JsonObject) => boolean };

export type NamespaceCache = {
  get(name: string): JsonObject | undefined;
  /** Waits until the cache holds the namespace as `accept` wants it; `undefined` after `timeoutMs`. */
  arrival(name: string, wait: NamespaceWait): Promise<JsonObject | undefined>;
};

export type NamespaceFeed = {
  get(name: string): JsonObject | undefined;
  /** Calls back with the name of each namespace that comes or changes. */
  onArrival(handler: (name: string) => void): void;
};

// Names that never come must not gather waiters without bound; beyond this the answer is "unknown" at once.
const MAX_WAITING = 1000;

export const createNamespaceCache = (feed: NamespaceFeed, clock: Clock): NamespaceCache => {
  const waiting = new Map<string, Set<() => void>>();
  let count = 0;
  feed.onArrival((name) => {
    for (const wake of waiting.get(name) ?? []) wake();
  });
  return {
    get: (name) => feed.get(name),
    arrival: (name, { timeoutMs, accept }) => {
      if (count >= MAX_WAITING) return Promise.resolve(undefined);
      count += 1;
      return new Promise((resolve) => {
        const wakers = waiting.get(name) ?? new Set();
        waiting.set(name, wakers);
        const finish = (): void => {
          cancel();
          wakers.delete(look);
          if (wakers.size === 0) waiting.delete(name);
          count -= 1;
          const held = feed.get(name);
          resolve(held !== undefined && accept(held) ? held : undefined);
        };
        const look = (): void => {
          const held = feed.get(name);
          if (held !== undefined && accept(held)) finish();
        };
        const cancel = clock.schedule(timeoutMs, finish);
        wakers.add(look);
      });
    },
  };
};
