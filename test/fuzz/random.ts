// SPDX-License-Identifier: Apache-2.0
// Choices that come from a number alone: the same seed gives the same input, so that a failure is told by its seed. fast-check makes
// a thousand inputs a second of this size; a fuzzer wants fifty.

export type Random = {
  /** An integer of [0, below). */
  readonly below: (below: number) => number;
  readonly pick: <T>(from: readonly [T, ...T[]]) => T;
};

/** mulberry32 (T. Ettinger, public domain): 32 bits of state, good enough to choose by. */
export const randomOf = (seed: number): Random => {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (bound: number): number => next() % bound;
  return { below, pick: (from) => from[below(from.length)] ?? from[0] };
};
