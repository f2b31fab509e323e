// SPDX-License-Identifier: Apache-2.0
// Good and bad answers by tenant and objective. Each objective is exported too, so that a rule can join the two: what is promised
// is the Tenant's to say, not the rule's. `wiring.ts` alone imports it.
import { REFUSED, keeps, objectivesOf } from '../policies/service-level/index.ts';
import type { Answered, Objective } from '../policies/service-level/index.ts';
import type { Asker, Reviewed } from './admission/index.ts';
import type { DecisionRecord } from './decisions/record.ts';
import type { WebhookMetrics } from './metrics.ts';
import type { LevelCounts, Promised } from './usage/levels.ts';

export type ServiceLevelsOptions = {
  readonly metrics: Pick<WebhookMetrics, 'sloValid' | 'sloBad' | 'sloObjective' | 'sloUnattributed'>;
  /** Spec of the Tenant as it counts: the same object as long as nothing changes; undefined where there is none. */
  readonly specOf: (tenant: string) => { readonly slo?: unknown } | undefined;
  /** The tier that counts; undefined where there is none. */
  readonly tierOf: (tenant: string) => string | undefined;
  /** Names of all there are. */
  readonly tenants: () => readonly string[];
  /** Makes what tells the ledger; absent where there is none. */
  readonly told?: (promised: () => readonly Promised[]) => Pick<LevelCounts, 'count' | 'unsure'>;
};

export type ServiceLevels = {
  readonly count: (reviewed: Reviewed, durationMs: number) => void;
  /** Refused without a verdict: too many at once, too late, a bug. */
  readonly refused: (asker: Asker, durationMs: number) => void;
};

const evaluationOf = ({ allowed, spoke, unevaluated }: DecisionRecord): Answered['evaluation'] =>
  unevaluated === true ? 'failed' : allowed.length + spoke.length === 0 ? 'none' : 'whole';

export const createServiceLevels = ({ metrics, specOf, tierOf, tenants, told }: ServiceLevelsOptions): ServiceLevels => {
  const known = new WeakMap<object, readonly Objective[]>();
  const objectivesFor = (tenant: string): readonly Objective[] => {
    const spec = specOf(tenant);
    if (spec === undefined) return [];
    const before = known.get(spec);
    if (before !== undefined) return before;
    const objectives = objectivesOf(spec.slo);
    known.set(spec, objectives);
    return objectives;
  };
  const promised = (): readonly Promised[] => tenants().map((tenant) => ({ tenant, objectives: objectivesFor(tenant) }));
  const counts = told?.(promised);
  metrics.sloObjective.onCollect(() => {
    metrics.sloObjective.clear();
    for (const { tenant, objectives } of promised()) {
      for (const { name: slo, target } of objectives) {
        const labels = { tenant, slo };
        metrics.sloObjective.set({ ...labels, tier: tierOf(tenant) ?? 'none' }, target);
        // A series that begins with its first event hides that event from rate().
        metrics.sloValid.inc(labels, 0);
        metrics.sloBad.inc(labels, 0);
      }
    }
  });
  const add = (tenant: string, answered: Answered): void => {
    for (const objective of objectivesFor(tenant)) {
      const labels = { tenant, slo: objective.name };
      const good = keeps(objective, answered);
      if (good === undefined) continue;
      metrics.sloValid.inc(labels);
      if (!good) metrics.sloBad.inc(labels);
      counts?.count({ tenant, objective, good });
    }
  };
  const unsure = (): void => {
    metrics.sloUnattributed.inc({});
    counts?.unsure();
  };
  return {
    count: ({ outcome, record }, durationMs) => {
      if (record === undefined || (outcome !== 'decided' && outcome !== 'closed')) return;
      // The namespace never came, and with it the tenant.
      if (outcome === 'closed' && record.tenant === '') unsure();
      else add(record.tenant, { outcome, durationMs, evaluation: evaluationOf(record) });
    },
    refused: (asker, durationMs) => {
      if (asker.kind === 'unknown') unsure();
      else if (asker.kind === 'tenant') add(asker.tenant, { ...REFUSED, durationMs });
    },
  };
};
