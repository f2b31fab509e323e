// SPDX-License-Identifier: Apache-2.0
// At most so many at once, first come first served. Waiting here rather than in undici's pool, a call
// can still be refused by its fence, and its time limit begins when it is sent.

export type Gate = {
  /** Resolves with the function that gives the place back; rejects with the signal's reason when aborted first. */
  enter(signal?: AbortSignal): Promise<() => void>;
};

export const createGate = (places: number): Gate => {
  let free = places;
  const waiting = new Set<() => void>();
  const leave = (): void => {
    const [next] = waiting;
    if (next === undefined) free += 1;
    else next();
  };
  const place = (): (() => void) => {
    let held = true;
    return () => {
      if (held) leave();
      held = false;
    };
  };
  return {
    enter: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        if (free > 0) {
          free -= 1;
          return resolve(place());
        }
        const settle = (): void => {
          waiting.delete(settle);
          signal?.removeEventListener('abort', abort);
          resolve(place());
        };
        const abort = (): void => {
          waiting.delete(settle);
          reject(signal?.reason as Error);
        };
        waiting.add(settle);
        signal?.addEventListener('abort', abort, { once: true });
      }),
  };
};
