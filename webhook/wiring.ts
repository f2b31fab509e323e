// SPDX-License-Identifier: Apache-2.0
/**
 * The admission webhook, put together: caches → policyset (verify, compile, swap) → admission (decide) → server, with
 * decisions (records) and metrics beside it.
 *
 * In: the configuration, a client, a clock, a log. Out: a process that `start`s, is ready when the set that was current
 * at its start is enforced, and ends without failing a request. The way to a verdict does no I/O (law 3). `main.ts` and
 * tests import it; never operator/.
 */
import { hash } from 'node:crypto';
import type { KubeClient } from '../kube/client.ts';
import { rememberJudgements, shareJudgements } from '../policies/judge-memory.ts';
import { createSealedJudge } from '../policies/sealed-object.ts';
import { rememberTenants } from '../policies/tenant-memory.ts';
import { createEvidenceMemory } from '../policies/trust/evidence-memory.ts';
import { proveAhead } from '../policies/trust/evidence-task.ts';
import type { EvidenceTask, Proving } from '../policies/trust/evidence-task.ts';
import type { EvidenceOutcome } from '../policies/trust/evidence.ts';
import { rootAgeMs } from '../policies/trust/root-age.ts';
import type { Clock } from '../process/clock.ts';
import { createEndpoint } from '../process/endpoint.ts';
import type { Log } from '../process/log.ts';
import { createSlices } from '../process/slices.ts';
import { createWorkerPool, workersHere } from '../process/worker-pool.ts';
import { createNamespaceCache } from './admission/namespaces.ts';
import { createCaches, eachCache } from './caches.ts';
import type { Caches } from './caches.ts';
import type { WebhookConfig } from './config.ts';
import { createEntitlements, tierLookup } from './entitlements.ts';
import { startDecisions } from './decisions/index.ts';
import type { Decisions } from './decisions/index.ts';
import { countLag, createRefusalCounter, createWebhookMetrics, showState } from './metrics.ts';
import type { WebhookMetrics } from './metrics.ts';
import { createGuardWrites, startOperatorWatch } from './custody.ts';
import { observeCaches } from './observe.ts';
import { createLoader } from './policyset/loader.ts';
import type { Flip, Loader, LoaderState } from './policyset/loader.ts';
import { readyChecks } from './policyset/ready.ts';
import { createReporter } from './policyset/report.ts';
import { createApp } from './server/app.ts';
import { followFiles } from './server/certificate-files.ts';
import { pairInSecret } from './server/certificate-secret.ts';
import { createCertificateHolder } from './server/certificate.ts';
import type { CertificateHolder } from './server/certificate.ts';
import { createGuard } from './server/guard.ts';
import type { Guard } from './server/guard.ts';
import { createReviews } from './reviews.ts';
import { createListener } from './server/listener.ts';
import type { Listener } from './server/listener.ts';
import { createSend } from './server/validate.ts';
import { createTenancyEndpoints, createTenants } from './tenants.ts';
import { startMetering } from './usage/start.ts';

export type WebhookParts = {
  readonly config: WebhookConfig;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** What a worker thread runs. */
  readonly workerFile: URL;
};

export type RunningWebhook = {
  /** `https://host:port`; reviews go to `/validate`, `/guard`, `/tenancy` and `/complete` below it. */
  readonly url: string;
  /** Of /metrics, /healthz and /readyz. */
  readonly endpointUrl: string;
  readonly loader: Pick<Loader, 'current' | 'settled'>;
  /** Serves on, drains, reports its end; resolves when nothing is open any more. */
  stop(): Promise<void>;
};

const CUT_AFTER_MS = 10_000;

const logFlip = (log: Log, { state, commits }: Flip): void => {
  const { enforced, documents } = state;
  if (enforced.closed !== undefined)
    log.warn({ code: enforced.closed.code, why: enforced.closed.message }, 'governed namespaces are closed');
  else if (documents.length === 0)
    log.warn({ code: 'NO_VERIFIED_POLICY' }, 'governed namespaces are closed to workloads: no policy is in force');
  else
    log.info(
      {
        setDigest: enforced.set.digest,
        policies: documents.length,
        commits: commits.map(({ source, revision }) => `${source} ${revision}`),
      },
      'a policy set is in force',
    );
};

const recordFlip = (decisions: Decisions, { enforced, documents }: LoaderState): void =>
  decisions.record({
    msg: 'policy set',
    time: new Date(enforced.flippedAtMs).toISOString(),
    setDigest: enforced.closed === undefined ? enforced.set.digest : '',
    trustDigest: enforced.trustDigest,
    revisions: enforced.revisions,
    ...(enforced.closed === undefined ? {} : { closed: enforced.closed.code }),
    policies:
      enforced.closed === undefined
        ? documents.map(({ name, version, digest, signers, unsigned, withdrawn }) => ({
            policy: name,
            version,
            digest,
            signers,
            ...(unsigned === true ? { unsigned } : {}),
            ...(withdrawn === undefined ? {} : { withdrawn: withdrawn.code }),
          }))
        : [],
  });

/** What refused, once per reason: the same line every minute would bury the others. */
const createRefusalLog = (log: Log): ((state: LoaderState) => void) => {
  let known = '';
  return ({ refused, pending, trustProblem }) => {
    const lines = [...refused].map(([document, { code, message }]) => ({ document, code, message }));
    const waiting = pending.map(({ source, revision, missing, why }) => ({
      source,
      revision,
      missing: missing.length,
      ...(why === undefined ? {} : { why }),
    }));
    const now = hash('sha256', JSON.stringify([lines, waiting, trustProblem?.message]), 'hex');
    if (now === known) return;
    known = now;
    if (trustProblem !== undefined) log.error({ code: trustProblem.code, why: trustProblem.message }, 'the trust policy is refused');
    for (const line of lines) log.warn(line, 'refused; what stood before stands');
    for (const line of waiting) log.info(line, 'a commit is not whole yet');
  };
};

type Watched = {
  readonly caches: Caches;
  readonly holder: CertificateHolder;
  readonly guard: Guard;
  readonly loader: Loader;
  readonly clock: Clock;
};

/** What is cheaper to ask at a scrape than to follow. */
const measureOnScrape = (metrics: WebhookMetrics, { caches, holder, guard, loader, clock }: Watched): void => {
  metrics.inFlight.onCollect(() => metrics.inFlight.set({}, guard.inFlight));
  metrics.setAge.onCollect(() => metrics.setAge.set({}, (clock.now() - loader.current.flippedAtMs) / 1000));
  metrics.trustRootAge.onCollect(() => {
    const ageMs = loader.trust === undefined ? undefined : rootAgeMs(loader.trust, clock.now());
    metrics.trustRootAge.set({}, (ageMs ?? Number.NaN) / 1000);
  });
  metrics.certificateExpiry.onCollect(() => metrics.certificateExpiry.set({}, (holder.expiresMs ?? 0) / 1000));
  metrics.watchAge.onCollect(() => {
    for (const { name, cache } of eachCache(caches)) {
      const ageMs = cache.lastEventAgeMs();
      if (Number.isFinite(ageMs)) metrics.watchAge.set({ kind: name }, ageMs / 1000);
    }
  });
};

const createHolder = (listener: Listener, metrics: WebhookMetrics, log: Log): CertificateHolder =>
  createCertificateHolder({
    apply: (pair) => listener.setCertificate(pair),
    onChange: (expiresMs) => log.info({ expires: new Date(expiresMs).toISOString() }, 'a serving certificate is in use'),
    onProblem: (problem) => {
      metrics.certificateProblems.inc({});
      log.error({ code: problem.code, why: problem.message }, 'a serving certificate is refused; the one before stands');
    },
  });

const followChanges = (caches: Caches, loader: Loader, holder: CertificateHolder): void => {
  const changed = (): void => loader.request();
  const { policies, rulesets, tierCatalogs, licenses, priceBooks, trust, inventories, marks } = caches;
  for (const cache of [policies, rulesets, tierCatalogs, licenses, priceBooks, trust, inventories, marks]) cache.onChange(changed);
  // An empty first list brings no change.
  for (const { cache } of eachCache(caches)) cache.synced.then(changed, () => undefined);
  caches.certificate?.onChange(({ type, object }) => {
    const pair = type === 'deleted' ? undefined : pairInSecret(object);
    if (pair !== undefined) holder.offer(pair);
  });
};

export const startWebhook = async ({ config, client, clock, log, workerFile }: WebhookParts): Promise<RunningWebhook> => {
  const metrics = createWebhookMetrics();
  const bug = (error: unknown): void => {
    metrics.bugs.inc({});
    log.error({ err: error }, 'unexpected');
  };
  const systemNamespace = config['system-namespace'];
  const decisions = await startDecisions({ config, clock, log, metrics });
  const metering = await startMetering({ config, clock, log, metrics, certificate: () => caches.certificate?.list()[0] });
  const caches = createCaches({ client, clock, systemNamespace, withCertificate: config.tlsFiles === undefined, onError: bug });
  const reporter = createReporter({
    client,
    clock,
    namespace: systemNamespace,
    replica: config.replica,
    ...(decisions.receiptKey === undefined ? {} : { receiptKey: decisions.receiptKey }),
    receiptsHead: decisions.receiptsHead,
    onError: (error) => log.warn({ err: error }, 'the report of this replica could not be written'),
  });
  let state: LoaderState | undefined;
  let states = 0;
  const countRefusals = createRefusalCounter(metrics);
  const logRefusals = createRefusalLog(log);
  const workers = createWorkerPool<EvidenceTask, EvidenceOutcome | undefined>({
    file: workerFile,
    clock,
    size: workersHere(),
    onDeath: (error) => log.error({ err: error }, 'a thread that checks seals ended; its work is done again'),
  });
  const memory = createEvidenceMemory();
  // The guard is asked about what the loader then finds in its caches, twice where the writer tries a write first.
  const judge = shareJudgements(createSealedJudge(memory), { evidence: memory });
  const proving: Proving = {
    memory,
    ahead: (artifacts, trust) => proveAhead({ artifacts, trust, memory, run: workers.run, rest: createSlices(clock).rest }),
  };
  const tenantMemory = rememberTenants(memory);
  const tenants = createTenants({ caches, proving, memory: tenantMemory, clock, bug });
  const loader = createLoader({
    clock,
    observe: () => observeCaches(caches),
    pinnedTrustDigest: config['trust-digest'],
    judgements: rememberJudgements(judge),
    proving,
    onBug: bug,
    onFlip: (flip) => {
      recordFlip(decisions, flip.state);
      countLag(metrics, flip.commits, clock.now());
      logFlip(log, flip);
    },
    onState: (next) => {
      state = next;
      states += 1;
      tenants.look(loader.trust);
      guardWrites.wake();
      showState(metrics, next);
      countRefusals(next);
      logRefusals(next);
      reporter.tell(next);
    },
  });

  const listener = createListener({
    ...config.listen,
    clock,
    drainDelayMs: config['drain-delay'],
    lingerMs: config['drain-linger'],
    cutAfterMs: CUT_AFTER_MS,
    onError: (error) => log.error({ err: error }, 'a connection could not be accepted'),
  });
  const holder = createHolder(listener, metrics, log);
  const guard = createGuard({ maxInFlight: config['max-in-flight'], maxBytes: config['max-body-mebibytes'] * 2 ** 20 });
  const namespaceCache = createNamespaceCache(
    {
      get: (name) => caches.namespaces.get(name),
      onArrival: (handler) =>
        void caches.namespaces.onChange(({ type, object }) => (type === 'deleted' ? undefined : handler(object.metadata.name))),
    },
    clock,
  );
  const closing = (): boolean => listener.state === 'closing';
  const checks = readyChecks({
    caches: Object.fromEntries(
      [...eachCache(caches), { name: 'tenants', cache: tenants }].map(({ name, cache }) => [name, () => cache.hasSynced()]),
    ),
    state: () => state,
    certificateExpiresMs: () => holder.expiresMs,
    certificateProblem: () => holder.problem?.message,
    leaving: () => listener.state !== 'serving',
  });
  const entitlements = createEntitlements({ loader, namespaces: caches.namespaces, clock });
  const tierOf = tierLookup({ get: (name) => tenants.bound(name) }, entitlements);
  const { bounds, ...endpoints } = createTenancyEndpoints({
    config,
    client,
    clock,
    log,
    metrics,
    caches,
    tenants,
    namespaces: namespaceCache,
    effective: (tenant) => entitlements.effective(tenant),
    tierOf,
    closing,
    bug,
  });
  const validate = createReviews({
    config,
    client,
    clock,
    metrics,
    tenants,
    namespaces: namespaceCache,
    entitlements,
    tierOf,
    bounds,
    enforced: () => loader.current,
    decisions,
    metering,
    ready: () => Object.values(checks).every((check) => check() === true),
    guard,
    closing,
    bug,
  });
  const guardWrites = createGuardWrites({
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
    states: () => states,
  });
  const stopping = new AbortController();
  measureOnScrape(metrics, { caches, holder, guard, loader, clock });
  followChanges(caches, loader, holder);
  for (const { cache } of [...eachCache(caches), { cache: caches.tenantUsages }]) cache.start(stopping.signal);
  if (config.tlsFiles !== undefined) {
    const onError = (error: unknown): void => log.error({ err: error }, 'the serving certificate could not be read');
    void followFiles({ ...config.tlsFiles, holder, clock, onError }, stopping.signal);
  }
  const reporting = Promise.all([reporter.run(stopping.signal), metering?.reports.run(stopping.signal)]);
  const watching = startOperatorWatch({ config, client, clock, log, metrics, caches, loader }, stopping.signal);
  const endpoint = createEndpoint({ ...config.metricsListen, metrics: metrics.registry, ready: checks });
  const { url: endpointUrl } = await endpoint.start();
  const port = await listener.listen(createApp({ validate, guard: guardWrites.validate, ...endpoints, send: createSend(closing) }));
  const host = config.listen.host === '0.0.0.0' ? '127.0.0.1' : config.listen.host;
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  log.info({ url, endpointUrl, replica: config.replica }, 'listening');

  let stopped: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    await listener.drain();
    loader.close();
    tenants.close();
    await workers.close();
    stopping.abort(new Error('the webhook stops'));
    await Promise.all([reporting, watching]);
    await decisions.close();
    await endpoint.close();
    log.info('every request was answered; the end');
  };
  return { url, endpointUrl, loader, stop: () => (stopped ??= stopAll()) };
};
