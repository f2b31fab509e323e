// SPDX-License-Identifier: Apache-2.0
import { CelError, COST_EXCEEDED, EFFORT_EXCEEDED } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import type { Bindings } from './bindings.ts';
import type { Findings } from './findings.ts';

/**
 * Bounds what one evaluation may do, whatever its cost: some calls have a small cost in Kubernetes' model but real work behind it (a
 * regex that repeats, a list that doubles). One unit is about 5 ns or 8 bytes, so this is some 15 ms and 24 MB. It is counted, not
 * timed: the same input always ends the same way.
 */
export const EFFORT_LIMIT = 3_000_000;

/**
 * A step of the cost is about as much work where it stands for a reading or a turn of a loop. A call can cost many without doing
 * much; what it does beyond these, it announces itself. Steps alone never end an evaluation by its effort.
 */
const STEP_EFFORT = 2;
const MOST_STEPS_OF_WORK = 8;

/** The effort of one charge of so many steps. */
export const effortOf = (steps: number): number => (steps < MOST_STEPS_OF_WORK ? steps : MOST_STEPS_OF_WORK) * STEP_EFFORT;

/** The effort of so many charges of one step. */
export const effortOfEach = (steps: number): number => steps * STEP_EFFORT;

/**
 * The state of one run of one program. Nodes return a value, or undefined after they put the reason into `error`; that keeps the
 * common path free of wrappers and makes an absorbed error cost one comparison.
 */
export class Evaluation {
  bindings: Bindings;
  /** What was found out before of the same variables, and is to be kept. */
  readonly findings: Findings | undefined;
  /** Variables of macros, by slot. */
  readonly locals: Value[] = [];
  /** Which element of the findings' a variable of a macro stands for, by slot; -1 = none of them. Only where there are findings. */
  readonly elements: number[] = [];
  /** What the first reading of a variable of `optMap` still has to pay, by slot. */
  due: number[] | undefined = undefined;
  error: CelError | undefined = undefined;
  /** Where the call that runs now stands in the source. */
  at = 0;
  /** Steps that are left; below zero once they are used up. */
  remaining: number;
  /** What was paid for variables of `optMap` that are still in sight. */
  paid = 0;
  effort: number;

  constructor(bindings: Bindings, steps: number, effort = EFFORT_LIMIT, findings?: Findings) {
    this.bindings = bindings;
    this.remaining = steps;
    this.effort = effort;
    this.findings = findings;
  }

  /** As new, for another program of the same findings. */
  restart(bindings: Bindings, steps: number, effort: number): this {
    this.bindings = bindings;
    this.remaining = steps;
    this.effort = effort;
    this.due = undefined;
    this.error = undefined;
    this.at = 0;
    this.paid = 0;
    return this;
  }

  fail(message: string): undefined {
    this.error = new CelError(message, this.at);
    return undefined;
  }

  /** Takes one cost off the budget; false = it is used up and the evaluation is over. Leaves `error` alone otherwise. */
  charge(cost: number): boolean {
    const remaining = this.remaining - cost;
    this.remaining = remaining;
    this.effort -= effortOf(cost);
    return remaining >= 0 || this.#cancel(COST_EXCEEDED);
  }

  /** So many costs of 1: the first that is too much ends the evaluation, and what it had cost by then is told. */
  chargeEach(steps: number): boolean {
    const remaining = this.remaining - steps;
    this.remaining = remaining;
    this.effort -= steps * STEP_EFFORT;
    if (remaining >= 0) return true;
    this.remaining = -1;
    return this.#cancel(COST_EXCEEDED);
  }

  /** What several charges come to, at once: false = not taken, since it would end the evaluation somewhere on the way. */
  afford(steps: number, effort: number): boolean {
    const remaining = this.remaining - steps;
    if (remaining < 0) return false;
    this.remaining = remaining;
    this.effort -= effort;
    return true;
  }

  /** Charges what is owed although something failed, unless that was the end. */
  chargeFailed(cost: number): undefined {
    if (!this.cancelled) this.charge(cost);
    return undefined;
  }

  /** Announces work or memory before it is spent; false = too much, and the evaluation is over. */
  strain(units: number): boolean {
    const effort = this.effort - units;
    if (effort >= 0) {
      this.effort = effort;
      return true;
    }
    // What is not done is not paid for by those who share the rest: what was left is.
    this.effort = Math.min(this.effort, 0);
    return this.#cancel(EFFORT_EXCEEDED);
  }

  /** Fails as cel-go does where it breaks down: nothing absorbs that. */
  breakDown(message: string): undefined {
    this.error = new CelError(message, this.at, 'breakdown');
    return undefined;
  }

  /** Announces that a text is read, some 2 ns a unit; short ones are not worth it. */
  read(value: Value | undefined): boolean {
    return typeof value !== 'string' || value.length < 256 || this.strain(value.length >> 1);
  }

  #cancel(message: string): false {
    this.error = new CelError(message, this.at, true);
    return false;
  }

  /** True when the last failure must not be absorbed by `||`, `all` and the like. */
  get cancelled(): boolean {
    return this.error?.final === true;
  }
}

/** A compiled node; undefined = failed, see `error` of the evaluation. */
export type Node = (evaluation: Evaluation) => Value | undefined;
