// SPDX-License-Identifier: Apache-2.0
// What a change of an object means to the controllers. Only `term.ts` asks.
import { decodeInventory } from '../crds/inventory.ts';
import { TENANT_LABEL } from '../crds/kinds.ts';
import type { KubeObject } from '../kube/objects.ts';

/** The tenant that a namespace had before the change and has no more. */
export const tenantLabelTaken = (previous: KubeObject | undefined, object: KubeObject): string | undefined => {
  const before = previous?.metadata.labels?.[TENANT_LABEL];
  return before !== undefined && object.metadata.labels?.[TENANT_LABEL] !== before ? before : undefined;
};

/** The policies and rulesets that an inventory names with another digest than the one before it did, or no more. */
export const changedDocuments = (previous: unknown, current: unknown): readonly { readonly kind: string; readonly name: string }[] => {
  const named = (configMap: unknown) =>
    new Map(
      (decodeInventory(configMap)?.documents ?? [])
        .filter(({ kind }) => kind === 'Policy' || kind === 'Ruleset')
        .map(({ kind, name, digest }) => [`${kind}/${name}`, { kind, name, digest }]),
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
