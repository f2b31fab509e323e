// SPDX-License-Identifier: Apache-2.0
import type { Type } from '../types/type.ts';
import type { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';

/** Steps that an evaluation may still take. Shared by the expressions of one decision and counted down in place. */
export type Budget = { remaining: number };

/** Variables by name; only own keys count. */
export type Bindings = { readonly [name: string]: Value | undefined };

export type Program = {
  readonly source: string;
  /** Root identifiers that the expression reads (not the variables of its macros). */
  readonly references: ReadonlySet<string>;
  /** The static type of the result. */
  readonly type: Type;
  /** Pure and total: a value or an error, never an exception; the same answer for the same input. */
  evaluate(bindings: Bindings, budget: Budget): Value | CelError;
};
