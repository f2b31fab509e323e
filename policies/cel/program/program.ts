// SPDX-License-Identifier: Apache-2.0
import type { CostEstimate } from '../cost/estimate.ts';
import type { Type } from '../types/type.ts';
import type { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import type { Bindings } from './bindings.ts';
import type { Memo } from './memo.ts';

/**
 * What an evaluation may take, counted down in place. `remaining`: steps in Kubernetes' cost units; below zero when they were
 * exceeded, so that what it came to is still known. `effort`: for several evaluations that share a bound on work and memory (one unit is
 * some 5 ns or 8 bytes); each of them has one of its own besides.
 */
export type Budget = { remaining: number; effort?: number };

export type Program = {
  readonly source: string;
  /** Root identifiers that the expression reads (not the variables of its macros). */
  readonly references: ReadonlySet<string>;
  /** The static type of the result. */
  readonly type: Type;
  /**
   * Pure and total: a value or an error, never an exception; the same answer for the same input. With a memo, what programs of one
   * sharing have in common is evaluated once, and costs each of them what it costs alone.
   */
  evaluate(bindings: Bindings, budget: Budget, memo?: Memo): Value | CelError;
  /** What Kubernetes estimates it to cost, with data of unknown size; worked out anew each time. */
  estimateCost(): CostEstimate;
};
