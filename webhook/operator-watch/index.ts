// SPDX-License-Identifier: Apache-2.0
/**
 * Watches over the operator: without it nothing is repaired and nothing new is enforced, so its absence must be loud.
 *
 * In: the operator's Lease and its Deployment, where there is one; both webhook configurations, which the operator keeps; the
 * Pods of Writ. Out: a log line, a count and an Event when something
 * begins to be wrong, a gauge while it is; and the one repair that its permissions allow: a Deployment that was scaled to
 * zero is scaled back. Nothing here is on the way to a verdict, and nothing here keeps a replica from being ready.
 */
import {
  GUARD_CONFIGURATION_NAME,
  OPERATOR_LEASE,
  WEBHOOK_CONFIGURATION_NAME,
  deployments,
  leases,
  pods,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { regardingOf } from '../../kube/events.ts';
import type { EventRecorder, Regarding } from '../../kube/events.ts';
import { createInformer } from '../../kube/informer.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { CompiledPolicy } from '../../policies/compile/policy-set.ts';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import { createOperatorEye } from './alarms.ts';
import type { Alarm, AlarmKind, DeploymentObject } from './alarms.ts';
import { decisionsProblem, guardProblem } from './configurations.ts';
import { createSurroundingsEye } from './surroundings.ts';

const OPERATOR_DEPLOYMENT = 'writ-operator';
const LOOK_MS = 5000;
const FIELD_MANAGER = 'writ-webhook';
const POD_LABELS = 'app.kubernetes.io/name=writ';

export type OperatorWatchOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly systemNamespace: string;
  readonly pinnedTrustDigest: string;
  /** Name of this replica, which is that of its Pod where it runs in one. */
  readonly replica: string;
  /** What this replica enforces. */
  readonly policies: () => readonly CompiledPolicy[];
  /** PEM: who signs its certificate, where that is known. */
  readonly authorities: () => string | undefined;
  /** What is wrong now. */
  readonly onLook: (alarms: ReadonlySet<AlarmKind>) => void;
  readonly onAlarm: (alarm: Alarm) => void;
  readonly onRepair: () => void;
  readonly onError: (error: unknown) => void;
};

const named = (name: string): string => `metadata.name=${name}`;

/** What is looked at of a Pod. */
const namesAndOwners = ({ metadata: { name, namespace, labels, ownerReferences } }: KubeObject): KubeObject => ({
  metadata: { name, ...(namespace && { namespace }), ...(labels && { labels }), ...(ownerReferences && { ownerReferences }) },
});

const createCaches = ({ client, clock, systemNamespace: namespace, onError }: OperatorWatchOptions) => {
  const common = { clock, observe: { handlerError: onError } };
  const configuration = (name: string): Informer<KubeObject> =>
    createInformer<KubeObject>(client, validatingWebhookConfigurations, { ...common, fieldSelector: named(name) });
  return {
    lease: createInformer<KubeObject>(client, leases, { ...common, namespace, fieldSelector: named(OPERATOR_LEASE) }),
    deployment: createInformer<DeploymentObject>(client, deployments, { ...common, namespace, fieldSelector: named(OPERATOR_DEPLOYMENT) }),
    pods: createInformer<KubeObject>(client, pods, { ...common, namespace, labelSelector: POD_LABELS, transform: namesAndOwners }),
    guard: configuration(GUARD_CONFIGURATION_NAME),
    decisions: configuration(WEBHOOK_CONFIGURATION_NAME),
  };
};

/** Where this replica may not look, or has not yet, nothing is known, and nothing is said. */
const seenIn = <T>(cache: Informer<KubeObject>, look: () => T): T | undefined => (cache.hasSynced() ? look() : undefined);

/** Runs until the signal aborts. */
export const watchOperator = async (options: OperatorWatchOptions, signal: AbortSignal): Promise<void> => {
  const { client, clock, recorder, systemNamespace: namespace, onError } = options;
  const caches = createCaches(options);
  const eye = createOperatorEye(options.pinnedTrustDigest);
  const surroundings = createSurroundingsEye(options.replica);
  const key = (name: string): string => `${namespace}/${name}`;
  let known: ReadonlySet<AlarmKind> = new Set();
  let last: Regarding = { apiVersion: 'apps/v1', kind: deployments.kind, name: OPERATOR_DEPLOYMENT, namespace };

  let asked: { readonly by: readonly unknown[]; readonly problem: string | undefined } | undefined;

  /** Worked out where something changed: policies may be many. */
  const decisionsNow = (): string | undefined => {
    const live = caches.decisions.get(WEBHOOK_CONFIGURATION_NAME);
    const [policies, authorities] = [options.policies(), options.authorities()];
    const by = [live, policies, authorities];
    if (asked === undefined || by.some((part, at) => part !== asked?.by[at]))
      asked = { by, problem: decisionsProblem(live, policies, { systemNamespace: namespace, authorities }) };
    return asked.problem;
  };
  const tell = (alarm: Alarm): void => {
    options.onAlarm(alarm);
    const means =
      alarm.what === 'foreign-pod'
        ? 'whoever made it may answer in the name of Writ'
        : 'repairs of what Writ stands on, and new commits, wait for the operator';
    const note = `${alarm.found}: ${means}`;
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
    if (!caches.lease.hasSynced() || !caches.deployment.hasSynced()) return;
    const monotonicMs = clock.monotonicMs();
    const lease = caches.lease.get(key(OPERATOR_LEASE));
    const deployment = caches.deployment.get(key(OPERATOR_DEPLOYMENT));
    if (deployment !== undefined) last = regardingOf(deployments, deployment);
    const believed = { systemNamespace: namespace, authorities: options.authorities() };
    const alarms = [
      ...eye.look({ lease, deployment, monotonicMs }),
      ...surroundings.look({
        lease,
        deployment,
        pods: seenIn(caches.pods, () => caches.pods.list()),
        guard: seenIn(caches.guard, () => guardProblem(caches.guard.get(GUARD_CONFIGURATION_NAME), believed)),
        decisions: seenIn(caches.decisions, decisionsNow),
        monotonicMs,
      }),
    ];
    const now = new Set(alarms.map(({ what }) => what));
    for (const alarm of alarms) if (!known.has(alarm.what)) tell(alarm);
    known = now;
    options.onLook(now);
    if (now.has('scaled-to-zero')) await scaleUp();
  };

  for (const cache of Object.values(caches)) cache.start(signal);
  while (!signal.aborted) {
    try {
      await look();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await sleep(clock, LOOK_MS, signal);
  }
};
