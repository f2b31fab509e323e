// SPDX-License-Identifier: Apache-2.0
// Our engine's answer to a question, in the oracle's form, and what differs: type, value, error, and where the checker refuses it.
import {
  celTypes,
  CelDouble,
  CelDuration,
  CelMap,
  CelOptional,
  CelTimestamp,
  CelType,
  CelUint,
  compile,
  createSharing,
  isCelError,
  Memo,
  parseJson,
  toJson,
} from '../../policies/cel/index.ts';
import type { Bindings, Program, Value } from '../../policies/cel/index.ts';
import type { CelAnswer, CelFailure, CelQuestion, CelResult } from './oracle.ts';

/** What Kubernetes grants one expression. */
const COST_LIMIT = 1_000_000;

const doubleText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

const sorted = (pairs: readonly (readonly [unknown, unknown])[]): readonly (readonly [unknown, unknown])[] =>
  pairs
    .map((pair) => ({ pair, key: JSON.stringify(pair[0]) }))
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .map(({ pair }) => pair);

/** Our value in the oracle's tagged form. */
const tagged = (value: Value): unknown => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return { int: String(value) };
  if (value instanceof CelDouble) return { double: doubleText(value.value) };
  if (value instanceof CelUint) return { uint: String(value.value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
  if (value instanceof CelTimestamp) return { timestamp: toJson(value) };
  if (value instanceof CelDuration) return { duration: String(value.nanos) };
  if (value instanceof CelType) return { type: value.name };
  if (value instanceof CelOptional) return { optional: value.value === undefined ? [] : [tagged(value.value)] };
  if (Array.isArray(value)) return value.map((each: Value) => tagged(each));
  if (value instanceof CelMap) return { map: sorted(Array.from(value.entries(), (entry) => [tagged(entry.key), tagged(entry.value)])) };
  if ('type' in value && value.type instanceof CelType) return { opaque: value.type.name };
  return { map: sorted(Object.entries(value).map(([key, each]) => [key, tagged(each)])) };
};

const OPAQUE = new Map([
  ['quantity', 'kubernetes.Quantity'],
  ['ip', 'net.IP'],
  ['cidr', 'net.CIDR'],
  ['url', 'kubernetes.URL'],
  ['semver', 'kubernetes.Semver'],
  ['format', 'kubernetes.NamedFormat'],
]);

/** The oracle's value with what only its own spelling decides taken out: digits of doubles, order of keys. */
const normal = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== 'object' || value === null) return value;
  const [[tag, content] = ['', undefined]] = Object.entries(value);
  if (tag === 'double') return { double: doubleText(Number(content)) };
  if (tag === 'map' && Array.isArray(content)) return { map: sorted(content.map(([key, each]) => [normal(key), normal(each)])) };
  if (tag === 'optional') return { optional: normal(content) };
  const opaque = OPAQUE.get(tag);
  return opaque === undefined ? value : { opaque };
};

export type Answer = {
  /** Why it never ran: `line:column text` of each issue. */
  readonly refused?: readonly string[];
  readonly type?: string;
  readonly results: readonly CelResult[];
};

/** Values of JSON texts; the same few are asked for again and again. */
const parsed = new Map<string, Value>();
const valueOf = (json: string): Value => {
  const known = parsed.get(json);
  if (known !== undefined) return known;
  const value = parseJson(json);
  if (parsed.size < 1_000) parsed.set(json, value);
  return value;
};

const ONE_SET = 2_000;
let shared = { sharing: createSharing(), memos: new Map<string, Memo>(), variables: '', expressions: 0 };

/** As the programs of a set of policies are evaluated for one decision: with all that has been asked of the same variables before. */
const sharedWith = (names: readonly string[]): typeof shared => {
  const variables = names.join();
  if (shared.variables !== variables || shared.expressions >= ONE_SET)
    shared = { sharing: createSharing(names), memos: new Map(), variables, expressions: 0 };
  shared.expressions += 1;
  return shared;
};

const run = (program: Program, bindings: Bindings, memo?: Memo): CelResult => {
  const budget = { remaining: COST_LIMIT };
  const value = program.evaluate(bindings, budget, memo);
  const cost = COST_LIMIT - budget.remaining;
  return isCelError(value) ? { cost, error: { kind: 'runtime', text: value.message, line: 0, column: 0 } } : { cost, value: tagged(value) };
};

/** What an expression comes to; as a part of a set it must come to the same. */
export const answerOurselves = ({ expression, variables, inputs, version }: CelQuestion): Answer => {
  const options = { variables: Object.keys(variables), ...(version === undefined ? {} : { version }) };
  const { sharing, memos } = sharedWith(options.variables);
  const compiled = compile(expression, options);
  const inSet = compile(expression, { ...options, sharing });
  if (!compiled.ok || !inSet.ok) {
    const issues = compiled.ok ? (inSet.ok ? [] : inSet.issues) : compiled.issues;
    return { refused: issues.map(({ message, line, column }) => `${line}:${column} ${message}`), results: [] };
  }
  const { program } = compiled;
  const results = inputs.map((input): CelResult => {
    const bindings = Object.fromEntries(Object.entries(input).map(([name, json]) => [name, valueOf(json)]));
    const key = JSON.stringify(input);
    const memo = memos.get(key) ?? new Memo();
    memos.set(key, memo);
    const [alone, together] = [run(program, bindings), run(inSet.program, bindings, memo)];
    if (JSON.stringify(alone) === JSON.stringify(together)) return alone;
    return {
      cost: -1,
      error: { kind: 'runtime', text: `alone ${JSON.stringify(alone)}, in a set ${JSON.stringify(together)}`, line: 0, column: 0 },
    };
  });
  return { type: celTypes.typeText(program.type), results };
};

export type Difference = {
  readonly kind: 'refused' | 'accepted' | 'refusal' | 'type' | 'value' | 'error' | 'cost';
  readonly ours: string;
  readonly theirs: string;
};

const outcome = ({ value, error }: CelResult, ownForm: boolean): string =>
  error === undefined ? `value ${JSON.stringify(ownForm ? value : normal(value))}` : `error ${error.text}`;

/** Beyond 2^53 a cost is rounded here, and far beyond any budget. */
const isSameCost = (ours = -1, theirs = -1): boolean =>
  ours === theirs || (ours > Number.MAX_SAFE_INTEGER && theirs > Number.MAX_SAFE_INTEGER);

const ofResult = (ours: CelResult, theirs: CelResult, cost: boolean): Difference | undefined => {
  const [our, their] = [outcome(ours, true), outcome(theirs, false)];
  if (our !== their) return { kind: ours.error !== undefined && theirs.error !== undefined ? 'error' : 'value', ours: our, theirs: their };
  // Where Kubernetes breaks down in the middle, what it had counted by then is of no consequence.
  const brokeDown = theirs.error?.text.startsWith('internal error: ') === true;
  if (cost && !brokeDown && !isSameCost(ours.cost, theirs.cost))
    return { kind: 'cost', ours: String(ours.cost), theirs: String(theirs.cost) };
  return undefined;
};

/** What the API server puts before an error of a program that could not be made. */
const PROGRAM_ERROR = 'program instantiation failed: ';

const ofRefusals = (ours: readonly string[], { kind, text, issues = [] }: CelFailure): Difference | undefined => {
  if (kind === 'program') {
    // No place is told of it, and nothing is told after it.
    const [first = ''] = ours;
    if (first.replace(/^\d+:\d+ /, '') === PROGRAM_ERROR + text) return undefined;
    return { kind: 'refusal', ours: ours.join('; '), theirs: `program error ${text}` };
  }
  const theirs = issues.map((issue) => `${issue.line}:${issue.column} ${issue.text}`);
  return ours.join('\n') === theirs.join('\n') ? undefined : { kind: 'refusal', ours: ours.join('; '), theirs: theirs.join('; ') };
};

/** The first way in which the answers differ. */
export const difference = (ours: Answer, theirs: CelAnswer, cost = false): Difference | undefined => {
  const { error, results = [] } = theirs;
  if (error !== undefined) {
    if (error.kind === 'panic') return undefined;
    if (ours.refused !== undefined) return ofRefusals(ours.refused, error);
    return {
      kind: 'accepted',
      ours: outcome(ours.results[0] ?? {}, true),
      theirs: `${error.kind} error ${error.issues?.[0]?.text ?? error.text}`,
    };
  }
  if (ours.refused !== undefined) return { kind: 'refused', ours: ours.refused.join('; '), theirs: outcome(results[0] ?? {}, false) };
  if (ours.type !== theirs.type) return { kind: 'type', ours: String(ours.type), theirs: String(theirs.type) };
  for (const [index, result] of results.entries()) {
    const found = ofResult(ours.results[index] ?? {}, result, cost);
    if (found !== undefined) return found;
  }
  return undefined;
};
