// SPDX-License-Identifier: Apache-2.0
// YAML nodes → JSON value, refusing whatever two readers may see differently. Every finding is a problem with its place.
import { isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Problem, ProblemCode, SourcePosition } from '../problem.ts';
import { MAX_DEPTH, MAX_NODES } from './complexity.ts';
import { formatPath } from './json.ts';
import type { JsonObject, JsonPath, JsonValue } from './json.ts';
import { readPlainScalar } from './scalars.ts';

// One bad habit (say, every boolean written as `yes`) should not bury the rest.
const MAX_PROBLEMS = 50;

export type TreeContext = { readonly placeOf: (index: number) => SourcePosition };
type Finding = { readonly code: ProblemCode; readonly message: string; readonly hint?: string };
type Walk = TreeContext & { readonly problems: Problem[]; nodes: number };
type Place = { readonly path: JsonPath; readonly depth: number };

const startOf = (node: unknown): number => {
  if (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)) return node.range?.[0] ?? 0;
  return 0;
};

const report = (walk: Walk, node: unknown, place: Place, finding: Finding): null => {
  if (walk.problems.length < MAX_PROBLEMS) {
    const path = formatPath(place.path);
    walk.problems.push({ ...finding, at: walk.placeOf(startOf(node)), ...(path === '' ? {} : { path }) });
  }
  return null;
};

const plainText = (scalar: Scalar): string => (typeof scalar.value === 'string' ? scalar.value : '');

const readScalar = (walk: Walk, scalar: Scalar, place: Place): JsonValue => {
  if (scalar.type !== 'PLAIN') {
    const text = plainText(scalar);
    if (text.isWellFormed()) return text;
    const message = 'an escape here is half of a surrogate pair';
    return report(walk, scalar, place, { code: 'DOCUMENT_ENCODING', message, hint: 'write the character itself' });
  }
  const source = plainText(scalar);
  const read = readPlainScalar(source);
  if (read.kind === 'value') return read.value;
  if (read.kind === 'number') return report(walk, scalar, place, { code: 'DOCUMENT_NUMBER', message: read.message });
  const hint =
    source === '<<' ? 'write the value out' : `quote it: "${source}"; for a truth value write true or false, for a number decimal digits`;
  return report(walk, scalar, place, { code: 'DOCUMENT_AMBIGUOUS', message: `${source} is ${read.readings}`, hint });
};

/** The text of a mapping's key; undefined = reported. */
const readKey = (walk: Walk, key: unknown, place: Place): string | undefined => {
  const refuse = (finding: Finding): undefined => {
    report(walk, key, place, finding);
  };
  if (!isScalar(key))
    return refuse({ code: 'DOCUMENT_FORBIDDEN', message: 'a key must be text', hint: 'write a plain or quoted word before the colon' });
  if (rejectProperties(walk, key, place)) return undefined;
  const text = plainText(key);
  if (text === '__proto__')
    return refuse({ code: 'DOCUMENT_FORBIDDEN', message: '__proto__ is not allowed as a key', hint: 'use another name' });
  if (key.type !== 'PLAIN') return text;
  if (text === '<<')
    return refuse({ code: 'DOCUMENT_FORBIDDEN', message: 'merge keys are not allowed', hint: 'write the merged fields out' });
  const read = readPlainScalar(text);
  if (read.kind === 'value' && typeof read.value === 'string') return read.value;
  if (text === '') return refuse({ code: 'DOCUMENT_SYNTAX', message: 'a key is missing before the colon', hint: 'name the field' });
  const message = `the key ${text} is not text to every YAML reader`;
  return refuse({ code: 'DOCUMENT_AMBIGUOUS', message, hint: `quote it: "${text}"` });
};

const rejectProperties = (walk: Walk, node: Scalar | YAMLMap | YAMLSeq, place: Place): boolean => {
  const anchored = node.anchor !== undefined;
  if (!anchored && node.tag === undefined) return false;
  const message = anchored ? `anchors are not allowed (&${node.anchor})` : `tags are not allowed (${node.tag})`;
  report(walk, node, place, {
    code: 'DOCUMENT_FORBIDDEN',
    message,
    hint: anchored ? 'remove it and write the value out where it is used' : 'remove it; quote the value where text is meant',
  });
  return true;
};

const readMap = (walk: Walk, map: YAMLMap, place: Place): JsonObject => {
  const entries: [string, JsonValue][] = [];
  const seen = new Set<string>();
  for (const pair of map.items) {
    if (!isPair(pair)) continue;
    const key = readKey(walk, pair.key, place);
    const inner = { path: [...place.path, key ?? '?'], depth: place.depth + 1 };
    const value = readNode(walk, pair.value, inner);
    if (key === undefined) continue;
    if (seen.has(key)) report(walk, pair.key, inner, { code: 'DOCUMENT_DUPLICATE_KEY', message: `${key} is given twice` });
    seen.add(key);
    entries.push([key, value]);
  }
  return Object.fromEntries(entries);
};

const readNode = (walk: Walk, node: unknown, place: Place): JsonValue => {
  walk.nodes += 1;
  // Once the bounds are passed nothing more is walked: the document is refused anyway.
  if (walk.nodes > MAX_NODES) {
    if (walk.nodes === MAX_NODES + 1) report(walk, node, place, { code: 'DOCUMENT_TOO_COMPLEX', message: `more than ${MAX_NODES} values` });
    return null;
  }
  if (node === null || node === undefined) return null;
  if (isAlias(node)) {
    const hint = 'write the value out in full';
    return report(walk, node, place, { code: 'DOCUMENT_FORBIDDEN', message: `aliases are not allowed (*${node.source})`, hint });
  }
  if (isScalar(node)) return rejectProperties(walk, node, place) ? null : readScalar(walk, node, place);
  if (!isMap(node) && !isSeq(node)) return null;
  if (place.depth >= MAX_DEPTH) {
    return report(walk, node, place, { code: 'DOCUMENT_TOO_COMPLEX', message: `more than ${MAX_DEPTH} levels of nesting` });
  }
  if (rejectProperties(walk, node, place)) return null;
  if (isMap(node)) return readMap(walk, node, place);
  return node.items.map((item, index) => readNode(walk, item, { path: [...place.path, index], depth: place.depth + 1 }));
};

export const readTree = (root: unknown, context: TreeContext): { readonly value: JsonValue; readonly problems: readonly Problem[] } => {
  const walk: Walk = { ...context, problems: [], nodes: 0 };
  const value = readNode(walk, root, { path: [], depth: 0 });
  return { value, problems: walk.problems };
};
