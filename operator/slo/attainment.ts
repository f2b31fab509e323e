// SPDX-License-Identifier: Apache-2.0
// What is known of each minute → how many kept a promise. A minute keeps it where at least the promised share of its answers was good,
// or where it is known that nobody asked; a minute of which nothing is known does not. Exact, pure, total.
import { compare, multiply, parseDecimal, ratio, subtract, whole } from '../../policies/pricing/ratio.ts';
import type { Ratio } from '../../policies/pricing/ratio.ts';
import { MINUTE_MS } from '../../policies/service-level/counts.ts';
import type { MinuteCount } from './levels.ts';

/** `[startMs, endMs)`. */
export type Span = { readonly startMs: number; readonly endMs: number };

/**
 * Kept: as promised, even though every missing minute counts as bad. Missed: not as promised, even if every missing minute had been
 * good. Unknown: it lies with the missing minutes; what is owed is owed as if it were missed.
 */
export type Verdict = 'Kept' | 'Missed' | 'Unknown';

export type Attainment = {
  /** Of the span, without those excluded. */
  readonly minutes: number;
  readonly good: number;
  readonly bad: number;
  /** Nothing is known of them: never good. */
  readonly missing: number;
  readonly excluded: number;
  /** Answers in the minutes that count. */
  readonly valid: bigint;
  readonly goodAnswers: bigint;
  /** Percent of the minutes that are good; a hundred where no minute counts. */
  readonly attained: Ratio;
  /** Minutes that may be bad. */
  readonly budget: Ratio;
  readonly verdict: Verdict;
};

const HUNDRED = whole(100);

/** Of a percentage that no target can be read from all is promised. */
const targetOf = (percent: string): Ratio => parseDecimal(percent) ?? HUNDRED;

const isKept = ({ valid, good }: MinuteCount, { count, of }: Ratio): boolean => good === valid || good * 100n * of >= count * valid;

const share = (good: number, minutes: number): Ratio => (minutes === 0 ? HUNDRED : ratio(good * 100, minutes));

export const attainmentOf = (input: {
  readonly minutes: ReadonlyMap<number, MinuteCount>;
  readonly span: Span;
  readonly excluded: readonly Span[];
  /** Percent. */
  readonly target: string;
}): Attainment => {
  const target = targetOf(input.target);
  const counts = { good: 0, bad: 0, missing: 0, excluded: 0 };
  let [valid, goodAnswers] = [0n, 0n];
  for (let atMs = input.span.startMs; atMs < input.span.endMs; atMs += MINUTE_MS) {
    // Only a minute that lies in it from begin to end.
    if (input.excluded.some(({ startMs, endMs }) => startMs <= atMs && atMs + MINUTE_MS <= endMs)) {
      counts.excluded += 1;
      continue;
    }
    const minute = input.minutes.get(atMs);
    if (minute === undefined) {
      counts.missing += 1;
      continue;
    }
    valid += minute.valid;
    goodAnswers += minute.good;
    counts[isKept(minute, target) ? 'good' : 'bad'] += 1;
  }
  const minutes = counts.good + counts.bad + counts.missing;
  const attained = share(counts.good, minutes);
  const best = share(counts.good + counts.missing, minutes);
  const verdict = compare(attained, target) >= 0 ? 'Kept' : compare(best, target) >= 0 ? 'Unknown' : 'Missed';
  const budget = multiply(ratio(minutes, 100), subtract(HUNDRED, target));
  return { minutes, ...counts, valid, goodAnswers, attained, budget, verdict };
};

/** `99.953703` of a percentage, cut and not rounded: what fell short is never told as reached. */
export const percentText = ({ count, of }: Ratio): string => {
  const millionths = (count * 1_000_000n) / of;
  const fraction = String(millionths % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${millionths / 1_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
};
