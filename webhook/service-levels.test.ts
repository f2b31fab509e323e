// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Reviewed } from './admission/index.ts';
import type { DecisionRecord } from './decisions/record.ts';
import { createWebhookMetrics } from './metrics.ts';
import { createServiceLevels } from './service-levels.ts';

const slo = {
  objectives: [
    { name: 'availability', target: '99.5' },
    { name: 'admission-latency', target: '90', threshold: '10ms' },
    { name: 'policy-evaluation', target: '99' },
  ],
};
const reviewed = (tenant: string, outcome: Reviewed['outcome'], more: Partial<DecisionRecord> = {}): Reviewed => ({
  status: 200,
  body: '',
  outcome,
  record: {
    msg: 'decision',
    id: 'd',
    time: '2026-11-22T00:00:00Z',
    uid: 'u',
    tenant,
    namespace: 'n',
    kind: 'v1, Pod',
    name: 'p',
    operation: 'CREATE',
    user: 'ann',
    dryRun: false,
    metered: true,
    verdict: 'Allow',
    setDigest: '',
    trustDigest: '',
    revisions: {},
    allowed: [],
    spoke: [],
    violations: [],
    durationUs: 1,
    ...more,
  },
});

it('answers are counted for each objective of their tenant, and the objectives told at the scrape', async () => {
  const metrics = createWebhookMetrics();
  const specs: Readonly<Record<string, object>> = { acme: { slo }, quiet: { slo }, none: {} };
  const levels = createServiceLevels({
    metrics,
    tenants: () => Object.keys(specs),
    tierOf: (tenant) => (tenant === 'acme' ? 'Starter' : undefined),
    specOf: (wanted) => (Object.hasOwn(specs, wanted) ? specs[wanted] : undefined),
  });
  levels.count(reviewed('acme', 'decided', { allowed: ['any'] }), 5);
  levels.count(reviewed('acme', 'decided', { unevaluated: true }), 11);
  levels.count(reviewed('acme', 'decided'), 1);
  levels.count(reviewed('acme', 'closed'), 1);
  // A namespace that nobody knows, and a body that was not read.
  levels.count(reviewed('', 'closed'), 1);
  levels.refused({ kind: 'unknown' }, 1);
  levels.refused({ kind: 'nobody' }, 1);
  levels.count(reviewed('', 'decided'), 1);
  levels.count(reviewed('none', 'decided'), 1);
  levels.count(reviewed('unknown', 'decided'), 1);
  levels.count({ status: 200, body: '', outcome: 'ungoverned', record: undefined }, 1);
  const text = await metrics.registry.metrics();
  const lines = text.split('\n').filter((line) => line.startsWith('writ_slo_'));
  assert.deepEqual(lines.toSorted(), [
    'writ_slo_bad_events_total{tenant="acme",slo="admission-latency"} 2',
    'writ_slo_bad_events_total{tenant="acme",slo="availability"} 1',
    'writ_slo_bad_events_total{tenant="acme",slo="policy-evaluation"} 1',
    'writ_slo_bad_events_total{tenant="quiet",slo="admission-latency"} 0',
    'writ_slo_bad_events_total{tenant="quiet",slo="availability"} 0',
    'writ_slo_bad_events_total{tenant="quiet",slo="policy-evaluation"} 0',
    'writ_slo_objective_ratio{tenant="acme",slo="admission-latency",tier="Starter"} 0.9',
    'writ_slo_objective_ratio{tenant="acme",slo="availability",tier="Starter"} 0.995',
    'writ_slo_objective_ratio{tenant="acme",slo="policy-evaluation",tier="Starter"} 0.99',
    'writ_slo_objective_ratio{tenant="quiet",slo="admission-latency",tier="none"} 0.9',
    'writ_slo_objective_ratio{tenant="quiet",slo="availability",tier="none"} 0.995',
    'writ_slo_objective_ratio{tenant="quiet",slo="policy-evaluation",tier="none"} 0.99',
    'writ_slo_unattributed_events_total 2',
    'writ_slo_valid_events_total{tenant="acme",slo="admission-latency"} 4',
    'writ_slo_valid_events_total{tenant="acme",slo="availability"} 4',
    'writ_slo_valid_events_total{tenant="acme",slo="policy-evaluation"} 2',
    'writ_slo_valid_events_total{tenant="quiet",slo="admission-latency"} 0',
    'writ_slo_valid_events_total{tenant="quiet",slo="availability"} 0',
    'writ_slo_valid_events_total{tenant="quiet",slo="policy-evaluation"} 0',
  ]);
});
