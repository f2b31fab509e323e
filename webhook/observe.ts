// SPDX-License-Identifier: Apache-2.0
// One look of the loader at the caches. `wiring.ts` alone imports it.
import { decodeInventory } from '../crds/inventory.ts';
import { TRUST_POLICY_NAME } from '../crds/kinds.ts';
import { decodeMarks } from '../crds/marks.ts';
import type { Mark } from '../crds/marks.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { Caches } from './caches.ts';
import { areFilled } from './custody.ts';
import type { Observed } from './policyset/loader.ts';

export const observeCaches = (caches: Caches): Observed | undefined => {
  const { policies, rulesets, tierCatalogs, licenses, priceBooks, trust, inventories, marks } = caches;
  if (!areFilled(caches)) return undefined;
  const read = inventories.list().map((configMap) => ({ name: configMap.metadata.name, inventory: decodeInventory(configMap) }));
  return {
    trustPolicy: trust.get(TRUST_POLICY_NAME),
    sealed: [policies, rulesets, tierCatalogs, licenses, priceBooks].flatMap((cache) => cache.list()),
    inventories: read.flatMap(({ inventory }) => inventory ?? []),
    unreadableInventories: read.flatMap(({ name, inventory }) => (inventory === undefined ? [name] : [])),
    marks: marksIn(marks.list()),
  };
};

/** None where there is no object: the operator has not written them yet. */
const marksIn = ([object]: readonly KubeObject[]): readonly Mark[] | undefined => (object === undefined ? [] : decodeMarks(object));
