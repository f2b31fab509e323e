// SPDX-License-Identifier: Apache-2.0
// What a replica that starts now cannot know: documents are good and their source's inventory, which says which of them
// count, is missing or damaged. Others may hold that source's last commit, so deciding without it would be deciding by less.
import { inventoryName, isInventoryName } from '../../crds/inventory.ts';
import { SET_KIND } from '../../crds/marks.ts';
import { SOURCE_LABEL, sourceLabel } from '../../crds/kinds.ts';
import type { AssembleState, Missing, Pending } from './enforcement.ts';

/** `NAMESPACE.NAME` → `NAMESPACE/NAME`; a shortened label reads as it is. */
const sourceOfLabel = (label: string): string => label.replace('.', '/');

const INVENTORY_PREFIX = inventoryName('');

/**
 * Anybody may write any source into a label: what is awaited is an inventory of a source that the marks know. Where they know
 * nothing yet, or are gone, every label counts.
 */
const mayHaveEnforced = ({ told }: AssembleState): ((label: string) => boolean) => {
  const sources = new Set(told.flatMap(({ kind, name, source }) => (kind === SET_KIND ? name : (source ?? []))).map(sourceLabel));
  return (label) => told.length === 0 || sources.has(label);
};

/** `enforced`: digests. */
export const inventoriesAwaited = (state: AssembleState, enforced: ReadonlySet<string>): readonly Pending[] => {
  const known = new Set(state.inventories.map(({ source }) => sourceLabel(source)));
  const damaged = state.unreadable
    .filter(isInventoryName)
    .toSorted()
    .map((name): Pending => {
      const label = name.slice(INVENTORY_PREFIX.length);
      const source = sourceOfLabel(label);
      known.add(label);
      const why = `the inventory of ${source} cannot be read: reconcile that GitSource, or delete the ConfigMap ${name} if the source is gone`;
      return { source, revision: '', missing: [], why };
    });
  const awaited = new Map<string, Missing[]>();
  const isMarked = mayHaveEnforced(state);
  for (const { kind, name, source, judged } of state.offers) {
    if (source === undefined || known.has(source) || !isMarked(source) || !judged.ok || enforced.has(judged.document.digest)) continue;
    const missing = awaited.get(source) ?? [];
    missing.push({ kind, name, digest: judged.document.digest, problem: undefined });
    awaited.set(source, missing);
  }
  const absent = [...awaited].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...damaged,
    ...absent.map(([label, missing]): Pending => {
      const source = sourceOfLabel(label);
      const found = `${missing.length} verified documents carry its label, first ${missing[0]?.name ?? ''}`;
      const cure = `if that GitSource was deleted, take their label ${SOURCE_LABEL} away`;
      const why = `the inventory of ${source} has not arrived: ${found}; wait until the commit is applied, or, ${cure}`;
      return { source, revision: '', missing, why };
    }),
  ];
};
