// SPDX-License-Identifier: Apache-2.0
// The guard of Writ's own kinds and the watch over the operator, put together for `wiring.ts`. Neither is on the way to a
// decision, and neither keeps a replica from being ready.
import type { KubeClient } from '../kube/client.ts';
import { createEventRecorder } from '../kube/events.ts';
import type { JudgeInSteps } from '../policies/policy-object.ts';
import type { TenantMemory } from '../policies/tenant-memory.ts';
import type { Proving } from '../policies/trust/evidence-task.ts';
import type { Clock } from '../process/clock.ts';
import type { Log } from '../process/log.ts';
import { eachCache } from './caches.ts';
import type { Caches } from './caches.ts';
import type { WebhookConfig } from './config.ts';
import { createVerifyAhead } from './guard/ahead.ts';
import { createClusterView } from './guard/cluster-view.ts';
import { handleGuard } from './guard/index.ts';
import { MOST_PLACES } from './guard/places.ts';
import { createTenantLookup } from './guard/tenants.ts';
import type { Guarded } from './guard/index.ts';
import { createWaiting } from './guard/wait.ts';
import { countGuarded, showAlarms } from './metrics.ts';
import type { WebhookMetrics } from './metrics.ts';
import { watchOperator } from './operator-watch/index.ts';
import type { Loader } from './policyset/loader.ts';
import { authoritiesIn } from './server/certificate-secret.ts';
import { createGuard } from './server/guard.ts';
import { createValidate } from './server/validate.ts';
import type { Validate } from './server/validate.ts';

type Parts = { readonly config: WebhookConfig; readonly clock: Clock; readonly log: Log; readonly metrics: WebhookMetrics };

// All but those few that may linger are answered as soon as they are read, so no storm of them takes every place for long.
const MAX_IN_FLIGHT = 8 * MOST_PLACES;

export const areFilled = (caches: Caches): boolean =>
  eachCache(caches).every(({ name, cache }) => name === 'certificate' || cache.hasSynced());

const logRefusal = (log: Log, { kind, refusal }: Guarded): void => {
  if (refusal === undefined) return;
  const { problem, user, operation, name, dryRun } = refusal;
  log.warn({ code: problem.code, why: problem.message, user, operation, object: `${kind}/${name}`, dryRun }, 'the guard refused a write');
};

export type GuardWrites = {
  readonly validate: Validate;
  /** The loader has looked again. */
  wake(): void;
};

export type GuardParts = Parts & {
  readonly caches: Caches;
  readonly loader: Pick<Loader, 'trust' | 'enforcement'>;
  readonly proving: Proving;
  readonly tenantMemory: TenantMemory;
  /** With what the loader has judged. */
  readonly judge: JudgeInSteps;
  readonly closing: () => boolean;
  readonly bug: (error: unknown) => void;
  /** How often the loader has looked. */
  readonly states: () => number;
};

export const createGuardWrites = ({
  config,
  caches,
  loader,
  proving,
  tenantMemory,
  judge,
  clock,
  log,
  metrics,
  closing,
  bug,
  states,
}: GuardParts): GuardWrites => {
  const systemNamespace = config['system-namespace'];
  const evidence = proving.memory;
  // Tenants are no part of what the loader looks at.
  let changes = 0;
  const tenant = createTenantLookup({
    tenants: caches.tenants,
    memory: tenantMemory,
    onChange: () => {
      changes += 1;
      waiting.wake();
    },
  });
  const waiting = createWaiting({
    clock,
    timeoutMs: config['guard-wait'],
    stateOf: (awaited) => (awaited === 'trust' ? `${loader.trust?.digest} ${loader.trust?.root.ok}` : `${states()} ${changes}`),
  });
  const view = createClusterView({
    loader,
    inventories: caches.inventories,
    marks: caches.marks,
    tenant,
    namespaces: caches.namespaces,
    isFilled: () => areFilled(caches),
    pinnedTrustDigest: config['trust-digest'],
    evidence,
    judge,
    systemNamespace,
    clock,
  });
  const deps = { view, waiting, systemNamespace, ahead: createVerifyAhead(clock, proving) };
  const validate = createValidate({
    handle: async (text, isAwaited) => {
      const startedMs = clock.monotonicMs();
      const guarded = await handleGuard(text, deps, isAwaited);
      countGuarded(metrics, guarded, clock.monotonicMs() - startedMs);
      logRefusal(log, guarded);
      return guarded;
    },
    guard: createGuard({ maxInFlight: MAX_IN_FLIGHT, maxBytes: config['max-body-mebibytes'] * 2 ** 20 }),
    clock,
    deadlineMs: config['review-deadline'],
    closing,
    onBug: bug,
    onRefused: ({ code }) => metrics.requestsRefused.inc({ code }),
  });
  return { validate, wake: () => waiting.wake() };
};

export const startOperatorWatch = (
  {
    config,
    client,
    clock,
    log,
    metrics,
    caches,
    loader,
  }: Parts & {
    readonly client: KubeClient;
    readonly caches: Pick<Caches, 'certificate'>;
    readonly loader: Pick<Loader, 'current'>;
  },
  signal: AbortSignal,
): Promise<void> =>
  watchOperator(
    {
      client,
      clock,
      recorder: createEventRecorder({ client, clock, reportingController: 'writ.dev/webhook', reportingInstance: config.replica }),
      systemNamespace: config['system-namespace'],
      pinnedTrustDigest: config['trust-digest'],
      replica: config.replica,
      policies: () => loader.current.set.policies,
      authorities: () => authoritiesIn(caches.certificate?.list()[0]),
      onLook: (alarms) => showAlarms(metrics, alarms),
      onAlarm: ({ what, found }) => {
        metrics.operatorAlarmsTotal.inc({ what });
        log.error({ what, found }, 'something is wrong with the operator');
      },
      onRepair: () => {
        metrics.tamperRepairs.inc({ what: 'operator-replicas' });
        log.warn('the operator was scaled to zero and is scaled up again');
      },
      onError: (error) => log.warn({ err: error }, 'the operator could not be watched over'),
    },
    signal,
  );
