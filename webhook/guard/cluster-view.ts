// SPDX-License-Identifier: Apache-2.0
// The guard's view, read off what the loader and the caches of this process hold at the moment.
import { decodeInventory } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { decodeMarks } from '../../crds/marks.ts';
import { goingOf } from '../../kube/namespace.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { documentKey, marksOf } from '../../policies/currency/index.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { JudgeInSteps, PolicyDocument } from '../../policies/policy-object.ts';
import type { Clock } from '../../process/clock.ts';
import type { EvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import type { Loader } from '../policyset/loader.ts';
import { createSetReader } from '../../policies/trust/set-reader.ts';
import type { SetReader } from '../../policies/trust/set-reader.ts';
import type { TenantLookup } from './tenants.ts';
import type { GuardView, HeldDocument } from './view.ts';

export type ClusterViewOptions = {
  readonly loader: Pick<Loader, 'trust' | 'enforcement'>;
  readonly inventories: { list(): readonly KubeObject[] };
  readonly marks: { list(): readonly KubeObject[] };
  readonly tenant: TenantLookup;
  readonly namespaces: { get(name: string): KubeObject | undefined };
  /** Every cache that the loader looks at holds its first list. */
  readonly isFilled: () => boolean;
  readonly pinnedTrustDigest: string;
  readonly evidence: EvidenceMemory;
  readonly judge: JudgeInSteps;
  readonly systemNamespace: string;
  readonly clock: Pick<Clock, 'now'>;
};

const heldOf = ({ kind, name, version, digest, retired, unsigned, withdrawn, ruleset }: PolicyDocument): HeldDocument => ({
  kind,
  name,
  version,
  digest,
  retired,
  tier: ruleset?.spec.publisher?.tier,
  ...(unsigned === undefined ? {} : { unsigned }),
  ...(withdrawn === undefined ? {} : { withdrawn }),
});

export const createClusterView = (options: ClusterViewOptions): (() => GuardView | undefined) => {
  const { loader, inventories, marks, tenant, namespaces, isFilled, pinnedTrustDigest, evidence, judge, systemNamespace, clock } = options;
  const readSets = createSetReader();
  // Informers replace objects and never change them, and an inventory may be a megabyte.
  const decoded = new WeakMap<KubeObject, Inventory | undefined>();
  const decodeOnce = (configMap: KubeObject): Inventory | undefined => {
    if (!decoded.has(configMap)) decoded.set(configMap, decodeInventory(configMap));
    return decoded.get(configMap);
  };
  // Of one that is asked about, apart from those that are in force.
  const readAsked = createSetReader();
  return () => {
    if (!isFilled()) return undefined;
    const { enforcement, trust } = loader;
    const atMs = clock.now();
    const read = inventories.list().flatMap((configMap) => decodeOnce(configMap) ?? []);
    const setIn = (reader: SetReader, those: readonly Inventory[], source: string): SetProof | undefined =>
      trust === undefined ? undefined : reader(those, { trust, atMs, marks: enforcement.marks.values() }).get(source);
    return {
      trust,
      pinnedTrustDigest,
      evidence,
      judge,
      marks: enforcement.marks,
      told: () => marksOf(marks.list().flatMap((configMap) => decodeMarks(configMap) ?? [])),
      held: (digest) => {
        const document = enforcement.held.get(digest);
        return document === undefined ? undefined : heldOf(document);
      },
      inventories: read,
      standing: (kind, name) => {
        const found = enforcement.standing.get(documentKey({ kind, name }));
        return found === undefined ? undefined : { ...heldOf(found.document), source: found.source, sequence: found.sequence };
      },
      tenant: (name) => tenant(name, trust, atMs),
      setOf: (source) => setIn(readSets, read, source),
      setIn: (inventory) => setIn(readAsked, [inventory], inventory.source),
      isLeaving: goingOf(namespaces.get(systemNamespace)) === 'whole',
      atMs,
    };
  };
};
