// SPDX-License-Identifier: Apache-2.0
/**
 * The value of each part of an expression, and the one part to which a `false` or an error goes back. Parts are evaluated
 * again one by one, which is dear, so only explaining does it; bounded in number, work and text.
 */
import { compile, isCelError } from '../cel/index.ts';
import type { Bindings, CelError, Value } from '../cel/index.ts';
import { isJsonMap, isList } from '../cel/values/value.ts';
import { partsOf } from './expression-parts.ts';
import type { PartNode } from './expression-parts.ts';
import { celText } from './value-text.ts';

export type ExplainedPart = {
  readonly source: string;
  /** Where it begins in the whole expression. */
  readonly offset: number;
  /** How far inside others it stands. */
  readonly depth: number;
  /** Which element of a list or map it is about: `c = {…}`. */
  readonly about?: string;
  readonly value?: string;
  readonly error?: string;
};

export type ExplainedExpression = {
  readonly parts: readonly ExplainedPart[];
  /** Where the failing part begins; undefined where nothing failed. */
  readonly failedAt: number | undefined;
};

const STEPS = 200_000;
const MAX_PARTS = 80;
const MAX_ELEMENTS = 10_000;
const MAX_TEXT = 200;

type Telling = { readonly source: string; readonly parts: ExplainedPart[]; failedAt: number | undefined };
type Scope = { readonly bindings: Bindings; readonly depth: number; readonly about?: string };

const shortText = (value: Value): string => {
  const text = celText(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
};

const evaluate = (telling: Telling, node: PartNode, { bindings }: Scope): Value | CelError | undefined => {
  const outcome = compile(telling.source.slice(node.start, node.end), { variables: Object.keys(bindings), dialect: 'unchecked' });
  // A part that does not stand on its own (its types come from around it) is left out.
  return outcome.ok ? outcome.program.evaluate(bindings, { remaining: STEPS }) : undefined;
};

const tell = (telling: Telling, node: PartNode, scope: Scope): Value | CelError | undefined => {
  const result = evaluate(telling, node, scope);
  if (result === undefined || node.kind === 'literal' || telling.parts.length >= MAX_PARTS) return result;
  telling.parts.push({
    source: telling.source.slice(node.start, node.end),
    offset: node.start,
    depth: scope.depth,
    ...(scope.about === undefined ? {} : { about: scope.about }),
    ...(isCelError(result) ? { error: result.message } : { value: shortText(result) }),
  });
  return result;
};

const blame = (telling: Telling, offset: number): void => {
  telling.failedAt ??= offset;
};

const unblamed = (telling: Telling): Telling => ({ ...telling, failedAt: -1 });

type Elements = readonly (readonly [first: Value, second: Value])[];

/** One name stands for the element of a list and the key of a map, two for position and element or key and value. */
const elementsOf = (range: Value, names: number): Elements => {
  if (isList(range)) return range.slice(0, MAX_ELEMENTS).map((item, index) => (names === 1 ? [item, item] : [index, item]));
  return isJsonMap(range) ? Object.entries(range).slice(0, MAX_ELEMENTS) : [];
};

/** The first element on which the answer hangs. */
const explainElements = (telling: Telling, node: PartNode, scope: Scope): void => {
  const [range, asked] = node.children;
  if (range === undefined || asked === undefined) return;
  const walked = tell(telling, range, { ...scope, depth: scope.depth + 1 });
  if (walked === undefined || isCelError(walked)) return blame(telling, node.start);
  const [first = '', second] = node.names;
  for (const [key, value] of elementsOf(walked, node.names.length)) {
    const inner = { ...scope.bindings, [first]: key, ...(second === undefined ? {} : { [second]: value }) };
    const result = evaluate(telling, asked, { ...scope, bindings: inner });
    if (result === undefined) return;
    if (node.kind === 'every' ? result === true : result === false) continue;
    const about = second === undefined ? `${first} = ${shortText(key)}` : `${first} = ${shortText(key)}, ${second} = ${shortText(value)}`;
    explainNode(telling, asked, { bindings: inner, depth: scope.depth + 1, about });
    return;
  }
  blame(telling, node.start);
};

const explainOperands = (telling: Telling, node: PartNode, scope: Scope): void => {
  const inner = { ...scope, depth: scope.depth + 1 };
  const [condition, yes, no] = node.children;
  if (node.kind !== 'conditional') {
    for (const child of node.children) explainNode(telling, child, inner);
    return;
  }
  const chosen = condition === undefined ? undefined : explainNode(unblamed(telling), condition, inner);
  const branch = chosen === true ? yes : no;
  if (typeof chosen === 'boolean' && branch !== undefined) explainNode(telling, branch, inner);
};

const isFailure = (result: Value | CelError | undefined): boolean => result === false || isCelError(result);

const explainNode = (telling: Telling, node: PartNode, scope: Scope): Value | CelError | undefined => {
  const result = tell(telling, node, scope);
  // Of what came out as it should nothing inside is to blame; a side of a comparison may be false and right.
  const blaming = isFailure(result) && node.kind !== 'comparison' ? telling : unblamed(telling);
  if (node.kind === 'every' || node.kind === 'some') explainElements(blaming, node, scope);
  else explainOperands(blaming, node, scope);
  if (isCelError(result) && result.offset >= 0) blame(telling, node.start + result.offset);
  else if (isFailure(result)) blame(telling, node.start);
  return result;
};

/** An expression that compiles, with the variables that it was evaluated with. */
export const explainExpression = (source: string, bindings: Bindings): ExplainedExpression => {
  const telling: Telling = { source, parts: [], failedAt: undefined };
  const root = partsOf(source);
  const result = explainNode(telling, root, { bindings, depth: 0 });
  return { parts: telling.parts.filter(({ depth }) => depth > 0), failedAt: isFailure(result) ? telling.failedAt : undefined };
};
