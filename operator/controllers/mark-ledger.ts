// SPDX-License-Identifier: Apache-2.0
// What the operator knows of the highest version of each sealed document: what it verified itself in this term, and what the
// object in the cluster said. Worked out from the caches at each question, so nothing has to happen in one order.
import type { Inventory } from '../../crds/inventory.ts';
import { SOURCE_LABEL } from '../../crds/kinds.ts';
import { SET_KIND } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { checkMark, documentKey, endMarks, joinMarks, markedSet, marksOf, noMarks, raiseMarks } from '../../policies/currency/index.ts';
import type { Marked, Marks } from '../../policies/currency/index.ts';
import { mayRemove } from '../../policies/currency/removal.ts';
import { createMemo } from '../../policies/memo.ts';
import { REFUSAL_LASTS_MS } from '../../policies/policy-object.ts';
import { verifySet } from '../../policies/trust/check-set.ts';
import type { SetOutcome } from '../../policies/trust/check-set.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveSealed } from './live.ts';
import type { PolicyBook } from './policy-book.ts';
import type { TrustHolder } from './trust-policy.ts';

export type MarkLedger = {
  /** What this operator verified in its term. */
  own(): Marks;
  /** That, and all that the object said since the term began. */
  known(): Marks;
  /** A commit was applied whole: what it brought, and what ended with it. */
  record(change: { readonly applied: readonly Marked[]; readonly ended: readonly Marked[] }): void;
  /** What stands in the object was read. `undefined`: it cannot be read. */
  hear(told: readonly Mark[] | undefined): void;
};

type LedgerDeps = {
  readonly sealed: { list(): readonly LiveSealed[] };
  readonly book: Pick<PolicyBook, 'judge'>;
  readonly inventories: () => readonly Inventory[];
  readonly trust: Pick<TrustHolder, 'current'>;
  readonly clock: Clock;
};

/** Documents that are enforced by what the cluster shows: named by an inventory in just these bytes, or claimed by no source. */
const appliedDocuments = ({ sealed, book }: LedgerDeps, inventories: readonly Inventory[]): readonly Marked[] => {
  const sources = new Map(
    inventories.flatMap(({ source, documents }) => documents.map((one) => [`${documentKey(one)} ${one.digest}`, source] as const)),
  );
  return sealed.list().flatMap((object) => {
    const judged = book.judge(object);
    if (!judged.ok) return [];
    const { kind, name, version, digest, retired, unsigned, withdrawn } = judged.document;
    // Without a seal that counts it is ordered by nobody, and raises no mark.
    if (unsigned === true || withdrawn !== undefined) return [];
    const source = sources.get(`${documentKey({ kind, name })} ${digest}`);
    if (source === undefined && object.metadata.labels?.[SOURCE_LABEL] !== undefined) return [];
    return [{ kind, name, version, digest, retired, ...(source === undefined ? {} : { source }) }];
  });
};

export const createMarkLedger = (deps: LedgerDeps): MarkLedger => {
  const memo = createMemo<{ readonly outcome: SetOutcome; readonly atMs: number }>();
  let own = noMarks;
  let heard = noMarks;

  const setOf = ({ source, sets = [] }: Inventory): SetOutcome | undefined => {
    const trust = deps.trust.current();
    if (sets.length === 0 || !trust.ok) return undefined;
    const atMs = deps.clock.now();
    const key = JSON.stringify([trust.trust.digest, trust.trust.root.ok, source, sets]);
    const kept = memo.recall(key);
    const isCurrent =
      kept !== undefined &&
      kept.atMs <= atMs &&
      atMs < (kept.outcome.untilMs ?? Number.POSITIVE_INFINITY) &&
      (kept.outcome.ok || atMs - kept.atMs < REFUSAL_LASTS_MS);
    if (isCurrent) return kept.outcome;
    const outcome = verifySet(sets, trust.trust, atMs);
    memo.keep(key, { outcome, atMs });
    return outcome;
  };

  /** What the set seal of an inventory ends, that is not named any more. */
  const endedBy = (
    inventory: Inventory,
    named: ReadonlySet<string>,
  ): { readonly set: Marked; readonly ended: readonly Marked[] } | undefined => {
    const outcome = setOf(inventory);
    if (outcome?.ok !== true || outcome.set.source !== inventory.source) return undefined;
    const set = markedSet(inventory.source, outcome.set);
    const known = joinMarks(own, heard);
    const before = known.get(documentKey(set));
    if (checkMark(before, set) !== undefined) return undefined;
    const ended = [...known.values()].filter((mark) => {
      if (mark.kind === SET_KIND || mark.kind === 'TrustPolicy' || mark.gone === true || named.has(documentKey(mark))) return false;
      return mayRemove({ ...mark, source: mark.source, sequence: before?.version ?? 0 }, outcome.set) === undefined;
    });
    return { set, ended };
  };

  const look = (): void => {
    const inventories = deps.inventories();
    const applied = appliedDocuments(deps, inventories);
    own = raiseMarks(own, applied);
    const named = new Set([...applied, ...inventories.flatMap(({ documents }) => documents)].map(documentKey));
    for (const inventory of inventories) {
      const change = endedBy(inventory, named);
      if (change !== undefined) own = raiseMarks(endMarks(own, change.ended), [change.set]);
    }
    memo.sweep();
  };

  return {
    own: () => {
      look();
      return own;
    },
    known: () => {
      look();
      return joinMarks(own, heard);
    },
    record: ({ applied, ended }) => {
      own = raiseMarks(endMarks(own, ended), applied);
    },
    hear: (told) => {
      heard = joinMarks(heard, marksOf(told ?? []));
    },
  };
};
