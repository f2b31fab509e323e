// SPDX-License-Identifier: Apache-2.0
// What decides requests at this moment: one immutable value, replaced as a whole, never changed in place.
import { emptySet } from '../../policies/compile/index.ts';
import type { PolicySet } from '../../policies/compile/index.ts';
import type { Problem } from '../../policies/problem.ts';

export type EnforcedSet = {
  /** Set while this replica can decide nothing: every request in a governed namespace is denied with this problem. */
  readonly closed: Problem | undefined;
  readonly set: PolicySet;
  readonly trustDigest: string;
  /** Source (`namespace/name`) → the revision of the commit that is enforced whole. */
  readonly revisions: Readonly<Record<string, string>>;
  /** Policy → names of those whose seal counted. */
  readonly signers: ReadonlyMap<string, readonly string[]>;
  /** Policies that are past their date: they deny (or warn about) all they match until a newer order comes. */
  readonly expired: readonly string[];
  /** Milliseconds since the epoch. */
  readonly flippedAtMs: number;
};

export const closedSet = (problem: Problem, flippedAtMs: number): EnforcedSet => ({
  closed: problem,
  set: emptySet,
  trustDigest: '',
  revisions: {},
  signers: new Map(),
  expired: [],
  flippedAtMs,
});
