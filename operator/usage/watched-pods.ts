// SPDX-License-Identifier: Apache-2.0
// Pods and claims as the ledger looks at them: whose agent runs since when, how large a claim is. What is kept of an object is small:
// a cluster has many.
import { isRecord } from '../../crds/wire.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { requestOf } from '../../policies/cases/request.ts';
import { isJsonObject } from '../../policies/document/json.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import { quantityBytes } from './storage-quantity.ts';

export type WatchedPod = KubeObject & {
  /** Only there for pods that are agents by proof, not by suspicion. */
  readonly agent?: { readonly runningSinceMs: number; readonly endedMs?: number };
};

export type WatchedClaim = KubeObject & { readonly bound?: { readonly sinceMs: number; readonly bytes: bigint } };

const timeAt = (value: unknown, key: string): number | undefined => {
  const text = isRecord(value) ? value[key] : undefined;
  const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
};

const isAgent = (pod: unknown): boolean => {
  if (!isJsonObject(pod)) return false;
  const made = requestOf({
    operation: 'CREATE',
    object: { ...pod, apiVersion: 'v1', kind: 'Pod' },
    oldObject: null,
    user: { username: '', groups: [] },
    namespace: '',
    kinds: [],
  });
  return made.ok && subjectOf(made.request).isAgent();
};

/** From the first container that ran to the last that ended. */
const lifeOf = (status: unknown): WatchedPod['agent'] => {
  if (!isRecord(status)) return undefined;
  const { phase, containerStatuses } = status;
  const states = (Array.isArray(containerStatuses) ? containerStatuses : []).flatMap((one: unknown) =>
    isRecord(one) && isRecord(one['state']) ? [one['state']] : [],
  );
  const started = states.flatMap((state) => timeAt(state['running'], 'startedAt') ?? timeAt(state['terminated'], 'startedAt') ?? []);
  const since = started.length > 0 ? Math.min(...started) : timeAt(status, 'startTime');
  if (since === undefined || (phase !== 'Running' && phase !== 'Succeeded' && phase !== 'Failed')) return undefined;
  if (phase === 'Running') return { runningSinceMs: since };
  const finished = states.flatMap((state) => timeAt(state['terminated'], 'finishedAt') ?? []);
  return { runningSinceMs: since, endedMs: finished.length > 0 ? Math.max(...finished) : since };
};

const namesOf = ({ metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject => ({
  metadata: {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  },
});

export const watchedPod = (pod: KubeObject & { readonly status?: unknown }): WatchedPod => {
  const life = lifeOf(pod.status);
  return life === undefined || !isAgent(pod) ? namesOf(pod) : { ...namesOf(pod), agent: life };
};

export const watchedClaim = (claim: KubeObject & { readonly status?: unknown }): WatchedClaim => {
  const { status, metadata } = claim;
  const capacity =
    isRecord(status) && status['phase'] === 'Bound' && isRecord(status['capacity']) ? status['capacity']['storage'] : undefined;
  const bytes = quantityBytes(capacity);
  const sinceMs = timeAt(metadata, 'creationTimestamp');
  return bytes === undefined || sinceMs === undefined ? namesOf(claim) : { ...namesOf(claim), bound: { sinceMs, bytes } };
};
