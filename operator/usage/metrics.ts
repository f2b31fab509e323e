// SPDX-License-Identifier: Apache-2.0
// What the ledger exports: a view of it, never what is billed. Part of the operator's one catalogue.
import { defineMetrics } from '../../process/metrics.ts';
import type { Metrics } from '../../process/metrics.ts';
import { DETAIL_STATUSES, INTAKE_STATUSES } from './answers.ts';
import { eventOutcomes } from './outcome.ts';

/** Tenants that are shown by name; the others are counted as left out, and the ledger has them all. */
export const SHOWN_TENANTS = 5000;

export const usageMetrics = defineMetrics({
  usageLedgerUp: {
    kind: 'gauge',
    name: 'writ_usage_ledger_up',
    help: '1 while this process writes the ledger; 0 where it does not lead or cannot; not there where no ledger is kept.',
  },
  usageEvents: {
    kind: 'counter',
    name: 'writ_usage_ledger_events_total',
    help: 'Events that reached the ledger, by meter (_unknown of those that nobody declared) and what became of them; stored and duplicate are the good ones.',
    labels: { meter: { max: 256 }, result: eventOutcomes },
  },
  usageRefused: {
    kind: 'counter',
    name: 'writ_usage_events_refused_total',
    help: 'Events that did not reach the ledger, by the code of why.',
    labels: { code: ['USAGE_EVENT_INVALID', 'USAGE_EVENT_EARLY', 'USAGE_EVENT_LATE', 'USAGE_TENANT_FOREIGN', 'USAGE_METER_RESERVED'] },
  },
  usageRequests: {
    kind: 'counter',
    name: 'writ_usage_requests_total',
    help: 'Requests with events, by HTTP status.',
    labels: { status: INTAKE_STATUSES },
  },
  usageRequestSeconds: {
    kind: 'histogram',
    name: 'writ_usage_request_duration_seconds',
    help: 'Time from a request with events to its answer, which is given when they are on disk.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
  usageReads: {
    kind: 'counter',
    name: 'writ_usage_reads_total',
    help: 'Questions for detail of the ledger, by HTTP status.',
    labels: { status: DETAIL_STATUSES },
  },
  usageCommitSeconds: {
    kind: 'histogram',
    name: 'writ_usage_commit_duration_seconds',
    help: 'Time that a commit of the ledger took.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  },
  usageQuarantined: { kind: 'gauge', name: 'writ_usage_quarantined_events', help: 'Events of unknown tenants or meters that wait.' },
  usageSources: {
    kind: 'gauge',
    name: 'writ_usage_sources',
    help: 'Sources of events: all that were heard of within a day or are silent, and those of them that said nothing for 17 minutes, until the month ends; those of webhook replicas that run and tell of tenants with objectives each quarter of an hour (due), and of them those that did not (overdue).',
    labels: { state: ['open', 'silent', 'due', 'overdue'] },
  },
  usageMissing: {
    kind: 'gauge',
    name: 'writ_usage_missing_events',
    help: 'Events that sources left out of their sequences and have not sent, until the month is stated in which those were heard of last.',
  },
  usageSealed: { kind: 'counter', name: 'writ_usage_seals_total', help: 'Seals of hours that were written, revisions among them.' },
  usagePruned: { kind: 'counter', name: 'writ_usage_events_pruned_total', help: 'Events that left the ledger by --usage-retention.' },
  usageClosed: {
    kind: 'gauge',
    name: 'writ_usage_closed_period_timestamp_seconds',
    help: 'Begin of the last period whose statements are made.',
  },
  usageQuantity: {
    kind: 'gauge',
    name: 'writ_usage_month_quantity',
    help: 'What a tenant has used in this month by the ledger, in the unit of the meter; a number to look at, rounded as such.',
    labels: { tenant: { max: SHOWN_TENANTS }, meter: { max: 64 } },
    maxSeries: 60_000,
  },
  usageTenantsLeftOut: {
    kind: 'gauge',
    name: 'writ_usage_tenants_left_out',
    help: 'Tenants beyond those that the metrics show by name.',
  },
});

export type UsageMetrics = Pick<Metrics<typeof usageMetrics>, keyof typeof usageMetrics>;
