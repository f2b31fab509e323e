// SPDX-License-Identifier: Apache-2.0
// A fence stands between a leader and the API server. It is asked right before each attempt of each write is put on the
// wire, not when the call is made: a call may have waited for a connection or for Retry-After in the meantime.
import type { Clock } from '../process/clock.ts';
import { KubeFencedError } from './errors.ts';

export type Fence = {
  /** Milliseconds for which a write may still be on its way; throws KubeFencedError when there are none. */
  check(): number;
};

export type LeaseFence = Fence & {
  /** A renewal that was sent at `sentAt` succeeded. */
  renewed(sentAt: FenceInstant): void;
  /** What `renewed` wants, taken before the renewal is sent. */
  instant(): FenceInstant;
  /** Milliseconds until no new write may start; 0 or less when fenced. */
  remainingMs(): number;
  /** Closes it for good. */
  drop(): void;
};

export type FenceInstant = { readonly monotonicMs: number; readonly wallMs: number };

/**
 * Writes may start until `renewDeadlineMs` after the last good renewal was SENT and may be on the wire until
 * `leaseDurationMs` after it. Others count the lease's duration from when they SAW that renewal, which is later, so no
 * clock needs to agree with another one. Time is the longer of the monotonic and the wall clock's: a monotonic clock stands
 * still while a machine is suspended, a wall clock may be set back.
 */
export const createLeaseFence = (options: {
  readonly clock: Clock;
  readonly renewDeadlineMs: number;
  readonly leaseDurationMs: number;
}): LeaseFence => {
  const { clock } = options;
  let last: FenceInstant | undefined;
  let dropped = false;
  const elapsedMs = (): number =>
    last === undefined || dropped ? Number.POSITIVE_INFINITY : Math.max(clock.monotonicMs() - last.monotonicMs, clock.now() - last.wallMs);
  return {
    instant: () => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.now() }),
    renewed: (sentAt) => {
      last = sentAt;
    },
    remainingMs: () => options.renewDeadlineMs - elapsedMs(),
    check: () => {
      const elapsed = elapsedMs();
      if (elapsed >= options.renewDeadlineMs) throw new KubeFencedError('not the leader any more: the write was not sent');
      return options.leaseDurationMs - elapsed;
    },
    drop: () => {
      dropped = true;
    },
  };
};
