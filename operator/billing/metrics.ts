// SPDX-License-Identifier: Apache-2.0
// What billing exports: a view of the outbox, never what is billed. Part of the operator's one catalogue.
import { defineMetrics } from '../../process/metrics.ts';
import type { Metrics } from '../../process/metrics.ts';
import { STATES } from './outbox/entry.ts';

export const billingMetrics = defineMetrics({
  billingUp: {
    kind: 'gauge',
    name: 'writ_billing_up',
    help: '1 while use is reported to the payment provider; 0 where it is asked for and cannot be.',
  },
  billingReports: {
    kind: 'gauge',
    name: 'writ_billing_reports',
    help: 'Reports of an hour of use by their state; rejected and quarantined ones wait for a person.',
    labels: { state: STATES },
  },
  billingOldest: {
    kind: 'gauge',
    name: 'writ_billing_outbox_oldest_age_seconds',
    help: 'Since the end of the oldest hour that the payment provider has not accepted yet; 0 where it has all.',
  },
  billingDrift: {
    kind: 'gauge',
    name: 'writ_billing_drift_hours',
    help: 'Hours that ledger and payment provider count otherwise, of invoices that are about to become final.',
  },
  billingHeld: {
    kind: 'counter',
    name: 'writ_billing_invoices_held_total',
    help: 'How often an invoice was kept from becoming final.',
  },
});

export type BillingMetrics = Pick<Metrics<typeof billingMetrics>, keyof typeof billingMetrics>;
