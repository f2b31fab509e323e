// SPDX-License-Identifier: Apache-2.0
/**
 * What compiling the worst policies that are allowed takes of the event loop, in the steps in which a replica of the webhook does it.
 *
 * In: nothing. Out: rows `compile/…`: the longest turn of the loop, and the longest that the same takes in one go; for policies of one
 * expression and for those of one JSON Schema, which is made a check in a single step.
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
type Schema = Readonly<Record<string, unknown>>;
const nestedSchema = (depth: number): Schema =>
  depth === 0 ? { type: 'string' } : { type: 'object', properties: { in: nestedSchema(depth - 1) } };
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

/** As many parts as a schema may have, but for a few. */
const MOST_PARTS = 490;
const properties = (count: number, each: Schema): Schema => ({
  type: 'object',
  properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, each])),
});

/** Many parts, parts within each other, choices of many, patterns. */
const SCHEMAS: readonly Schema[] = [
  properties(MOST_PARTS, { type: 'string', minLength: 1 }),
  properties(MOST_PARTS / 2, { type: 'array', items: { type: 'integer', minimum: 0, maximum: 9 } }),
  properties(MOST_PARTS / 31, nestedSchema(29)),
  { anyOf: Array.from({ length: MOST_PARTS / 2 }, (_, index) => ({ required: [`p${index}`], properties: { q: { const: index } } })) },
  properties(MOST_PARTS, { type: 'string', pattern: '^(a|b){9}c*[d-z]+$' }),
];

type Hostile = (turn: number) => PolicySource;

const policyOf = (spec: Omit<PolicySource['policy']['spec'], 'version'>): PolicySource => ({
  policy: { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: 'hostile' }, spec: { version: 1, ...spec } },
  digest: '',
});

/** Blanks make another source of it, so that nothing is known of it; of schemas nothing is kept. */
const withExpression =
  (source: string): Hostile =>
  (turn) =>
    policyOf({ validations: [{ expression: `${source}${' '.repeat(turn)}` }] });
const withSchema =
  (jsonSchema: Schema): Hostile =>
  () =>
    policyOf({ jsonSchema });

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

const measureWorst = async (policies: readonly Hostile[], rounds: number): Promise<{ readonly turn: number; readonly whole: number }> => {
  const longest = { turn: 0, whole: 0 };
  // What is compiled first pays for the compiler's own warming up.
  for (const hostile of policies) atOnce(hostile(0));
  for (const hostile of policies) {
    const turns: number[] = [];
    const wholes: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      turns.push(await inTurns(hostile(2 * round + 1)));
      wholes.push(atOnce(hostile(2 * round + 2)));
    }
    longest.turn = Math.max(longest.turn, median(turns));
    longest.whole = Math.max(longest.whole, median(wholes));
  }
  return longest;
};

export const measureHostileSources = async ({ rounds }: { readonly rounds: number }): Promise<readonly BenchRow[]> => {
  const kinds = {
    hostile: { policies: SOURCES.map(withExpression), what: `one expression of ${MOST_SOURCE} characters` },
    schema: { policies: SCHEMAS.map(withSchema), what: 'one JSON Schema of as many parts as it may have' },
  };
  const rows: BenchRow[] = [];
  for (const [kind, { policies, what }] of Object.entries(kinds)) {
    const { turn, whole } = await measureWorst(policies, rounds);
    const how = `the worst of ${policies.length} policies with ${what} each; median of ${rounds} rounds`;
    const longest = `longest turn of the event loop, by its processor time; ${how}`;
    rows.push(
      { name: `compile/${kind}/longest-turn`, unit: 'ms', value: rounded(turn), how: longest },
      { name: `compile/${kind}/at-once`, unit: 'ms', value: rounded(whole), how: `all steps in one turn; ${how}` },
    );
  }
  return rows;
};
