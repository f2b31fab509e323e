// SPDX-License-Identifier: Apache-2.0
// The bounds of tenants and the completion of their pods, put together for `wiring.ts`.
import { TENANT_LABEL } from '../crds/kinds.ts';
import { createMarksReader } from '../crds/marks.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Proving } from '../policies/trust/evidence-task.ts';
import type { Clock } from '../process/clock.ts';
import type { Log } from '../process/log.ts';
import { createSlices } from '../process/slices.ts';
import { formatProblem } from '../policies/problem.ts';
import type { BoundTenant } from '../policies/tenancy/bounds.ts';
import { createTenantCache } from '../policies/tenant-cache.ts';
import type { TenantCache } from '../policies/tenant-cache.ts';
import type { TenantMemory } from '../policies/tenant-memory.ts';
import { unsealedOf } from '../policies/tenant-standing.ts';
import type { ReviewDeps } from './admission/index.ts';
import type { NamespaceCache } from './admission/namespaces.ts';
import type { Caches, TenantCopy } from './caches.ts';
import type { WebhookConfig } from './config.ts';
import { countRequest, countTenancy } from './metrics.ts';
import type { WebhookMetrics } from './metrics.ts';
import { createGuard } from './server/guard.ts';
import { createValidate } from './server/validate.ts';
import type { Validate } from './server/validate.ts';
import { handleCompletion } from './tenancy/completion.ts';
import { handleTenancy, judgeBounds, refusalOf } from './tenancy/index.ts';
import type { Asked, BoundsVerdict, TenancyDeps, TenancyReviewed } from './tenancy/index.ts';
import { createNamespaceTenant } from './tenancy/namespace-tenant.ts';
import { createReservations } from './tenancy/reservations.ts';
import { createTenantLookup } from './tenancy/tenants.ts';
import type { LiveTenant } from './tenancy/tenants.ts';

export type TenancyParts = {
  readonly config: WebhookConfig;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: WebhookMetrics;
  readonly caches: Pick<Caches, 'namespaces' | 'tenantUsages'>;
  readonly tenants: Pick<TenantCache<TenantCopy>, 'bound' | 'counted' | 'unknown'>;
  readonly namespaces: NamespaceCache;
  /** What of a Tenant counts; the same spec for the same Tenant as long as nothing changes. */
  readonly effective: (tenant: LiveTenant) => BoundTenant;
  /** The tier of a tenant that counts; undefined where there is none. */
  readonly tierOf: (tenant: string) => string | undefined;
  readonly closing: () => boolean;
  readonly bug: (error: unknown) => void;
};

export type TenantParts = Pick<TenancyParts, 'clock' | 'bug'> & {
  readonly caches: Pick<Caches, 'tenants' | 'marks'>;
  readonly proving: Proving;
  readonly memory: TenantMemory;
};

export type TenancyEndpoints = {
  readonly tenancy: Validate;
  readonly complete: Validate;
  /** For POST /validate, of workloads. */
  readonly bounds: NonNullable<ReviewDeps['bounds']>;
};

/** As they count: `look` is told of the trust policy. */
export const createTenants = ({ caches, proving, memory, clock, bug }: TenantParts): TenantCache<TenantCopy> =>
  createTenantCache<TenantCopy>({
    live: caches.tenants,
    marks: createMarksReader(() => caches.marks.list()),
    memory,
    ahead: proving.ahead,
    rest: createSlices(clock).rest,
    clock,
    onError: bug,
  });

// Asked for only where a watch lags; the API server waits a little longer for the whole answer.
const TENANT_WAIT_MS = 2000;

const logRefusal = (log: Log, { tenant, refusal }: Pick<TenancyReviewed, 'tenant' | 'refusal'>): void => {
  if (refusal === undefined) return;
  const { problems, ...facts } = refusal;
  const [{ code, message }] = problems;
  log.warn({ code, why: message, problems: problems.length, tenant, ...facts }, 'the bounds of a tenant refused a write');
};

export const createTenancyEndpoints = (parts: TenancyParts): TenancyEndpoints => {
  const { config, client, clock, log, metrics, caches, tenants, closing, bug } = parts;
  const systemNamespace = config['system-namespace'];
  const warn = (error: unknown): void => log.warn({ err: error }, 'what a tenant may use could not be asked for');
  const deps: TenancyDeps = {
    namespaceTenant: createNamespaceTenant({ namespaces: parts.namespaces, systemNamespace, timeoutMs: config['namespace-wait'] }),
    tenantOf: createTenantLookup({
      client,
      cached: (name) => tenants.bound(name),
      counted: (live) => {
        const counted = tenants.counted(live);
        const unsealed = unsealedOf(counted);
        if (unsealed?.isClosed === true) throw new Error(formatProblem(unsealed.problem));
        return counted;
      },
      effective: parts.effective,
      timeoutMs: TENANT_WAIT_MS,
    }),
    unknownTenant: (name) => tenants.unknown(name),
    isTenantNamespace: (name) => caches.namespaces.get(name)?.metadata.labels?.[TENANT_LABEL] !== undefined,
    reservations: createReservations({
      client,
      clock,
      systemNamespace,
      timeoutMs: config['quota-wait'],
      observe: (result, asks) => {
        metrics.quotaCommits.inc({ result });
        metrics.quotaAsks.inc({ result }, asks);
      },
      onError: warn,
    }),
    standingOf: (name) => caches.tenantUsages.get(name)?.status,
    systemNamespace,
    clock,
    onError: warn,
  };
  const serve = (handle: (text: string) => Promise<{ readonly status: number; readonly body: string }>): Validate =>
    createValidate({
      handle,
      guard: createGuard({ maxInFlight: config['max-in-flight'], maxBytes: config['max-body-mebibytes'] * 2 ** 20 }),
      clock,
      deadlineMs: config['review-deadline'],
      closing,
      onBug: bug,
      onRefused: ({ code }) => metrics.requestsRefused.inc({ code }),
    });
  const tell = (asked: Asked, verdict: BoundsVerdict, durationMs: number): BoundsVerdict => {
    const refusal = verdict.kind === 'refused' ? refusalOf(asked.request, verdict.problems) : undefined;
    const judged = { outcome: verdict.kind, tenant: asked.tenant, refusal };
    countTenancy(metrics, judged, durationMs);
    logRefusal(log, judged);
    return verdict;
  };
  return {
    bounds: (asked) => {
      const startedMs = clock.monotonicMs();
      const verdict = judgeBounds(asked, deps);
      if (!(verdict instanceof Promise)) return tell(asked, verdict, clock.monotonicMs() - startedMs);
      return verdict.then((late) => tell(asked, late, clock.monotonicMs() - startedMs));
    },
    tenancy: serve(async (text) => {
      const startedMs = clock.monotonicMs();
      const reviewed = await handleTenancy(text, deps);
      const { outcome, tenant } = reviewed;
      const durationMs = clock.monotonicMs() - startedMs;
      countRequest(metrics, { route: 'tenancy', outcome, tier: parts.tierOf(tenant), durationMs });
      countTenancy(metrics, reviewed, durationMs);
      logRefusal(log, reviewed);
      return reviewed;
    }),
    complete: serve(async (text) => {
      const startedMs = clock.monotonicMs();
      const completed = await handleCompletion(text, deps);
      const { outcome, tenant } = completed;
      countRequest(metrics, { route: 'complete', outcome, tier: parts.tierOf(tenant), durationMs: clock.monotonicMs() - startedMs });
      return completed;
    }),
  };
};
