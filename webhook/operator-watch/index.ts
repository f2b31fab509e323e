// SPDX-License-Identifier: Apache-2.0
/**
 * Watches over the operator: without it nothing is repaired and nothing new is enforced, so its absence must be loud.
 *
 * In: the operator's Lease and its Deployment, where there is one. Out: a log line, a count and an Event when something
 * begins to be wrong, a gauge while it is; and the one repair that its permissions allow: a Deployment that was scaled to
 * zero is scaled back. Nothing here is on the way to a verdict, and nothing here keeps a replica from being ready.
 */
import { OPERATOR_LEASE, deployments, leases } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { regardingOf } from '../../kube/events.ts';
import type { EventRecorder, Regarding } from '../../kube/events.ts';
import { createInformer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import { createOperatorEye } from './alarms.ts';
import type { Alarm, AlarmKind, DeploymentObject } from './alarms.ts';

const OPERATOR_DEPLOYMENT = 'writ-operator';
const LOOK_MS = 5000;
const FIELD_MANAGER = 'writ-webhook';

export type OperatorWatchOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly systemNamespace: string;
  readonly pinnedTrustDigest: string;
  /** What is wrong now. */
  readonly onLook: (alarms: ReadonlySet<AlarmKind>) => void;
  readonly onAlarm: (alarm: Alarm) => void;
  readonly onRepair: () => void;
  readonly onError: (error: unknown) => void;
};

const named = (name: string): string => `metadata.name=${name}`;

/** Runs until the signal aborts. */
export const watchOperator = async (options: OperatorWatchOptions, signal: AbortSignal): Promise<void> => {
  const { client, clock, recorder, systemNamespace: namespace, pinnedTrustDigest, onError } = options;
  const observe = { handlerError: onError };
  const leaseCache = createInformer<KubeObject>(client, leases, { namespace, fieldSelector: named(OPERATOR_LEASE), clock, observe });
  const deploymentCache = createInformer<DeploymentObject>(client, deployments, {
    namespace,
    fieldSelector: named(OPERATOR_DEPLOYMENT),
    clock,
    observe,
  });
  const eye = createOperatorEye(pinnedTrustDigest);
  const key = (name: string): string => `${namespace}/${name}`;
  let known: ReadonlySet<AlarmKind> = new Set();
  let last: Regarding = { apiVersion: 'apps/v1', kind: deployments.kind, name: OPERATOR_DEPLOYMENT, namespace };

  const tell = (alarm: Alarm): void => {
    options.onAlarm(alarm);
    const note = `${alarm.found}: repairs of what Writ stands on, and new commits, wait for the operator`;
    void recorder.record({ regarding: last, type: 'Warning', reason: 'OperatorTampered', note, action: `Watch${alarm.what}` });
  };
  const scaleUp = async (): Promise<void> => {
    const body = { spec: { replicas: eye.wantedReplicas } };
    const ref = { namespace, name: OPERATOR_DEPLOYMENT };
    await client.patch(deployments, ref, { type: 'merge', body, subresource: 'scale', fieldManager: FIELD_MANAGER, signal });
    options.onRepair();
  };
  const look = async (): Promise<void> => {
    // An empty first list is not yet a deletion.
    if (!leaseCache.hasSynced() || !deploymentCache.hasSynced()) return;
    const deployment = deploymentCache.get(key(OPERATOR_DEPLOYMENT));
    if (deployment !== undefined) last = regardingOf(deployments, deployment);
    const alarms = eye.look({ lease: leaseCache.get(key(OPERATOR_LEASE)), deployment, monotonicMs: clock.monotonicMs() });
    const now = new Set(alarms.map(({ what }) => what));
    for (const alarm of alarms) if (!known.has(alarm.what)) tell(alarm);
    known = now;
    options.onLook(now);
    if (now.has('scaled-to-zero')) await scaleUp();
  };

  leaseCache.start(signal);
  deploymentCache.start(signal);
  while (!signal.aborted) {
    try {
      await look();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await sleep(clock, LOOK_MS, signal);
  }
};
