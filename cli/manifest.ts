// SPDX-License-Identifier: Apache-2.0
/**
 * Manifests that nobody signed, as kubectl reads them: several documents a file, anchors, merge keys, YAML 1.1 scalars.
 *
 * In: the text of a file. Out: one object for each document with its places, or what is wrong with it. Documents of
 * writ.dev are read strictly instead, by `policies/document`. Bounded: aliases that multiply end in a problem. What is plain
 * YAML (`plain-yaml.ts`) the library reads only if a place within it is asked for.
 */
import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { Document, Scalar, YAMLMap } from 'yaml';
import { digestOf } from '../policies/document/digest.ts';
import type { ParsedDocument } from '../policies/document/index.ts';
import { isJsonObject, own, valueAt } from '../policies/document/json.ts';
import type { JsonObject, JsonPath } from '../policies/document/json.ts';
import { indexInString, indexOfField } from '../policies/document/places.ts';
import type { Problem, SourcePosition } from '../policies/problem.ts';
import { readAsKubectl } from './kubectl-scalars.ts';
import { readPlainYaml } from './plain-yaml.ts';
import type { PlainDocument } from './plain-yaml.ts';

export type Manifests = { readonly documents: readonly ParsedDocument[]; readonly problems: readonly Problem[] };

const MAX_NODES = 2_000_000;
const MAX_DEPTH = 500;

class Unreadable extends Error {
  readonly index: number;
  constructor(message: string, index: number) {
    super(message);
    this.index = index;
  }
}

type Walk = { readonly anchors: Map<string, unknown>; nodes: number; depth: number };

const indexOf = (node: unknown): number => (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0);

const scalarValue = (scalar: Scalar): unknown => {
  const text = typeof scalar.value === 'string' ? scalar.value : '';
  if (scalar.type !== 'PLAIN' || scalar.tag === 'tag:yaml.org,2002:str') return text;
  const value = readAsKubectl(text);
  if (value === undefined) throw new Unreadable(`${text.slice(0, 40)} has no JSON value`, indexOf(scalar));
  return value;
};

const keyOf = (walk: Walk, key: unknown): string => {
  const value = isScalar(key) ? scalarValue(key) : read(walk, key);
  if (typeof value === 'object' && value !== null) throw new Unreadable('a key must be text', indexOf(key));
  return String(value);
};

/** `<<: *base` or a list of such: fields that are not given beside it. */
const merged = (walk: Walk, node: unknown): readonly (readonly [string, unknown])[] => {
  const value = read(walk, node);
  const bases: readonly unknown[] = Array.isArray(value) ? value : [value];
  return bases.toReversed().flatMap((base) => {
    if (!isJsonObject(base)) throw new Unreadable('a merge key takes a mapping', indexOf(node));
    return Object.entries(base);
  });
};

const readMap = (walk: Walk, map: YAMLMap): unknown => {
  const base: (readonly [string, unknown])[] = [];
  const given = new Map<string, unknown>();
  for (const pair of map.items) {
    if (!isPair(pair)) continue;
    if (isScalar(pair.key) && pair.key.type === 'PLAIN' && pair.key.value === '<<') {
      base.push(...merged(walk, pair.value));
      continue;
    }
    const key = keyOf(walk, pair.key);
    if (given.has(key)) throw new Unreadable(`the key ${key.slice(0, 80)} is given twice`, indexOf(pair.key));
    given.set(key, read(walk, pair.value));
  }
  // fromEntries defines own properties, so a key such as __proto__ stays data.
  return Object.fromEntries([...base, ...given]);
};

const readInside = (walk: Walk, node: unknown): unknown => {
  if (node === null || node === undefined) return null;
  if (isAlias(node)) {
    if (!walk.anchors.has(node.source)) throw new Unreadable(`the alias *${node.source} points at nothing before it`, indexOf(node));
    return read(walk, walk.anchors.get(node.source));
  }
  if (isScalar(node)) return scalarValue(node);
  if (isMap(node)) return readMap(walk, node);
  return isSeq(node) ? node.items.map((item) => read(walk, item)) : null;
};

const read = (walk: Walk, node: unknown): unknown => {
  walk.nodes += 1;
  if (walk.nodes > MAX_NODES) throw new Unreadable(`more than ${MAX_NODES} values, aliases written out`, indexOf(node));
  walk.depth += 1;
  if (walk.depth > MAX_DEPTH) throw new Unreadable(`more than ${MAX_DEPTH} levels of nesting`, indexOf(node));
  const value = readInside(walk, node);
  walk.depth -= 1;
  // Only now: an alias within its own anchor points at nothing.
  if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) walk.anchors.set(node.anchor, node);
  return value;
};

type Source = { readonly text: string; readonly file: string; readonly lines: LineCounter };

const placeIn = ({ lines, file }: Source, index: number): SourcePosition => {
  const { line, col } = lines.linePos(index);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
};

const documentOf = (source: Source, document: Document): ParsedDocument | Problem | undefined => {
  const [error] = document.errors;
  const refuse = (message: string, index: number): Problem => ({ code: 'DOCUMENT_SYNTAX', message, at: placeIn(source, index) });
  if (error !== undefined) return refuse(error.message.split('\n')[0] ?? '', error.pos[0]);
  const root: unknown = document.contents;
  try {
    const value = read({ anchors: new Map(), nodes: 0, depth: 0 }, root);
    if (value === null) return undefined;
    if (!isJsonObject(value)) return refuse('the document is no mapping', indexOf(root));
    const [start, , end] = document.range ?? [0, 0, source.text.length];
    return {
      file: source.file,
      digest: digestOf(Buffer.from(source.text.slice(start, end))),
      value,
      positionOf: (path) => placeIn(source, indexOfField(root, path)),
      positionIn: (path, offset) => placeIn(source, indexInString(source.text, root, { path, offset })),
    };
  } catch (fault) {
    if (fault instanceof Unreadable) return refuse(fault.message, fault.index);
    throw fault;
  }
};

/** The items of a `kind: List`, as `kubectl get -o yaml` writes them; each with places of its own. */
const unpacked = (document: ParsedDocument): readonly ParsedDocument[] => {
  const items = own(document.value, 'kind') === 'List' ? own(document.value, 'items') : undefined;
  if (!Array.isArray(items)) return [document];
  return items.flatMap((_item: unknown, index): readonly ParsedDocument[] => {
    const value = valueAt(document.value, ['items', index]);
    if (!isJsonObject(value)) return [];
    return [
      {
        ...document,
        value,
        digest: digestOf(Buffer.from(`${document.digest} ${index}`)),
        positionOf: (path) => document.positionOf(['items', index, ...path]),
        positionIn: (path, offset) => document.positionIn(['items', index, ...path], offset),
      },
    ];
  });
};

const lineCounter = (text: string): LineCounter => {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) lines.addNewLine(index + 1);
  return lines;
};

const plainDocument = (text: string, file: string, { value, itemsOf }: PlainDocument): ParsedDocument => {
  let known: LineCounter | undefined;
  let exact: ParsedDocument | undefined;
  // Both read the same, so there is one document; the path it was given stands where there were none.
  const placesOf = (): ParsedDocument | undefined => (exact ??= readByLibrary(text, file).documents[0]);
  const start = { file, line: 1, column: 1 };
  const itemPlace = (path: JsonPath): SourcePosition | undefined => {
    const index = path.at(-1);
    const list: unknown = typeof index === 'number' ? valueAt(value, path.slice(0, -1)) : undefined;
    const offset = Array.isArray(list) && typeof index === 'number' ? itemsOf(list)?.[index] : undefined;
    return offset === undefined ? undefined : placeIn({ text, file, lines: (known ??= lineCounter(text)) }, offset);
  };
  return {
    file,
    digest: digestOf(Buffer.from(text)),
    value,
    positionOf: (path) => itemPlace(path) ?? placesOf()?.positionOf(path) ?? start,
    positionIn: (path, offset) => placesOf()?.positionIn(path, offset) ?? start,
  };
};

const readByLibrary = (text: string, file: string): Manifests => {
  const source = { text, file, lines: new LineCounter() };
  try {
    const parsed = parseAllDocuments(text, {
      schema: 'failsafe',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter: source.lines,
    });
    const read = parsed.flatMap((document) => documentOf(source, document) ?? []);
    return { documents: read.filter((one) => 'value' in one), problems: read.flatMap((one) => ('value' in one ? [] : [one])) };
  } catch (error) {
    // The YAML library gives up on nesting that its stack can not hold.
    const message = `the YAML reader gave up: ${error instanceof Error ? error.message : 'unknown reason'}`;
    return { documents: [], problems: [{ code: 'DOCUMENT_SYNTAX', message, at: { file, line: 1, column: 1 } }] };
  }
};

export const readManifests = (text: string, file: string): Manifests => {
  const plain = readPlainYaml(text);
  const read = plain === undefined ? readByLibrary(text, file) : { documents: [plainDocument(text, file, plain)], problems: [] };
  return { documents: read.documents.flatMap(unpacked), problems: read.problems };
};

/** A plain JSON copy is not needed: objects of a manifest are read only. */
export const kindOf = (value: JsonObject): { readonly group: string; readonly version: string; readonly kind: string } => {
  const apiVersion = own(value, 'apiVersion');
  const kind = own(value, 'kind');
  const [first = '', second] = typeof apiVersion === 'string' ? apiVersion.split('/') : [];
  const [group, version] = second === undefined ? ['', first] : [first, second];
  return { group, version, kind: typeof kind === 'string' ? kind : '' };
};

export const isDefinition = (value: JsonObject): boolean => {
  const { group, kind } = kindOf(value);
  return group === 'apiextensions.k8s.io' && kind === 'CustomResourceDefinition';
};
