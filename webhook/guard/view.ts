// SPDX-License-Identifier: Apache-2.0
// What the guard judges by: everything that this replica already holds and verified. No call leaves the process.
import type { Inventory } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import type { Problem } from '../../policies/problem.ts';
import type { SetProof, Standing } from '../../policies/currency/removal.ts';
import type { Marks } from '../../policies/currency/index.ts';
import type { TenantDocument } from '../../policies/tenant-object.ts';
import type { EvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import type { JudgeInSteps } from '../../policies/policy-object.ts';
import type { Trust } from '../../policies/trust/index.ts';

/** A document whose seals count, from an object of the cluster or kept in memory. */
export type HeldDocument = Pick<Mark, 'kind' | 'name' | 'version' | 'digest'> & {
  readonly retired: boolean;
  /** It has no seal, and notes at most. */
  readonly unsigned?: true;
  /** Its seals count no more. */
  readonly withdrawn?: Problem;
  /** Of a Ruleset's publisher. */
  readonly tier?: string | undefined;
};

export type SeenTenant = {
  readonly isThere: boolean;
  /** What the object says, where its seals count. */
  readonly standing: TenantDocument | undefined;
  /** The same of the last one of that name that went while this replica watched. */
  readonly departed: TenantDocument | undefined;
};

export type GuardView = {
  /** Undefined until there is one; nothing but a TrustPolicy can be judged before. */
  readonly trust: Trust | undefined;
  readonly pinnedTrustDigest: string;
  /** What was proven before of log entries and timestamps. */
  readonly evidence?: EvidenceMemory;
  /** How sealed objects are judged, with what is remembered; by default anew. */
  readonly judge?: JudgeInSteps;
  /** The join of what was enforced here and what the cluster says; they never fall. */
  readonly marks: Marks;
  /** What the marks in the cluster say, and nothing else. */
  readonly told: () => Marks;
  readonly held: (digest: string) => HeldDocument | undefined;
  readonly inventories: readonly Inventory[];
  /** The document of this name as it stands, with the source that orders it. */
  readonly standing: (kind: string, name: string) => Standing | undefined;
  /** Verified when it is asked for. */
  readonly tenant: (name: string) => SeenTenant;
  /** The good set seal of a source, `NAMESPACE/NAME`, as its inventory in the cluster carries it. */
  readonly setOf: (source: string) => SetProof | undefined;
  /** The good set seal in an inventory that is to be written. */
  readonly setIn: (inventory: Inventory) => SetProof | undefined;
  /** The system namespace is being deleted with all that is in it: an uninstall has to end. */
  readonly isLeaving: boolean;
  readonly atMs: number;
};
