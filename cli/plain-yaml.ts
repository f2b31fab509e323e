// SPDX-License-Identifier: Apache-2.0
/**
 * The plain part of YAML that most manifests and cases are written in, read ten times faster than by the YAML library:
 * one document of block mappings and lists, flow collections, and scalars of one line, plain or quoted.
 *
 * In: the text of a file. Out: its value as `manifest.ts` would read it, with the place of every list's items; or undefined
 * where anything else stands, right or wrong: then the library reads it and finds the words. A test holds both equal.
 */
import { isJsonObject } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { readAsKubectl } from './kubectl-scalars.ts';

export type PlainDocument = {
  readonly value: JsonObject;
  /** Offsets at which the items of a list begin. */
  readonly itemsOf: (list: readonly unknown[]) => readonly number[] | undefined;
};

/** Thrown at what is not plain, and caught by the one entry point. */
class NotPlain extends Error {}
const NOT_PLAIN = new NotPlain('not plain YAML');
const giveUp = (): never => {
  throw NOT_PLAIN;
};

type Reader = {
  readonly text: string;
  at: number;
  /** Of the line of `at`, where it is the first of its line that says something; -1 at the end. */
  indent: number;
  lineStart: number;
  depth: number;
  readonly items: Map<readonly unknown[], readonly number[]>;
};

// Tabs, carriage returns, other control characters and line ends of YAML 1.1; marks of documents; directives.
// eslint-disable-next-line no-control-regex
const STRANGE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]|^(?:---|\.\.\.|%)/m;
const BLOCK_KEY = /(?:([A-Za-z0-9_][A-Za-z0-9_.$/-]*)|"([^"\\\n]*)"|'([^'\n]*)'):(?=[ \n]|$)/y;
const FLOW_KEY = /(?:([A-Za-z0-9_][A-Za-z0-9_.$/-]*):(?=[ \n])|"([^"\\\n]*)":|'([^'\n]*)':)/y;
const DOUBLE = /"(?:[^"\\\n]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SINGLE = /'(?:[^'\n]|'')*'/y;
const BLOCK_PLAIN = /[^\n]*/y;
const FLOW_PLAIN = /[^\n,[\]{}]*/y;
/** What may begin a plain scalar, a dash only where no space follows. */
const BEGIN = /^(?:-[^\s,[\]{}]|[^-?:,[\]{}#&*!|>'"%@`\s])/;
const MAX_DEPTH = 100;
const MAX_KEY = 200;

const take = (reader: Reader, pattern: RegExp): RegExpExecArray | null => {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text);
  if (found !== null) reader.at = pattern.lastIndex;
  return found;
};

const plainValue = (source: string): unknown => {
  const text = source.trimEnd();
  if (!BEGIN.test(text) || text.endsWith(':') || text.includes(': ') || text.includes(' #')) return giveUp();
  const value = readAsKubectl(text);
  return value === undefined ? giveUp() : value;
};

const quoted = (reader: Reader): string => {
  if (reader.text[reader.at] === "'") {
    const found = take(reader, SINGLE)?.[0] ?? giveUp();
    return found.slice(1, -1).replaceAll("''", "'");
  }
  const value: unknown = JSON.parse(take(reader, DOUBLE)?.[0] ?? giveUp());
  return typeof value === 'string' ? value : giveUp();
};

/** One that is read as something else than it says (`yes`) is found by the library only where its place is asked for. */
const plainKey = (plain: string): string => (String(readAsKubectl(plain) ?? giveUp()) === plain ? plain : giveUp());

const keyOf = ([, plain, double, single]: RegExpExecArray): string => {
  const key = plain === undefined ? (double ?? single ?? '') : plainKey(plain);
  return key.length > MAX_KEY || key === '__proto__' || key === '<<' ? giveUp() : key;
};

const put = (map: Record<string, unknown>, key: string, value: unknown): void => {
  if (Object.hasOwn(map, key)) giveUp();
  map[key] = value;
};

const skipSpaces = (reader: Reader): void => {
  while (reader.text[reader.at] === ' ') reader.at += 1;
};

const isLineEnd = ({ text, at }: Reader): boolean => at >= text.length || text[at] === '\n';

const skipLine = (reader: Reader): void => {
  const end = reader.text.indexOf('\n', reader.at);
  reader.at = end < 0 ? reader.text.length : end;
};

/** From the end of a line to the next that says something. */
const nextLine = (reader: Reader): void => {
  for (;;) {
    if (reader.at >= reader.text.length) {
      reader.indent = -1;
      return;
    }
    reader.at += 1;
    reader.lineStart = reader.at;
    skipSpaces(reader);
    if (reader.text[reader.at] === '#') skipLine(reader);
    else if (!isLineEnd(reader)) {
      reader.indent = reader.at - reader.lineStart;
      return;
    }
  }
};

/** True: nothing but a comment is left on the line, and the next one is reached. */
const endsLine = (reader: Reader): boolean => {
  const from = reader.at;
  skipSpaces(reader);
  if (reader.text[reader.at] === '#' && reader.at > from) skipLine(reader);
  if (!isLineEnd(reader)) return false;
  nextLine(reader);
  return true;
};

/** Space inside of a flow collection; its lines stand deeper than what it belongs to. */
const skipFlowSpace = (reader: Reader, outer: number): void => {
  for (;;) {
    skipSpaces(reader);
    if (reader.text[reader.at] !== '\n') break;
    reader.at += 1;
    reader.lineStart = reader.at;
    skipSpaces(reader);
    if (!isLineEnd(reader) && reader.at - reader.lineStart <= outer) giveUp();
  }
  if (reader.at >= reader.text.length || reader.text[reader.at] === '#') giveUp();
};

/** True: another entry follows. */
const continues = (reader: Reader, outer: number, close: string): boolean => {
  skipFlowSpace(reader, outer);
  const found = reader.text[reader.at];
  reader.at += 1;
  if (found === close) return false;
  return found === ',' ? true : giveUp();
};

const flowMap = (reader: Reader, outer: number): unknown => {
  const map: Record<string, unknown> = {};
  do {
    skipFlowSpace(reader, outer);
    const key = keyOf(take(reader, FLOW_KEY) ?? giveUp());
    skipFlowSpace(reader, outer);
    put(map, key, flowValue(reader, outer));
  } while (continues(reader, outer, '}'));
  return map;
};

const flowList = (reader: Reader, outer: number): unknown => {
  const list: unknown[] = [];
  const places: number[] = [];
  do {
    skipFlowSpace(reader, outer);
    places.push(reader.at);
    list.push(flowValue(reader, outer));
  } while (continues(reader, outer, ']'));
  reader.items.set(list, places);
  return list;
};

const deeper = (reader: Reader, work: () => unknown): unknown => {
  reader.depth += 1;
  if (reader.depth > MAX_DEPTH) giveUp();
  const value = work();
  reader.depth -= 1;
  return value;
};

const collection = (reader: Reader, outer: number): unknown => {
  const [open, close] = reader.text[reader.at] === '{' ? ['{', '}'] : ['[', ']'];
  reader.at += 1;
  skipFlowSpace(reader, outer);
  if (reader.text[reader.at] === close) {
    reader.at += 1;
    return open === '{' ? {} : [];
  }
  return deeper(reader, () => (open === '{' ? flowMap(reader, outer) : flowList(reader, outer)));
};

const flowValue = (reader: Reader, outer: number): unknown => {
  const first = reader.text[reader.at];
  if (first === '{' || first === '[') return collection(reader, outer);
  if (first === '"' || first === "'") return quoted(reader);
  return plainValue(take(reader, FLOW_PLAIN)?.[0] ?? giveUp());
};

/** A value that begins on the line of its key or dash, up to the next line. */
const inline = (reader: Reader, outer: number): unknown => {
  const first = reader.text[reader.at];
  if (first === '{' || first === '[' || first === '"' || first === "'") {
    const value = flowValue(reader, outer);
    return endsLine(reader) ? value : giveUp();
  }
  const line = take(reader, BLOCK_PLAIN)?.[0] ?? '';
  const comment = line.indexOf(' #');
  const value = plainValue(comment < 0 ? line : line.slice(0, comment));
  nextLine(reader);
  return value;
};

const isDash = ({ text, at }: Reader): boolean =>
  text[at] === '-' && (text[at + 1] === ' ' || text[at + 1] === '\n' || at + 1 >= text.length);

const isKey = (reader: Reader): boolean => {
  BLOCK_KEY.lastIndex = reader.at;
  return BLOCK_KEY.test(reader.text);
};

const blockMap = (reader: Reader, indent: number): unknown => {
  const map: Record<string, unknown> = {};
  do {
    const key = keyOf(take(reader, BLOCK_KEY) ?? giveUp());
    skipSpaces(reader);
    if (!isLineEnd(reader) && reader.text[reader.at] !== '#') put(map, key, inline(reader, indent));
    else if (!endsComment(reader)) giveUp();
    else if (reader.indent > indent) put(map, key, block(reader, reader.indent));
    else put(map, key, reader.indent === indent && isDash(reader) ? blockList(reader, indent) : null);
  } while (reader.indent === indent);
  return reader.indent > indent ? giveUp() : map;
};

/** After a key or dash with spaces behind it. */
const endsComment = (reader: Reader): boolean => {
  if (!isLineEnd(reader)) {
    if (reader.text[reader.at - 1] !== ' ') return false;
    skipLine(reader);
  }
  nextLine(reader);
  return true;
};

const item = (reader: Reader, indent: number, places: number[]): unknown => {
  skipSpaces(reader);
  if (isLineEnd(reader) || reader.text[reader.at] === '#') {
    if (!endsComment(reader) || reader.indent <= indent) return giveUp();
    places.push(reader.at);
    return block(reader, reader.indent);
  }
  places.push(reader.at);
  return isDash(reader) || isKey(reader) ? block(reader, reader.at - reader.lineStart) : inline(reader, indent);
};

const blockList = (reader: Reader, indent: number): unknown => {
  const list: unknown[] = [];
  const places: number[] = [];
  do {
    reader.at += 1;
    list.push(item(reader, indent, places));
  } while (reader.indent === indent && isDash(reader));
  reader.items.set(list, places);
  return reader.indent > indent ? giveUp() : list;
};

/** A block whose first line is reached, at `indent`. */
const block = (reader: Reader, indent: number): unknown =>
  deeper(reader, () => {
    if (isDash(reader)) return blockList(reader, indent);
    return isKey(reader) ? blockMap(reader, indent) : giveUp();
  });

export const readPlainYaml = (text: string): PlainDocument | undefined => {
  if (STRANGE.test(text)) return undefined;
  // A line end before the text, so that its first line is found as every other is.
  const reader: Reader = { text: `\n${text}`, at: 0, indent: 0, lineStart: 0, depth: 0, items: new Map() };
  try {
    nextLine(reader);
    const value = reader.indent === 0 ? block(reader, 0) : undefined;
    const isAll = reader.at >= reader.text.length;
    if (!isAll || !isJsonObject(value)) return undefined;
    return { value, itemsOf: (list) => reader.items.get(list)?.map((place) => place - 1) };
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
};
