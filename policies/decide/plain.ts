// SPDX-License-Identifier: Apache-2.0
// What most policies are, and what most of them come to: expressions alone, and all of them hold. Of each such policy what that takes is
// held together here, because a decision under a hundred policies is mostly a walk over memory that was long not read. Whatever
// else comes of it is left to `policy.ts`, which begins anew and comes to the same: evaluation is pure.
import type { Program } from '../cel/index.ts';
import { matchOutcome } from '../compile/match.ts';
import type { Match } from '../compile/match.ts';
import type { CompiledPolicy } from '../compile/policy-set.ts';
import { isTrue } from './limits.ts';
import type { Run } from './run.ts';

export type PlainPolicy = {
  readonly match: Match;
  readonly programs: readonly Program[];
};

const isPlain = (policy: CompiledPolicy): boolean =>
  policy.unsigned !== true &&
  policy.isWatched !== true &&
  policy.confinedTo === undefined &&
  policy.ruleset === undefined &&
  policy.bindings === undefined &&
  policy.params === undefined &&
  policy.schema === undefined &&
  !policy.asksAuthorizer &&
  policy.matchConditions.length === 0 &&
  policy.variables.length === 0 &&
  policy.auditAnnotations.length === 0 &&
  // Messages may be evaluated for what holds too.
  policy.validations.every(({ messageExpression }) => messageExpression === undefined);

const plainOf = (policy: CompiledPolicy): PlainPolicy | undefined =>
  isPlain(policy)
    ? {
        match: policy.match,
        programs: policy.validations.map(({ program }) => program),
      }
    : undefined;

const known = new WeakMap<readonly CompiledPolicy[], readonly (PlainPolicy | undefined)[]>();

/** At the place of each policy what it needs, where it is plain. Lists of candidates stay the same between changes of a set. */
export const plainPolicies = (policies: readonly CompiledPolicy[]): readonly (PlainPolicy | undefined)[] => {
  const before = known.get(policies);
  if (before !== undefined) return before;
  const made = policies.map(plainOf);
  known.set(policies, made);
  return made;
};

/** Of a decision, in its units of effort: some milliseconds. What is given back is time all the same, and would double what a decision may take. */
export const MOST_IN_VAIN = 1_000_000;

/** Whether the policy applies and has nothing to say. If not, it took nothing, and nothing is known of it. */
export const passes = (plain: PlainPolicy, run: Run): boolean => {
  const { meter } = run;
  if (meter.vain > MOST_IN_VAIN) return false;
  const { effort } = meter.variables;
  try {
    if (matchOutcome(plain.match, run.match) === 'matches') {
      meter.phase = meter.limits.policy;
      if (plain.programs.every((program) => isTrue(program, run))) return true;
    }
  } catch {
    // What is wrong shows once more, where it is told.
  }
  meter.vain += effort - meter.variables.effort;
  meter.variables.effort = effort;
  return false;
};
