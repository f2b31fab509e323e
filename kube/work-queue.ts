// SPDX-License-Identifier: Apache-2.0
// Keys that want work. A key waits at most once however often it is added, is never handed out twice at the same time, and one
// that is added while it is being worked on waits again afterwards: what was seen last is never lost (the dirty and processing
// sets of client-go's workqueue). Higher priority first, then first come first served.
import type { Clock } from '../process/clock.ts';
import { backoffMs } from './backoff.ts';
import type { BackoffOptions } from './backoff.ts';

export type AddOptions = {
  /** Not before this many milliseconds; a sooner time that is already set stands. */
  readonly delayMs?: number;
  /** 0 by default; more is sooner. A waiting key keeps the highest it was added with. */
  readonly priority?: number;
};

export type RetryOptions = {
  /** What the server asked for by Retry-After. */
  readonly atLeastMs?: number;
  readonly priority?: number;
};

export type WorkQueue = {
  add(key: string, options?: AddOptions): void;
  /** Adds the key after the backoff of its failures in a row, this one included; returns the wait. */
  retry(key: string, options?: RetryOptions): number;
  /** The key is well: forgets its failures and the retry that they set. */
  forget(key: string): void;
  /** The next key; undefined when the signal aborts or the queue is closed. Must be answered by `done`. */
  take(signal: AbortSignal): Promise<string | undefined>;
  done(key: string): void;
  failures(key: string): number;
  /** Keys that wait to be taken now (not those delayed, nor in work). */
  readonly depth: number;
  /** No key is waiting, delayed or in work. */
  readonly idle: boolean;
  close(): void;
};

export type WorkQueueOptions = {
  readonly clock: Clock;
  /** 0.25 s doubling to 5 min by default. */
  readonly backoff?: BackoffOptions;
  readonly random?: () => number;
  readonly onDepth?: (depth: number) => void;
};

type Timer = { readonly dueMs: number; readonly priority: number; readonly isRetry: boolean; readonly cancel: () => void };

const RETRY_BACKOFF: BackoffOptions = { firstMs: 250, maxMs: 300_000 };

export const createWorkQueue = (options: WorkQueueOptions): WorkQueue => {
  const { clock, backoff = RETRY_BACKOFF, random = Math.random, onDepth } = options;
  // Keys by priority; a Set keeps the order of coming and finds a key at once.
  const lanes = new Map<number, Set<string>>();
  const waiting = new Map<string, number>();
  const processing = new Set<string>();
  const dirty = new Map<string, number>();
  const timers = new Map<string, Timer>();
  const failures = new Map<string, number>();
  const takers = new Set<() => void>();
  let closed = false;

  const enqueue = (key: string, priority: number): void => {
    if (closed) return;
    if (processing.has(key)) {
      dirty.set(key, Math.max(priority, dirty.get(key) ?? priority));
      return;
    }
    const before = waiting.get(key);
    if (before !== undefined && before >= priority) return;
    if (before !== undefined) leaveLane(key, before);
    const lane = lanes.get(priority) ?? new Set();
    lanes.set(priority, lane.add(key));
    waiting.set(key, priority);
    onDepth?.(waiting.size);
    const [taker] = takers;
    taker?.();
  };

  const leaveLane = (key: string, priority: number): void => {
    const lane = lanes.get(priority);
    lane?.delete(key);
    if (lane?.size === 0) lanes.delete(priority);
  };

  const pop = (): string | undefined => {
    if (waiting.size === 0) return undefined;
    const priority = Math.max(...lanes.keys());
    const [key] = lanes.get(priority) ?? [];
    if (key === undefined) return undefined;
    leaveLane(key, priority);
    waiting.delete(key);
    processing.add(key);
    onDepth?.(waiting.size);
    return key;
  };

  const delay = (key: string, wait: { readonly delayMs: number; readonly priority: number; readonly isRetry: boolean }): void => {
    if (closed) return;
    const dueMs = clock.monotonicMs() + wait.delayMs;
    const before = timers.get(key);
    if (before !== undefined && before.dueMs <= dueMs) return;
    before?.cancel();
    const cancel = clock.schedule(wait.delayMs, () => {
      timers.delete(key);
      enqueue(key, wait.priority);
    });
    timers.set(key, { dueMs, priority: wait.priority, isRetry: wait.isRetry, cancel });
  };

  return {
    add: (key, { delayMs = 0, priority = 0 } = {}) => {
      if (delayMs <= 0) enqueue(key, priority);
      else delay(key, { delayMs, priority, isRetry: false });
    },
    retry: (key, { atLeastMs = 0, priority = 0 } = {}) => {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      const delayMs = Math.max(backoffMs(backoff, count, random), atLeastMs);
      delay(key, { delayMs, priority, isRetry: true });
      return delayMs;
    },
    forget: (key) => {
      failures.delete(key);
      const timer = timers.get(key);
      if (timer?.isRetry !== true) return;
      timer.cancel();
      timers.delete(key);
    },
    take: async (signal) => {
      for (;;) {
        if (closed || signal.aborted) return undefined;
        const key = pop();
        if (key !== undefined) return key;
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            takers.delete(wake);
            signal.removeEventListener('abort', wake);
            resolve();
          };
          takers.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
      }
    },
    done: (key) => {
      processing.delete(key);
      const again = dirty.get(key);
      dirty.delete(key);
      if (again !== undefined) enqueue(key, again);
    },
    failures: (key) => failures.get(key) ?? 0,
    get depth() {
      return waiting.size;
    },
    get idle() {
      return waiting.size === 0 && processing.size === 0 && timers.size === 0;
    },
    close: () => {
      closed = true;
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
      for (const taker of takers) taker();
    },
  };
};
