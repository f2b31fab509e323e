// SPDX-License-Identifier: Apache-2.0
// The ledger in the operator's process: what it watches, where events come in, and who writes it in a term. The server runs on every
// replica and answers 503 where another one leads.
import { WEBHOOK_SERVICE_ACCOUNT, WEBHOOK_TLS_SECRET, persistentVolumeClaims, pods, secrets, tenantUsages } from '../crds/kinds.ts';
import type { KubeClient } from '../kube/client.ts';
import { createInformer } from '../kube/informer.ts';
import type { InformerObserver } from '../kube/informer.ts';
import { sleep } from '../process/clock.ts';
import type { Clock } from '../process/clock.ts';
import { unsealedOf } from '../policies/tenant-standing.ts';
import type { Log } from '../process/log.ts';
import type { AuditRecord } from './audit/start.ts';
import { AUDIT_TABLES } from './audit/tables.ts';
import { billingMigrations, oldestOpenHour } from './billing/outbox/tables.ts';
import type { Caches } from './caches.ts';
import type { OperatorConfig } from './config.ts';
import type { SecretObject } from './controllers/certificate.ts';
import type { OperatorMetrics, UsageResource } from './metrics.ts';
import { createReplicaWatch } from './controllers/replicas.ts';
import { createBudgetView } from './slo/exported.ts';
import { SLO_TABLES } from './slo/tables.ts';
import { runUsage, tenantOf } from './usage/index.ts';
import type { UsageCaches } from './usage/index.ts';
import type { TenantObject } from './usage/tenant-usage.ts';
import type { LiveTenant } from './controllers/live.ts';
import type { Ledger } from './usage/ledger.ts';
import { createAuthenticate } from './usage/sender.ts';
import { startUsageServer } from './usage/server.ts';
import type { UsageServer } from './usage/server.ts';
import { watchedClaim, watchedPod } from './usage/watched-pods.ts';

export type Usage = {
  readonly caches: UsageCaches;
  /** Undefined while this process does not write it. */
  readonly ledger: () => Ledger | undefined;
  /** Serves until the function that it gives back is called. */
  serve(signal: AbortSignal): Promise<() => Promise<void>>;
  /** Writes the ledger until the term ends. */
  run(
    term: {
      readonly client: KubeClient;
      readonly effective: (tenant: LiveTenant) => { readonly spec: TenantObject['spec'] };
    },
    signal: AbortSignal,
  ): Promise<void>;
};

/** A certificate that was renewed is served after this long; the one before is good for a third of its life yet. */
const CERTIFICATE_LOOK_MS = 30_000;
const CERTIFICATE_AGAIN_MS = 2_000;

type UsageParts = {
  readonly config: OperatorConfig;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: OperatorMetrics;
  readonly caches: Caches;
  readonly observe: (resource: UsageResource) => InformerObserver;
  /** Undefined where no audit log is kept. */
  readonly audit: Pick<AuditRecord, 'hooks' | 'follow'> | undefined;
};

/** Undefined where no ledger is kept. */
export const createUsage = ({ config, client, clock, log, metrics, caches, observe, audit }: UsageParts): Usage | undefined => {
  const { ledger: location } = config;
  if (location === undefined) {
    log.info('no ledger of use is kept: --ledger names none');
    metrics.usageLedgerUp.remove({});
    return undefined;
  }
  const watch = (resource: UsageResource) => ({ clock, observe: observe(resource) });
  const usageCaches: UsageCaches = {
    pods: createInformer(client, pods, { ...watch('pods'), transform: watchedPod }),
    claims: createInformer(client, persistentVolumeClaims, { ...watch('persistentvolumeclaims'), transform: watchedClaim }),
    tenantUsages: createInformer(client, tenantUsages, watch('tenantusages')),
  };
  const all = { ...usageCaches, tenants: caches.tenants, namespaces: caches.namespaces };
  const replicas = createReplicaWatch(clock);
  let ledger: Ledger | undefined;
  metrics.watchAge.onCollect(() => {
    metrics.watchAge.set({ resource: 'pods' }, usageCaches.pods.lastEventAgeMs() / 1000);
    metrics.watchAge.set({ resource: 'persistentvolumeclaims' }, usageCaches.claims.lastEventAgeMs() / 1000);
    metrics.watchAge.set({ resource: 'tenantusages' }, usageCaches.tenantUsages.lastEventAgeMs() / 1000);
  });
  return {
    caches: usageCaches,
    ledger: () => ledger,
    serve: async (signal) => {
      const server = await startUsageServer({
        listen: config.usageListen,
        transport: config['usage-transport'] === 'plain' ? 'plain' : 'tls',
        clock,
        authenticate: createAuthenticate({
          client,
          clock,
          webhook: `${config['system-namespace']}/${WEBHOOK_SERVICE_ACCOUNT}`,
          reporters: config['usage-reporter'],
          readers: config['usage-reader'],
          tenantOfNamespace: (namespace) => tenantOf(all, namespace),
        }),
        ledger: () => ledger,
        observe: {
          answered: (status, durationMs) => {
            metrics.usageRequests.inc({ status: String(status) });
            metrics.usageRequestSeconds.observe({}, durationMs / 1000);
          },
          told: (status) => metrics.usageReads.inc({ status: String(status) }),
          refused: (code) => metrics.usageRefused.inc({ code }),
          failed: (error) => log.error({ err: error }, 'events could not be taken in'),
        },
      });
      log.info({ url: server.url }, 'events of use are taken in');
      if (config['usage-transport'] !== 'plain') void followCertificate({ client, clock, log, server, config }, signal);
      return () => server.close();
    },
    run: ({ client: fenced, effective }, signal) => {
      // Of a Tenant of which nothing is known what was told stands.
      const known = () => caches.tenants.list().filter((tenant) => unsealedOf(tenant)?.isClosed !== true);
      const tenants = () => known().map((tenant) => ({ metadata: tenant.metadata, spec: effective(tenant).spec }));
      const budgets = createBudgetView({ clock, log, metrics, tenants });
      return runUsage(
        {
          location,
          holder: config.holder,
          systemNamespace: config['system-namespace'],
          intervalMs: config['usage-interval'],
          caches: all,
          tenants,
          liveReplicas: () =>
            new Set(replicas.live({ reports: caches.replicas.list(), leases: caches.leases.list() }).map(({ replica }) => replica)),
          clock,
          log,
          metrics,
          ...(audit === undefined ? {} : { hooks: audit.hooks }),
          tables: [billingMigrations, SLO_TABLES, ...(audit === undefined ? [] : [AUDIT_TABLES])],
          retention: config['usage-retention'] === 0 ? undefined : { ms: config['usage-retention'], archiveDir: config['usage-archive'] },
          // What waits to be reported is compared with its events.
          neededSince: oldestOpenHour,
          onLook: (open, looking) => budgets.look(open, looking),
          onLedger: (open) => {
            ledger = open;
            if (open === undefined) budgets.end();
            audit?.follow(open);
          },
        },
        fenced,
        signal,
      );
    },
  };
};

type Following = Pick<UsageParts, 'client' | 'clock' | 'log' | 'config'> & { readonly server: UsageServer };

/** Serves by the pair that the leader keeps in the webhook's Secret. */
const followCertificate = async ({ client, clock, log, server, config }: Following, signal: AbortSignal): Promise<void> => {
  let current = '';
  while (!signal.aborted) {
    try {
      const secret = await client.get<SecretObject>(
        secrets,
        { namespace: config['system-namespace'], name: WEBHOOK_TLS_SECRET },
        { signal },
      );
      const [cert = '', key = ''] = ['tls.crt', 'tls.key'].map((name) => secret?.data?.[name] ?? '');
      if (cert !== '' && key !== '' && cert !== current) {
        server.setCertificate({
          certPem: Buffer.from(cert, 'base64').toString('utf8'),
          keyPem: Buffer.from(key, 'base64').toString('utf8'),
        });
        current = cert;
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'the certificate by which events are taken in could not be read');
    }
    await sleep(clock, current === '' ? CERTIFICATE_AGAIN_MS : CERTIFICATE_LOOK_MS, signal);
  }
};
