// SPDX-License-Identifier: Apache-2.0
// Good and bad answers by tenant and objective. Each objective is exported too, so that a rule can join the two: what is promised
// is the Tenant's to say, not the rule's. `wiring.ts` alone imports it.
import { isGood, objectivesOf } from '../policies/service-level/index.ts';
import type { Objective } from '../policies/service-level/index.ts';
import type { Reviewed } from './admission/index.ts';
import type { WebhookMetrics } from './metrics.ts';

/** A Tenant as the cache has it. */
export type PromisedTenant = { readonly metadata: { readonly name: string }; readonly spec?: unknown };

export type ServiceLevelsOptions = {
  readonly metrics: Pick<WebhookMetrics, 'sloValid' | 'sloBad' | 'sloObjective'>;
  readonly tenantOf: (name: string) => PromisedTenant | undefined;
  readonly tenants: () => readonly PromisedTenant[];
};

export type ServiceLevels = {
  readonly count: (reviewed: Reviewed, durationMs: number) => void;
};

export const createServiceLevels = ({ metrics, tenantOf, tenants }: ServiceLevelsOptions): ServiceLevels => {
  // The same object between changes of the Tenant.
  const known = new WeakMap<PromisedTenant, readonly Objective[]>();
  const objectivesFor = (tenant: PromisedTenant): readonly Objective[] => {
    const before = known.get(tenant);
    if (before !== undefined) return before;
    const { spec } = tenant;
    const objectives = objectivesOf(typeof spec === 'object' && spec !== null && 'slo' in spec ? spec.slo : undefined);
    known.set(tenant, objectives);
    return objectives;
  };
  metrics.sloObjective.onCollect(() => {
    metrics.sloObjective.clear();
    for (const tenant of tenants()) {
      for (const { name: slo, target } of objectivesFor(tenant)) {
        const labels = { tenant: tenant.metadata.name, slo };
        metrics.sloObjective.set(labels, target);
        // A series that begins with its first event hides that event from rate().
        metrics.sloValid.inc(labels, 0);
        metrics.sloBad.inc(labels, 0);
      }
    }
  });
  return {
    count: ({ outcome, record }, durationMs) => {
      if (record === undefined || (outcome !== 'decided' && outcome !== 'closed')) return;
      const tenant = tenantOf(record.tenant);
      if (tenant === undefined) return;
      for (const objective of objectivesFor(tenant)) {
        const labels = { tenant: record.tenant, slo: objective.name };
        metrics.sloValid.inc(labels);
        if (!isGood(objective, { outcome, durationMs })) metrics.sloBad.inc(labels);
      }
    },
  };
};
