// SPDX-License-Identifier: Apache-2.0
// One run of a target over many seeds.
import type { Target } from './targets.ts';

export type Finding = { readonly seed: number; readonly input: string; readonly what: string };
export type FuzzTally = {
  readonly inputs: number;
  /** Different outcomes, by which one sees whether the inputs get anywhere. */
  readonly outcomes: number;
  readonly findings: readonly Finding[];
  /** In processor time, which other work on the machine does not change. */
  readonly slowest: { readonly seed: number; readonly ms: number };
};

/** Outcomes are counted up to this many. */
const MOST_OUTCOMES = 100_000;

const attempt = (target: Target, input: string): { readonly text: string } | { readonly thrown: unknown } => {
  try {
    return { text: target.run(input) };
  } catch (error) {
    return { thrown: error };
  }
};

export const fuzz = (
  target: Target,
  options: { readonly inputs: number; readonly seed: number; readonly onProgress?: (done: number) => void },
): FuzzTally => {
  const { inputs, seed: firstSeed, onProgress } = options;
  const outcomes = new Set<string>();
  const findings: Finding[] = [];
  let slowest = { seed: firstSeed, ms: 0 };
  for (let done = 0; done < inputs; done += 1) {
    const seed = firstSeed + done;
    const input = target.input(seed);
    const started = process.threadCpuUsage();
    const first = attempt(target, input);
    const { user, system } = process.threadCpuUsage(started);
    const ms = (user + system) / 1_000;
    if (ms > slowest.ms) slowest = { seed, ms };
    const second = attempt(target, input);
    if ('thrown' in first) findings.push({ seed, input, what: `throws ${String(first.thrown)}` });
    else if (!('text' in second) || first.text !== second.text) findings.push({ seed, input, what: 'says something else the second time' });
    else if (outcomes.size < MOST_OUTCOMES) outcomes.add(first.text);
    if (done % 10_000 === 9_999) onProgress?.(done + 1);
  }
  return { inputs, outcomes: outcomes.size, findings, slowest };
};
