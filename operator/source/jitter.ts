// SPDX-License-Identifier: Apache-2.0

// As Flux: enough to spread sources that were created together, little enough that an interval keeps its meaning.
const JITTER = 0.05;

/** The interval, lengthened or shortened by up to 5 %; `random` gives [0, 1). */
export const jittered = (intervalMs: number, random: () => number): number =>
  Math.max(1, Math.round(intervalMs * (1 + JITTER * (2 * random() - 1))));
