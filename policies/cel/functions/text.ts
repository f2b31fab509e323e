// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { CelMap } from '../values/map.ts';
import { keysOf } from '../values/map-keys.ts';
import { searchEffort, sizeOf } from '../values/text.ts';
import type { JsonMap, Value } from '../values/value.ts';
import { bytes, list, map, string } from './parameters.ts';
import { compileDynamicPattern, matchPattern } from './pattern.ts';
import { entry, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Overload } from './table.ts';

const A = types.param('A');
const B = types.param('B');

const mapSize = (_evaluation: Evaluation, value: CelMap | JsonMap): Value => (value instanceof CelMap ? value.size : keysOf(value).length);

/** One with surrogates is counted unit by unit. */
const textSize = (evaluation: Evaluation, text: string): Value | undefined => {
  const size = sizeOf(text);
  return size === text.length || evaluation.strain(text.length) ? size : undefined;
};

/** `size(x)` and `x.size()`. */
const sizes = (member: boolean, prefix: string): readonly Overload[] => [
  overload1({
    id: `${prefix}bytes${member ? '_size' : ''}`,
    member,
    params: [bytes],
    result: types.INT,
    run: (_evaluation, value) => value.length,
  }),
  overload1({
    id: `${prefix}list${member ? '_size' : ''}`,
    member,
    params: [list(A)],
    result: types.INT,
    run: (_evaluation, value) => value.length,
  }),
  overload1({ id: `${prefix}map${member ? '_size' : ''}`, member, params: [map(A, B)], result: types.INT, run: mapSize }),
  overload1({
    id: `${prefix}string${member ? '_size' : ''}`,
    member,
    params: [string],
    result: types.INT,
    run: textSize,
  }),
];

const runMatches = (evaluation: Evaluation, text: string, source: string): Value | undefined => {
  const pattern = compileDynamicPattern(evaluation, source);
  return pattern === undefined ? undefined : matchPattern(evaluation, pattern, text);
};

const matches = (id: string, member: boolean): Overload =>
  overload2({
    id,
    member,
    params: [string, string],
    result: types.BOOL,
    run: runMatches,
  });

/** Searching text for text is linear here; the effort keeps a loop of searches through a long text short. */
const search =
  (test: (text: string, part: string) => boolean) =>
  (evaluation: Evaluation, text: string, part: string): Value | undefined =>
    evaluation.strain(searchEffort(text, part)) ? test(text, part) : undefined;

export const standardText: readonly FunctionEntry[] = [
  entry('size', ...sizes(false, 'size_'), ...sizes(true, '')),
  entry('matches', matches('matches', false), matches('matches_string', true)),
  entry(
    'contains',
    overload2({
      id: 'contains_string',
      member: true,
      params: [string, string],
      result: types.BOOL,
      run: search((text, part) => text.includes(part)),
    }),
  ),
  entry(
    'startsWith',
    overload2({
      id: 'starts_with_string',
      member: true,
      params: [string, string],
      result: types.BOOL,
      run: (_evaluation, text, part) => text.startsWith(part),
    }),
  ),
  entry(
    'endsWith',
    overload2({
      id: 'ends_with_string',
      member: true,
      params: [string, string],
      result: types.BOOL,
      run: (_evaluation, text, part) => text.endsWith(part),
    }),
  ),
];
