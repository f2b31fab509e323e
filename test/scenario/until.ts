// SPDX-License-Identifier: Apache-2.0
// Waiting for something that a real process will do: looked at again and again until it is there or the patience ends.
import { sleep, systemClock } from '../../process/clock.ts';

export type UntilOptions = { readonly what: string; readonly everyMs?: number; readonly withinMs?: number };

/** The first answer that is neither undefined nor false; rejects with the last error or what was waited for. */
export const until = async <T>(
  look: () => Promise<T | undefined | false>,
  { what, everyMs = 20, withinMs = 60_000 }: UntilOptions,
): Promise<T> => {
  const deadlineMs = systemClock.monotonicMs() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await look();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`waited ${withinMs} ms for ${what}`, { cause: last });
    await sleep(systemClock, everyMs);
  }
};
