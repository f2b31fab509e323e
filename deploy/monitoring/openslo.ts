// SPDX-License-Identifier: Apache-2.0
// The objectives of the shipped tiers as OpenSLO (github.com/OpenSLO/OpenSLO, v1) has them, for whoever keeps objectives by it: the same
// series, windows and factors as the rules. A condition of OpenSLO has one window: here it is the long one of each pair, so an alert
// ends later than that of the rules, which look at the short one too.
import { readFileSync } from 'node:fs';
import { parseDocument } from '../../policies/document/index.ts';
import { validateDocument } from '../../policies/document/validate.ts';
import { readCatalog } from '../../policies/entitlement/catalog.ts';
import type { Tier } from '../../policies/entitlement/tier.ts';
import { parseDecimal, ratio, multiply, formatDecimal } from '../../policies/pricing/ratio.ts';
import { BUDGET_DAYS, burnFactor, burnWindows } from '../../policies/service-level/burn.ts';
import { goodOf, objectivesOf } from '../../policies/service-level/index.ts';
import type { Objective } from '../../policies/service-level/index.ts';
import { BAD, VALID } from './burn-rate.ts';

const API = 'openslo/v1';
const SERVICE = 'writ-admission';
const CATALOG = new URL('../examples/tiers.yaml', import.meta.url);

export type OpenSloDocument = {
  readonly apiVersion: typeof API;
  readonly kind: 'Service' | 'SLO' | 'AlertPolicy' | 'AlertNotificationTarget';
  readonly metadata: { readonly name: string; readonly displayName: string };
  readonly spec: Readonly<Record<string, unknown>>;
};

/** Tiers of the shipped catalog. */
const shippedTiers = (): readonly Tier[] => {
  const parsed = parseDocument(readFileSync(CATALOG), 'tiers.yaml');
  if (!parsed.ok) throw new Error('deploy/examples/tiers.yaml is no document');
  const fitted = validateDocument(parsed.document);
  if (!fitted.ok || fitted.kind !== 'TierCatalog') throw new Error('deploy/examples/tiers.yaml is no TierCatalog');
  const read = readCatalog(fitted.object, parsed.document);
  if (!read.ok) throw new Error('deploy/examples/tiers.yaml is refused');
  return read.table?.tiers ?? [];
};

/** One for each pair of windows. */
const conditions = burnWindows.map((window) => ({
  name: `writ-burn-${window.long}`,
  length: window.long,
  severity: window.severity,
  factor: burnFactor(window),
}));

const policies: readonly OpenSloDocument[] = conditions.map(({ name, length, severity, factor }) => ({
  apiVersion: API,
  kind: 'AlertPolicy',
  metadata: { name, displayName: `Error budget burns ${factor} times too fast over ${length}` },
  spec: {
    alertWhenBreaching: true,
    alertWhenResolved: false,
    alertWhenNoData: false,
    conditions: [
      {
        kind: 'AlertCondition',
        metadata: { name },
        spec: { severity, condition: { kind: 'burnrate', op: 'gt', threshold: factor, lookbackWindow: length, alertAfter: '0m' } },
      },
    ],
    notificationTargets: [{ targetRef: `writ-${severity}` }],
  },
}));

/** `increase5m` counts each answer as often above the line as below, so their ratio over any time is that of the answers. */
const queryOf = (series: string, { name }: Objective, tier: string): string =>
  `sum(${series}{slo="${name}"} and on (tenant, slo) writ_slo_objective_ratio{tier="${tier}"})`;

const sourceOf = (query: string): object => ({ metricSource: { type: 'Prometheus', spec: { query } } });

const sloOf = (tier: string, objective: Objective): OpenSloDocument => {
  const name = `${tier.toLowerCase()}-${objective.name}`;
  const within = Number.isFinite(objective.withinMs) ? ` within ${objective.withinMs} ms` : '';
  const target = Number(formatDecimal(multiply(parseDecimal(objective.percent) ?? ratio(1, 1), ratio(1, 100))));
  return {
    apiVersion: API,
    kind: 'SLO',
    metadata: { name, displayName: `${tier}: ${objective.name}` },
    spec: {
      description: `Of ${objective.percent} % of the answers to tenants of the tier ${tier} it holds that ${goodOf(objective.name)}${within === '' ? '' : `,${within}`}.`,
      service: SERVICE,
      indicator: {
        metadata: { name: `${name}-answers`, displayName: `Answers${within}` },
        spec: {
          ratioMetric: {
            counter: false,
            bad: sourceOf(queryOf(BAD, objective, tier)),
            total: sourceOf(queryOf(VALID, objective, tier)),
          },
        },
      },
      timeWindow: [{ duration: `${BUDGET_DAYS}d`, isRolling: true }],
      budgetingMethod: 'Occurrences',
      objectives: [{ displayName: objective.name, target }],
      alertPolicies: conditions.map((condition) => ({ alertPolicyRef: condition.name })),
    },
  };
};

const targets: readonly OpenSloDocument[] = (['page', 'ticket'] as const).map((severity) => ({
  apiVersion: API,
  kind: 'AlertNotificationTarget',
  metadata: { name: `writ-${severity}`, displayName: severity === 'page' ? 'Cannot wait' : 'Can wait for the day' },
  spec: { target: severity, description: `Whoever gets alerts of the severity ${severity}.` },
}));

export const openSlo = (): readonly OpenSloDocument[] => [
  {
    apiVersion: API,
    kind: 'Service',
    metadata: { name: SERVICE, displayName: 'Writ admission' },
    spec: { description: 'Decisions about the workloads of tenants.' },
  },
  ...targets,
  ...policies,
  ...shippedTiers().flatMap(({ name, slo }) => objectivesOf(slo).map((objective) => sloOf(name, objective))),
];
