// SPDX-License-Identifier: Apache-2.0
// Waiting for something that a real process will do: looked at again and again until it is there or the patience ends.
import { sleep, systemClock } from '../../process/clock.ts';

export type UntilOptions = {
  readonly what: string;
  /** Between looks. Without it they grow rarer with the time waited: each takes processor time from what is waited for. */
  readonly everyMs?: number;
  /** On a quiet machine; it tells a hang from slowness, and never how fast something has to be. */
  readonly withinMs?: number;
};

const [SOONEST_MS, LATEST_MS, SHARE_OF_WAIT] = [20, 250, 1 / 8];
/** How much slower a machine may be than a quiet one, under load and throttled. */
const SLOWEST = 3;

/** The first answer that is neither undefined nor false; rejects with the last error or what was waited for. */
export const until = async <T>(
  look: () => Promise<T | undefined | false>,
  { what, everyMs, withinMs = 60_000 }: UntilOptions,
): Promise<T> => {
  const startedMs = systemClock.monotonicMs();
  let last: unknown;
  for (;;) {
    try {
      const answer = await look();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    const waitedMs = systemClock.monotonicMs() - startedMs;
    if (waitedMs > SLOWEST * withinMs) throw new Error(`waited ${Math.round(waitedMs)} ms for ${what}`, { cause: last });
    await sleep(systemClock, everyMs ?? Math.min(Math.max(waitedMs * SHARE_OF_WAIT, SOONEST_MS), LATEST_MS));
  }
};

/** Between two questions of who asks all the while: without it, asking takes more processor time than all that is watched. */
export const breath = (): Promise<void> => sleep(systemClock, SOONEST_MS);
