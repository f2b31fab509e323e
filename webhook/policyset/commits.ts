// SPDX-License-Identifier: Apache-2.0
// Which commit of each source is followed: the one that its inventory names, once it is whole here, else the one before.
// Without its inventory a source goes on as it was.
import type { Inventory, InventoryDocument } from '../../crds/inventory.ts';
import { isSealedKind } from '../../crds/kinds.ts';
import { checkMark, documentKey, markedSet } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import type { AssembleState, Commit, HeldBack, Missing, Offer, Pending } from './enforcement.ts';
import { comesLate } from './late.ts';
import { isWeaker } from './weaker.ts';

const wantedFrom = (inventory: Inventory): readonly InventoryDocument[] => inventory.documents.filter(({ kind }) => isSealedKind(kind));

const collectHeld = ({ previous, offers, inventories }: AssembleState): Map<string, PolicyDocument> => {
  const held = new Map<string, PolicyDocument>();
  for (const inventory of inventories) {
    for (const { digest } of wantedFrom(inventory)) {
      const document = previous.held.get(digest);
      if (document !== undefined) held.set(digest, document);
    }
  }
  for (const commit of previous.commits.values()) for (const document of commit.documents.values()) held.set(document.digest, document);
  for (const { document } of previous.standing.values()) held.set(document.digest, document);
  for (const { judged } of offers) {
    // Whoever takes the good seals off an object takes nothing from what was verified with them.
    if (!judged.ok) continue;
    const { document } = judged;
    const known = held.get(document.digest);
    if (known === undefined || !isWeaker(document, known)) held.set(document.digest, document);
  }
  return held;
};

type Lookup = {
  readonly held: ReadonlyMap<string, PolicyDocument>;
  readonly offered: ReadonlyMap<string, Offer>;
  readonly marks: Marks;
  readonly heldBack: HeldBack;
  readonly standing: AssembleState['previous']['standing'];
  readonly atMs: number;
};

type Completed = {
  readonly documents: Commit['documents'];
  /** What stands in the way, where it is not whole. */ readonly missing: readonly Missing[];
};

/** The documents that an inventory names. */
const completeCommit = (inventory: Inventory, { held, offered, marks, heldBack, standing, atMs }: Lookup): Completed => {
  const documents = new Map<string, PolicyDocument>();
  const missing: Missing[] = [];
  for (const wanted of wantedFrom(inventory)) {
    const { kind, name, digest } = wanted;
    const key = documentKey(wanted);
    const document = held.get(digest);
    if (document === undefined || documentKey(document) !== key) {
      const judged = offered.get(key)?.judged;
      // An older version in the place of the one that is wanted says more than that the latter is not there.
      const offers = judged?.ok === true ? checkMark(marks.get(key), judged.document) : judged?.problem;
      missing.push({ kind, name, digest, problem: offers });
      continue;
    }
    const mark = marks.get(key);
    const late = comesLate({ document, before: standing.get(key)?.document, mark, atMs });
    const problem = checkMark(mark, document) ?? late ?? heldBack.get(digest);
    if (problem === undefined) documents.set(key, document);
    else missing.push({ kind, name, digest, problem });
  }
  return { documents, missing };
};

export type Followed = {
  readonly commits: ReadonlyMap<string, Commit>;
  readonly held: ReadonlyMap<string, PolicyDocument>;
  readonly pending: readonly Pending[];
  /** The set seals of commits that are followed now, for their marks. */
  readonly sets: readonly Marked[];
};

export type FollowInput = {
  readonly state: AssembleState;
  readonly marks: Marks;
  readonly heldBack: HeldBack;
  /** Added to. */
  readonly refused: Map<string, Problem>;
};

export const followCommits = ({ state, marks, heldBack, refused }: FollowInput): Followed => {
  const { previous, offers, inventories } = state;
  const held = collectHeld(state);
  const lookup: Lookup = {
    held,
    offered: new Map(offers.map((offer) => [documentKey(offer), offer])),
    marks,
    heldBack,
    standing: previous.standing,
    atMs: state.atMs,
  };
  const commits = new Map(previous.commits);
  const pending: Pending[] = [];
  const sets: Marked[] = [];
  for (const inventory of inventories.toSorted((a, b) => (a.source < b.source ? -1 : 1))) {
    const { source, revision } = inventory;
    const { documents, missing } = completeCommit(inventory, lookup);
    if (missing.length > 0) {
      pending.push({ source, revision, missing, orders: wantedFrom(inventory).map(documentKey) });
      for (const one of missing) if (one.problem !== undefined) refused.set(documentKey(one), one.problem);
      continue;
    }
    const found = state.sets.get(source);
    const set = found?.source === source ? found : undefined;
    const marked = set === undefined ? undefined : markedSet(source, set);
    const problem = marked === undefined ? undefined : checkMark(marks.get(documentKey(marked)), marked);
    if (marked !== undefined && problem !== undefined) refused.set(documentKey(marked), problem);
    if (marked !== undefined && problem === undefined) sets.push(marked);
    commits.set(source, { inventory, documents, set: problem === undefined ? set : undefined });
  }
  return { commits, held, pending, sets };
};
