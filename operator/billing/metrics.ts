// SPDX-License-Identifier: Apache-2.0
// What billing exports: a view of the outbox, never what is billed. Part of the operator's one catalogue.
import { defineMetrics } from '../../process/metrics.ts';
import type { Metrics } from '../../process/metrics.ts';
import { driftRatio } from './outbox/drift-sum.ts';
import type { DriftSum } from './outbox/drift-sum.ts';
import { STATES } from './outbox/entry.ts';

/** What becomes of a delivery to the endpoint for Stripe. */
export const EVENT_OUTCOMES = ['taken', 'seen', 'ignored', 'refused', 'unavailable'] as const;
export type EventOutcome = (typeof EVENT_OUTCOMES)[number];

/** What becomes of a subscription that Writ keeps. */
export const SUBSCRIPTION_STATES = ['subscribed', 'waiting', 'problem'] as const;

/** The ways out of the ledger. */
const SINKS = ['stripe', 'statements'] as const;

export const billingMetrics = defineMetrics({
  billingUp: {
    kind: 'gauge',
    name: 'writ_billing_up',
    help: '1 while use is handed on, to the payment provider or as signed statements, and what was issued is put on record (invoices); 0 where it is asked for and cannot be.',
    labels: { sink: [...SINKS, 'invoices'] },
  },
  billingReports: {
    kind: 'gauge',
    name: 'writ_billing_reports',
    help: 'Reports of an hour of use by their state; rejected and quarantined ones wait for a person.',
    labels: { state: STATES },
  },
  billingOldest: {
    kind: 'gauge',
    name: 'writ_usage_outbox_oldest_age_seconds',
    help: 'Since the end of the oldest hour that the payment provider has not accepted yet, or of the oldest frozen month whose statement is not written; 0 where nothing waits.',
    labels: { sink: SINKS },
  },
  billingDrift: {
    kind: 'gauge',
    name: 'writ_billing_drift_hours',
    help: 'Hours that ledger and payment provider count otherwise, of invoices that are about to become final.',
  },
  billingUnread: {
    kind: 'gauge',
    name: 'writ_billing_unread_hours',
    help: 'Hours of which the payment provider did not say what it counts, of invoices that are about to become final.',
  },
  billingDriftRatio: {
    kind: 'gauge',
    name: 'writ_usage_drift_ratio',
    help: 'By how much the hours that differ are off, up or down, for what the ledger counts on these invoices; 0 where both count the same. A number to look at, rounded as such.',
    labels: { sink: SINKS, meter: { max: 64 } },
  },
  billingHeld: {
    kind: 'counter',
    name: 'writ_billing_invoices_held_total',
    help: 'How often an invoice was kept from becoming final.',
  },
  billingEvents: {
    kind: 'counter',
    name: 'writ_billing_events_total',
    help: 'Deliveries to the endpoint for Stripe, by what became of them; refused ones bear no signature that counts.',
    labels: { outcome: EVENT_OUTCOMES },
  },
  billingLateErrors: {
    kind: 'counter',
    name: 'writ_billing_late_errors_total',
    help: 'Reports that Stripe accepted and later said it does not count.',
  },
  billingPrices: {
    kind: 'gauge',
    name: 'writ_billing_prices',
    help: 'Products and prices of the price book at Stripe: there as the book says, there and saying something else, or left out since they cannot be said there.',
    labels: { state: ['there', 'differ', 'left'] },
  },
  billingSubscriptions: {
    kind: 'gauge',
    name: 'writ_billing_subscriptions',
    help: 'Subscriptions that are kept at the payment provider: there, being made, or with a problem that the condition Billed of the Tenant tells.',
    labels: { state: SUBSCRIPTION_STATES },
  },
  billingStatements: {
    kind: 'gauge',
    name: 'writ_billing_statements',
    help: 'Statements of frozen months: written to a signed file, billed by the payment provider instead, or waiting.',
    labels: { state: ['file', 'provider', 'waiting'] },
  },
});

export type BillingMetrics = Pick<Metrics<typeof billingMetrics>, keyof typeof billingMetrics>;

export const showDrift = (
  metrics: Pick<BillingMetrics, 'billingDrift' | 'billingUnread' | 'billingDriftRatio'>,
  { hours, unread, meters }: DriftSum,
): void => {
  metrics.billingDrift.set({}, hours);
  metrics.billingUnread.set({}, unread);
  metrics.billingDriftRatio.clear();
  for (const [meter, of] of meters) metrics.billingDriftRatio.set({ sink: 'stripe', meter }, driftRatio(of));
};
