// SPDX-License-Identifier: Apache-2.0
// The validator's errors → what a person did wrong. One mistake gives one problem: of the branches of an `anyOf` and of
// the checks on one value only what helps is told, and a misspelt field is not also a missing one.
import type { AjvError } from '../../crds/generated/validators.js';
import type { Problem } from '../problem.ts';
import type { ParsedDocument } from './index.ts';
import { fieldNames } from './field-names.ts';
import { formatPath, isJsonObject, valueAt } from './json.ts';
import type { JsonPath, JsonValue } from './json.ts';
import { nearest } from './spelling.ts';

/** Validates a changed copy: a suggestion is made only where it would be legal. */
type Check = (value: unknown) => readonly AjvError[];

// One wrong habit in a long list should not bury everything else.
const MAX_PROBLEMS = 50;
const MAX_TRIALS = 4;

const COMPOSITES: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'not', 'if']);

const pathOf = (pointer: string, root: JsonValue): JsonPath => {
  const path: (string | number)[] = [];
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(valueAt(root, path)) ? Number(key) : key);
  }
  return path;
};

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined'));

const typeName = (value: JsonValue | undefined): string => {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' ? 'a number' : 'a boolean';
};

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  null: 'empty',
};

const expected = (type: unknown): string => (typeof type === 'string' ? (EXPECTED[type] ?? type) : text(type));

const renamed = (root: JsonValue, parent: JsonPath, names: readonly [from: string, to: string]): JsonValue => {
  const [step, ...rest] = parent;
  if (step === undefined) {
    if (!isJsonObject(root)) return root;
    return Object.fromEntries(Object.entries(root).map(([key, value]) => [key === names[0] ? names[1] : key, value ?? null]));
  }
  if (Array.isArray(root)) return root.map((item, index) => (index === step ? renamed(item, rest, names) : item));
  if (!isJsonObject(root)) return root;
  return Object.fromEntries(
    Object.entries(root).map(([key, value]) => [key, key === step ? renamed(value ?? null, rest, names) : (value ?? null)]),
  );
};

const param = (error: AjvError, name: string): string => {
  const value = error.params[name];
  return typeof value === 'string' ? value : '';
};

/** The legal field that was meant, found by trying the likely ones at that very place. */
const meantField = (root: JsonValue, error: AjvError, check: Check): string | undefined => {
  const field = param(error, 'additionalProperty');
  const parent = pathOf(error.instancePath, root);
  const siblings = valueAt(root, parent);
  const free = nearest(field, fieldNames).filter((name) => !isJsonObject(siblings) || !Object.hasOwn(siblings, name));
  return free.slice(0, MAX_TRIALS).find((name) => {
    const errors = check(renamed(root, parent, [field, name]));
    return !errors.some(
      (other) =>
        other.keyword === 'additionalProperties' &&
        other.instancePath === error.instancePath &&
        param(other, 'additionalProperty') === name,
    );
  });
};

type Reason = { readonly message: string; readonly hint?: string };

const enumReason = (error: AjvError, value: JsonValue | undefined): Reason => {
  const allowed = Array.isArray(error.params['allowedValues']) ? error.params['allowedValues'].map(text) : [];
  const [meant] = typeof value === 'string' ? nearest(value, allowed) : [];
  const list = allowed.length === 1 ? `must be ${allowed[0]}` : `must be one of ${allowed.join(', ')}`;
  return { message: `${list}, is ${text(value).slice(0, 80)}`, ...(meant === undefined ? {} : { hint: `did you mean ${meant}?` }) };
};

const reasonOf = (errors: readonly AjvError[], value: JsonValue | undefined): Reason => {
  const error = errors.find(({ keyword }) => keyword === 'enum') ?? errors[0];
  if (error === undefined) return { message: 'does not fit its schema' };
  if (error.keyword === 'type') {
    const types = errors.filter((other) => other.keyword === 'type').map((other) => expected(other.params['type']));
    const quote =
      typeof value !== 'string' && types.length === 1 && types[0] === 'text' && (typeof value === 'number' || typeof value === 'boolean');
    return {
      message: `must be ${[...new Set(types)].join(' or ')}, is ${typeName(value)}`,
      ...(quote ? { hint: `quote it: "${String(value)}"` } : {}),
    };
  }
  if (error.keyword === 'enum') return enumReason(error, value);
  if (error.keyword === 'format' && error.params['format'] === 'date-time') {
    return { message: `must be a time in RFC 3339, is ${text(value).slice(0, 80)}`, hint: 'write it as 2027-03-01T00:00:00Z' };
  }
  return { message: error.message ?? `does not fit its schema (${error.keyword})` };
};

const problemsAt = (
  pointer: string,
  errors: readonly AjvError[],
  context: { document: ParsedDocument; check: Check },
): readonly Problem[] => {
  const { document, check } = context;
  const path = pathOf(pointer, document.value);
  const unknown = errors.filter((error) => error.keyword === 'additionalProperties');
  const suggestions = new Map(unknown.map((error) => [param(error, 'additionalProperty'), meantField(document.value, error, check)]));
  const suggested = new Set(suggestions.values());
  const problems: Problem[] = unknown.map((error) => {
    const field = param(error, 'additionalProperty');
    const meant = suggestions.get(field);
    const fieldPath = [...path, field];
    return {
      code: 'DOCUMENT_UNKNOWN_FIELD',
      message: meant === undefined ? 'unknown field' : `unknown field, did you mean ${meant}?`,
      ...(meant === undefined ? {} : { hint: `write ${meant}` }),
      at: document.positionOf(fieldPath),
      path: formatPath(fieldPath),
    };
  });
  for (const error of errors.filter((other) => other.keyword === 'required')) {
    const field = param(error, 'missingProperty');
    if (suggested.has(field)) continue;
    const place = path.length === 0 ? {} : { path: formatPath(path) };
    problems.push({
      code: 'DOCUMENT_INVALID',
      message: `${field} is missing`,
      hint: `add ${field}`,
      at: document.positionOf(path),
      ...place,
    });
  }
  const checks = errors.filter(({ keyword }) => keyword !== 'additionalProperties' && keyword !== 'required');
  const telling = checks.filter(({ keyword }) => !COMPOSITES.has(keyword));
  const chosen = telling.length > 0 ? telling : checks;
  if (chosen.length > 0) {
    problems.push({
      code: 'DOCUMENT_INVALID',
      ...reasonOf(chosen, valueAt(document.value, path)),
      at: document.positionOf(path),
      path: formatPath(path),
    });
  }
  return problems;
};

/** Of errors inside the branches of an `anyOf` only the deepest place says anything: the branch that was meant. */
const withoutShallowComposites = (errors: readonly AjvError[]): readonly AjvError[] =>
  errors.filter(
    (error) =>
      !COMPOSITES.has(error.keyword) ||
      !errors.some((other) => other !== error && !COMPOSITES.has(other.keyword) && other.instancePath.startsWith(error.instancePath)),
  );

/** In the order of the text. */
export const explainErrors = (errors: readonly AjvError[], document: ParsedDocument, check: Check): readonly Problem[] => {
  const byPlace = Map.groupBy(withoutShallowComposites(errors), (error) => error.instancePath);
  return [...byPlace]
    .slice(0, MAX_PROBLEMS)
    .flatMap(([pointer, group]) => problemsAt(pointer, group, { document, check }))
    .toSorted((a, b) => (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0))
    .slice(0, MAX_PROBLEMS);
};
