// SPDX-License-Identifier: Apache-2.0
// How much is taken on at once. Beyond it the answer is quick and coded: the API server then closes (failurePolicy
// Fail) or asks another replica, instead of waiting behind a queue that nobody will wait out.
import type { Problem } from '../../policies/problem.ts';

export type GuardLimits = {
  readonly maxInFlight: number;
  /** Bodies held at once; a body of unknown length counts as the longest. */
  readonly maxBytes: number;
};

export type Entry = { readonly ok: true; readonly leave: () => void } | { readonly ok: false; readonly problem: Problem };

export type Guard = { enter(bytes: number): Entry; readonly inFlight: number };

export const createGuard = ({ maxInFlight, maxBytes }: GuardLimits): Guard => {
  let inFlight = 0;
  let held = 0;
  return {
    enter: (bytes) => {
      if (inFlight >= maxInFlight || (held > 0 && held + bytes > maxBytes)) {
        return { ok: false, problem: { code: 'REQUEST_OVERLOAD', message: `${inFlight} requests with ${held} bytes are in work` } };
      }
      inFlight += 1;
      held += bytes;
      let left = false;
      const leave = (): void => {
        if (left) return;
        left = true;
        inFlight -= 1;
        held -= bytes;
      };
      return { ok: true, leave };
    },
    get inFlight() {
      return inFlight;
    },
  };
};
