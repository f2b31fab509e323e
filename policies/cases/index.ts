// SPDX-License-Identifier: Apache-2.0
/**
 * What a policy must say: the format of a cases file.
 *
 * In: a `*.cases.yaml` as JSON with its places. Out: the paths of its policies and its cases, each ready to be run or with
 * the reason why it is none; nothing that can be written there throws. `run.ts` judges a case with the engine of the
 * webhook, `coverage.ts` tells what no case reached. Pure: files are read by the command line.
 */
import type { Access } from '../cel/index.ts';
import type { Verdict } from '../decide/index.ts';
import type { Operation, UserInfo } from '../decide/request.ts';
import { formatPath, isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonPath, JsonValue } from '../document/json.ts';
import type { Problem, SourcePosition } from '../problem.ts';
import { readAuthorizer } from './authorizer.ts';

export type ObjectSource = { readonly object: JsonObject } | { readonly file: string };

export type Expectation = {
  readonly verdict: Verdict | undefined;
  readonly policy: string | undefined;
  /** A part of what is said. */
  readonly message: string | undefined;
  readonly reason: string | undefined;
};

export type Case = {
  readonly name: string;
  readonly at: SourcePosition;
  readonly operation: Operation;
  readonly object: ObjectSource | undefined;
  readonly oldObject: ObjectSource | undefined;
  /** An object, the name of a Namespace among the policies, null for none; undefined where the case does not say. */
  readonly namespaceObject: JsonObject | string | null | undefined;
  /** Likewise; null is a namespace that no tenant owns, in which Policies say nothing. */
  readonly tenant: JsonObject | string | null | undefined;
  readonly user: Partial<UserInfo>;
  /** What the authorizer answers. */
  readonly access: Access;
  readonly params: JsonObject | undefined;
  readonly expect: Expectation;
  /** As it is written. */
  readonly expected: JsonValue;
  readonly source: string | undefined;
};

export type BrokenCase = { readonly name: string; readonly at: SourcePosition; readonly expected: JsonValue; readonly problem: Problem };

export type CasesFile = {
  readonly file: string;
  /** Relative to the file. */
  readonly policies: readonly string[];
  readonly cases: readonly (Case | BrokenCase)[];
  /** About the file as a whole. */
  readonly problems: readonly Problem[];
};

export const isBroken = (one: Case | BrokenCase): one is BrokenCase => 'problem' in one;

type Document = { readonly value: JsonObject; readonly file: string; positionOf(path: JsonPath): SourcePosition };

const VERDICTS: readonly Verdict[] = ['Allow', 'Deny', 'Warn', 'Audit'];
const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];
const CASE_FIELDS = new Set(
  'name description operation object oldObject file oldFile namespaceObject tenant user authorizer params expect source'.split(' '),
);

class Misfit extends Error {
  readonly path: JsonPath;
  constructor(path: JsonPath, message: string) {
    super(message);
    this.path = path;
  }
}

const onlyFields = (value: JsonObject, allowed: ReadonlySet<string>, path: JsonPath): void => {
  for (const key of Object.keys(value))
    if (!allowed.has(key)) throw new Misfit([...path, key], `${key} is not known; there are ${[...allowed].join(', ')}`);
};

const text = (value: JsonValue | undefined, path: JsonPath): string | undefined => {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Misfit(path, 'must be text');
};

const texts = (value: JsonValue | undefined, path: JsonPath): readonly string[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Misfit(path, 'must be a list');
  return value.map((item: JsonValue, index) => text(item, [...path, index]) ?? '');
};

const objectAt = (value: JsonValue | undefined, path: JsonPath): JsonObject | undefined => {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw new Misfit(path, 'must be a mapping');
  return value;
};

const namedOrObject = (value: JsonValue | undefined, path: JsonPath): JsonObject | string | null | undefined => {
  if (value === undefined || value === null || typeof value === 'string') return value;
  return objectAt(value, path);
};

/** `object: {…}`, `object: {file: path}` or `file: path`. */
const objectSource = (
  given: JsonObject,
  place: { readonly field: string; readonly fileField: string; readonly path: JsonPath },
): ObjectSource | undefined => {
  const path = [...place.path, place.field];
  const object = objectAt(own(given, place.field), path);
  const file = text(own(given, place.fileField), [...place.path, place.fileField]);
  if (object !== undefined && file !== undefined) throw new Misfit(path, `${place.field} and ${place.fileField} are given together`);
  if (file !== undefined) return { file };
  if (object === undefined) return undefined;
  const inner = own(object, 'file');
  if (typeof inner === 'string' && Object.keys(object).length === 1) return { file: inner };
  return { object };
};

const userAt = (value: JsonValue | undefined, path: JsonPath): Partial<UserInfo> => {
  if (typeof value === 'string') return { username: value };
  const user = objectAt(value, path) ?? {};
  onlyFields(user, new Set(['username', 'uid', 'groups', 'extra']), path);
  const username = text(own(user, 'username'), [...path, 'username']);
  const uid = text(own(user, 'uid'), [...path, 'uid']);
  const extra = objectAt(own(user, 'extra'), [...path, 'extra']) ?? {};
  return {
    ...(username === undefined ? {} : { username }),
    ...(uid === undefined ? {} : { uid }),
    groups: texts(own(user, 'groups'), [...path, 'groups']),
    extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, texts(values, [...path, 'extra', key])])),
  };
};

const verdictAt = (value: JsonValue | undefined, path: JsonPath): Verdict | undefined => {
  if (value === undefined) return undefined;
  const verdict = VERDICTS.find((known) => known === value);
  if (verdict === undefined) throw new Misfit(path, `must be one of ${VERDICTS.join(', ')}`);
  return verdict;
};

const expectationAt = (value: JsonValue | undefined, path: JsonPath): Expectation => {
  if (value === undefined || value === null) throw new Misfit(path, `expect is missing: one of ${VERDICTS.join(', ')}`);
  if (!isJsonObject(value)) return { verdict: verdictAt(value, path), policy: undefined, message: undefined, reason: undefined };
  onlyFields(value, new Set(['verdict', 'policy', 'message', 'reason']), path);
  const expectation = {
    verdict: verdictAt(own(value, 'verdict'), [...path, 'verdict']),
    policy: text(own(value, 'policy'), [...path, 'policy']),
    message: text(own(value, 'message'), [...path, 'message']),
    reason: text(own(value, 'reason'), [...path, 'reason']),
  };
  if (Object.values(expectation).every((part) => part === undefined)) throw new Misfit(path, 'expect says nothing');
  if (expectation.verdict === 'Allow' && (expectation.message ?? expectation.reason) !== undefined)
    throw new Misfit(path, 'where all is allowed there is no message and no reason');
  return expectation;
};

/** Without one nobody is allowed anything. */
const accessAt = (value: JsonValue | undefined, path: JsonPath): Access => {
  const outcome = readAuthorizer(value, path);
  if (!outcome.ok) throw new Misfit(outcome.path, outcome.message);
  return outcome.access;
};

const readCase = (given: JsonValue, path: JsonPath, document: Document): Case => {
  if (!isJsonObject(given)) throw new Misfit(path, 'a case must be a mapping');
  onlyFields(given, CASE_FIELDS, path);
  const operation = OPERATIONS.find((known) => known === (own(given, 'operation') ?? 'CREATE'));
  if (operation === undefined) throw new Misfit([...path, 'operation'], `must be one of ${OPERATIONS.join(', ')}`);
  const expected = own(given, 'expect') ?? null;
  // On DELETE the one file is that of the object that goes.
  const isDelete = operation === 'DELETE' && own(given, 'object') === undefined;
  const object = objectSource(given, { field: 'object', fileField: isDelete ? 'object' : 'file', path });
  const oldObject = objectSource(given, {
    field: 'oldObject',
    fileField: isDelete && own(given, 'file') !== undefined ? 'file' : 'oldFile',
    path,
  });
  if ((operation === 'UPDATE' || operation === 'DELETE') && oldObject === undefined)
    throw new Misfit([...path, 'oldObject'], `${operation} needs oldObject`);
  if (operation !== 'DELETE' && object === undefined) throw new Misfit([...path, 'object'], `${operation} needs object`);
  return {
    name: text(own(given, 'name'), [...path, 'name']) ?? `case ${Number(path.at(-1)) + 1}`,
    at: document.positionOf(path),
    operation,
    object,
    oldObject,
    namespaceObject: namedOrObject(own(given, 'namespaceObject'), [...path, 'namespaceObject']),
    tenant: namedOrObject(own(given, 'tenant'), [...path, 'tenant']),
    user: userAt(own(given, 'user'), [...path, 'user']),
    access: accessAt(own(given, 'authorizer'), [...path, 'authorizer']),
    params: objectAt(own(given, 'params'), [...path, 'params']),
    expect: expectationAt(own(given, 'expect'), [...path, 'expect']),
    expected,
    source: text(own(given, 'source'), [...path, 'source']),
  };
};

const nameAt = (given: JsonValue, index: number): string => {
  const name = isJsonObject(given) ? own(given, 'name') : undefined;
  return typeof name === 'string' ? name : `case ${index + 1}`;
};

const problemOf = (misfit: Misfit, document: Document): Problem => ({
  code: 'CASES_INVALID',
  message: misfit.message,
  at: document.positionOf(misfit.path),
  path: formatPath(misfit.path),
});

const tried = <T>(document: Document, work: () => T): { readonly value: T } | { readonly problem: Problem } => {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof Misfit) return { problem: problemOf(error, document) };
    throw error;
  }
};

const FILE_FIELDS = new Set(['policies', 'cases', 'description', 'source']);

export const readCases = (document: Document): CasesFile => {
  const problems: Problem[] = [];
  const keep = <T>(outcome: { readonly value: T } | { readonly problem: Problem }, fallback: T): T => {
    if ('value' in outcome) return outcome.value;
    problems.push(outcome.problem);
    return fallback;
  };
  const { value } = document;
  keep(
    tried(document, () => onlyFields(value, FILE_FIELDS, [])),
    undefined,
  );
  const named = own(value, 'policies');
  const policies = keep(
    tried(document, () => (typeof named === 'string' ? [named] : texts(named, ['policies']))),
    [],
  );
  if (policies.length === 0 && problems.length === 0) problems.push(problemOf(new Misfit(['policies'], 'no policies are named'), document));
  const given = own(value, 'cases');
  const list: readonly JsonValue[] = Array.isArray(given) ? given : [];
  if (!Array.isArray(given)) problems.push(problemOf(new Misfit(['cases'], 'cases must be a list'), document));
  const cases = list.map((one, index): Case | BrokenCase => {
    const path = ['cases', index];
    const outcome = tried(document, () => readCase(one, path, document));
    if ('value' in outcome) return outcome.value;
    const expected = isJsonObject(one) ? (own(one, 'expect') ?? null) : null;
    return { name: nameAt(one, index), at: document.positionOf(path), expected, problem: outcome.problem };
  });
  return { file: document.file, policies, cases, problems };
};
