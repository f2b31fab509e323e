// SPDX-License-Identifier: Apache-2.0
// The guard's view, read off what the loader and the caches of this process hold at the moment.
import { decodeInventory } from '../../crds/inventory.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { marksOf } from '../../policies/currency/index.ts';
import type { Standing } from '../../policies/currency/removal.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Clock } from '../../process/clock.ts';
import type { Loader } from '../policyset/loader.ts';
import type { GuardView, HeldDocument } from './view.ts';

export type ClusterViewOptions = {
  readonly loader: Pick<Loader, 'trust' | 'enforcement'>;
  readonly inventories: { list(): readonly KubeObject[] };
  readonly namespaces: { get(name: string): KubeObject | undefined };
  /** Every cache that the loader looks at holds its first list. */
  readonly isFilled: () => boolean;
  readonly pinnedTrustDigest: string;
  readonly systemNamespace: string;
  readonly clock: Pick<Clock, 'now'>;
};

const heldOf = ({ name, version, digest }: PolicyDocument): HeldDocument => ({ kind: 'Policy', name, version, digest, retired: false });

export const createClusterView = (options: ClusterViewOptions): (() => GuardView | undefined) => {
  const { loader, inventories, namespaces, isFilled, pinnedTrustDigest, systemNamespace, clock } = options;
  const standing = (kind: string, name: string): Standing | undefined => {
    if (kind !== 'Policy') return undefined;
    const { commits, loose } = loader.enforcement;
    for (const [source, { documents }] of commits) {
      const document = documents.get(name);
      if (document !== undefined) return { ...heldOf(document), source, sequence: 0 };
    }
    const document = loose.get(name);
    return document === undefined ? undefined : { ...heldOf(document), source: undefined, sequence: 0 };
  };
  return () => {
    if (!isFilled()) return undefined;
    const { enforcement, trust } = loader;
    return {
      trust,
      pinnedTrustDigest,
      marks: marksOf([...enforcement.marks].map(([name, mark]) => ({ kind: 'Policy', name, ...mark }))),
      held: (digest) => {
        const document = enforcement.held.get(digest);
        return document === undefined ? undefined : heldOf(document);
      },
      inventories: inventories.list().flatMap((configMap) => decodeInventory(configMap) ?? []),
      standing,
      setOf: () => undefined,
      isLeaving: namespaces.get(systemNamespace)?.metadata.deletionTimestamp !== undefined,
      atMs: clock.now(),
    };
  };
};
