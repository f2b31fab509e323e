// SPDX-License-Identifier: Apache-2.0
// `POST /validate`, put together for `wiring.ts`: a review is decided, counted, recorded and metered.
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../process/clock.ts';
import { accessReviews } from './admission/access-reviews.ts';
import { askerOf, handleReview } from './admission/index.ts';
import type { NamespaceCache } from './admission/namespaces.ts';
import type { Asker, ReviewDeps, Reviewed } from './admission/index.ts';
import type { TenantCache } from '../policies/tenant-cache.ts';
import type { TenantCopy } from './caches.ts';
import type { WebhookConfig } from './config.ts';
import type { Decisions } from './decisions/index.ts';
import type { Entitlements } from './entitlements.ts';
import { countRequest, countReview } from './metrics.ts';
import type { WebhookMetrics } from './metrics.ts';
import type { EnforcedSet } from './policyset/enforced.ts';
import type { Guard } from './server/guard.ts';
import { createValidate } from './server/validate.ts';
import type { Validate } from './server/validate.ts';
import { createServiceLevels } from './service-levels.ts';
import { createLevelCounts } from './usage/levels.ts';
import type { Metering } from './usage/start.ts';

export type ReviewParts = {
  readonly config: Pick<WebhookConfig, 'system-namespace' | 'namespace-wait' | 'access-wait' | 'review-deadline'>;
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Clock;
  readonly metrics: WebhookMetrics;
  readonly tenants: Pick<TenantCache<TenantCopy>, 'bound' | 'list' | 'unknown'>;
  readonly namespaces: NamespaceCache;
  readonly entitlements: Pick<Entitlements, 'effective'>;
  /** The tier of a tenant that counts; undefined where there is none. */
  readonly tierOf: (tenant: string) => string | undefined;
  readonly bounds: NonNullable<ReviewDeps['bounds']>;
  readonly enforced: () => EnforcedSet;
  readonly decisions: Pick<Decisions, 'record'>;
  /** Absent where nothing is told to a ledger. */
  readonly metering:
    | { readonly reports: Pick<Metering['reports'], 'add'>; readonly executions: Pick<Metering['executions'], 'count'> }
    | undefined;
  /** Whether the API server would be answered. */
  readonly ready: () => boolean;
  readonly guard: Guard;
  readonly closing: () => boolean;
  readonly bug: (error: unknown) => void;
};

/** Refused for no fault of who asked: too many at once, too late, a bug. */
const isOurs = (status: number): boolean => status === 429 || status >= 500;

export const createReviews = (parts: ReviewParts): Validate => {
  const { config, client, clock, metrics, tenants, entitlements, decisions, metering } = parts;
  const deps: ReviewDeps = {
    enforced: parts.enforced,
    namespaces: parts.namespaces,
    tenantOf: (name) => tenants.bound(name),
    unknownTenant: (name) => tenants.unknown(name),
    systemNamespace: config['system-namespace'],
    namespaceWaitMs: config['namespace-wait'],
    bounds: parts.bounds,
    askAccess: accessReviews({ client, clock, timeoutMs: config['access-wait'] }),
    clock,
  };
  const serviceLevels = createServiceLevels({
    metrics,
    // What was promised is what the tier promises, not what the Tenant asks for.
    specOf: (name) => {
      const tenant = tenants.bound(name);
      return tenant === undefined ? undefined : entitlements.effective(tenant).spec;
    },
    tierOf: parts.tierOf,
    tenants: () => tenants.list().map(({ metadata }) => metadata.name),
    ...(metering === undefined
      ? {}
      : {
          told: (promised) => {
            const counts = createLevelCounts({ clock, promised, ready: parts.ready });
            metering.reports.add(counts);
            return counts;
          },
        }),
  });
  const finish = (reviewed: Reviewed, startedMs: number): Reviewed => {
    const durationMs = clock.monotonicMs() - startedMs;
    const tenant = reviewed.record?.tenant ?? '';
    countRequest(metrics, { route: 'validate', outcome: reviewed.outcome, tier: parts.tierOf(tenant), durationMs });
    countReview(metrics, reviewed);
    if (reviewed.record !== undefined) {
      decisions.record(reviewed.record);
      metering?.executions.count(reviewed.record);
    }
    return reviewed;
  };
  const askerSafely = (text: string | undefined): Asker => {
    try {
      return askerOf(text, deps);
    } catch {
      // The bug that refused it may lie just there.
      return { kind: 'unknown' };
    }
  };
  return createValidate({
    handle: (text) => {
      const startedMs = clock.monotonicMs();
      const reviewed = handleReview(text, deps);
      return reviewed instanceof Promise ? reviewed.then((late) => finish(late, startedMs)) : finish(reviewed, startedMs);
    },
    guard: parts.guard,
    clock,
    deadlineMs: config['review-deadline'],
    closing: parts.closing,
    onBug: parts.bug,
    onRefused: ({ code }) => metrics.requestsRefused.inc({ code }),
    // What was answered is what counts: what was decided after that is on record, and kept no promise.
    onSent: ({ status, text, answer, durationMs }) => {
      if (answer !== undefined) serviceLevels.count(answer, durationMs);
      else if (isOurs(status)) serviceLevels.refused(askerSafely(text), durationMs);
    },
  });
};
