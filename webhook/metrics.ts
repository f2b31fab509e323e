// SPDX-License-Identifier: Apache-2.0
// Everything that the webhook exports on /metrics, and how its events become numbers. Labels are closed sets or bounded;
// what nobody has asked about yet is there as zero where the set is closed.
import { createMetrics, defineMetrics, processMetrics } from '../process/metrics.ts';
import type { Metrics } from '../process/metrics.ts';
import type { Inventory } from '../crds/inventory.ts';
import { sealedKinds } from '../crds/kinds.ts';
import { OBJECTIVES } from '../policies/service-level/index.ts';
import type { Reviewed } from './admission/index.ts';
import { alarmKinds } from './operator-watch/alarms.ts';
import type { AlarmKind } from './operator-watch/alarms.ts';
import type { Guarded } from './guard/index.ts';
import type { LoaderState } from './policyset/loader.ts';
import type { TenancyReviewed } from './tenancy/index.ts';

const TENANTS = { max: 500 } as const;
/** Of what an error budget is alerted by: who is beyond has no such alert. Each has a share of 60,000 series. */
const PROMISED_TENANTS = { max: 5000 } as const;
const PROMISED_SERIES = 20_000;
const POLICIES = { max: 2000 } as const;
const CODES = { max: 200 } as const;
const TIERS = { max: 8 } as const;
/** Of whoever is asked about that is no tenant, or one without a tier. */
const NO_TIER = 'none';
const ROUTES = ['validate', 'guard', 'tenancy', 'complete'] as const;
const REQUEST_OUTCOMES = ['decided', 'closed', 'ungoverned', 'passed', 'refused', 'completed', 'unchanged', 'malformed'] as const;
// Half a millisecond to a second: a verdict takes well under one, and the API server waits for five. With each threshold that the
// shipped tiers promise (300 and 500 ms, 1, 2 and 5 s): the share of good answers can be read off exactly there.
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1, 2, 5] as const;
const LAG_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;

export const webhookMetrics = defineMetrics({
  ...processMetrics,
  requests: {
    kind: 'counter',
    name: 'writ_requests_total',
    help: 'AdmissionReviews that were handled, by the tier of the tenant that was asked about (none where there is none), by where they came in, and by what became of them. On validate: decided by policies, closed because nothing could be decided, or ungoverned.',
    labels: { tier: TIERS, route: ROUTES, outcome: REQUEST_OUTCOMES },
  },
  decisions: {
    kind: 'counter',
    name: 'writ_decisions_total',
    help: 'Decisions by tenant and verdict; dry runs are counted apart and never metered.',
    labels: { tenant: TENANTS, verdict: ['Allow', 'Deny', 'Warn', 'Audit'], dry_run: ['true', 'false'] },
  },
  policyDecisions: {
    kind: 'counter',
    name: 'writ_policy_decisions_total',
    help: 'Decisions in which a policy spoke, by tenant, policy and its verdict.',
    labels: { tenant: TENANTS, policy: POLICIES, verdict: ['Deny', 'Warn', 'Audit'] },
  },
  requestSeconds: {
    kind: 'histogram',
    name: 'writ_request_duration_seconds',
    help: 'From the whole body of an AdmissionReview to the whole answer, waits and reservations included, by where it came in and what became of it.',
    labels: { route: ROUTES, outcome: REQUEST_OUTCOMES },
    buckets: LATENCY_BUCKETS,
  },
  // Before the two counters: at a scrape it is asked first, and begins their series.
  sloObjective: {
    kind: 'gauge',
    name: 'writ_slo_objective_ratio',
    help: 'Share of answers that are to be good, as the Tenant says within its tier.',
    labels: { tenant: PROMISED_TENANTS, slo: OBJECTIVES, tier: TIERS },
    maxSeries: PROMISED_SERIES,
  },
  sloValid: {
    kind: 'counter',
    name: 'writ_slo_valid_events_total',
    help: "Answers that an objective of a tenant's spec.slo speaks of.",
    labels: { tenant: PROMISED_TENANTS, slo: OBJECTIVES },
    maxSeries: PROMISED_SERIES,
  },
  sloBad: {
    kind: 'counter',
    name: 'writ_slo_bad_events_total',
    help: 'Those of them that did not keep it: nothing could be decided, or not within the threshold, or a policy was not evaluated to its end.',
    labels: { tenant: PROMISED_TENANTS, slo: OBJECTIVES },
    maxSeries: PROMISED_SERIES,
  },
  sloUnattributed: {
    kind: 'counter',
    name: 'writ_slo_unattributed_events_total',
    help: "Refusals that may have been any tenant's, for which nobody knows whose they were: the body was not read, or the namespace not known. They are in no other writ_slo_* series.",
  },
  guardRefusals: {
    kind: 'counter',
    name: 'writ_guard_refusals_total',
    help: "Refused writes of Writ's own kinds, by kind and code; dry runs are counted too.",
    labels: { kind: [...sealedKinds.map(({ kind }) => kind), 'Tenant', 'TrustPolicy', 'Inventory', 'Marks'], code: CODES },
  },
  tenancyReviews: {
    kind: 'counter',
    name: 'writ_tenancy_reviews_total',
    help: "Writes in tenants' namespaces that were judged by the bounds of the tenant, by what became of them.",
    labels: { outcome: ['passed', 'refused', 'malformed'] },
  },
  tenancyRefusals: {
    kind: 'counter',
    name: 'writ_tenancy_refusals_total',
    help: 'Writes that the bounds of a tenant refused, by tenant and code of the first breach; dry runs are counted too.',
    labels: { tenant: TENANTS, code: CODES },
  },
  tenancyLatency: {
    kind: 'histogram',
    name: 'writ_tenancy_duration_seconds',
    help: 'From the whole body to the whole answer by the bounds of a tenant, a reservation of its quota included.',
    buckets: LATENCY_BUCKETS,
  },
  quotaCommits: {
    kind: 'counter',
    name: 'writ_quota_commits_total',
    help: 'Tries to reserve in the quota ledger of a tenant, for all who asked at the same time: written, lost to somebody who was faster and made again, or not to be had.',
    labels: { result: ['written', 'conflict', 'unavailable'] },
  },
  quotaAsks: {
    kind: 'counter',
    name: 'writ_quota_asks_total',
    help: 'Objects for which something was to be reserved, by the result of the try that they were part of.',
    labels: { result: ['written', 'conflict', 'unavailable'] },
  },
  operatorAlarms: {
    kind: 'gauge',
    name: 'writ_operator_alarm',
    help: '1 while something is wrong with the operator as this replica sees it: its Lease, its Deployment where there is one, the webhook configurations that it keeps; or with the Pods that the API server may ask.',
    labels: { what: alarmKinds },
  },
  operatorAlarmsTotal: {
    kind: 'counter',
    name: 'writ_operator_alarms_total',
    help: 'Times that one of these began to be wrong. Any is worth a page.',
    labels: { what: alarmKinds },
  },
  tamperRepairs: {
    kind: 'counter',
    name: 'writ_tamper_repairs_total',
    help: 'Times that this replica put right what somebody else changed.',
    labels: { what: ['operator-replicas'] },
  },
  inFlight: { kind: 'gauge', name: 'writ_reviews_in_flight', help: 'Requests that are being read, decided or answered.' },
  requestsRefused: {
    kind: 'counter',
    name: 'writ_requests_refused_total',
    help: 'Requests that got no verdict, by code: too large, too many at once, too late, not a review.',
    labels: { code: CODES },
  },
  setInfo: {
    kind: 'gauge',
    name: 'writ_set_info',
    help: 'Always 1; the labels are the digests of the policy set and of the trust policy in force.',
    labels: { set_digest: { max: 1_000_000 }, trust_digest: { max: 10_000 } },
  },
  setAge: { kind: 'gauge', name: 'writ_set_age_seconds', help: 'Time since the policy set in force replaced the one before.' },
  trustRootAge: {
    kind: 'gauge',
    name: 'writ_trust_root_age_seconds',
    help: 'Time since anything last showed that somebody looked after the pinned Sigstore trusted root; NaN where none is pinned.',
  },
  setClosed: {
    kind: 'gauge',
    name: 'writ_set_closed',
    help: '1 while governed namespaces are closed because no policy is in force.',
  },
  policiesEnforced: { kind: 'gauge', name: 'writ_policies_enforced', help: 'Policies in force.' },
  policiesExpired: { kind: 'gauge', name: 'writ_policies_expired', help: 'Policies past their date, whose scope is closed.' },
  policiesSuspended: { kind: 'gauge', name: 'writ_policies_suspended', help: 'Policies that refuse nothing while break-glass holds.' },
  policiesRefused: {
    kind: 'gauge',
    name: 'writ_policies_refused',
    help: 'Policy objects whose newest document is not enforced, by code.',
    labels: { code: CODES },
  },
  sealRefusals: {
    kind: 'counter',
    name: 'writ_seal_refusals_total',
    help: 'Documents that were refused, by code; each document and reason is counted once.',
    labels: { code: CODES },
  },
  commitsPending: { kind: 'gauge', name: 'writ_commits_pending', help: 'Sources whose newest commit is not whole here.' },
  syncLag: {
    kind: 'histogram',
    name: 'writ_sync_lag_seconds',
    help: 'From a commit to its enforcement here: since it was received (push or poll), and since it was committed.',
    labels: { since: ['received', 'committed'] },
    buckets: LAG_BUCKETS,
  },
  watchAge: {
    kind: 'gauge',
    name: 'writ_watch_age_seconds',
    help: 'Time since the API server last gave a sign of life on a watch.',
    labels: {
      kind: [
        'policies',
        'rulesets',
        'tiercatalogs',
        'licenses',
        'pricebooks',
        'trust',
        'inventories',
        'marks',
        'namespaces',
        'tenants',
        'certificate',
      ],
    },
  },
  certificateExpiry: {
    kind: 'gauge',
    name: 'writ_tls_expiry_timestamp_seconds',
    help: 'When the serving certificate in use ends, in seconds since 1970; 0 while there is none.',
  },
  certificateProblems: {
    kind: 'counter',
    name: 'writ_tls_pairs_refused_total',
    help: 'Certificates that were offered and not taken.',
  },
  recordsDropped: {
    kind: 'counter',
    name: 'writ_decision_records_dropped_total',
    help: 'Decision records that could not be written.',
  },
  receiptsSealed: {
    kind: 'counter',
    name: 'writ_receipts_sealed_total',
    help: 'Records of decisions and policy sets whose receipts are signed and on disk.',
  },
  receiptsLost: {
    kind: 'counter',
    name: 'writ_receipts_lost_total',
    help: 'Records that got no receipt, because the spool did not keep up or failed; the next batch tells how many under its signature.',
  },
  receiptBatches: { kind: 'counter', name: 'writ_receipt_batches_total', help: 'Batches of receipts that are signed and on disk.' },
  receiptsPending: { kind: 'gauge', name: 'writ_receipts_pending_bytes', help: 'Receipts in memory that are not on disk yet.' },
  usageWaiting: {
    kind: 'gauge',
    name: 'writ_webhook_usage_waiting_batches',
    help: 'Batches of events that the ledger of use has not acknowledged yet.',
  },
  usageAside: {
    kind: 'gauge',
    name: 'writ_webhook_usage_aside_batches',
    help: 'Batches of events with something in them that the ledger of use refuses; they are kept, and tried again each hour.',
  },
  usageRefused: {
    kind: 'counter',
    name: 'writ_webhook_usage_refused_total',
    help: 'Batches of events that the ledger of use refused, by HTTP status; 400, 403, 413 and 422 are set aside, 409 is done with, all others are sent again.',
    labels: { status: ['400', '401', '403', '409', '413', '422', '429', '503'] },
  },
  receiptErrors: {
    kind: 'counter',
    name: 'writ_receipt_spool_errors_total',
    help: 'Tries to write receipts that failed; each is made again.',
  },
  receiptFilesRemoved: {
    kind: 'counter',
    name: 'writ_receipt_files_removed_total',
    help: 'Oldest files of the spool of receipts that went because all together were too large.',
  },
  bugs: { kind: 'counter', name: 'writ_webhook_bugs_total', help: 'What should never happen; the log has each.' },
});

export type WebhookMetrics = Metrics<typeof webhookMetrics>;

export const createWebhookMetrics = (): WebhookMetrics => createMetrics(webhookMetrics, { process: true });

export type Handled = {
  readonly route: (typeof ROUTES)[number];
  readonly outcome: (typeof REQUEST_OUTCOMES)[number];
  /** Of the tenant that was asked about. */
  readonly tier?: string | undefined;
  readonly durationMs: number;
};

export const countRequest = (metrics: Pick<WebhookMetrics, 'requests' | 'requestSeconds'>, handled: Handled): void => {
  const { route, outcome, tier = NO_TIER, durationMs } = handled;
  metrics.requests.inc({ tier, route, outcome });
  metrics.requestSeconds.observe({ route, outcome }, durationMs / 1000);
};

export const countReview = (metrics: WebhookMetrics, { record }: Pick<Reviewed, 'record'>): void => {
  if (record === undefined) return;
  const { tenant, verdict } = record;
  metrics.decisions.inc({ tenant, verdict, dry_run: record.dryRun ? 'true' : 'false' });
  for (const spoke of record.spoke) metrics.policyDecisions.inc({ tenant, policy: spoke.policy, verdict: spoke.verdict });
};

export const countGuarded = (metrics: WebhookMetrics, { outcome, kind, refusal }: Guarded, durationMs: number): void => {
  countRequest(metrics, { route: 'guard', outcome, durationMs });
  if (refusal !== undefined && kind !== undefined) metrics.guardRefusals.inc({ kind, code: refusal.problem.code });
};

type JudgedByBounds = Pick<TenancyReviewed, 'outcome' | 'tenant' | 'refusal'>;

export const countTenancy = (metrics: WebhookMetrics, { outcome, tenant, refusal }: JudgedByBounds, durationMs: number): void => {
  metrics.tenancyReviews.inc({ outcome });
  metrics.tenancyLatency.observe({}, durationMs / 1000);
  if (refusal !== undefined) metrics.tenancyRefusals.inc({ tenant, code: refusal.problems[0].code });
};

export const showAlarms = (metrics: WebhookMetrics, alarms: ReadonlySet<AlarmKind>): void => {
  for (const what of alarmKinds) metrics.operatorAlarms.set({ what }, alarms.has(what) ? 1 : 0);
};

/** Each refusal once, however often the caches are looked at. */
export const createRefusalCounter = (metrics: WebhookMetrics): ((state: LoaderState) => void) => {
  let known = new Map<string, string>();
  return ({ refused, trustProblem }) => {
    const now = new Map([...refused].map(([name, problem]) => [name, `${problem.code} ${problem.message}`]));
    for (const [name, problem] of refused) if (known.get(name) !== now.get(name)) metrics.sealRefusals.inc({ code: problem.code });
    if (trustProblem !== undefined) {
      now.set('TrustPolicy/cluster', trustProblem.message);
      if (known.get('TrustPolicy/cluster') !== trustProblem.message) metrics.sealRefusals.inc({ code: trustProblem.code });
    }
    known = now;
  };
};

export const showState = (metrics: WebhookMetrics, { enforced, documents, refused, pending }: LoaderState): void => {
  metrics.setInfo.clear();
  metrics.setInfo.set({ set_digest: enforced.closed === undefined ? enforced.set.digest : '', trust_digest: enforced.trustDigest }, 1);
  metrics.setClosed.set({}, enforced.closed === undefined && documents.length > 0 ? 0 : 1);
  metrics.policiesEnforced.set({}, enforced.closed === undefined ? documents.length : 0);
  metrics.policiesExpired.set({}, enforced.expired.length);
  metrics.policiesSuspended.set({}, enforced.set.policies.filter(({ suspended }) => suspended !== undefined).length);
  metrics.commitsPending.set({}, pending.length);
  const byCode = new Map<string, number>();
  for (const { code } of refused.values()) byCode.set(code, (byCode.get(code) ?? 0) + 1);
  metrics.policiesRefused.clear();
  for (const [code, count] of byCode) metrics.policiesRefused.set({ code }, count);
};

export const countLag = (metrics: WebhookMetrics, commits: readonly Inventory[], nowMs: number): void => {
  for (const { receivedAt, committedAt } of commits) {
    if (receivedAt !== undefined) metrics.syncLag.observe({ since: 'received' }, Math.max(0, nowMs - Date.parse(receivedAt)) / 1000);
    if (committedAt !== undefined) metrics.syncLag.observe({ since: 'committed' }, Math.max(0, nowMs - Date.parse(committedAt)) / 1000);
  }
};
