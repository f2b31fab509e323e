// SPDX-License-Identifier: Apache-2.0
/**
 * The strict document: exact bytes → one JSON object, or every reason why not, each with its place.
 *
 * In: the bytes of one file and its name. Out: the value with its digest and the way back from a field to file, line and
 * column. Signed bytes are read by many programs over their life, so whatever two YAML readers may read differently is
 * refused: encodings, line ends, anchors, tags, merge keys, duplicate keys, scalars of YAML 1.1, numbers that JSON
 * rounds. Total: it never throws, and its cost is bounded by the size of the document. `validate.ts` fits the value to
 * its kind. Anyone may import it; `yaml` is imported in this folder only.
 */
import { Composer, LineCounter, Parser } from 'yaml';
import type { CST, Document } from 'yaml';
import { atOnce, finish } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { startOf } from '../problem.ts';
import type { Problem, SourcePosition } from '../problem.ts';
import { TOKENS_A_STEP, tokensOf } from './complexity.ts';
import { digestOf } from './digest.ts';
import { isJsonObject } from './json.ts';
import { readJsonText } from './json-text.ts';
import type { JsonObject, JsonPath } from './json.ts';
import { indexInString, indexOfField } from './places.ts';
import { decodeText } from './text.ts';
import { readTree } from './tree.ts';

export type { JsonObject, JsonPath, JsonValue } from './json.ts';

export type ParsedDocument = {
  readonly file: string;
  /** `sha256:` and the hex digest of the bytes. */
  readonly digest: string;
  readonly value: JsonObject;
  /** The place of a field's key or of a list's item; of the nearest parent that exists where the path leads nowhere. */
  positionOf(path: JsonPath): SourcePosition;
  /** The place of the character at `offset` (UTF-16 units) of the string at `path`; the start of the value where it can't be told. */
  positionIn(path: JsonPath, offset: number): SourcePosition;
};

export type ParseOutcome =
  | { readonly ok: true; readonly document: ParsedDocument }
  | { readonly ok: false; readonly problems: readonly Problem[] };

type Tree = { readonly ok: true; readonly root: unknown; readonly lines: LineCounter } | { readonly ok: false; readonly problem: Problem };

const refuse = (problem: Problem): { readonly ok: false; readonly problem: Problem } => ({ ok: false, problem });

const placeIn = (lines: LineCounter, file: string, index: number): SourcePosition => {
  const { line, col } = lines.linePos(index);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
};

// `%YAML 1.1` would change how the rest is read and `%TAG` what its tags mean.
const DIRECTIVE = /^%/m;

/** `parseAllDocuments` of the library, for a text whose tokens are known: to find them is a third of its work. */
const composed = function* (tokens: readonly string[], lines: LineCounter): Steps<readonly Document.Parsed[]> {
  const parser = new Parser(lines.addNewLine);
  // Scalars stay text here: `scalars.ts` alone says what they mean. Duplicate keys are found in `tree.ts`, in linear time.
  const composer = new Composer({
    version: '1.2',
    schema: 'failsafe',
    strict: true,
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const syntax: CST.Token[] = [];
  lines.addNewLine(0);
  let read = 0;
  for (const token of tokens) {
    for (const found of parser.next(token)) syntax.push(found);
    if (++read % TOKENS_A_STEP === 0) yield;
  }
  syntax.push(...parser.end());
  yield;
  return [...composer.compose(syntax)];
};

type Source = { readonly text: string; readonly file: string; readonly tokens: readonly string[] };

const syntaxTree = function* ({ text, file, tokens }: Source): Steps<Tree> {
  const lines = new LineCounter();
  const documents = yield* composed(tokens, lines);
  const [first, second] = documents;
  if (first === undefined) return refuse({ code: 'DOCUMENT_COUNT', message: 'the file holds no document', at: startOf(file) });
  const [error] = first.errors;
  if (error !== undefined) {
    return refuse({ code: 'DOCUMENT_SYNTAX', message: error.message.split('\n')[0] ?? '', at: placeIn(lines, file, error.pos[0]) });
  }
  if (second !== undefined) {
    return refuse({ code: 'DOCUMENT_COUNT', message: 'a second document begins here', at: placeIn(lines, file, second.range[0]) });
  }
  if (first.directives?.docStart === true && DIRECTIVE.test(text.slice(0, text.indexOf('---')))) {
    const message = 'YAML directives are not allowed';
    return refuse({ code: 'DOCUMENT_FORBIDDEN', message, hint: 'remove the line that begins with %', at: startOf(file) });
  }
  return { ok: true, root: first.contents, lines };
};

const parseText = function* (text: string, file: string): Steps<Tree> {
  const read = yield* tokensOf(text);
  yield;
  if (read.ok) return yield* syntaxTree({ text, file, tokens: read.tokens });
  const lines = new LineCounter();
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) lines.addNewLine(index + 1);
  lines.lineStarts.unshift(0);
  return refuse({ code: 'DOCUMENT_TOO_COMPLEX', message: read.message, at: placeIn(lines, file, read.index) });
};

type Places = Pick<ParsedDocument, 'positionOf' | 'positionIn'>;

const placesBy = (treeOf: () => Tree, { text, file }: Pick<Source, 'text' | 'file'>): Places => {
  const placed = (indexIn: (root: unknown) => number): SourcePosition => {
    const tree = treeOf();
    return tree.ok ? placeIn(tree.lines, file, indexIn(tree.root)) : startOf(file);
  };
  return {
    positionOf: (path) => placed((root) => indexOfField(root, path)),
    positionIn: (path, offset) => placed((root) => indexInString(text, root, { path, offset })),
  };
};

/** Of a text that was read without a tree: one is made when somebody asks, which is when something is wrong. */
const placesIn = (text: string, file: string): Places => {
  let tree: Tree | undefined;
  return placesBy(() => (tree ??= finish(parseText(text, file))), { text, file });
};

const parse = function* (bytes: Uint8Array, file: string): Steps<ParseOutcome> {
  const decoded = decodeText(bytes, file);
  if (!decoded.ok) return { ok: false, problems: [decoded.problem] };
  const { text } = decoded;
  const json = readJsonText(text);
  if (json !== undefined) return { ok: true, document: { file, digest: digestOf(bytes), value: json, ...placesIn(text, file) } };
  const tree = yield* parseText(text, file);
  if (!tree.ok) return { ok: false, problems: [tree.problem] };
  yield;
  const { lines, root } = tree;
  const { value, problems } = readTree(root, { placeOf: (index) => placeIn(lines, file, index) });
  if (problems.length > 0) return { ok: false, problems };
  if (!isJsonObject(value)) {
    const message = value === null ? 'the document is empty' : 'the document must be a mapping';
    return {
      ok: false,
      problems: [{ code: 'DOCUMENT_INVALID', message, hint: 'begin with apiVersion and kind', at: placeIn(lines, file, 0) }],
    };
  }
  return { ok: true, document: { file, digest: digestOf(bytes), value, ...placesBy(() => tree, { text, file }) } };
};

/** As `parseDocument`, in steps of some milliseconds each: the longest is that in which a tree is made of the syntax. */
export const parseDocumentInSteps = function* (bytes: Uint8Array, file: string): Steps<ParseOutcome> {
  try {
    return yield* parse(bytes, file);
  } catch (error) {
    // The YAML library is not ours and the bytes are hostile: whatever it throws is a refusal, never a crash.
    const message = `the YAML reader gave up: ${error instanceof Error ? error.message : 'unknown reason'}`;
    return { ok: false, problems: [{ code: 'DOCUMENT_SYNTAX', message, at: startOf(file) }] };
  }
};

/** Reads one document. `file` appears in positions only. Refusals carry every finding, at most 50, in the order of the text. */
export const parseDocument = atOnce(parseDocumentInSteps);
