// SPDX-License-Identifier: Apache-2.0
// One AbortSignal out of a caller's signal and a time limit. AbortSignal.any is not used: each call would hang another
// dependent on a signal that lives as long as the process.
import type { Clock } from '../process/clock.ts';

export type Deadline = {
  readonly signal: AbortSignal;
  /** True when the time limit, not the caller, ended it. */
  readonly expired: () => boolean;
  /** Starts the time limit anew. */
  readonly extend: () => void;
  /** Must be called when the work is over. */
  readonly release: () => void;
};

export const createDeadline = (options: {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}): Deadline => {
  const { clock, timeoutMs, signal } = options;
  const controller = new AbortController();
  let expired = false;
  let released = false;
  let dueMs = clock.monotonicMs() + timeoutMs;
  const onAbort = (): void => controller.abort(signal?.reason);
  const expire = (): void => {
    if (released) return;
    const leftMs = dueMs - clock.monotonicMs();
    // Extended in the meantime: one timer serves, however often `extend` is called. A timer may fire a hair early.
    if (leftMs > 1) {
      cancel = clock.schedule(leftMs, expire);
      return;
    }
    expired = true;
    controller.abort(new Error(`no answer within ${timeoutMs} ms`));
  };
  let cancel = clock.schedule(timeoutMs, expire);
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    expired: () => expired,
    extend: () => {
      dueMs = clock.monotonicMs() + timeoutMs;
    },
    release: () => {
      released = true;
      cancel();
      signal?.removeEventListener('abort', onAbort);
    },
  };
};
