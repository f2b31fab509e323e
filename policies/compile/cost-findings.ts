// SPDX-License-Identifier: Apache-2.0
/**
 * What the expressions of a policy are estimated to cost, with data of unknown size. For `writ lint`.
 *
 * The upper end says little: it is astronomic wherever the cost grows with the object. The lower end is certain: an expression that
 * costs more than its budget even on the smallest object never gets an answer.
 */
import type { CostEstimate, Program } from '../cel/index.ts';
import { DEFAULT_LIMITS } from '../decide/limits.ts';
import type { FieldPath } from './expression.ts';
import type { CompiledPolicy } from './policy-set.ts';

export type CostFinding = {
  readonly path: FieldPath;
  readonly estimate: CostEstimate;
  /** Why the expression can never have an answer; undefined where it can. */
  readonly message: string | undefined;
};

const finding = (program: Program, path: FieldPath): CostFinding => {
  const estimate = program.estimateCost();
  const isTooDear = estimate.min > DEFAULT_LIMITS.expression;
  const message = `costs at least ${estimate.min}, and an expression may cost ${DEFAULT_LIMITS.expression}: it always fails`;
  return { path, estimate, message: isTooDear ? message : undefined };
};

/** One for each expression, in the order of the fields. */
export const costFindings = (policy: CompiledPolicy): readonly CostFinding[] => [
  ...policy.matchConditions.map(({ program }, at) => finding(program, ['spec', 'matchConditions', at, 'expression'])),
  ...policy.variables.map(({ program }, at) => finding(program, ['spec', 'variables', at, 'expression'])),
  ...policy.validations.flatMap(({ program, messageExpression }, at) => [
    finding(program, ['spec', 'validations', at, 'expression']),
    ...(messageExpression === undefined ? [] : [finding(messageExpression, ['spec', 'validations', at, 'messageExpression'])]),
  ]),
  ...policy.auditAnnotations.map(({ program }, at) => finding(program, ['spec', 'auditAnnotations', at, 'valueExpression'])),
];
