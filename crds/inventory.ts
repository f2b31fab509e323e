// SPDX-License-Identifier: Apache-2.0
/**
 * The commit object: which documents make up the commit of a source that was applied whole.
 *
 * A ConfigMap in the system namespace, written by the operator as the last write of a commit and read by every webhook
 * replica. Kubernetes has no transaction over many objects; this object is how a reader tells a whole commit from half
 * of one. Decoding is total: whatever is in the cluster, the answer is an inventory or `undefined`.
 */
import { INVENTORY_LABEL, MANAGED_BY, MANAGED_BY_LABEL, SOURCE_LABEL, SYSTEM_NAMESPACE, sourceLabel } from './kinds.ts';
import { isDigest, isName, isRecord, isSource, isText, isTime, parseObject } from './wire.ts';
import type { ConfigMap } from './wire.ts';

export type { ConfigMap } from './wire.ts';

export type InventoryDocument = {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly group: string;
  readonly version: string;
  readonly plural?: string;
  /** `sha256:` and the hex digest of the document's bytes. */
  readonly digest: string;
};

export type Inventory = {
  /** `NAMESPACE/NAME` of the GitSource. */
  readonly source: string;
  /** As in status.revision, for instance `main@sha1:…`. */
  readonly revision: string;
  /** RFC 3339: the commit's own time. */
  readonly committedAt?: string;
  /** RFC 3339: when Writ heard of the commit, by push or by poll. */
  readonly receivedAt?: string;
  readonly documents: readonly InventoryDocument[];
  /** Bundles of the set seal that came with the commit: the proof that what it names no more may end. */
  readonly sets?: readonly string[];
};

/** One ConfigMap holds at most 1 MiB; this bounds the text with room for the object around it. */
export const INVENTORY_TEXT_MAX_BYTES = 1_000_000;
const FORMAT = '1';
const KEY = 'inventory.json';
const SETS_KEY = 'sets.json';

export const inventoryName = (source: string): string => `writ-inventory-${sourceLabel(source)}`;

/** Whatever else carries the label of an inventory is none, and no reason to wait for one. */
export const isInventoryName = (name: string): boolean => name.startsWith(inventoryName(''));

/** As the bundles of a set seal are written. */
export const setsText = (sets: readonly string[]): string => `${JSON.stringify(sets)}\n`;

/** The text has one line a document, so that `kubectl get -o yaml` reads well and a diff is short. */
export const encodeInventory = (inventory: Inventory, namespace: string = SYSTEM_NAMESPACE): ConfigMap => {
  const { documents, sets, ...head } = inventory;
  const lines = documents.map((document) => JSON.stringify(document));
  const text = `${JSON.stringify(head).slice(0, -1)},"documents":[${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n`}]}\n`;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: inventoryName(inventory.source),
      namespace,
      labels: { [INVENTORY_LABEL]: 'true', [SOURCE_LABEL]: sourceLabel(inventory.source), [MANAGED_BY_LABEL]: MANAGED_BY },
    },
    data: { format: FORMAT, [KEY]: text, ...(sets === undefined ? {} : { [SETS_KEY]: setsText(sets) }) },
  };
};

/** Whether the encoded form fits into a ConfigMap; about 5,000 documents do. */
export const inventoryFits = (inventory: Inventory): boolean =>
  Object.values(encodeInventory(inventory).data ?? {}).reduce((sum, text) => sum + Buffer.byteLength(text), 0) <= INVENTORY_TEXT_MAX_BYTES;

const decodeDocument = (value: unknown): InventoryDocument | undefined => {
  if (!isRecord(value)) return undefined;
  const { kind, name, namespace, group, version, plural, digest } = value;
  if (!isText(kind, 63) || !isName(name) || !isText(version, 63) || !isDigest(digest)) return undefined;
  if (group !== '' && !isName(group)) return undefined;
  if (namespace !== undefined && !isName(namespace)) return undefined;
  if (plural !== undefined && !isName(plural)) return undefined;
  return {
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    group,
    version,
    ...(plural === undefined ? {} : { plural }),
    digest,
  };
};

const decodeDocuments = (value: unknown): readonly InventoryDocument[] | undefined => {
  if (!Array.isArray(value)) return undefined;
  const documents: InventoryDocument[] = [];
  const seen = new Set<string>();
  for (const entry of value) {
    const document = decodeDocument(entry);
    if (document === undefined) return undefined;
    const key = [document.group, document.kind, document.namespace ?? '', document.name].join('/');
    // Two digests for one object would let two replicas choose differently.
    if (seen.has(key)) return undefined;
    seen.add(key);
    documents.push(document);
  }
  return documents;
};

/** What stands in the place of the bundles of a set seal, if anything does. */
export const setsTextIn = (configMap: unknown): unknown => {
  const data = isRecord(configMap) && isRecord(configMap['data']) ? configMap['data'] : {};
  return Object.hasOwn(data, SETS_KEY) ? data[SETS_KEY] : undefined;
};

const MAX_SETS = 8;

/** `undefined` where there is something else than what is written there. */
const decodeSets = (configMap: unknown): Pick<Inventory, 'sets'> | undefined => {
  const text = setsTextIn(configMap);
  if (text === undefined) return {};
  try {
    const value: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
    const isList = Array.isArray(value) && value.length <= MAX_SETS && value.every((bundle) => isText(bundle, INVENTORY_TEXT_MAX_BYTES));
    return isList ? { sets: value.map(String) } : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The inventory in a ConfigMap, or `undefined` for anything that `encodeInventory` could not have written, under a name
 * that is not its source's included: a source has exactly one.
 */
export const decodeInventory = (configMap: unknown): Inventory | undefined => {
  const held = parseObject(configMap, KEY, FORMAT);
  if (held === undefined) return undefined;
  const { source, revision, committedAt, receivedAt } = held.value;
  if (!isSource(source) || !isText(revision, 512) || held.name !== inventoryName(source)) return undefined;
  if (committedAt !== undefined && !isTime(committedAt)) return undefined;
  if (receivedAt !== undefined && !isTime(receivedAt)) return undefined;
  const documents = decodeDocuments(held.value['documents']);
  const sets = decodeSets(configMap);
  if (documents === undefined || sets === undefined) return undefined;
  return {
    source,
    revision,
    ...(committedAt === undefined ? {} : { committedAt }),
    ...(receivedAt === undefined ? {} : { receivedAt }),
    documents,
    ...sets,
  };
};
