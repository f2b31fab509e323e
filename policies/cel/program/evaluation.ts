// SPDX-License-Identifier: Apache-2.0
import { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import type { Bindings, Budget } from './program.ts';

/**
 * Bounds what one evaluation may do besides its cost: some calls have a small cost in Kubernetes' model but real work behind it (a
 * regex that repeats, a list that doubles). One unit is about 5 ns or 8 bytes, so this is some 20 ms and 32 MB. It is counted, not
 * timed: the same input always ends the same way.
 */
const EFFORT_LIMIT = 4_000_000;

/**
 * The state of one run of one program. Nodes return a value, or undefined after they put the reason into `error`; that keeps the
 * common path free of wrappers and makes an absorbed error cost one comparison.
 */
export class Evaluation {
  readonly bindings: Bindings;
  readonly budget: Budget;
  /** Variables of macros, by slot. */
  readonly locals: Value[] = [];
  error: CelError | undefined = undefined;
  /** Where the call that runs now stands in the source. */
  at = 0;
  #effort = EFFORT_LIMIT;

  constructor(bindings: Bindings, budget: Budget) {
    this.bindings = bindings;
    this.budget = budget;
  }

  fail(message: string): undefined {
    this.error = new CelError(message, this.at);
    return undefined;
  }

  /** Takes steps off the budget; false = they are used up and the evaluation is over. */
  charge(steps: number): boolean {
    const remaining = this.budget.remaining - steps;
    this.budget.remaining = remaining;
    return remaining >= 0 || this.#cancel('operation cancelled: actual cost limit exceeded');
  }

  /** Announces work or memory before it is spent; false = too much, and the evaluation is over. */
  strain(units: number): boolean {
    this.#effort -= units;
    return this.#effort >= 0 || this.#cancel('operation cancelled: evaluation needs too much work or memory');
  }

  #cancel(message: string): false {
    this.error = new CelError(message, this.at, true);
    return false;
  }

  /** True when the last failure must not be absorbed by `||`, `all` and the like. */
  get cancelled(): boolean {
    return this.error?.budget === true;
  }
}

/** A compiled node; undefined = failed, see `error` of the evaluation. */
export type Node = (evaluation: Evaluation) => Value | undefined;
