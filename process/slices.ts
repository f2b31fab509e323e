// SPDX-License-Identifier: Apache-2.0
// Long work in short pieces: between two pieces the event loop answers requests.
import type { Clock } from './clock.ts';

export type Slices = {
  /** Rests if this piece has taken long enough; says whether it did. */
  readonly rest: () => boolean | Promise<boolean>;
};

// A slice ends with the piece that is under way, and a collection of garbage may come on top: it is a fraction of what may be felt.
const SLICE_MS = 4;

export const createSlices = (clock: Clock, sliceMs = SLICE_MS): Slices => {
  let startedMs = clock.monotonicMs();
  return {
    rest: () => {
      if (clock.monotonicMs() - startedMs < sliceMs) return false;
      return new Promise((resolve) => {
        setImmediate(() => {
          startedMs = clock.monotonicMs();
          resolve(true);
        });
      });
    },
  };
};
