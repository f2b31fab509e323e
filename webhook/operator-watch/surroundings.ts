// SPDX-License-Identifier: Apache-2.0
// What is wrong around the operator, by what this replica sees for itself: who holds the Lease, whether the API server still
// asks, and which Pods it may send its questions to. Pure but for the memory of since when.
import { isRecord } from '../../crds/wire.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Alarm, AlarmKind } from './alarms.ts';

export type Surroundings = {
  readonly lease: KubeObject | undefined;
  /** Undefined where no operator runs in a Deployment: then its name is not that of a Pod. */
  readonly deployment: KubeObject | undefined;
  /** Those of Writ in the system namespace; undefined while they are not known. */
  readonly pods: readonly KubeObject[] | undefined;
  /** What is wrong with each configuration; undefined where nothing is, or where it is not known. */
  readonly guard: string | undefined;
  readonly decisions: string | undefined;
  readonly monotonicMs: number;
};

/** Longer than a leader that fell silent is waited for by default. */
export const FOREIGN_MS = 30_000;
/** The operator takes a second or two. */
export const UNREPAIRED_MS = 15_000;

const COMPONENT_LABEL = 'app.kubernetes.io/component';

/** Made by the ReplicaSet of a Deployment of that name, as far as its owner says. */
const isOf = (deployment: string, pod: KubeObject): boolean => {
  const owners: unknown = pod.metadata.ownerReferences;
  return (
    Array.isArray(owners) &&
    owners.some(
      (owner: unknown) =>
        isRecord(owner) &&
        owner['controller'] === true &&
        owner['kind'] === 'ReplicaSet' &&
        typeof owner['name'] === 'string' &&
        owner['name'].startsWith(`${deployment}-`),
    )
  );
};

const isComponent = (component: string, { metadata }: KubeObject): boolean => metadata.labels?.[COMPONENT_LABEL] === component;

/** The Pod that a holder names: whoever leads adds `_` and a random part to it. */
const podOf = (lease: KubeObject & { readonly spec?: unknown }): string => {
  const holder = isRecord(lease.spec) ? lease.spec['holderIdentity'] : undefined;
  return typeof holder === 'string' ? holder.replace(/_[^_]*$/, '') : '';
};

export type SurroundingsEye = { look(seen: Surroundings): readonly Alarm[] };

export const createSurroundingsEye = (self: string): SurroundingsEye => {
  const since = new Map<AlarmKind, number>();
  let foreign: { readonly mark: string; readonly sinceMs: number } | undefined;
  let hadOperator = false;

  const lasting = (what: AlarmKind, found: string | undefined, nowMs: number): readonly Alarm[] => {
    if (found === undefined) since.delete(what);
    else if (!since.has(what)) since.set(what, nowMs);
    const fromMs = since.get(what);
    return found === undefined || fromMs === undefined || nowMs - fromMs < UNREPAIRED_MS ? [] : [{ what, found }];
  };

  const foreignLease = ({ lease, deployment, pods, monotonicMs }: Surroundings): readonly Alarm[] => {
    const holder = lease === undefined ? undefined : podOf(lease);
    const isOurs = pods?.some((pod) => pod.metadata.name === holder && isOf('writ-operator', pod)) ?? true;
    if (lease === undefined || deployment === undefined || isOurs) {
      foreign = undefined;
      return [];
    }
    const mark = `${lease.metadata.uid} ${lease.metadata.resourceVersion}`;
    foreign ??= { mark, sinceMs: monotonicMs };
    // One that is written no more is taken over, or stale.
    if (foreign.mark === mark || monotonicMs - foreign.sinceMs < FOREIGN_MS) return [];
    return [
      {
        what: 'lease-foreign',
        found: `the operator's Lease is held by "${holder?.slice(0, 100)}", which is no Pod of the Deployment writ-operator`,
      },
    ];
  };

  /** Only where this replica itself is of a Deployment, all that are asked are. */
  const foreignPods = (pods: readonly KubeObject[] = []): readonly Alarm[] => {
    const asked = pods.filter((pod) => isComponent('webhook', pod));
    if (!asked.some((pod) => pod.metadata.name === self && isOf('writ-webhook', pod))) return [];
    const other = asked.find((pod) => !isOf('writ-webhook', pod));
    if (other === undefined) return [];
    return [{ what: 'foreign-pod', found: `Pod ${other.metadata.name} has the labels by which the API server finds Writ's webhook` }];
  };

  return {
    look: (seen) => {
      hadOperator ||= seen.lease !== undefined || seen.deployment !== undefined;
      // Before the first operator there is nothing that it could have made.
      const [guard, decisions] = hadOperator ? [seen.guard, seen.decisions] : [undefined, undefined];
      return [
        ...foreignLease(seen),
        ...lasting('guard-configuration', guard, seen.monotonicMs),
        ...lasting('webhook-configuration', decisions, seen.monotonicMs),
        ...foreignPods(seen.pods),
      ];
    },
  };
};
