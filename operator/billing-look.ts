// SPDX-License-Identifier: Apache-2.0
// What the ways out of the ledger have in common: what they are given, and one look at whether there is something to do.
import { secrets } from '../crds/kinds.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../process/clock.ts';
import type { Log } from '../process/log.ts';
import type { Judged } from '../policies/policy-object.ts';
import type { RecordFacts } from './billing/facts.ts';
import type { StripeOptions } from './billing/stripe-client.ts';
import type { Caches } from './caches.ts';
import type { OperatorConfig } from './config.ts';
import type { SecretObject } from './controllers/certificate.ts';
import type { LivePriceBook } from './controllers/live.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { Ledger } from './usage/ledger.ts';

export type OpenLedger = Pick<Ledger, 'store' | 'meter'>;

export type BillingParts = {
  readonly config: Pick<
    OperatorConfig,
    | 'stripe-secret'
    | 'stripe-mode'
    | 'stripe-prices'
    | 'price-book'
    | 'statement-dir'
    | 'statement-secret'
    | 'invoice-dir'
    | 'invoice-key'
    | 'system-namespace'
  >;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly metrics: Pick<
    OperatorMetrics,
    | 'billingUp'
    | 'billingReports'
    | 'billingOldest'
    | 'billingDrift'
    | 'billingUnread'
    | 'billingDriftRatio'
    | 'billingHeld'
    | 'billingEvents'
    | 'billingLateErrors'
    | 'billingStatements'
    | 'billingPrices'
    | 'billingSubscriptions'
  >;
  readonly caches: {
    readonly tenants: Pick<Caches['tenants'], 'list'>;
    readonly priceBooks: Pick<Caches['priceBooks'], 'get'>;
    readonly namespaces: Pick<Caches['namespaces'], 'get'>;
  };
  /** Undefined while it is not open. */
  readonly ledger: () => OpenLedger | undefined;
  /** Undefined where no audit log is kept. */
  readonly record: RecordFacts | undefined;
  /** For tests: what is sent instead of over the network. */
  readonly fetch?: StripeOptions['fetch'];
};

export type LookBy = {
  readonly client: Pick<KubeClient, 'get' | 'apply'>;
  /** Whose seal counts. */
  readonly judge: (object: LivePriceBook) => Judged;
  readonly ledger: OpenLedger;
};

/** Throws Refused where a person must act. */
export type Look = (by: LookBy, signal: AbortSignal) => Promise<void>;

export class Refused extends Error {}

/** Nothing was looked at, and nothing will be before a person acts: Tenants that count on it are told. */
export class Unready extends Refused {}

/** Its entries as trimmed text; undefined for one that is not there. */
export const readSecret = async (
  client: Pick<KubeClient, 'get'>,
  namespace: string,
  name: string,
): Promise<(key: string) => string | undefined> => {
  const secret = await client.get<SecretObject>(secrets, { namespace, name });
  const data = secret?.data ?? {};
  return (key) =>
    Object.hasOwn(data, key)
      ? Buffer.from(data[key] ?? '', 'base64')
          .toString('utf8')
          .trim()
      : undefined;
};
