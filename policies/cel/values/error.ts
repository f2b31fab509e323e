// SPDX-License-Identifier: Apache-2.0

/**
 * A failed evaluation, as a value: no stack is taken, so an error that `||` or `has` absorbs costs an allocation at most. The
 * messages are cel-go's, because users look them up and tests of Kubernetes policies match them.
 */
export class CelError {
  readonly message: string;
  /** Where in the source, in UTF-16 units; -1 when a caller's Fields made it. */
  readonly offset: number;
  /** The budget or the effort ran out. */
  readonly budget: boolean;
  /** Ends the whole evaluation, nothing absorbs it: so does a budget error, and what cel-go breaks down over. */
  readonly final: boolean;

  constructor(message: string, offset = -1, end: 'absorbed' | 'budget' | 'breakdown' | boolean = 'absorbed') {
    this.message = message;
    this.offset = offset;
    this.budget = end === 'budget' || end === true;
    this.final = this.budget || end === 'breakdown';
  }
}

export const isCelError = (value: unknown): value is CelError => value instanceof CelError;
export const isBudgetError = (value: unknown): value is CelError => value instanceof CelError && value.budget;

export const COST_EXCEEDED = 'operation cancelled: actual cost limit exceeded';
/** What the effort of one evaluation is bounded by is ours alone: Kubernetes has no such bound. */
export const EFFORT_EXCEEDED = 'operation cancelled: evaluation needs too much work or memory';
/** So much work or memory that nothing goes on, where a cost that was exceeded may end a part only. */
export const isEffortError = (value: unknown): value is CelError => isBudgetError(value) && value.message !== COST_EXCEEDED;
