// SPDX-License-Identifier: Apache-2.0
// One measured figure, as `build/bench.json` holds it, and the few statistics that figures are made with.

export type BenchRow = { readonly name: string; readonly unit: string; readonly value: number; readonly how: string };

/** The value below which `share` of all lie, by nearest rank: with 50 values the 99th percentile is the largest. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? Number.NaN;
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Four significant digits: more would be noise. */
export const rounded = (value: number): number => Number(value.toPrecision(4));
