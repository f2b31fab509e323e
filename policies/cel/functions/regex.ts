// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { CelType } from '../values/boxed.ts';
import { CelOptional } from '../values/value.ts';
import type { CelInt, Value } from '../values/value.ts';
import { int, string } from './parameters.ts';
import { compileDynamicPattern } from './pattern.ts';
import type { Pattern } from './pattern.ts';
import { entry, NO_MATCH, overload2, overload3 } from './table.ts';
import type { FunctionEntry, Library, Outcome, Overload } from './table.ts';

/** The pattern of a source; undefined after a failure. */
type PatternOf = (evaluation: Evaluation, source: string) => Pattern | undefined;

const fromData: PatternOf = (evaluation, source) => compileDynamicPattern(evaluation, source, 'Illegal regex: ');

const MATCH_EFFORT = 150;

/** The first matches, as many as the limit says; below 0 it says nothing. */
const findUpTo = (
  evaluation: Evaluation,
  pattern: Pattern,
  about: { readonly text: string; readonly limit: number },
): readonly string[] | undefined => {
  const { text, limit } = about;
  const found: string[] = [];
  if (limit === 0) return found;
  const perCharacter = pattern.placesEffortPerCharacter;
  if (!evaluation.strain(MATCH_EFFORT + text.length * perCharacter)) return undefined;
  for (const { start, end } of pattern.places(text)) {
    found.push(text.slice(start, end));
    if (found.length === limit) break;
    // The first search is paid for; each further one may read as far.
    if (!evaluation.strain(MATCH_EFFORT + (pattern.looksFar ? (text.length - end) * perCharacter : 0))) return undefined;
  }
  return found;
};

const find =
  (patternOf: PatternOf) =>
  (evaluation: Evaluation, text: string, source: string): Value | undefined => {
    const pattern = patternOf(evaluation, source);
    const found = pattern === undefined ? undefined : findUpTo(evaluation, pattern, { text, limit: 1 });
    return found === undefined ? undefined : (found[0] ?? '');
  };

const findAll =
  (patternOf: PatternOf) =>
  (evaluation: Evaluation, { a: text, b: source, c: limit }: { a: string; b: string; c: CelInt }): Value | undefined => {
    const pattern = patternOf(evaluation, source);
    return pattern === undefined ? undefined : findUpTo(evaluation, pattern, { text, limit: Number(limit) });
  };

const STRINGS = types.listOf(types.STRING);

const findEntry = (patternOf: PatternOf): FunctionEntry =>
  entry(
    'find',
    overload2({
      id: 'string_find_string',
      member: true,
      params: [string, string],
      result: types.STRING,
      run: find(patternOf),
    }),
  );

const findAllEntry = (patternOf: PatternOf): FunctionEntry =>
  entry(
    'findAll',
    overload2({
      id: 'string_find_all_string',
      member: true,
      params: [string, string],
      result: STRINGS,
      run: (evaluation, a, b) => findAll(patternOf)(evaluation, { a, b, c: -1 }),
    }),
    overload3({
      id: 'string_find_all_string_int',
      member: true,
      params: [string, string, int],
      result: STRINGS,
      run: findAll(patternOf),
    }),
  );

const refuse = (evaluation: Evaluation): undefined => evaluation.fail('no such overload');

/** How cel-go looks at arguments where the pattern is a literal: a type counts as its name, an optional as its value. */
export const looselyRead = (value: Value): Value => {
  if (value instanceof CelType) return value.name;
  return value instanceof CelOptional && value.value !== undefined ? looselyRead(value.value) : value;
};

/** An overload that takes whatever it is given, and only says that there is none. */
const lenient = (overload: Overload): Overload => {
  const { two, many } = overload;
  const orRefused = (evaluation: Evaluation, outcome: Outcome): Outcome => (outcome === NO_MATCH ? refuse(evaluation) : outcome);
  return {
    ...overload,
    two: two && ((evaluation, a, b) => orRefused(evaluation, two(evaluation, looselyRead(a), b))),
    many: many && ((evaluation, [a = null, ...rest]) => orRefused(evaluation, many(evaluation, [a, ...rest].map(looselyRead)))),
  };
};

/** The overloads of a search whose pattern is known when it is compiled. */
export const findOverloads = (name: string, pattern: Pattern): readonly Overload[] => {
  const known: PatternOf = () => pattern;
  return (name === 'find' ? findEntry : findAllEntry)(known).overloads.map(lenient);
};

export const regexLibrary: Library = {
  name: 'kubernetes.regex',
  since: '1.0',
  functions: [findEntry(fromData), findAllEntry(fromData)],
};
