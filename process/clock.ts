// SPDX-License-Identifier: Apache-2.0
/**
 * Time as a parameter. `Date.now()` and timers appear here and nowhere else, so that every test can hold the clock.
 * Anyone below `policies/` may import it; `policies/` itself knows no time.
 */
export type Clock = {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start, never going back; for durations. */
  monotonicMs(): number;
  /** Calls `task` once after `delayMs`; the function returned cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
};

// Longer delays overflow Node's timers and fire at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Waits; an abort ends the wait early, without an error: the caller looks at its signal. */
export const sleep = (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.schedule(delayMs, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
