// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { intOf } from '../values/integer.ts';
import { compareVersions, parseLooseVersion, parseVersion } from '../values/semver.ts';
import type { Value } from '../values/value.ts';
import { semver } from './opaque.ts';
import { bool, string } from './parameters.ts';
import { entry, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Library } from './table.ts';

/** Units of effort a character takes where it is read, and where errors quote it. */
const TEXT_EFFORT = 20;
const CALL_EFFORT = 220;

const parse = (text: string, normalize: boolean): ReturnType<typeof parseVersion> =>
  normalize ? parseLooseVersion(text) : parseVersion(text);

const read = (evaluation: Evaluation, text: string, normalize: boolean): Value | undefined => {
  if (!evaluation.strain(CALL_EFFORT + text.length * TEXT_EFFORT)) return undefined;
  const parsed = parse(text, normalize);
  return 'refused' in parsed ? evaluation.fail(parsed.refused) : parsed;
};

const isVersion = (evaluation: Evaluation, text: string, normalize: boolean): Value | undefined =>
  evaluation.strain(CALL_EFFORT + text.length * TEXT_EFFORT) ? !('refused' in parse(text, normalize)) : undefined;

const comparison = (name: string, id: string, answer: (order: number) => Value): FunctionEntry =>
  entry(
    name,
    overload2({
      id,
      member: true,
      params: [semver, semver],
      result: name === 'compareTo' ? types.INT : types.BOOL,
      run: (evaluation, a, b) =>
        evaluation.strain(60 + 40 * Math.min(a.parts.prerelease.length, b.parts.prerelease.length))
          ? answer(compareVersions(a.parts, b.parts))
          : undefined,
    }),
  );

/** Numbers are unsigned there and become signed. */
const part = (name: string, at: 0 | 1 | 2): FunctionEntry =>
  entry(
    name,
    overload1({
      id: `semver_${name}`,
      member: true,
      params: [semver],
      result: types.INT,
      run: (_evaluation, { parts }) => intOf(BigInt.asIntN(64, parts.numbers[at])),
    }),
  );

/** Version 1, the one that Kubernetes has: texts may be normalized first. */
export const semverLibrary: Library = {
  name: 'kubernetes.Semver',
  since: '1.33',
  functions: [
    entry(
      'semver',
      overload1({
        id: 'string_to_semver',
        params: [string],
        result: semver.type,
        run: (evaluation, text) => read(evaluation, text, false),
      }),
      overload2({ id: 'string_bool_to_semver', params: [string, bool], result: semver.type, run: read }),
    ),
    entry(
      'isSemver',
      overload1({
        id: 'is_semver_string',
        params: [string],
        result: types.BOOL,
        run: (evaluation, text) => isVersion(evaluation, text, false),
      }),
      overload2({ id: 'is_semver_string_bool', params: [string, bool], result: types.BOOL, run: isVersion }),
    ),
    comparison('isGreaterThan', 'semver_is_greater_than', (order) => order > 0),
    comparison('isLessThan', 'semver_is_less_than', (order) => order < 0),
    comparison('compareTo', 'semver_compare_to', (order) => order),
    part('major', 0),
    part('minor', 1),
    part('patch', 2),
  ],
};
