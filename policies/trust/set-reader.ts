// SPDX-License-Identifier: Apache-2.0
// The set seals that inventories carry, verified. What was verified stays so under the same trust until time may change it.
// webhook/ and operator/ import it: both must see the same set in force.
import { hash } from 'node:crypto';
import type { Inventory } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import type { SetProof } from '../currency/removal.ts';
import { createMemo } from '../memo.ts';
import { verifySet } from './check-set.ts';
import type { SetOutcome } from './check-set.ts';
import type { Trust } from './index.ts';
import { isCurrent } from './term.ts';

export type SetReading = {
  readonly trust: Trust;
  readonly atMs: number;
  /** All that are known: what a source ordered before counts in who may lead its sets, whatever its inventory names now. */
  readonly marks: Iterable<Mark>;
};

/** Source → the set that counts now. */
export type SetReader = (inventories: readonly Inventory[], reading: SetReading) => ReadonlyMap<string, SetProof>;

/** Source → the kinds of what stands of it, as marks say. */
export const markedKinds = (marks: Iterable<Mark>): ReadonlyMap<string, ReadonlySet<string>> => {
  const kinds = new Map<string, Set<string>>();
  for (const { kind, source, gone } of marks) {
    if (source === undefined || gone === true) continue;
    kinds.set(source, (kinds.get(source) ?? new Set()).add(kind));
  }
  return kinds;
};

type Remembered = { readonly outcome: SetOutcome; readonly atMs: number };

const stands = ({ outcome: { ok, untilMs }, atMs }: Remembered, nowMs: number): boolean => isCurrent({ isGood: ok, atMs, untilMs }, nowMs);

export const createSetReader = (): SetReader => {
  const memo = createMemo<Remembered>();
  return (inventories, { trust, atMs, marks }) => {
    const sets = new Map<string, SetProof>();
    const marked = markedKinds(marks);
    for (const { source, sets: bundles = [], documents } of inventories) {
      if (bundles.length === 0) continue;
      const ordered = [...new Set([...documents.map(({ kind }) => kind), ...(marked.get(source) ?? [])])].toSorted();
      const key = `${trust.digest} ${trust.root.ok} ${ordered.join(',')} ${hash('sha256', JSON.stringify(bundles), 'base64url')}`;
      const known = memo.recall(key);
      const outcome = known !== undefined && stands(known, atMs) ? known.outcome : verifySet(bundles, { trust, at: atMs, ordered });
      if (outcome !== known?.outcome) memo.keep(key, { outcome, atMs });
      if (outcome.ok && outcome.set.source === source) sets.set(source, outcome.set);
    }
    memo.sweep();
    return sets;
  };
};
