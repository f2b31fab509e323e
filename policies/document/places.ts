// SPDX-License-Identifier: Apache-2.0
// Where in the text a field of the tree is, and where in the text a character of a string value is.
import { isMap, isPair, isScalar, isSeq } from 'yaml';
import type { Scalar } from 'yaml';
import type { JsonPath } from './json.ts';

const startOf = (node: unknown): number | undefined => (isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined);

type Field = { readonly key: unknown; readonly value: unknown };

const fieldOf = (node: unknown, step: string | number): Field | undefined => {
  if (isSeq(node)) {
    const item = typeof step === 'number' ? node.items[step] : undefined;
    return item === undefined ? undefined : { key: item, value: item };
  }
  if (!isMap(node)) return undefined;
  return node.items.find((pair) => isPair(pair) && isScalar(pair.key) && pair.key.value === String(step));
};

/** Index of the key (or list item) that a path leads to, or of the last step that exists. */
export const indexOfField = (root: unknown, path: JsonPath): number => {
  let node = root;
  let index = startOf(root) ?? 0;
  for (const step of path) {
    const field = fieldOf(node, step);
    if (field === undefined) return index;
    index = startOf(field.key) ?? index;
    node = field.value;
  }
  return index;
};

const nodeAt = (root: unknown, path: JsonPath): unknown => path.reduce<unknown>((node, step) => fieldOf(node, step)?.value, root);

const WHITESPACE = /\s/;

/** Where a scalar's content begins: after the quote, or on the line after a block scalar's header. */
const contentStart = (text: string, scalar: Scalar, start: number): number => {
  if (scalar.type === 'QUOTE_DOUBLE' || scalar.type === 'QUOTE_SINGLE') return start + 1;
  if (scalar.type === 'BLOCK_LITERAL' || scalar.type === 'BLOCK_FOLDED') return text.indexOf('\n', start) + 1;
  return start;
};

/** How many characters of the source stand for `wanted`; undefined = an escape that isn't one plain character. */
const widthAt = (text: string, index: number, scalar: Scalar, wanted: string): number | undefined => {
  if (scalar.type === 'QUOTE_SINGLE' && wanted === "'") return text.startsWith("''", index) ? 2 : undefined;
  if (scalar.type === 'QUOTE_DOUBLE' && text[index] === '\\') return text[index + 1] === wanted ? 2 : undefined;
  return text[index] === wanted ? 1 : undefined;
};

/** Past white space and, in double quotes, past the escapes that stand for it. */
const skipSpace = (text: string, from: number, scalar: Scalar): number => {
  let index = from;
  for (;;) {
    if (index < text.length && WHITESPACE.test(text.charAt(index))) index += 1;
    else if (scalar.type === 'QUOTE_DOUBLE' && /^\\[nrt \n]/.test(text.slice(index, index + 2))) index += 2;
    else return index;
  }
};

/**
 * Index of the character at `offset` of the string at `path`. However a style folds, quotes or indents, the characters
 * that are no white space stand in the source in the same order; so both are walked together.
 */
export const indexInString = (text: string, root: unknown, target: { readonly path: JsonPath; readonly offset: number }): number => {
  const scalar = nodeAt(root, target.path);
  const start = startOf(scalar);
  if (!isScalar(scalar) || start === undefined || typeof scalar.value !== 'string') return indexOfField(root, target.path);
  const value = scalar.value;
  let index = contentStart(text, scalar, start);
  for (let at = 0; at <= Math.min(target.offset, value.length - 1); at += 1) {
    const wanted = value.charAt(at);
    if (WHITESPACE.test(wanted)) continue;
    index = skipSpace(text, index, scalar);
    if (at === target.offset) return index;
    const width = widthAt(text, index, scalar, wanted);
    if (width === undefined) return start;
    index += width;
  }
  return index;
};
