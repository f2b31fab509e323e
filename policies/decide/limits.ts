// SPDX-License-Identifier: Apache-2.0
// How many steps evaluation may take. One thread decides for a whole cluster, so beside Kubernetes' bounds for an
// expression and a policy there is one for the decision: whatever the object, it ends in a fraction of a second.
import { isBudgetError, isCelError } from '../cel/index.ts';
import type { Bindings, Budget, CelError, Program, Value } from '../cel/index.ts';

export type DecisionLimits = {
  readonly expression: number;
  /** All match conditions of a policy. */
  readonly match: number;
  /** All validations, messages and the JSON Schema of a policy. */
  readonly policy: number;
  /** All audit annotations of a policy. */
  readonly audit: number;
  /** Everything that all policies together do for one request. */
  readonly decision: number;
  /** Work and memory of the same that steps don't show, in units of some 5 ns or 8 bytes. */
  readonly effort?: number;
};

/** Ten expressions that go to the end of what one may do. */
const DECISION_EFFORT = 40_000_000;

/** The first four as ValidatingAdmissionPolicy has them (k8s.io/apiserver/pkg/apis/cel). */
export const DEFAULT_LIMITS: DecisionLimits = {
  expression: 1_000_000,
  match: 2_500_000,
  policy: 10_000_000,
  audit: 10_000_000,
  decision: 10_000_000,
};

/** Steps that variables take when an expression first reads them. Kubernetes grants each as much as an expression. */
export type VariableSteps = { readonly limit: number; used: number; effort: number };

/** What is left of the decision's steps, and of the phase of a policy that runs. */
export type Meter = {
  readonly limits: DecisionLimits;
  readonly budget: Budget;
  readonly variables: VariableSteps;
  decision: number;
  phase: number;
};

export const createMeter = (limits: DecisionLimits): Meter => ({
  limits,
  budget: { remaining: 0 },
  variables: { limit: limits.expression, used: 0, effort: limits.effort ?? DECISION_EFFORT },
  decision: limits.decision,
  phase: 0,
});

export const isSpent = ({ decision, variables }: Meter): boolean => decision <= 0 || variables.effort <= 0;

/** Runs one metered piece of work that ends when the steps of its phase do. */
export const metered = <T>(meter: Meter, work: (budget: Budget) => T): T => {
  const granted = Math.max(0, Math.min(meter.limits.expression, meter.phase, meter.decision));
  meter.budget.remaining = granted;
  const result = work(meter.budget);
  const used = granted - Math.max(0, meter.budget.remaining);
  meter.phase -= used;
  meter.decision -= used;
  return result;
};

export type Evaluated =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'spent' };

const SPENT: Evaluated = { kind: 'spent' };

/**
 * As in Kubernetes an expression may take all of its own steps, whatever is left for its phase: that is looked at afterwards, when the
 * variables it read first are paid for too. `spent`: the phase or the decision has nothing left for what this took.
 */
export const evaluate = (program: Program, { meter, bindings }: { readonly meter: Meter; readonly bindings: Bindings }): Evaluated => {
  const { budget, limits, variables } = meter;
  const granted = Math.max(0, Math.min(limits.expression, meter.decision));
  const { effort } = variables;
  budget.remaining = granted;
  budget.effort = effort;
  variables.used = 0;
  const result: Value | CelError = program.evaluate(bindings, budget);
  variables.effort -= effort - budget.effort;
  const used = granted - budget.remaining + variables.used;
  meter.decision -= used;
  if (used > meter.phase || (granted < limits.expression && isBudgetError(result))) {
    meter.phase = 0;
    return SPENT;
  }
  meter.phase -= used;
  return isCelError(result) ? { kind: 'error', message: result.message } : { kind: 'value', value: result };
};
