// SPDX-License-Identifier: Apache-2.0
// The tenants' controllers of the operator in this process, against a real API server, as the operator's own account: what they may
// not do they cannot do here either.
import { fileURLToPath } from 'node:url';
import { OPERATOR_SERVICE_ACCOUNT, SYSTEM_NAMESPACE } from '../../crds/kinds.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Reconciled } from '../../kube/controller.ts';
import { createEventRecorder } from '../../kube/events.ts';
import type { RequestObservation } from '../../kube/observe.ts';
import { createCaches } from '../../operator/caches.ts';
import type { LiveCaches } from '../../operator/caches.ts';
import { createTenancy } from '../../operator/tenancy/controllers.ts';
import type { TenancyOptions } from '../../operator/tenancy/controllers.ts';
import { NO_ENTITLEMENTS } from '../../policies/entitlement/remembered.ts';
import { systemClock } from '../../process/clock.ts';
import type { ControlPlane } from '../cluster/control-plane-handle.ts';
import { until } from './until.ts';

const FOUNDATION = fileURLToPath(new URL('../../deploy/foundation', import.meta.url));
const OPERATOR = `system:serviceaccount:${SYSTEM_NAMESPACE}:${OPERATOR_SERVICE_ACCOUNT}`;
const OPERATOR_GROUPS = ['system:serviceaccounts', `system:serviceaccounts:${SYSTEM_NAMESPACE}`];

/** Kinds, namespace, permissions and the API server's own checks of Writ. */
export const installFoundation = async (plane: ControlPlane): Promise<void> => {
  for (const args of [
    ['apply', '--server-side', '-k', FOUNDATION],
    ['wait', '--for=condition=Established', '--timeout=60s', 'crd', '-l', 'app.kubernetes.io/part-of=writ'],
  ]) {
    const { code, stderr } = await plane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  }
};

export type RunningTenancy = {
  readonly caches: LiveCaches;
  /** As the operator. */
  readonly client: KubeClient;
  /** Calls that change something, in the order in which they were answered. */
  readonly writes: readonly RequestObservation[];
  /** All others, watches apart. */
  readonly reads: readonly RequestObservation[];
  readonly reconciled: readonly Reconciled[];
  /** Nothing waits or is in work. */
  idle(): Promise<void>;
  stop(): Promise<void>;
};

export const runTenancy = async (
  plane: ControlPlane,
  options: Partial<Pick<TenancyOptions, 'networkEnforces' | 'concurrency'>> & {
    readonly through?: (client: KubeClient) => KubeClient;
  } = {},
): Promise<RunningTenancy> => {
  const writes: RequestObservation[] = [];
  const reads: RequestObservation[] = [];
  const reconciled: Reconciled[] = [];
  const ending = new AbortController();
  const raw = createKubeClient({
    kubeconfigPath: await plane.kubeconfigFor({ user: OPERATOR, groups: OPERATOR_GROUPS }),
    clock: systemClock,
    userAgent: 'writ-test',
    observe: { request: (request) => void (request.method === 'GET' ? reads : writes).push(request) },
  });
  const client = options.through?.(raw) ?? raw;
  const caches = createCaches({ client, clock: systemClock, systemNamespace: SYSTEM_NAMESPACE, observe: () => ({}) });
  for (const informer of Object.values(caches)) informer.start(ending.signal);
  await Promise.all(Object.values(caches).map(({ synced }) => synced));
  const tenancy = createTenancy({
    client,
    caches,
    releases: () => [],
    entitlements: () => ({ ok: true, state: NO_ENTITLEMENTS }),
    recorder: createEventRecorder({ client, clock: systemClock, reportingController: 'writ.dev/test', reportingInstance: 'test' }),
    clock: systemClock,
    observer: { reconciled: (one) => void reconciled.push(one) },
    systemNamespace: SYSTEM_NAMESPACE,
    networkEnforces: options.networkEnforces ?? [],
    concurrency: options.concurrency ?? 8,
    onLabelTaken: () => undefined,
    signal: ending.signal,
  });
  const unsubscribe = tenancy.subscribe();
  const running = Promise.all(tenancy.controllers.map((controller) => controller.run(ending.signal)));
  const isIdle = (): boolean => tenancy.controllers.every((controller) => controller.idle());
  return {
    caches,
    client,
    writes,
    reads,
    reconciled,
    idle: async () => {
      const failed = () => reconciled.findLast(({ error }) => error !== undefined)?.error;
      await until(async () => isIdle(), { what: 'the tenants to be made', withinMs: 20_000 }).catch((error: Error) => {
        throw new Error(error.message, { cause: failed() });
      });
    },
    stop: async () => {
      ending.abort();
      for (const end of unsubscribe) end();
      await running;
      await raw.close();
    },
  };
};
