// SPDX-License-Identifier: Apache-2.0
/**
 * Which expressions of a set no case brought to true, to false, or to any value at all.
 *
 * A covered set is the same set with programs that count; the set that is enforced knows nothing of this.
 */
import { isCelError } from '../cel/index.ts';
import type { Program } from '../cel/index.ts';
import type { CompiledPolicy, NamedProgram, PolicySet } from '../compile/policy-set.ts';
import { createSet } from '../compile/set-index.ts';

export type ExpressionCoverage = {
  readonly policy: string;
  readonly digest: string;
  /** Path of the field in the policy's document, for instance spec.validations[0].expression. */
  readonly path: readonly (string | number)[];
  readonly source: string;
  /** Conditions and validations come out true or false; others just have a value. */
  readonly kind: 'condition' | 'value';
  readonly counts: { true: number; false: number; error: number; value: number };
};

export type Missing = 'true' | 'false' | 'value';

const counted = (program: Program, counts: ExpressionCoverage['counts']): Program => ({
  ...program,
  evaluate: (bindings, budget) => {
    const result = program.evaluate(bindings, budget);
    if (isCelError(result)) counts.error += 1;
    else counts.value += 1;
    if (result === true) counts.true += 1;
    else if (result === false) counts.false += 1;
    return result;
  },
});

export const coveredSet = (set: PolicySet): { readonly set: PolicySet; readonly expressions: readonly ExpressionCoverage[] } => {
  const expressions: ExpressionCoverage[] = [];
  const cover = (policy: CompiledPolicy): CompiledPolicy => {
    const watch = (program: Program, path: ExpressionCoverage['path'], kind: ExpressionCoverage['kind']): Program => {
      const counts = { true: 0, false: 0, error: 0, value: 0 };
      expressions.push({ policy: policy.name, digest: policy.digest, path, source: program.source, kind, counts });
      return counted(program, counts);
    };
    const named = (programs: readonly NamedProgram[], field: readonly [list: string, leaf: string], kind: ExpressionCoverage['kind']) =>
      programs.map(({ name, program }, index) => ({ name, program: watch(program, ['spec', field[0], index, field[1]], kind) }));
    return {
      ...policy,
      isWatched: true,
      matchConditions: named(policy.matchConditions, ['matchConditions', 'expression'], 'condition'),
      variables: named(policy.variables, ['variables', 'expression'], 'value'),
      validations: policy.validations.map((validation, index) => ({
        ...validation,
        program: watch(validation.program, ['spec', 'validations', index, 'expression'], 'condition'),
        messageExpression:
          validation.messageExpression === undefined
            ? undefined
            : watch(validation.messageExpression, ['spec', 'validations', index, 'messageExpression'], 'value'),
      })),
      auditAnnotations: named(policy.auditAnnotations, ['auditAnnotations', 'valueExpression'], 'value'),
    };
  };
  return { set: createSet(set.policies.map(cover)), expressions };
};

export const missingOf = ({ kind, counts }: Pick<ExpressionCoverage, 'kind' | 'counts'>): readonly Missing[] => {
  if (kind === 'value') return counts.value === 0 ? ['value'] : [];
  return [...(counts.true === 0 ? (['true'] as const) : []), ...(counts.false === 0 ? (['false'] as const) : [])];
};
