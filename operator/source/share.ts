// SPDX-License-Identifier: Apache-2.0
// One answer for all who ask the same question at about the same time.
import type { Clock } from '../../process/clock.ts';

export type Ask<T> = {
  readonly key: string;
  /** An answer whose making began before this epoch ms is too old. */
  readonly since: number | undefined;
  /** Ends this asker's wait; the work itself ends when the last asker left. */
  readonly signal: AbortSignal;
  readonly make: (signal: AbortSignal) => Promise<T>;
};

type Entry<T> = {
  readonly beganAt: number;
  readonly beganMs: number;
  readonly answer: Promise<T>;
  readonly work: AbortController;
  askers: number;
  settled: boolean;
};

/** Answers are shared while they are made and for `windowMs` from the beginning of their making. Undefined = the asker left. */
export const createShare = <T>(options: {
  readonly clock: Clock;
  readonly windowMs: number;
}): ((ask: Ask<T>) => Promise<T | undefined>) => {
  const entries = new Map<string, Entry<T>>();
  const usable = (entry: Entry<T> | undefined, since: number | undefined): entry is Entry<T> => {
    if (entry === undefined || entry.work.signal.aborted) return false;
    if (since !== undefined && entry.beganAt < since) return false;
    return !entry.settled || options.clock.monotonicMs() - entry.beganMs < options.windowMs;
  };
  const begin = (ask: Ask<T>): Entry<T> => {
    const work = new AbortController();
    const answer = ask.make(work.signal);
    const entry: Entry<T> = { beganAt: options.clock.now(), beganMs: options.clock.monotonicMs(), answer, work, askers: 0, settled: false };
    const settle = (): void => {
      entry.settled = true;
    };
    answer.then(settle, settle);
    entries.set(ask.key, entry);
    return entry;
  };
  return async (ask) => {
    const held = entries.get(ask.key);
    const entry = usable(held, ask.since) ? held : begin(ask);
    entry.askers += 1;
    let leave: () => void = () => {};
    const left = new Promise<undefined>((resolve) => {
      leave = () => resolve(undefined);
      ask.signal.addEventListener('abort', leave, { once: true });
    });
    if (ask.signal.aborted) leave();
    try {
      return await Promise.race([left, entry.answer]);
    } finally {
      ask.signal.removeEventListener('abort', leave);
      entry.askers -= 1;
      if (entry.askers === 0 && !entry.settled) entry.work.abort();
    }
  };
};
