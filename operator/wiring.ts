// SPDX-License-Identifier: Apache-2.0
/**
 * The operator as a process: what it is made of and in which order it starts and stops.
 *
 * In: a configuration, a signal. Out: a running operator until the signal aborts. Watches, receivers and the health
 * endpoint run on every replica; everything that writes runs in a term of the leader (`term.ts`).
 */
import { randomBytes } from 'node:crypto';
import { OPERATOR_LEASE } from '../crds/kinds.ts';
import { createMarksReader } from '../crds/marks.ts';
import { createKubeClient } from '../kube/client.ts';
import type { ControllerObserver } from '../kube/controller.ts';
import type { InformerObserver } from '../kube/informer.ts';
import { createLeader } from '../kube/leader.ts';
import { createEvidenceMemory } from '../policies/trust/evidence-memory.ts';
import { proveAhead } from '../policies/trust/evidence-task.ts';
import type { EvidenceTask } from '../policies/trust/evidence-task.ts';
import type { EvidenceOutcome } from '../policies/trust/evidence.ts';
import { rootAgeMs } from '../policies/trust/root-age.ts';
import { createTenantCache } from '../policies/tenant-cache.ts';
import { rememberTenants } from '../policies/tenant-memory.ts';
import { systemClock } from '../process/clock.ts';
import { createEndpoint } from '../process/endpoint.ts';
import type { Log } from '../process/log.ts';
import { createSlices } from '../process/slices.ts';
import { createWorkerPool, workersHere } from '../process/worker-pool.ts';
import { createAudit } from './audit-wiring.ts';
import { createCaches } from './caches.ts';
import type { Caches } from './caches.ts';
import { PROGRAM } from './config.ts';
import type { OperatorConfig } from './config.ts';
import type { GitSourceDeps, SyncEvent } from './controllers/git-source.ts';
import type { Tampering } from './controllers/tamper.ts';
import type { LiveTenant } from './controllers/live.ts';
import { createTrustHolder } from './controllers/trust-policy.ts';
import type { TrustHolder } from './controllers/trust-policy.ts';
import { createOperatorMetrics, watchedResources } from './metrics.ts';
import type { OperatorMetrics, UsageResource, WatchedResource } from './metrics.ts';
import { followReceivers, requestSync, serveReceivers } from './receivers.ts';
import { showSuspended } from './source-metrics.ts';
import { createSources } from './source/index.ts';
import { createReceiver } from './source/receiver.ts';
import { runTerm } from './term.ts';
import type { RecordFacts } from './billing/facts.ts';
import { createTermBilling } from './billing-wiring.ts';
import { createUsage } from './usage-wiring.ts';
import { tenantIndexes } from './tenancy/caches.ts';
import type { TermDeps } from './term.ts';

export type Life = {
  readonly log: Log;
  readonly signal: AbortSignal;
  /** What a worker thread runs. */
  readonly workerFile: URL;
};

export const runOperator = async (config: OperatorConfig, options: Life): Promise<void> => {
  const { log } = options;
  // Ends with the process's signal, or with whatever part of it fails: half an operator must not live on.
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  const clock = systemClock;
  const metrics = createOperatorMetrics();
  const client = createKubeClient({
    ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }),
    clock,
    userAgent: PROGRAM,
    observe: {
      credentials: ({ generation, error }) => {
        if (error !== undefined) log.error({ err: error, generation }, 'new credentials for the API server could not be read');
      },
      warning: (text) => log.warn({ text }, 'the API server warns'),
    },
  });
  const systemNamespace = config['system-namespace'];
  const live = createCaches({ client, clock, systemNamespace, observe: (resource) => observeWatch(resource, metrics, log) });
  const receiver = createReceiver({
    clock,
    onPush: async (sourceKey, receivedAtMs) => {
      try {
        await requestSync(client, sourceKey, receivedAtMs);
      } catch (error) {
        log.error({ err: error, source: sourceKey }, 'a push could not be passed on');
        throw error;
      }
    },
    observe: (source, { status, verdict, reason, event }) => {
      metrics.deliveries.inc({ source, status: String(status) });
      log.info({ source, status, verdict, reason, event }, 'delivery');
    },
  });
  const sources = createSources({ cacheDir: config['cache-dir'], allowFileUrls: config['allow-file-urls'], clock });
  const workers = createWorkerPool<EvidenceTask, EvidenceOutcome | undefined>({
    file: options.workerFile,
    clock,
    size: workersHere(),
    onDeath: (error) => log.error({ err: error }, 'a thread that checks seals ended; its work is done again'),
  });
  const memory = createEvidenceMemory();
  const proving: GitSourceDeps['proving'] = {
    memory,
    ahead: (artifacts, by) => proveAhead({ artifacts, trust: by, memory, run: workers.run, rest: createSlices(clock).rest }),
  };
  const trust = createTrustHolder({
    informer: live.trustPolicies,
    marks: live.marks,
    clock,
    pinnedDigest: config['trust-digest'],
    evidence: memory,
  });
  const tenantMemory = rememberTenants(memory);
  const tenants = createTenantCache<LiveTenant>({
    live: live.tenants,
    indexes: tenantIndexes,
    marks: createMarksReader(() => live.marks.list()),
    memory: tenantMemory,
    ahead: proving.ahead,
    rest: createSlices(clock).rest,
    clock,
    onError: (error) => log.error({ err: error }, 'a change of a Tenant could not be handled'),
  });
  const caches: Caches = { ...live, tenants };
  const observer = observeControllers(metrics, log);
  const leader = createLeader({
    client,
    namespace: systemNamespace,
    name: OPERATOR_LEASE,
    identity: `${config.holder}_${randomBytes(4).toString('hex')}`,
    clock,
    leaseDurationMs: config['lease-duration'],
    renewDeadlineMs: config['lease-renew-deadline'],
    retryPeriodMs: config['lease-retry-period'],
    observe: {
      changed: (leading) => {
        metrics.leading.set({}, leading ? 1 : 0);
        log.info({ leading }, leading ? 'leading' : 'not leading');
      },
      failed: (error) => log.warn({ err: error }, 'the lease could not be taken or renewed'),
    },
  });
  metrics.watchAge.onCollect(() => {
    for (const resource of watchedResources) metrics.watchAge.set({ resource }, caches[CACHES[resource]].lastEventAgeMs() / 1000);
  });
  metrics.trustRootAge.onCollect(() => {
    const state = trust.current();
    const ageMs = state.ok ? rootAgeMs(state.trust, clock.now()) : undefined;
    metrics.trustRootAge.set({}, (ageMs ?? Number.NaN) / 1000);
  });
  showSuspended(metrics, caches.gitSources);
  const endpoint = createEndpoint({
    ...config.metricsListen,
    metrics: metrics.registry,
    ready: Object.fromEntries(
      watchedResources.map((resource) => [resource, () => caches[CACHES[resource]].hasSynced() || 'the first list is not there yet']),
    ),
  });
  const audit = createAudit({ config, clock, log, metrics, caches });
  const observeUse = (resource: UsageResource): InformerObserver => observeWatch(resource, metrics, log);
  const usage = createUsage({ config, client, clock, log, metrics, caches, audit, observe: observeUse });
  const record: RecordFacts | undefined = audit === undefined ? undefined : (tx, facts) => audit.append(tx, facts);
  const billing = createTermBilling({ config, clock, log, random: Math.random, metrics, caches, record, ledger: () => usage?.ledger() });
  const closing = [async () => tenants.close(), () => client.close(), () => sources.close(), () => workers.close()];
  try {
    const { url } = await endpoint.start();
    closing.push(() => endpoint.close());
    const hooks = await serveReceivers({
      receiver,
      stripe: billing.hook,
      listen: config.receiverListen,
      onError: (error) => log.error({ err: error }, 'a delivery could not be accepted'),
    });
    closing.push(() => hooks.close());
    log.info({ endpoint: url, receiver: hooks.url }, 'listening');
    const informers = [...Object.values(caches), ...(usage === undefined ? [] : Object.values(usage.caches))];
    for (const informer of informers) informer.start(signal);
    followTrust(caches, trust);
    if (!(await synced(informers, signal))) return;
    log.info('caches are synced');
    if (usage !== undefined) closing.push(await usage.serve(signal));
    const observeMarks: TermDeps['observeMarks'] = (problem, count) => metrics.marks.set({ problem }, count);
    const observe = (event: SyncEvent): void => observeSync(event, metrics, log);
    const onTampering = ({ what, regarding, found }: Tampering): void => {
      metrics.tamperRepairs.inc({ what });
      log.warn({ what, object: `${regarding.kind}/${regarding.name}`, found }, 'somebody changed what Writ stands on; it was put right');
    };
    await Promise.all([
      followReceivers({ client, gitSources: caches.gitSources, receiver, systemNamespace, clock, observe: observer }, signal),
      leader.run(signal, (term, fenced) =>
        runTerm(
          {
            config,
            caches,
            clock,
            observer,
            sources,
            receiver,
            random: Math.random,
            observe,
            observeMarks,
            onTampering,
            audit,
            trust,
            proving,
            usage,
            billing,
          },
          fenced,
          term,
        ),
      ),
    ]);
  } finally {
    ending.abort();
    for (const close of closing.toReversed()) await close();
  }
};

/** Which Tenants are asked for a seal, from the first trust policy on that is known. */
const followTrust = ({ tenants, trustPolicies, marks }: Caches, trust: TrustHolder): void => {
  const look = (): void => {
    if (!tenants.live.hasSynced() || !trustPolicies.hasSynced() || !marks.hasSynced()) return;
    const state = trust.current();
    tenants.look(state.ok ? state.trust : undefined);
  };
  for (const cache of [trustPolicies, marks]) cache.onChange(look);
  for (const cache of [tenants.live, trustPolicies, marks]) cache.synced.then(look, () => undefined);
};

/** False when the process is told to stop before that. */
const synced = async (informers: readonly { readonly synced: Promise<void> }[], signal: AbortSignal): Promise<boolean> => {
  try {
    await Promise.all(informers.map((informer) => informer.synced));
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
};

type CacheName = keyof ReturnType<typeof createCaches>;
const CACHES: Readonly<Record<WatchedResource, CacheName>> = {
  gitsources: 'gitSources',
  policies: 'policies',
  rulesets: 'rulesets',
  trustpolicies: 'trustPolicies',
  tiercatalogs: 'tierCatalogs',
  licenses: 'licenses',
  pricebooks: 'priceBooks',
  tenants: 'tenants',
  namespaces: 'namespaces',
  rolebindings: 'roleBindings',
  resourcequotas: 'resourceQuotas',
  limitranges: 'limitRanges',
  networkpolicies: 'networkPolicies',
  clusterroles: 'clusterRoles',
  clusterrolebindings: 'clusterRoleBindings',
  quotaledgers: 'quotaLedgers',
  inventories: 'inventories',
  marks: 'marks',
  replicas: 'replicas',
  leases: 'leases',
  webhook: 'webhook',
  guard: 'guard',
  tenancy: 'tenancy',
  completion: 'completion',
};

const observeWatch = (resource: WatchedResource | UsageResource, metrics: OperatorMetrics, log: Log): InformerObserver => ({
  restart: (reason, error) => {
    if (error === undefined) return;
    metrics.watchRestarts.inc({ resource });
    log.warn({ resource, reason, err: error }, 'a watch is begun again');
  },
  handlerError: (error) => log.error({ resource, err: error }, 'a change could not be handled'),
});

const observeControllers = (metrics: OperatorMetrics, log: Log): ControllerObserver => ({
  depth: (controller, depth) => metrics.queueDepth.set({ controller }, depth),
  reconciled: ({ controller, key, result, durationMs, error, problem }) => {
    metrics.reconciles.inc({ controller, result });
    metrics.reconcileSeconds.observe({ controller }, durationMs / 1000);
    if (result === 'bug') log.error({ controller, key, err: error }, 'reconcile failed');
    else if (result === 'retry') log.warn({ controller, key, err: error }, 'reconcile is tried again');
    else if (problem !== undefined) log.warn({ controller, key, problem }, 'reconcile is stalled');
  },
});

const observeSync = ({ source, result, durationMs, problem }: SyncEvent, metrics: OperatorMetrics, log: Log): void => {
  metrics.syncs.inc({ source, result });
  metrics.syncSeconds.observe({ result }, durationMs / 1000);
  if (problem !== undefined) metrics.refusals.inc({ code: problem.code });
  const facts = { source, result, durationMs: Math.round(durationMs), ...(problem === undefined ? {} : { problem }) };
  if (result === 'failed') log.warn(facts, 'sync');
  else if (result === 'applied') log.info(facts, 'sync');
  else log.debug(facts, 'sync');
};
