// SPDX-License-Identifier: Apache-2.0
// Exponential waits with jitter, so that what failed together does not come back together.

export type BackoffOptions = { readonly firstMs: number; readonly maxMs: number };

/** The wait after the nth failure in a row (n from 1): doubled each time, up to the maximum, give or take a quarter. */
export const backoffMs = (options: BackoffOptions, failures: number, random: () => number): number => {
  // 2^30 first waits is beyond any maximum; the bound keeps the power finite.
  const plain = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30));
  return plain * (0.75 + 0.5 * random());
};
