// SPDX-License-Identifier: Apache-2.0
// An inventory says which documents are enforced. It may name only what is here, verifies and is current, and it may drop
// only what may end: writing one is no way around the seals.
import { decodeInventory } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { isSealedKind } from '../../crds/kinds.ts';
import { SET_KIND } from '../../crds/marks.ts';
import { checkMark, documentKey } from '../../policies/currency/index.ts';
import type { GuardedChange } from './change.ts';
import { ruleRemoval } from './removal.ts';
import { firstRefusal, pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import type { GuardView } from './view.ts';

type Listed = Inventory['documents'][number];
/** Replicas follow an inventory once they hold all that it names, so it must name what can be held. */
const ruleListed = ({ kind, name, digest }: Listed, view: GuardView): Ruling => {
  if (!isSealedKind(kind)) return pass;
  const document = view.held(digest);
  const mark = view.marks.get(documentKey({ kind, name }));
  // What its seals no longer carry stays closed where it was enforced, and is ordered nowhere else.
  const isGood = document?.withdrawn === undefined || mark?.digest === digest;
  if (document === undefined || !isGood || document.kind !== kind || document.name !== name) {
    const message = `no object ${kind} ${name} with the verified document ${digest} has reached this replica`;
    return refuse({ code: 'INVENTORY_UNPROVEN', message }, 'anything');
  }
  const stale = checkMark(mark, document);
  return stale === undefined ? pass : refuse(stale);
};

const ruleDropped = (before: Inventory, after: Inventory | undefined, view: GuardView): Ruling => {
  const others = view.inventories.filter(({ source }) => source !== before.source);
  const set = after === undefined ? undefined : view.setIn(after);
  const listed = new Set([...(after === undefined ? [] : [after]), ...others].flatMap(({ documents }) => documents.map(documentKey)));
  return firstRefusal(
    before.documents.map((document) =>
      isSealedKind(document.kind) && !listed.has(documentKey(document))
        ? ruleRemoval({ kind: document.kind, name: document.name, set }, view)
        : pass,
    ),
  );
};

export const ruleInventory = ({ name, before, after }: Pick<GuardedChange, 'name' | 'before' | 'after'>, view: GuardView): Ruling => {
  if (after === undefined && view.isLeaving) return pass;
  const wanted = after === undefined ? undefined : decodeInventory(after);
  if (after !== undefined && wanted === undefined) {
    return refuse({ code: 'INVENTORY_INVALID', message: `ConfigMap ${name} could not be read back as an inventory`, path: 'data' });
  }
  const unproven = firstRefusal((wanted?.documents ?? []).map((document) => ruleListed(document, view)));
  if (unproven.kind === 'refuse') return unproven;
  const set = wanted === undefined ? undefined : view.setIn(wanted);
  const key = documentKey({ kind: SET_KIND, name: set?.source ?? '' });
  const stale =
    set?.source === undefined
      ? undefined
      : checkMark(view.marks.get(key), { kind: SET_KIND, name: set.source, version: set.sequence, digest: set.digest });
  if (stale !== undefined) return refuse(stale);
  // One that cannot be read orders nothing; what it once named is in the marks.
  const held = decodeInventory(before);
  return held === undefined ? pass : ruleDropped(held, wanted, view);
};
