// SPDX-License-Identifier: Apache-2.0
/**
 * An expression by its operands: `a && !(b || c == d)` falls apart into a, b, and c == d with its sides. Found on the tokens,
 * not on the tree, so that each part is the text that a person wrote and can be evaluated on its own.
 */
import { tokenize } from '../cel/syntax/lexer.ts';
import type { Token } from '../cel/syntax/lexer.ts';

export type PartNode = {
  readonly kind: 'and' | 'or' | 'not' | 'conditional' | 'comparison' | 'every' | 'some' | 'whole' | 'literal';
  readonly start: number;
  readonly end: number;
  /** Of `every` and `some` (all, exists): what is walked over, then what is asked of each element. */
  readonly children: readonly PartNode[];
  /** The names that `every` and `some` give to an element. */
  readonly names: readonly string[];
};

type Range = { readonly tokens: readonly Token[]; readonly from: number; readonly to: number };

const MAX_DEPTH = 40;

const OPEN = new Set(['(', '[', '{']);
const CLOSE = new Set([')', ']', '}']);
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);
const ARITHMETIC = new Set(['+', '-', '*', '/', '%']);
const ASKING: ReadonlyMap<string, PartNode['kind']> = new Map([
  ['all', 'every'],
  ['exists', 'some'],
]);

const textAt = ({ tokens }: Range, index: number): string => {
  const token = tokens[index];
  return token !== undefined && (token.kind === 'punctuation' || token.kind === 'identifier') ? token.text : '';
};

/** Positions of these words outside of all brackets. */
const outside = (range: Range, wanted: (text: string, index: number) => boolean): readonly number[] => {
  const found: number[] = [];
  let depth = 0;
  for (let index = range.from; index < range.to; index += 1) {
    const text = textAt(range, index);
    if (OPEN.has(text)) depth += 1;
    else if (CLOSE.has(text)) depth -= 1;
    else if (depth === 0 && text !== '' && wanted(text, index)) found.push(index);
  }
  return found;
};

const closing = (range: Range, open: number): number => {
  let depth = 0;
  for (let index = open; index < range.to; index += 1) {
    const text = textAt(range, index);
    if (OPEN.has(text)) depth += 1;
    if (CLOSE.has(text)) depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
};

const opening = (range: Range, close: number): number => {
  let depth = 0;
  for (let index = close; index >= range.from; index -= 1) {
    const text = textAt(range, index);
    if (CLOSE.has(text)) depth += 1;
    if (OPEN.has(text)) depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
};

const bare = (range: Range): Range => {
  let { from, to } = range;
  while (to - from > 2 && textAt(range, from) === '(' && closing({ ...range, from, to }, from) === to - 1) {
    from += 1;
    to -= 1;
  }
  return { ...range, from, to };
};

const span = ({ tokens, from, to }: Range): { readonly start: number; readonly end: number } => {
  const last = tokens[to - 1];
  return { start: tokens[from]?.offset ?? 0, end: last === undefined ? 0 : last.offset + last.text.length };
};

const splitAt = (range: Range, at: readonly number[]): readonly Range[] =>
  [...at, range.to].map((to, index) => ({ ...range, from: index === 0 ? range.from : (at[index - 1] ?? 0) + 1, to }));

type Made = Pick<PartNode, 'kind' | 'children'> & Partial<Pick<PartNode, 'names'>>;

const conditional = (range: Range, depth: number): Made | undefined => {
  const isOptional = (index: number): boolean => textAt(range, index - 1) === '.';
  const [question] = outside(range, (text, index) => text === '?' && !isOptional(index));
  if (question === undefined) return undefined;
  let open = 0;
  const [colon] = outside({ ...range, from: question + 1 }, (text, index) => {
    if (text === '?' && !isOptional(index)) open += 1;
    if (text !== ':') return false;
    open -= 1;
    return open < 0;
  });
  return colon === undefined
    ? undefined
    : { kind: 'conditional', children: splitAt(range, [question, colon]).map((part) => node(part, depth)) };
};

const quantifier = (range: Range, depth: number): Made | undefined => {
  const close = range.to - 1;
  const open = textAt(range, close) === ')' ? opening(range, close) : -1;
  const kind = ASKING.get(textAt(range, open - 1));
  if (open - 3 < range.from || kind === undefined || textAt(range, open - 2) !== '.') return undefined;
  const inside = { ...range, from: open + 1, to: close };
  const parts = splitAt(
    inside,
    outside(inside, (text) => text === ','),
  );
  const names = parts.slice(0, -1).map((part) => (part.to - part.from === 1 ? textAt(range, part.from) : ''));
  const asked = parts.at(-1);
  if (asked === undefined || names.length === 0 || names.length > 2 || names.includes('')) return undefined;
  return { kind, names, children: [node({ ...range, to: open - 2 }, depth), node(asked, depth)] };
};

const made = (range: Range, depth: number): Made => {
  if (depth > MAX_DEPTH) return { kind: 'whole', children: [] };
  const [first] = [range.tokens[range.from]];
  if (range.to - range.from === 1 && first !== undefined && (first.kind !== 'identifier' || /^(?:true|false|null)$/.test(first.text)))
    return { kind: 'literal', children: [] };
  const choice = conditional(range, depth);
  if (choice !== undefined) return choice;
  for (const [word, kind] of [
    ['||', 'or'],
    ['&&', 'and'],
  ] as const) {
    const at = outside(range, (text) => text === word);
    if (at.length > 0) return { kind, children: splitAt(range, at).map((part) => node(part, depth)) };
  }
  const compared = outside(range, (text, index) => COMPARISONS.has(text) && textAt(range, index - 1) !== '.').at(-1);
  if (compared !== undefined) return { kind: 'comparison', children: splitAt(range, [compared]).map((part) => node(part, depth)) };
  if (outside(range, (text, index) => ARITHMETIC.has(text) && index > range.from).length > 0) return { kind: 'whole', children: [] };
  if (textAt(range, range.from) === '!') return { kind: 'not', children: [node({ ...range, from: range.from + 1 }, depth)] };
  return quantifier(range, depth) ?? { kind: 'whole', children: [] };
};

const node = (given: Range, depth: number): PartNode => {
  const range = bare(given);
  return { ...span(range), names: [], ...made(range, depth + 1) };
};

/** The source must be one that compiles. */
export const partsOf = (source: string): PartNode => {
  const tokens = tokenize(source);
  return node({ tokens, from: 0, to: Math.max(0, tokens.length - 1) }, 0);
};
