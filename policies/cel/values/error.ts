// SPDX-License-Identifier: Apache-2.0

/**
 * A failed evaluation, as a value: no stack is taken, so an error that `||` or `has` absorbs costs an allocation at most. The
 * messages are cel-go's, because users look them up and tests of Kubernetes policies match them.
 */
export class CelError {
  readonly message: string;
  /** Where in the source, in UTF-16 units; -1 when a caller's Fields made it. */
  readonly offset: number;
  /** A budget error ends the whole evaluation; nothing absorbs it. */
  readonly budget: boolean;

  constructor(message: string, offset = -1, budget = false) {
    this.message = message;
    this.offset = offset;
    this.budget = budget;
  }
}

export const isCelError = (value: unknown): value is CelError => value instanceof CelError;
export const isBudgetError = (value: unknown): value is CelError => value instanceof CelError && value.budget;
