// SPDX-License-Identifier: Apache-2.0
// Our engine's answer to a question, in the oracle's form, and what differs.
import {
  CelDouble,
  CelDuration,
  CelMap,
  CelOptional,
  CelTimestamp,
  CelType,
  CelUint,
  compile,
  isCelError,
  parseJson,
  toJson,
} from '../../policies/cel/index.ts';
import type { Value } from '../../policies/cel/index.ts';
import type { CelAnswer, CelQuestion, CelResult } from './oracle.ts';

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

export type Answer = { readonly refused?: string; readonly results: readonly CelResult[] };

export const answerOurselves = (question: CelQuestion): Answer => {
  const compiled = compile(question.expression, { variables: Object.keys(question.variables) });
  if (!compiled.ok) return { refused: compiled.issues.map(({ message }) => message).join('; '), results: [] };
  const results = question.inputs.map((input): CelResult => {
    const bindings = Object.fromEntries(Object.entries(input).map(([name, json]) => [name, parseJson(json)]));
    const budget = { remaining: COST_LIMIT };
    const value = compiled.program.evaluate(bindings, budget);
    const cost = COST_LIMIT - budget.remaining;
    return isCelError(value)
      ? { cost, error: { kind: 'runtime', text: value.message, line: 0, column: 0 } }
      : { cost, value: tagged(value) };
  });
  return { results };
};

export type Difference = {
  readonly kind: 'refused' | 'accepted' | 'value' | 'error' | 'cost';
  readonly ours: string;
  readonly theirs: string;
};

const outcome = ({ value, error }: CelResult, ownForm: boolean): string =>
  error === undefined ? `value ${JSON.stringify(ownForm ? value : normal(value))}` : `error ${error.text}`;

const ofResult = (ours: CelResult, theirs: CelResult, cost: boolean): Difference | undefined => {
  const [our, their] = [outcome(ours, true), outcome(theirs, false)];
  if (our !== their) return { kind: ours.error !== undefined && theirs.error !== undefined ? 'error' : 'value', ours: our, theirs: their };
  if (cost && ours.cost !== theirs.cost) return { kind: 'cost', ours: String(ours.cost), theirs: String(theirs.cost) };
  return undefined;
};

/** The first way in which the answers differ. */
export const difference = (ours: Answer, theirs: CelAnswer, cost = false): Difference | undefined => {
  const { error, results = [] } = theirs;
  if (error !== undefined) {
    if (ours.refused !== undefined) return undefined;
    // What folding finds at once, evaluation finds later: the same failure.
    if (error.kind === 'program' && ours.results.every((result) => result.error?.text === error.text)) return undefined;
    return {
      kind: 'accepted',
      ours: outcome(ours.results[0] ?? {}, true),
      theirs: `${error.kind} error ${error.issues?.[0]?.text ?? error.text}`,
    };
  }
  if (ours.refused !== undefined) return { kind: 'refused', ours: ours.refused, theirs: outcome(results[0] ?? {}, false) };
  for (const [index, result] of results.entries()) {
    const found = ofResult(ours.results[index] ?? {}, result, cost);
    if (found !== undefined) return found;
  }
  return undefined;
};
