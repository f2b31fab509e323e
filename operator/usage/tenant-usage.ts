// SPDX-License-Identifier: Apache-2.0
// The view of the ledger that the cluster has: one TenantUsage for each Tenant, written at most once a minute and only on change.
// Limits are held by it at admission; money is not.
import type { TenantLimit, TenantUsage, TenantUsageStatus } from '../../crds/generated/objects.ts';
import { MANAGED_BY, MANAGED_BY_LABEL, SYNC_FIELD_MANAGER, apiVersionOf, tenantUsages, tenants } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import { hasReached } from '../../policies/usage/index.ts';
import { parseDuration } from '../../process/flags.ts';
import type { Clock } from '../../process/clock.ts';
import type { Ledger, Series } from './ledger.ts';
import { monthOf } from './period.ts';
import { quantityText } from './quantity.ts';
import { UNHEARD } from './source-health.ts';
import type { SourceHealth } from './source-health.ts';
import { SILENT_MS } from './sources.ts';
import type { UsageStatement } from './statement.ts';
import { LONGEST_WINDOW_MS } from './windows.ts';
import type { LimitWindow } from './windows.ts';

export type LiveTenantUsage = KubeObject & Pick<TenantUsage, 'status'>;
export type TenantObject = KubeObject & {
  readonly spec: { readonly usage?: { readonly limits?: readonly TenantLimit[] }; readonly slo?: unknown };
};

/** Undefined for a window that no limit can have. */
const windowOf = (text: string): LimitWindow | undefined => {
  if (text === 'Month') return 'Month';
  const ms = parseDuration(text);
  return ms === undefined || ms <= 0 ? undefined : Math.min(ms, LONGEST_WINDOW_MS);
};

export const limitSeries = (tenants: readonly TenantObject[]): readonly Series[] =>
  tenants.flatMap(({ metadata, spec }) => (spec.usage?.limits ?? []).map(({ meter }) => ({ tenant: metadata.name, meter })));

type Facts = {
  readonly tenant: TenantObject;
  readonly statement: UsageStatement;
  readonly health: SourceHealth | undefined;
  readonly used: (series: Series, window: LimitWindow) => bigint;
};

export type UsageStatusInput = Omit<TenantUsageStatus, 'conditions'> & { readonly conditions: readonly ConditionInput[] };

const MAX_LIMITS = 64;

/** Pure. */
const usageStatus = ({ tenant, statement, health = UNHEARD, used }: Facts): UsageStatusInput => {
  const limits = (tenant.spec.usage?.limits ?? []).slice(0, MAX_LIMITS).flatMap(({ name, meter, window, limit }) => {
    const length = windowOf(window);
    if (length === undefined) return [];
    const text = quantityText(used({ tenant: tenant.metadata.name, meter }, length));
    return [{ name, meter, window, used: text, limit, exceeded: hasReached(text, limit) }];
  });
  const exceeded = limits.filter((one) => one.exceeded).map(({ name }) => name);
  const { open, silent, missing, quiet } = health;
  const conditions: ConditionInput[] = [
    {
      type: 'Ready',
      status: 'True',
      reason: 'Succeeded',
      message: statement.lines.length === 1 ? 'one meter' : `${statement.lines.length} meters`,
    },
    missing > 0
      ? { type: 'Complete', status: 'False', reason: 'EventsMissing', message: `${missing} events of its sources have not arrived` }
      : silent > 0
        ? {
            type: 'Complete',
            status: 'Unknown',
            reason: 'SourceSilent',
            message: `${silent} of ${open} sources said nothing for ${SILENT_MS / 60_000} minutes: ${quiet.join(', ')}${silent > quiet.length ? ', …' : ''}`,
          }
        : { type: 'Complete', status: 'True', reason: 'Succeeded', message: `${open} sources` },
    exceeded.length > 0
      ? { type: 'WithinLimits', status: 'False', reason: 'LimitExceeded', message: exceeded.join(', ') }
      : { type: 'WithinLimits', status: 'True', reason: 'Succeeded', message: `${limits.length} limits` },
  ];
  return {
    observedGeneration: 1,
    period: statement.period,
    meters: statement.lines
      .filter(({ carriedFrom }) => carriedFrom === undefined)
      .map(({ meter, unit, quantity }) => ({ meter, unit, quantity }))
      .slice(0, 256),
    limits,
    sources: { open, silent, missing },
    conditions,
  };
};

export const writeTenantUsage = async (
  deps: {
    readonly client: KubeClient;
    readonly clock: Clock;
    readonly ledger: Ledger;
    readonly live: (name: string) => LiveTenantUsage | undefined;
  },
  tenant: TenantObject,
  health: SourceHealth | undefined,
): Promise<UsageStatement> => {
  const { client, clock, ledger } = deps;
  const { name, uid } = tenant.metadata;
  const statement = await ledger.preview(name, monthOf(clock.now()));
  const status = usageStatus({ tenant, statement, health, used: (series, window) => ledger.used(series, window) });
  const live = deps.live(name) ?? (await ensure(client, name, uid));
  await applyStatus(client, { resource: tenantUsages, object: live, clock, status });
  return statement;
};

const ensure = (client: KubeClient, name: string, uid: string | undefined): Promise<LiveTenantUsage> =>
  client.apply<LiveTenantUsage>(
    tenantUsages,
    {
      metadata: {
        name,
        labels: { [MANAGED_BY_LABEL]: MANAGED_BY },
        // Gone with its Tenant; what was used stays in the ledger.
        ...(uid === undefined ? {} : { ownerReferences: [{ apiVersion: apiVersionOf(tenants), kind: tenants.kind, name, uid }] }),
      },
    },
    { fieldManager: SYNC_FIELD_MANAGER },
  );
