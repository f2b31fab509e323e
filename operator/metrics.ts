// SPDX-License-Identifier: Apache-2.0
/**
 * What the operator exports: the one catalogue. docs/reference/metrics.md is generated from it.
 */
import { reconcileResults } from '../kube/controller.ts';
import { createMetrics, defineMetrics, processMetrics } from '../process/metrics.ts';
import type { Metrics } from '../process/metrics.ts';
import { marksProblems } from './controllers/marks-problems.ts';
import { repairedThings } from './controllers/tamper.ts';
import { billingMetrics } from './billing/metrics.ts';
import { sloMetrics } from './slo/metrics.ts';
import { usageMetrics } from './usage/metrics.ts';

export const watchedResources = [
  'gitsources',
  'policies',
  'rulesets',
  'tiercatalogs',
  'licenses',
  'pricebooks',
  'trustpolicies',
  'tenants',
  'namespaces',
  'rolebindings',
  'resourcequotas',
  'limitranges',
  'networkpolicies',
  'clusterroles',
  'clusterrolebindings',
  'quotaledgers',
  'inventories',
  'marks',
  'replicas',
  'leases',
  'webhook',
  'guard',
  'tenancy',
  'completion',
] as const;
/** Watched only where a ledger is kept. */
const usageResources = ['pods', 'persistentvolumeclaims', 'tenantusages'] as const;
export type UsageResource = (typeof usageResources)[number];
export type WatchedResource = (typeof watchedResources)[number];
const controllerNames = [
  'git-source',
  'receiver',
  'policy',
  'ruleset',
  'tier-catalog',
  'license',
  'price-book',
  'entitlements',
  'trust-policy',
  'tenant',
  'tenant-quota',
  'replicas',
  'marks',
  'certificate',
  'webhook-configuration',
  'guard-configuration',
  'tenancy-configuration',
] as const;

export const operatorMetrics = defineMetrics({
  ...processMetrics,
  leading: { kind: 'gauge', name: 'writ_operator_leading', help: '1 while this process is the leader.' },
  reconciles: {
    kind: 'counter',
    name: 'writ_operator_reconciles_total',
    help: 'Reconciles by controller and how they ended.',
    labels: { controller: controllerNames, result: reconcileResults },
  },
  reconcileSeconds: {
    kind: 'histogram',
    name: 'writ_operator_reconcile_duration_seconds',
    help: 'Time that a reconcile took.',
    labels: { controller: controllerNames },
  },
  queueDepth: {
    kind: 'gauge',
    name: 'writ_operator_queue_depth',
    help: 'Keys that wait for a reconcile.',
    labels: { controller: controllerNames },
  },
  watchAge: {
    kind: 'gauge',
    name: 'writ_operator_watch_age_seconds',
    help: 'Time since the last word (event or bookmark) of a watch.',
    labels: { resource: [...watchedResources, ...usageResources] },
  },
  watchRestarts: {
    kind: 'counter',
    name: 'writ_operator_watch_restarts_total',
    help: 'Times that a list or watch failed and was begun again.',
    labels: { resource: [...watchedResources, ...usageResources] },
  },
  trustRootAge: {
    kind: 'gauge',
    name: 'writ_trust_root_age_seconds',
    help: 'Time since anything last showed that somebody looked after the pinned Sigstore trusted root; NaN where none is pinned.',
  },
  syncs: {
    kind: 'counter',
    name: 'writ_source_syncs_total',
    help: 'Looks at a Git remote, by source and result.',
    labels: { source: { max: 200 }, result: ['applied', 'unchanged', 'failed'] },
  },
  syncSeconds: {
    kind: 'histogram',
    name: 'writ_source_sync_duration_seconds',
    help: 'Time from the begin of a look at a remote until all of it is applied, by result.',
    labels: { result: ['applied', 'unchanged', 'failed'] },
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  suspended: {
    kind: 'gauge',
    name: 'writ_source_suspended',
    help: 'Whether a GitSource is suspended (1), so that nothing new of it comes, revocations neither; by source.',
    labels: { source: { max: 200 } },
  },
  refusals: {
    kind: 'counter',
    name: 'writ_source_refusals_total',
    help: 'Commits and remotes refused, by the code of the first problem.',
    labels: { code: { max: 200 } },
  },
  marks: {
    kind: 'gauge',
    name: 'writ_marks_problems',
    help: 'What is wrong with the marks: 1 while somebody deletes the ConfigMap writ-marks, it cannot be read, is held (made unwritable, taken for an inventory, or in a namespace that is said to be leaving and does not) or is full; of unmet, the policies that are enforced and not in the cluster.',
    labels: { problem: marksProblems },
  },
  tamperRepairs: {
    kind: 'counter',
    name: 'writ_tamper_repairs_total',
    help: 'Times that somebody else changed what Writ stands on and it was put right, by what was changed. Any is worth a page.',
    labels: { what: repairedThings },
  },
  auditEntries: { kind: 'counter', name: 'writ_audit_entries_total', help: 'Entries of the audit log that were stored.' },
  auditLost: {
    kind: 'counter',
    name: 'writ_audit_lost_total',
    help: 'Facts that got no entry in the audit log, because they came faster than they could be stored; an entry tells how many.',
  },
  auditFailures: {
    kind: 'counter',
    name: 'writ_audit_failures_total',
    help: 'Times that entries could not be stored or checkpoints not be published; it is tried again.',
  },
  auditProblems: {
    kind: 'counter',
    name: 'writ_audit_problems_total',
    help: 'Problems of the audit log by code. AUDIT_DIVERGED is worth a page: a log is signed no more.',
    labels: { code: ['AUDIT_DIVERGED', 'AUDIT_WITNESS'] },
  },
  auditTreeSize: {
    kind: 'gauge',
    name: 'writ_audit_tree_size',
    help: "Entries that the last published checkpoint of a log covers; those of tenants' logs are in their checkpoints.",
    labels: { log: ['root', 'cluster'] },
  },
  auditCheckpointAge: {
    kind: 'gauge',
    name: 'writ_audit_checkpoint_age_seconds',
    help: 'Time since all that was stored was signed and published, by this process; says nothing of one that does not lead, and is not there where no audit log is kept.',
  },
  deliveries: {
    kind: 'counter',
    name: 'writ_receiver_deliveries_total',
    help: 'Push deliveries that met a receiver, by HTTP status.',
    labels: { source: { max: 200 }, status: ['202', '401', '413', '429'] },
  },
  ...usageMetrics,
  ...sloMetrics,
  ...billingMetrics,
});

export type OperatorMetrics = Metrics<typeof operatorMetrics>;

export const createOperatorMetrics = (): OperatorMetrics => createMetrics(operatorMetrics, { process: true });
