// SPDX-License-Identifier: Apache-2.0
// An inventory says which documents are enforced. It may name only what is here, verifies and is current, and it may drop
// only what may end: writing one is no way around the seals.
import { decodeInventory, isInventoryName, setsText, setsTextIn } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { isSealedKind } from '../../crds/kinds.ts';
import type { SealedKind } from '../../crds/kinds.ts';
import { SET_KIND } from '../../crds/marks.ts';
import { checkMark, documentKey } from '../../policies/currency/index.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import { isImmutable } from '../../crds/wire.ts';
import { oddAt, oddForm } from './bundles.ts';
import type { GuardedChange } from './change.ts';
import { ruleRemoval } from './removal.ts';
import { firstRefusal, held, pass, refuse } from './ruling.ts';
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

/** What is another source's, or nobody's, ends with no inventory of this one: whoever wrote it in there may take it out. */
const mayBeOf = (source: string, document: { readonly kind: SealedKind; readonly name: string }, view: GuardView): boolean => {
  const known = view.standing(document.kind, document.name) ?? view.marks.get(documentKey(document));
  return known === undefined || known.source === source;
};

const ruleDropped = (before: Inventory, after: Inventory | undefined, view: GuardView): Ruling => {
  const others = view.inventories.filter(({ source }) => source !== before.source);
  const set = after === undefined ? undefined : view.setIn(after);
  const listed = new Set([...(after === undefined ? [] : [after]), ...others].flatMap(({ documents }) => documents.map(documentKey)));
  return firstRefusal(
    before.documents.map(({ kind, name }) =>
      isSealedKind(kind) && !listed.has(documentKey({ kind, name })) && mayBeOf(before.source, { kind, name }, view)
        ? ruleRemoval({ kind, name, set }, view)
        : pass,
    ),
  );
};

/**
 * The bundles of a set seal that come or change: in the form in which they are stored, and proving a set of this source. What
 * stands may stay as it is, also where a newer trust policy takes it no more: the next commit brings another or none.
 */
const ruleSets = (change: Pick<GuardedChange, 'before' | 'after'>, wanted: Inventory, set: SetProof | undefined): Ruling => {
  const { source, sets } = wanted;
  const text = setsTextIn(change.after);
  if (sets === undefined || text === setsTextIn(change.before)) return pass;
  const odd = text === setsText(sets) ? oddAt('sets', sets) : 'data';
  if (odd !== undefined) return oddForm(odd);
  return set === undefined && sets.length > 0
    ? refuse({ code: 'INVENTORY_UNPROVEN', message: `the set seal that it carries is none of ${source} that counts here` }, 'anything')
    : pass;
};

export const ruleInventory = ({ name, before, after }: Pick<GuardedChange, 'name' | 'before' | 'after'>, view: GuardView): Ruling => {
  // The operator makes it anew; replicas keep what stands until then.
  if (after === undefined && (view.isLeaving || isImmutable(before))) return pass;
  if (after !== undefined && !isInventoryName(name)) return held(`ConfigMap ${name} is no inventory`, 'metadata.labels');
  if (isImmutable(after) && !isImmutable(before)) return held(`no commit could be written into ConfigMap ${name} any more`, 'immutable');
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
  const unsealed = wanted === undefined ? pass : ruleSets({ before, after }, wanted, set);
  if (unsealed.kind === 'refuse') return unsealed;
  // One that cannot be read orders nothing; what it once named is in the marks.
  const stood = decodeInventory(before);
  return stood === undefined ? pass : ruleDropped(stood, wanted, view);
};
