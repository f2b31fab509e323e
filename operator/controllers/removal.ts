// SPDX-License-Identifier: Apache-2.0
// What a commit would end, and whether a seal says so. Asked before anything is applied: replicas would go on enforcing it
// in any case, and its object would be missing for those that start.
import { isSealedKind } from '../../crds/kinds.ts';
import type { Inventory, InventoryDocument } from '../../crds/inventory.ts';
import { checkMark, documentKey, markedSet } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import { fileOf, mayRemove } from '../../policies/currency/removal.ts';
import { startOf } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import { objectKey } from '../apply/identity.ts';
import type { KeptObject, RecordedObject } from '../apply/plan.ts';
import type { CommitObjects } from './commit.ts';

export type RemovalInput = {
  /** `NAMESPACE/NAME` of the source. */
  readonly source: string;
  readonly objects: Pick<CommitObjects, 'desired' | 'set' | 'setProblem'>;
  /** What its inventory names now. */
  readonly recorded: readonly RecordedObject[];
  /** What carries its mark though no inventory names it. */
  readonly leftovers: readonly RecordedObject[];
  readonly kept: readonly KeptObject[];
  /** Whether the object in the cluster bears no seal at all. */
  readonly isUnsealed: (object: RecordedObject) => boolean;
  /** Of the publisher of a ruleset, from its verified bytes. */
  readonly tierOf: (object: RecordedObject) => string | undefined;
  /** What this operator verified itself, and what it knows beside that from the cluster's marks. */
  readonly own: Marks;
  readonly known: Marks;
};

/** The set seal may not go back either. */
export const setRefusal = ({ source, objects, known }: Pick<RemovalInput, 'source' | 'objects' | 'known'>): Problem | undefined => {
  if (objects.set === undefined) return undefined;
  const marked = markedSet(source, objects.set.proof);
  return checkMark(known.get(documentKey(marked)), marked);
};

/**
 * Of another source, or applied by hand: anybody may have written it into the inventory of this one, or under its label. No
 * commit of this one ends it, and none is held up by it.
 */
export const isForeign = ({ kind, name }: RecordedObject, { source, known }: Pick<RemovalInput, 'source' | 'known'>): boolean => {
  const mark = isSealedKind(kind) ? known.get(documentKey({ kind, name })) : undefined;
  return mark !== undefined && mark.gone !== true && mark.source !== source;
};

type KeptInput = Pick<RemovalInput, 'source' | 'known'> & { readonly inventories: readonly Inventory[] };

/** Why what leaves the tree of this source goes on all the same, and is no business of it; undefined = it is. */
export const keptFor = (entry: RecordedObject, { source, known, inventories }: KeptInput): string | undefined => {
  if (isForeign(entry, { source, known })) return 'it is not of this source, whatever its inventory or a label says';
  const mark = isSealedKind(entry.kind) ? known.get(documentKey(entry)) : undefined;
  // Of kinds without marks nothing says whose they are but the inventories: a label is anybody's to write.
  const isOrdered = ({ kind, name, digest }: InventoryDocument): boolean =>
    kind === entry.kind && name === entry.name && (!isSealedKind(kind) || digest === mark?.digest);
  const other = inventories.find((inventory) => inventory.source !== source && inventory.documents.some(isOrdered));
  // Replicas go on with it as long as anybody orders these very bytes.
  return other === undefined || mark?.gone === true ? undefined : `the inventory of ${other.source} orders it too`;
};

export type Removals = { readonly ended: readonly Marked[]; readonly problems: readonly Problem[] };

export const removals = ({ source, objects, recorded, leftovers, kept, isUnsealed, tierOf, own, known }: RemovalInput): Removals => {
  const staying = new Set([...objects.desired.map(objectKey), ...kept.flatMap(({ target, ours }) => (ours ? [objectKey(target)] : []))]);
  // What was left behind by a commit that was broken off was never enforced, and has no mark.
  const marked = leftovers.filter((entry) => known.has(documentKey(entry)));
  const leaving = new Map([...marked, ...recorded].map((entry) => [objectKey(entry), entry]));
  const sequence = known.get(documentKey(markedSet(source, { sequence: 0, digest: '' })))?.version ?? 0;
  const ended: Marked[] = [];
  const problems: Problem[] = [];
  for (const [key, entry] of leaving) {
    const { kind, name, digest } = entry;
    if (!isSealedKind(kind) || staying.has(key)) continue;
    const mark = known.get(documentKey({ kind, name }));
    // Nobody sealed its coming, so nobody has to seal its going.
    if (mark === undefined && isUnsealed(entry)) continue;
    const isEnded = own.get(documentKey({ kind, name }))?.gone === true;
    const document: Marked = { kind, name, version: mark?.version ?? 0, digest: mark?.digest ?? digest, source };
    // Ended by the set that is in force, as a leader before this one has marked: that very set, which does not list it, is the proof.
    const since = mark?.gone === true ? sequence - 1 : sequence;
    const problem = mayRemove({ ...document, source, retired: isEnded, sequence: since, tier: tierOf(entry) }, objects.set?.proof);
    if (problem === undefined && mark !== undefined) ended.push(document);
    if (problem !== undefined)
      problems.push({ ...problem, message: withWhy(problem.message, objects.setProblem), at: startOf(fileOf({ kind, name })) });
  }
  return { ended, problems };
};

const withWhy = (message: string, setProblem: Problem | undefined): string =>
  setProblem === undefined ? message : `${message} (${setProblem.code}: ${setProblem.message})`;
