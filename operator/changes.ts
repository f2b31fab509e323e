// SPDX-License-Identifier: Apache-2.0
// What a change of an object means to the controllers. Only `term.ts` asks.
import { decodeInventory } from '../crds/inventory.ts';
import { TENANT_LABEL, isSealedKind } from '../crds/kinds.ts';
import type { SealedKind } from '../crds/kinds.ts';
import type { KubeObject } from '../kube/objects.ts';

/** The tenant that a namespace had before the change and has no more. */
export const tenantLabelTaken = (previous: KubeObject | undefined, object: KubeObject): string | undefined => {
  const before = previous?.metadata.labels?.[TENANT_LABEL];
  return before !== undefined && object.metadata.labels?.[TENANT_LABEL] !== before ? before : undefined;
};

/** The sealed documents that an inventory names with another digest than the one before it did, or no more. */
export const changedDocuments = (previous: unknown, current: unknown): readonly { readonly kind: SealedKind; readonly name: string }[] => {
  const named = (configMap: unknown) =>
    new Map(
      (decodeInventory(configMap)?.documents ?? []).flatMap(({ kind, name, digest }) =>
        isSealedKind(kind) ? [[`${kind}/${name}`, { kind, name, digest }] as const] : [],
      ),
    );
  const [before, now] = [named(previous), named(current)];
  return [...new Map([...before, ...now])].flatMap(([key, one]) => (before.get(key)?.digest === now.get(key)?.digest ? [] : [one]));
};

type Versioned = {
  readonly metadata: {
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
};

export const isStatusOnly = (previous: Versioned | undefined, current: Versioned): boolean =>
  previous !== undefined &&
  previous.metadata.generation === current.metadata.generation &&
  previous.metadata.deletionTimestamp === current.metadata.deletionTimestamp &&
  JSON.stringify(previous.metadata.annotations) === JSON.stringify(current.metadata.annotations);
