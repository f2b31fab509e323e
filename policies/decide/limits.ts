// SPDX-License-Identifier: Apache-2.0
// How many steps evaluation may take. One thread decides for a whole cluster, so beside Kubernetes' bounds for an
// expression and a policy there is one for the decision, in effort: whatever the object, it ends in about 0.2 s.
import { isCelError, Memo } from '../cel/index.ts';
import type { Bindings, Budget, CelError, Program, Value } from '../cel/index.ts';

export type DecisionLimits = {
  readonly expression: number;
  /** All match conditions of a policy. */
  readonly match: number;
  /** All validations, messages and the JSON Schema of a policy. */
  readonly policy: number;
  /** All audit annotations of a policy. */
  readonly audit: number;
  /** Work and memory of everything that all policies together do for one request, in units of some 5 ns or 8 bytes. */
  readonly effort: number;
};

/**
 * The steps as ValidatingAdmissionPolicy has them (k8s.io/apiserver/pkg/apis/cel), which bounds no decision: as many policies as
 * there are may each take theirs. The effort is 0.1 to 0.2 s: eight expressions that go to the end of theirs, or twelve million steps of
 * loops, so that one policy at the end of its steps still comes through, and hundreds of usual ones do.
 */
export const DEFAULT_LIMITS: DecisionLimits = {
  expression: 1_000_000,
  match: 2_500_000,
  policy: 10_000_000,
  audit: 10_000_000,
  effort: 25_000_000,
};

/** Steps that variables take when an expression first reads them. Kubernetes grants each as much as an expression. */
export type VariableSteps = { readonly limit: number; used: number; effort: number; readonly memo?: Memo };

/** What is left of the decision's effort (`variables.effort`), and of the steps of the phase of a policy that runs. */
export type Meter = {
  readonly limits: DecisionLimits;
  readonly budget: Budget;
  readonly variables: VariableSteps;
  phase: number;
  /** Effort that went into tries which came to nothing and were given back (`plain.ts`): it is time all the same. */
  vain: number;
  /** A policy ended in an error or ran out of steps, whether that was forgiven or not. */
  failed: boolean;
};

export const createMeter = (limits: DecisionLimits): Meter => ({
  limits,
  budget: { remaining: 0 },
  variables: { limit: limits.expression, used: 0, effort: limits.effort, memo: new Memo() },
  phase: 0,
  vain: 0,
  failed: false,
});

export const isSpent = ({ variables }: Meter): boolean => variables.effort <= 0;

/** Runs one metered piece of work that ends when the steps of its phase do. */
export const metered = <T>(meter: Meter, work: (budget: Budget) => T): T => {
  const granted = Math.max(0, Math.min(meter.limits.expression, meter.phase));
  meter.budget.remaining = granted;
  const result = work(meter.budget);
  const used = granted - Math.max(0, meter.budget.remaining);
  meter.phase -= used;
  return result;
};

export type Evaluated =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'spent' };

const SPENT: Evaluated = { kind: 'spent' };
const TRUE: Evaluated = { kind: 'value', value: true };

/**
 * As in Kubernetes an expression may take all of its own steps, whatever is left for its phase: that is looked at afterwards, when the
 * variables it read first are paid for too. `spent`: the phase has nothing left for what this took.
 */
export const evaluate = (program: Program, { meter, bindings }: { readonly meter: Meter; readonly bindings: Bindings }): Evaluated => {
  const { budget, limits, variables } = meter;
  budget.remaining = limits.expression;
  const before = variables.effort;
  budget.effort = before;
  variables.used = 0;
  const result: Value | CelError = program.evaluate(bindings, budget, variables.memo);
  variables.effort -= before - budget.effort;
  const used = limits.expression - budget.remaining + variables.used;
  if (used > meter.phase) {
    meter.phase = 0;
    return SPENT;
  }
  meter.phase -= used;
  if (result === true) return TRUE;
  return isCelError(result) ? { kind: 'error', message: result.message } : { kind: 'value', value: result };
};

/** Whether that is the value true and there were steps enough for it; as `evaluate`, for expressions that read no variables of a policy. */
export const isTrue = (program: Program, { meter, base }: { readonly meter: Meter; readonly base: Bindings }): boolean => {
  const { budget, limits, variables } = meter;
  budget.remaining = limits.expression;
  const before = variables.effort;
  budget.effort = before;
  const result = program.evaluate(base, budget, variables.memo);
  variables.effort -= before - budget.effort;
  const used = limits.expression - budget.remaining;
  if (used > meter.phase) return false;
  meter.phase -= used;
  return result === true;
};
