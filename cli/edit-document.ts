// SPDX-License-Identifier: Apache-2.0
// Changes single values of a YAML file where they stand: every other byte, comments and layout with it, stays as it is.
import { isMap, isNode, isPair, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Pair, Scalar, YAMLMap } from 'yaml';

export type EditPath = readonly (string | number)[];

const parse = (text: string): Document => parseDocument(text, { version: '1.2', keepSourceTokens: false });

const splice = (text: string, start: number, end: number, insert: string): string => text.slice(0, start) + insert + text.slice(end);

/** With the quotes of the value before it. */
const spell = (value: string, { type }: Pick<Scalar, 'type'>): string => {
  if (type === 'QUOTE_DOUBLE') return JSON.stringify(value);
  return type === 'QUOTE_SINGLE' ? `'${value.replaceAll("'", "''")}'` : value;
};

/** Replaces one scalar; undefined where there is none. The value must be plain: a number, a time, a name. */
export const replaceScalar = (text: string, path: EditPath, value: string): string | undefined => {
  const node = parse(text).getIn(path, true);
  if (!isScalar(node) || !node.range) return undefined;
  return splice(text, node.range[0], node.range[1], spell(value, node));
};

const pairIn = (map: YAMLMap, name: string): Pair | undefined =>
  map.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === name);

const columnOf = (text: string, offset: number): number => offset - (text.lastIndexOf('\n', offset - 1) + 1);
const endOfLine = (text: string, offset: number): number => {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end;
};

/** Adds a field behind another one of the same map, in its style. */
export const insertAfter = (text: string, path: EditPath, field: { readonly name: string; readonly value: string }): string | undefined => {
  const map = parse(text).getIn(path.slice(0, -1), true);
  const before = isMap(map) ? pairIn(map, String(path.at(-1))) : undefined;
  if (!isMap(map) || !isScalar(before?.key) || !isScalar(before.value) || !before.key.range || !before.value.range) return undefined;
  const name = spell(field.name, before.key);
  if (map.flow === true) return splice(text, before.value.range[1], before.value.range[1], `, ${name}: ${spell(field.value, before.key)}`);
  const at = endOfLine(text, before.value.range[1]);
  return splice(text, at, at, `\n${' '.repeat(columnOf(text, before.key.range[0]))}${name}: ${field.value}`);
};

/** The end of what stands in a list, comments behind its last item left to what follows. */
const endOfLast = (text: string, range: readonly number[]): number => {
  const end = range[1] ?? 0;
  return text[end - 1] === '\n' ? end - 1 : endOfLine(text, end);
};

/**
 * Adds an item to a list in block style: `lines` are those of the item without its dash, to be indented. Undefined for a
 * list that is not there, is empty or in flow style.
 */
export const appendItem = (text: string, path: EditPath, lines: readonly string[]): string | undefined => {
  const list = parse(text).getIn(path, true);
  if (!isSeq(list) || list.flow === true) return undefined;
  const last = list.items.at(-1);
  if (!isNode(last) || !last.range) return undefined;
  const dash = text.lastIndexOf('-', last.range[0]);
  const indent = ' '.repeat(columnOf(text, dash));
  const item = lines.map((line, index) => (line === '' ? '' : `${indent}${index === 0 ? '- ' : '  '}${line}`)).join('\n');
  const at = endOfLast(text, last.range);
  return splice(text, at, at, `\n${item}`);
};

/** Adds a field before another one of the same map, in its style; for a field whose value may be a block of text. */
export const insertBefore = (
  text: string,
  path: EditPath,
  field: { readonly name: string; readonly value: string },
): string | undefined => {
  const map = parse(text).getIn(path.slice(0, -1), true);
  const next = isMap(map) ? pairIn(map, String(path.at(-1))) : undefined;
  if (!isMap(map) || !isScalar(next?.key) || !next.key.range) return undefined;
  const at = next.key.range[0];
  const between = map.flow === true ? ', ' : `\n${' '.repeat(columnOf(text, at))}`;
  return splice(text, at, at, `${spell(field.name, next.key)}: ${field.value}${between}`);
};

/** Adds a name to a list of names in flow or block style. */
export const appendName = (text: string, path: EditPath, name: string): string | undefined => {
  const list = parse(text).getIn(path, true);
  const last = isSeq(list) ? list.items.at(-1) : undefined;
  if (!isSeq(list) || list.flow !== true) return appendItem(text, path, [name]);
  if (!isScalar(last) || !last.range) return undefined;
  return splice(text, last.range[1], last.range[1], `, ${spell(name, last)}`);
};
