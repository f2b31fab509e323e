// SPDX-License-Identifier: Apache-2.0
// The set seals that inventories carry, verified. What was verified stays so under the same trust until time may change it.
// webhook/ and operator/ import it: both must see the same set in force.
import { hash } from 'node:crypto';
import type { Inventory } from '../../crds/inventory.ts';
import type { SetProof } from '../currency/removal.ts';
import { createMemo } from '../memo.ts';
import { verifySet } from './check-set.ts';
import type { SetOutcome } from './check-set.ts';
import type { Trust } from './index.ts';
import { isCurrent } from './term.ts';

/** Source → the set that counts now. */
export type SetReader = (inventories: readonly Inventory[], trust: Trust, atMs: number) => ReadonlyMap<string, SetProof>;

type Remembered = { readonly outcome: SetOutcome; readonly atMs: number };

const stands = ({ outcome: { ok, untilMs }, atMs }: Remembered, nowMs: number): boolean => isCurrent({ isGood: ok, atMs, untilMs }, nowMs);

export const createSetReader = (): SetReader => {
  const memo = createMemo<Remembered>();
  return (inventories, trust, atMs) => {
    const sets = new Map<string, SetProof>();
    for (const { source, sets: bundles = [] } of inventories) {
      if (bundles.length === 0) continue;
      const key = `${trust.digest} ${trust.root.ok} ${hash('sha256', JSON.stringify(bundles), 'base64url')}`;
      const known = memo.recall(key);
      const outcome = known !== undefined && stands(known, atMs) ? known.outcome : verifySet(bundles, trust, atMs);
      if (outcome !== known?.outcome) memo.keep(key, { outcome, atMs });
      if (outcome.ok && outcome.set.source === source) sets.set(source, outcome.set);
    }
    memo.sweep();
    return sets;
  };
};
