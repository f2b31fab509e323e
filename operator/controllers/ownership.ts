// SPDX-License-Identifier: Apache-2.0
// Whose a document is: of the source whose inventory orders it, unless the marks say better. Labels can be written by anybody who
// may patch the object, so that one is a hint at most where to look.
import { decodeInventory, inventoryName } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { INVENTORY_LABEL, SOURCE_LABEL, configMaps, isSealedKind, sourceLabel } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { documentKey } from '../../policies/currency/index.ts';
import type { Marks } from '../../policies/currency/index.ts';
import { objectKey } from '../apply/identity.ts';
import type { AppliedObject, DesiredObject, RecordedObject } from '../apply/plan.ts';

/** Without its label no replica sees it, and nobody is asked who writes it. */
export const inventoryIn = (configMap: KubeObject | undefined): Inventory | undefined =>
  configMap?.metadata.labels?.[INVENTORY_LABEL] === 'true' ? decodeInventory(configMap) : undefined;

type HintedInput = {
  readonly client: KubeClient;
  readonly namespace: string;
  /** `NAMESPACE/NAME` of the source that asks. */
  readonly source: string;
  readonly desired: readonly DesiredObject[];
  readonly live: ReadonlyMap<string, AppliedObject>;
  readonly signal: AbortSignal;
};

/** As they are now: what another source has applied a moment ago no cache may know yet. */
export const hintedInventories = async (input: HintedInput): Promise<readonly Inventory[]> => {
  const { client, namespace, source, desired, live, signal } = input;
  const labels = new Set(desired.flatMap((target) => live.get(objectKey(target))?.metadata.labels?.[SOURCE_LABEL] ?? []));
  labels.delete(sourceLabel(source));
  const read = [...labels].map(async (label) =>
    inventoryIn(await client.get<KubeObject>(configMaps, { namespace, name: `${inventoryName('')}${label}` }, { signal })),
  );
  return (await Promise.all(read)).flatMap((inventory) => inventory ?? []);
};

type OwnershipInput = {
  readonly source: string;
  readonly desired: readonly DesiredObject[];
  /** What the inventory of this source names. */
  readonly recorded: readonly RecordedObject[];
  readonly known: Marks;
  /** Of all sources. */
  readonly inventories: readonly Inventory[];
  /** Whether there is such a source: what one that was deleted has left may be ordered by another. */
  readonly exists: (source: string) => boolean;
};

/** By `objectKey`: the other source that what this one asks for belongs to. */
export const ownersElsewhere = (input: OwnershipInput): ReadonlyMap<string, string> => {
  const { source, desired, recorded, known, inventories, exists } = input;
  const own = new Set(recorded.map(objectKey));
  const others = new Map<string, string>();
  for (const inventory of inventories) {
    if (inventory.source === source || !exists(inventory.source)) continue;
    for (const document of inventory.documents) others.set(documentKey(document), inventory.source);
  }
  const elsewhere = new Map<string, string>();
  for (const target of desired) {
    const owner = others.get(documentKey(target));
    const isMarkedOwn = isSealedKind(target.kind) && known.get(documentKey(target))?.source === source;
    if (owner !== undefined && !isMarkedOwn && !own.has(objectKey(target))) elsewhere.set(objectKey(target), owner);
  }
  return elsewhere;
};
