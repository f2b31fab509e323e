// SPDX-License-Identifier: Apache-2.0
/**
 * What compiling the worst policies that are allowed takes of the event loop, in the steps in which a replica of the webhook does it.
 *
 * In: nothing. Out: rows `compile/…`: the longest turn of the loop, and the longest that the same takes in one go.
 */
import { compilePolicyInSteps, MOST_SOURCE } from '../../policies/compile/policy.ts';
import type { PolicySource } from '../../policies/compile/policy.ts';
import { systemClock } from '../../process/clock.ts';
import { createSlices } from '../../process/slices.ts';
import { median, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

/** As often as it fits, so that `frame` is an expression of a bool. */
const filled = (unit: string, separator: string, frame: (text: string) => string): string => {
  const room = MOST_SOURCE - frame('').length - 100;
  return frame(Array.from({ length: Math.floor(room / (unit.length + separator.length)) }, () => unit).join(separator));
};

const listed = (unit: string): string => filled(unit, ',', (text) => `[${text}].size() > 1`);
const either = (unit: string): string => filled(unit, '||', (text) => text);
const nested = (open: string, core: string, close: string, depth: number): string => open.repeat(depth) + core + close.repeat(depth);

/** Types that grow, chains without end, calls that fit everything, and what is wrong in a hundred places. */
const SOURCES: readonly string[] = [
  listed(nested('[', '1', ']', 190)),
  listed(nested('[', '', ']', 190)),
  listed(nested('{[1]:', '1', '}', 60)),
  listed(`1${'+1'.repeat(240)}`),
  listed(`object${'+object'.repeat(240)}`),
  listed(`[]${'+[]'.repeat(240)}`),
  listed('[1].sortBy(x,x)'),
  listed('object.?a.optMap(x,x)'),
  listed('[].map(x,x)'),
  listed('{}'),
  listed("1+''"),
  listed('type(1)'),
  either(`object${'.a'.repeat(240)}`),
  either(`object${'[0]'.repeat(240)}`),
  either(`[1]${'.map(x,[x])'.repeat(100)}.size()>1`),
  either(`[1]${'.map(x,{x:x})'.repeat(8)}.size()>1`),
  either("''.matches('(a|b){9}')"),
  either("quantity('1')==quantity('1')"),
  either('q'),
];

/** Blanks make another source of it, so that nothing is known of it. */
const policyOf = (source: string, turn: number): PolicySource => {
  const validations = [{ expression: `${source}${' '.repeat(turn)}` }];
  return {
    policy: { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: 'hostile' }, spec: { version: 1, validations } },
    digest: '',
  };
};

/** Of this thread: what holds the loop up on a machine that has nothing else to do. */
const processorMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

const inTurns = async (policy: PolicySource): Promise<number> => {
  const slices = createSlices(systemClock);
  let startedMs = processorMs();
  let longestMs = 0;
  const turn = (): void => {
    longestMs = Math.max(longestMs, processorMs() - startedMs);
  };
  for (const _ of compilePolicyInSteps(policy)) {
    const resting = slices.rest();
    if (resting === false) continue;
    turn();
    await resting;
    startedMs = processorMs();
  }
  turn();
  return longestMs;
};

const atOnce = (policy: PolicySource): number => {
  const startedMs = processorMs();
  for (const _ of compilePolicyInSteps(policy));
  return processorMs() - startedMs;
};

export const measureHostileSources = async ({ rounds }: { readonly rounds: number }): Promise<readonly BenchRow[]> => {
  const longest = { turn: 0, whole: 0 };
  // What is compiled first pays for the compiler's own warming up.
  for (const source of SOURCES) atOnce(policyOf(source, 0));
  for (const source of SOURCES) {
    const turns: number[] = [];
    const wholes: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      turns.push(await inTurns(policyOf(source, 2 * round + 1)));
      wholes.push(atOnce(policyOf(source, 2 * round + 2)));
    }
    longest.turn = Math.max(longest.turn, median(turns));
    longest.whole = Math.max(longest.whole, median(wholes));
  }
  const how = `the worst of ${SOURCES.length} policies with one expression of ${MOST_SOURCE} characters each; median of ${rounds} rounds`;
  return [
    {
      name: 'compile/hostile/longest-turn',
      unit: 'ms',
      value: rounded(longest.turn),
      how: `longest turn of the event loop, by its processor time; ${how}`,
    },
    { name: 'compile/hostile/at-once', unit: 'ms', value: rounded(longest.whole), how: `all steps in one turn; ${how}` },
  ];
};
