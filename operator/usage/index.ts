// SPDX-License-Identifier: Apache-2.0
/**
 * The ledger as a part of a leader's term: opened and claimed when the term begins, written by nobody else until it ends.
 *
 * In: where the ledger is kept, what the cluster's tenants, pods and claims are. Out: a ledger that takes events in (`holder`),
 * use of agents and storage recorded, hours sealed, periods closed, TenantUsage written. It never ends the term: policies are
 * enforced also where the ledger's disk is full. `operator/term.ts` runs it; `wiring.ts` serves events over it.
 */
import { METERS_CONFIG_MAP, TENANT_LABEL, configMaps } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import type { ConfigMap } from '../../crds/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/log.ts';
import { createSlices } from '../../process/slices.ts';
import { createLedger } from './ledger.ts';
import type { Ledger, LedgerHooks } from './ledger.ts';
import { readMeters } from './meters.ts';
import { SHOWN_TENANTS } from './metrics.ts';
import type { UsageMetrics } from './metrics.ts';
import { createArchive } from './archive.ts';
import { openLedgerStore } from './open-store.ts';
import { monthOf } from './period.ts';
import { createPruner } from './pruning.ts';
import type { Pruner } from './pruning.ts';
import { quarantined } from './quarantine.ts';
import { StoreError } from './store.ts';
import type { Migrations, Reader } from './store.ts';
import { loadHealth } from './source-health.ts';
import { limitSeries, writeTenantUsage } from './tenant-usage.ts';
import type { LiveTenantUsage, TenantObject } from './tenant-usage.ts';
import { createUseWatch } from './use-watch.ts';
import type { WatchedClaim, WatchedPod } from './watched-pods.ts';

export type UsageCaches = {
  readonly pods: Informer<WatchedPod>;
  readonly claims: Informer<WatchedClaim>;
  readonly tenantUsages: Informer<LiveTenantUsage>;
};

/** What is asked of caches that somebody else runs. */
type Looked<Caches> = {
  readonly [Name in keyof Caches]: Caches[Name] extends Informer<infer T> ? Pick<Informer<T>, 'get' | 'list' | 'onChange'> : never;
};

export type UsageDeps = {
  /** A file, or a URL of PostgreSQL. */
  readonly location: string;
  readonly holder: string;
  readonly systemNamespace: string;
  /** From the beginning of one look to that of the next, unless the look takes longer. `policies/usage` says what follows for limits. */
  readonly intervalMs: number;
  readonly caches: Looked<UsageCaches & { readonly tenants: Informer<KubeObject>; readonly namespaces: Informer<KubeObject> }>;
  /** With the limits that count: those of the Tenant within those of its tier. */
  readonly tenants: () => readonly TenantObject[];
  /** Ids of the replicas of the webhook that run. */
  readonly liveReplicas: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: UsageMetrics;
  readonly hooks?: LedgerHooks;
  /** How long events are kept once nothing needs them; absent: for ever. `archiveDir`: where they go before. */
  readonly retention?: { readonly ms: number; readonly archiveDir: string | undefined } | undefined;
  /** From when on another room needs events. */
  readonly neededSince?: (reader: Reader) => Promise<number | undefined>;
  /** Tables of the other rooms that write it, made before any of them does. */
  readonly tables?: readonly Migrations[];
  /** Another room's view of the ledger, brought up to it at each look. */
  readonly onLook?: (ledger: Ledger, signal: AbortSignal) => Promise<void>;
  /** Told of the ledger while it takes events in, and of its end. */
  readonly onLedger: (ledger: Ledger | undefined) => void;
};

/** What agents and claims use is recorded each so many looks: a shorter step would fill the disk with rows. */
const LOOKS_A_RECORD = 5;
/** One that was the leader may claim the ledger as its last act; one that does it again and again has a Lease of its own. */
const MAX_FENCED = 3;
/** After a ledger that could not be opened or written. */
const AGAIN_MS = 10_000;

export const runUsage = async (deps: UsageDeps, client: KubeClient, signal: AbortSignal): Promise<void> => {
  const { clock, log, metrics } = deps;
  let fenced = 0;
  while (!signal.aborted) {
    try {
      await runLedger(deps, client, signal);
    } catch (error) {
      if (signal.aborted) return;
      metrics.usageLedgerUp.set({}, 0);
      log.error({ err: error }, 'the ledger cannot be written; its sources keep their events, and it is tried again');
      if (error instanceof StoreError && error.failure === 'fenced' && (fenced += 1) >= MAX_FENCED) {
        log.error('another process takes the ledger from this one, which leads: two operators share it. This one lets it be');
        return;
      }
    }
    await sleep(clock, AGAIN_MS, signal);
  }
};

const runLedger = async (deps: UsageDeps, client: KubeClient, signal: AbortSignal): Promise<void> => {
  const { caches, clock, log, metrics } = deps;
  let committingMs = 0;
  const store = await openLedgerStore(deps.location, {
    clock,
    guard: () => {
      if (signal.aborted) throw new StoreError('fenced', 'this process does not lead any more');
    },
    onPhase: (phase) => {
      if (phase === 'before-commit') committingMs = clock.monotonicMs();
      if (phase === 'after-commit') metrics.usageCommitSeconds.observe({}, (clock.monotonicMs() - committingMs) / 1000);
    },
  });
  try {
    const ledger = createLedger({
      store,
      clock,
      hasTenant: (name) => caches.tenants.get(name) !== undefined,
      ...(deps.hooks === undefined ? {} : { hooks: deps.hooks }),
      observe: {
        events: (meter, result, count) => metrics.usageEvents.inc({ meter, result }, count),
        // Who watches a count sees the first conflict of all only where it began with none.
        declared: (meter) => metrics.usageEvents.inc({ meter, result: 'conflict' }, 0),
        sealed: (seals) => metrics.usageSealed.inc({}, seals.length),
        closed: (periodMs) => {
          metrics.usageClosed.set({}, periodMs / 1000);
          log.info({ period: new Date(periodMs).toISOString() }, 'a period is closed and its statements are made');
        },
      },
    });
    await ledger.open(deps.holder);
    for (const room of deps.tables ?? []) await store.migrate(room);
    await declareMeters(deps, client, ledger);
    const watch = await createUseWatch({
      ledger,
      clock,
      pods: caches.pods,
      claims: caches.claims,
      namespaces: caches.namespaces,
      tenantOfNamespace: (namespace) => tenantOf(caches, namespace),
    });
    const pruner = prunerOf(deps, ledger);
    // Beside the looks, since limits are held by what they show, and one of these takes long where there are many tenants.
    const besides = oneAtATime(async () => deps.onLook?.(ledger, signal));
    try {
      await ledger.follow(limitSeries(deps.tenants()));
      deps.onLedger(ledger);
      metrics.usageLedgerUp.set({}, 1);
      log.info({ engine: store.engine }, 'the ledger is open');
      for (let look = 0; !signal.aborted; look += 1) {
        const startedMs = clock.monotonicMs();
        const broken = store.broken() ?? besides.fault();
        if (broken !== undefined) throw broken;
        if (look % LOOKS_A_RECORD === 0) await watch.record();
        await declareMeters(deps, client, ledger);
        await ledger.settle(signal);
        await ledger.follow(limitSeries(deps.tenants()));
        await showUse(deps, { client, ledger }, signal);
        besides.start();
        metrics.usageLedgerUp.set({}, 1);
        await prune(deps, pruner, signal);
        // A slow look is no reason to show later what was used: limits are passed by that time.
        await sleep(clock, Math.max(0, deps.intervalMs - (clock.monotonicMs() - startedMs)), signal);
      }
    } finally {
      await besides.ended();
      watch.close();
    }
  } finally {
    deps.onLedger(undefined);
    metrics.usageLedgerUp.set({}, 0);
    await store.close();
  }
};

/** Runs again when it is asked to and has ended; what it throws is there to be asked for. */
const oneAtATime = (
  run: () => Promise<unknown>,
): { readonly start: () => void; readonly fault: () => unknown; readonly ended: () => Promise<unknown> } => {
  let running: Promise<unknown> | undefined;
  let fault: unknown;
  return {
    start: () => {
      running ??= run()
        .catch((error: unknown) => (fault = error))
        .finally(() => (running = undefined));
    },
    fault: () => fault,
    ended: async () => running,
  };
};

/** Of a ledger that may hold hundreds of millions of events, in a look. */
const STEPS_A_LOOK = 200;

const prunerOf = ({ retention, clock, hooks, neededSince }: UsageDeps, { store }: Ledger): Pruner | undefined =>
  retention === undefined
    ? undefined
    : createPruner({
        store,
        clock,
        retentionMs: retention.ms,
        archive: retention.archiveDir === undefined ? undefined : createArchive(retention.archiveDir),
        neededSince,
        onPruned: hooks?.onPruned,
      });

/** Events that cannot leave stay: nothing else waits for it. */
const prune = async ({ clock, log, metrics }: UsageDeps, pruner: Pruner | undefined, signal: AbortSignal): Promise<void> => {
  if (pruner === undefined) return;
  try {
    const slices = createSlices(clock);
    for (let step = 0; step < STEPS_A_LOOK && !signal.aborted; step += 1) {
      const { left, more } = await pruner.step();
      metrics.usagePruned.inc({}, left);
      if (!more) return;
      await slices.rest();
    }
  } catch (error) {
    if (error instanceof StoreError && (error.failure === 'fenced' || error.failure === 'corrupt')) throw error;
    log.warn({ err: error }, 'events that are older than --usage-retention could not leave the ledger; it is tried again');
  }
};

/** The tenant of a namespace, where there is such a Tenant. */
export const tenantOf = (
  caches: Pick<UsageDeps['caches'], 'namespaces' | 'tenants'>,
  namespace: string | undefined,
): string | undefined => {
  const tenant = namespace === undefined ? undefined : caches.namespaces.get(namespace)?.metadata.labels?.[TENANT_LABEL];
  return tenant === undefined || caches.tenants.get(tenant) === undefined ? undefined : tenant;
};

const declareMeters = async (deps: UsageDeps, client: KubeClient, ledger: Ledger): Promise<void> => {
  const ref = { namespace: deps.systemNamespace, name: METERS_CONFIG_MAP };
  const declared = await client.get<KubeObject & Pick<ConfigMap, 'data'>>(configMaps, ref);
  const { meters, problems } = readMeters(declared?.data?.['meters.json']);
  const changed = await ledger.declare(meters);
  for (const problem of problems) deps.log.warn({ problem }, 'a declaration of meters is left out');
  if (changed.length > 0) deps.log.warn({ meters: changed }, 'meters keep their first definition; a changed one needs a new name');
};

const hasObjectives = ({ spec: { slo } }: TenantObject): boolean =>
  isRecord(slo) && Array.isArray(slo['objectives']) && slo['objectives'].length > 0;

/** TenantUsage of every Tenant, and the metrics that are a view of the ledger. */
const showUse = async (
  deps: UsageDeps,
  { client, ledger }: { readonly client: KubeClient; readonly ledger: Ledger },
  signal: AbortSignal,
): Promise<void> => {
  const { caches, clock, log, metrics } = deps;
  const live = deps.liveReplicas();
  const promised = new Set(deps.tenants().flatMap((tenant) => (hasObjectives(tenant) ? [tenant.metadata.name] : [])));
  const health = await loadHealth(ledger, {
    nowMs: clock.now(),
    live,
    hasObjectives: (tenant) => promised.has(tenant),
  });
  type Counted = 'open' | 'silent' | 'due' | 'overdue' | 'missing';
  const sum = (field: Counted): number => [...health.values()].reduce((all, one) => all + one[field], 0);
  for (const state of ['open', 'silent', 'due', 'overdue'] as const) metrics.usageSources.set({ state }, sum(state));
  metrics.usageMissing.set({}, sum('missing'));
  const waiting = await ledger.store.read(quarantined);
  metrics.usageQuarantined.set(
    {},
    waiting.reduce((all, { events }) => all + events, 0),
  );
  const tenants = deps.tenants().toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  metrics.usageTenantsLeftOut.set({}, Math.max(0, tenants.length - SHOWN_TENANTS));
  const slices = createSlices(clock);
  const used: { readonly tenant: string; readonly meter: string; readonly quantity: string }[] = [];
  for (const [index, tenant] of tenants.entries()) {
    if (signal.aborted) return;
    await slices.rest();
    const { name } = tenant.metadata;
    try {
      const shown = (usage: string): LiveTenantUsage | undefined => caches.tenantUsages.get(usage);
      const { lines } = await writeTenantUsage({ client, clock, ledger, live: shown }, tenant, health.get(name));
      if (index >= SHOWN_TENANTS) continue;
      for (const { meter, quantity, carriedFrom } of lines) if (carriedFrom === undefined) used.push({ tenant: name, meter, quantity });
    } catch (error) {
      if (error instanceof StoreError) throw error;
      log.warn({ err: error, tenant: name, month: monthOf(clock.now()) }, 'the use of a tenant could not be shown; it is in the ledger');
    }
  }
  // In one turn: a scrape sees all of them as they were, or as they are.
  metrics.usageQuantity.clear();
  for (const { tenant, meter, quantity } of used) metrics.usageQuantity.set({ tenant, meter }, Number(quantity));
};
