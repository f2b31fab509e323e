// SPDX-License-Identifier: Apache-2.0
// How long something took, as a process tells it on /metrics: a histogram, of which the difference of two looks counts.
import { sampleOf } from '../scenario/exposition.ts';

/** `bounds`: upper bounds in milliseconds with how many were no longer than that; the last bound is endless. */
export type ToldTimes = { readonly bounds: readonly { readonly ms: number; readonly count: number }[]; readonly sumMs: number };

const BOUND = /[{,]le="([^"]+)"/;

/** `labels`: those of the series that count, added up. */
export const timesIn = (text: string, name: string, labels: Readonly<Record<string, string>> = {}): ToldTimes => {
  const les = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}_bucket{`))
    .flatMap((line) => BOUND.exec(line)?.[1] ?? []);
  const bounds = [...new Set(les)]
    .map((le) => ({
      ms: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le) * 1000,
      count: sampleOf(text, `${name}_bucket`, { ...labels, le }),
    }))
    .toSorted((a, b) => a.ms - b.ms);
  return { bounds, sumMs: sampleOf(text, `${name}_sum`, labels) * 1000 };
};

export const sinceThen = (before: ToldTimes, now: ToldTimes): ToldTimes => ({
  bounds: now.bounds.map(({ ms, count }) => ({ ms, count: count - (before.bounds.find((bound) => bound.ms === ms)?.count ?? 0) })),
  sumMs: now.sumMs - before.sumMs,
});

export const countOf = ({ bounds }: ToldTimes): number => bounds.at(-1)?.count ?? 0;

/** Exact: `ms` is the smallest bound that is no less than what is asked. */
export const shareWithin = (times: ToldTimes, atLeastMs: number): { readonly ms: number; readonly share: number } => {
  const { ms, count } = times.bounds.find((bound) => bound.ms >= atLeastMs) ?? { ms: Number.POSITIVE_INFINITY, count: 0 };
  return { ms, share: count / countOf(times) };
};

/** As Prometheus reckons it: evenly spread between two bounds. */
export const reckoned = ({ bounds }: ToldTimes, share: number): number => {
  const wanted = (bounds.at(-1)?.count ?? 0) * share;
  const at = bounds.findIndex(({ count }) => count >= wanted);
  const [below, above] = [bounds[at - 1] ?? { ms: 0, count: 0 }, bounds[at]];
  if (above === undefined || above.count === below.count) return Number.NaN;
  return Number.isFinite(above.ms) ? below.ms + ((above.ms - below.ms) * (wanted - below.count)) / (above.count - below.count) : below.ms;
};
