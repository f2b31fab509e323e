// SPDX-License-Identifier: Apache-2.0
// What is enforced, what it is decided from, and what is waited for: the terms in which `assemble.ts` and its parts speak.
import type { Inventory } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import { noMarks } from '../../policies/currency/index.ts';
import type { Marks } from '../../policies/currency/index.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';

export type Commit = {
  readonly inventory: Inventory;
  /** By `documentKey`. */
  readonly documents: ReadonlyMap<string, PolicyDocument>;
  /** The set seal that came with it, if it is good and no older than those before. */
  readonly set: SetProof | undefined;
};

export type StandingDocument = {
  readonly document: PolicyDocument;
  /** Of the commit that ordered it; undefined where none did. */
  readonly source: string | undefined;
  /** The set seal under which it was ordered: only a newer one ends it. */
  readonly sequence: number;
};

/** Why rulesets may not stand yet, by the digest of each. */
export type HeldBack = ReadonlyMap<string, Problem>;

/** What one sealed object offers; `source` is the value of its source label. */
export type Offer = {
  readonly kind: PolicyDocument['kind'];
  readonly name: string;
  readonly source: string | undefined;
  readonly judged: Judged;
};

export type Enforcement = {
  /** Source → the commit that is followed. */
  readonly commits: ReadonlyMap<string, Commit>;
  /** By `documentKey`: all that is enforced, whatever objects there are. */
  readonly standing: ReadonlyMap<string, StandingDocument>;
  /** By digest: everything that may still be needed to make a commit whole. */
  readonly held: ReadonlyMap<string, PolicyDocument>;
  readonly marks: Marks;
  /** What of the marks only the cluster says. */
  readonly toldGone: ReadonlySet<string>;
};

export type Missing = Pick<Mark, 'kind' | 'name' | 'digest'> & { readonly problem: Problem | undefined };
/** What must be followed and cannot be yet: a commit that its inventory orders, or a source whose inventory is not there. */
export type Pending = {
  readonly source: string;
  /** Empty where there is no inventory to say it. */
  readonly revision: string;
  readonly missing: readonly Missing[];
  /** Why, where it is not what is missing. */
  readonly why?: string;
  /** By `documentKey`: all that will stand once nothing is missing. */
  readonly orders?: readonly string[];
};

export type Assembled = {
  readonly enforcement: Enforcement;
  /** What is enforced, sorted by kind and name, one document each. */
  readonly documents: readonly PolicyDocument[];
  /** By `documentKey`. */
  readonly refused: ReadonlyMap<string, Problem>;
  readonly pending: readonly Pending[];
  /** Marks of what has to be enforced and is not: only a replica that starts can lack them. */
  readonly unmet: readonly Mark[];
};

export type AssembleState = {
  readonly previous: Enforcement;
  readonly offers: readonly Offer[];
  readonly inventories: readonly Inventory[];
  /** Source → the set seal in its inventory, where one verifies now. */
  readonly sets: ReadonlyMap<string, SetProof>;
  /** What the cluster's marks say. */
  readonly told: readonly Mark[];
  /** Names of objects that carry the label of an inventory and are none. */
  readonly unreadable: readonly string[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Nothing was enforced here yet: what others enforce without what it requires is not known, so nothing is held back for that. */
  readonly isStarting: boolean;
};

export const nothingEnforced: Enforcement = {
  commits: new Map(),
  standing: new Map(),
  held: new Map(),
  marks: noMarks,
  toldGone: new Set(),
};
