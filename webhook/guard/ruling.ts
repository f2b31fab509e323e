// SPDX-License-Identifier: Apache-2.0
// What the guard says of a change. A refusal may be only a matter of time: this replica has not heard yet of what the writer
// already knows, and then it is asked again when it has.
import type { Problem } from '../../policies/problem.ts';

/** What would have to arrive here for another answer: another trust policy, or anything at all. */
export type Awaited = 'trust' | 'anything';

export type Ruling =
  | { readonly kind: 'pass' }
  | { readonly kind: 'refuse'; readonly problem: Problem; readonly awaits: Awaited | undefined };

export const pass: Ruling = { kind: 'pass' };
export const refuse = (problem: Problem, awaits?: Awaited): Ruling => ({ kind: 'refuse', problem, awaits });
/** It would make what Writ writes on unwritable, or pass for what it is not. */
export const held = (message: string, path: string): Ruling => refuse({ code: 'LEDGER_HELD', message, path });
/** The first refusal among them. */
export const firstRefusal = (rulings: Iterable<Ruling>): Ruling => {
  for (const ruling of rulings) if (ruling.kind === 'refuse') return ruling;
  return pass;
};
