// SPDX-License-Identifier: Apache-2.0
// Billing in the operator's process: the key from its Secret, who is billed from the Tenants, by which meters from the price book that
// counts. It never ends the term: policies are enforced also where the payment provider cannot be reached.
import { INSTALLATION_NAMESPACE, secrets } from '../crds/kinds.ts';
import type { KubeClient } from '../kube/client.ts';
import { sleep } from '../process/clock.ts';
import type { Clock } from '../process/clock.ts';
import type { Log } from '../process/log.ts';
import type { Judged } from '../policies/policy-object.ts';
import { readBook } from '../policies/pricing/index.ts';
import { startOf } from '../policies/problem.ts';
import { createBilling } from './billing/index.ts';
import type { Scope } from './billing/index.ts';
import type { Encoding } from './billing/outbox/entry.ts';
import { STATES } from './billing/outbox/entry.ts';
import { countStates, oldestOpenHour } from './billing/outbox/tables.ts';
import { createStripe, keyFault } from './billing/stripe.ts';
import type { StripeOptions } from './billing/stripe.ts';
import type { Caches } from './caches.ts';
import type { OperatorConfig } from './config.ts';
import type { SecretObject } from './controllers/certificate.ts';
import type { LivePriceBook } from './controllers/live.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { Ledger } from './usage/ledger.ts';
import { HOUR_MS } from './usage/period.ts';

export type BillingParts = {
  readonly config: Pick<OperatorConfig, 'stripe-secret' | 'stripe-mode' | 'price-book' | 'system-namespace'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly metrics: Pick<OperatorMetrics, 'billingUp' | 'billingReports' | 'billingOldest' | 'billingDrift' | 'billingHeld'>;
  readonly caches: {
    readonly tenants: Pick<Caches['tenants'], 'list'>;
    readonly priceBooks: Pick<Caches['priceBooks'], 'get'>;
    readonly namespaces: Pick<Caches['namespaces'], 'get'>;
  };
  /** Undefined while it is not open. */
  readonly ledger: () => Pick<Ledger, 'store' | 'meter'> | undefined;
  /** For tests: what is sent instead of over the network. */
  readonly fetch?: StripeOptions['fetch'];
};

export type TermBilling = {
  /** Until the term ends. `judge`: whose seal counts. */
  run(client: Pick<KubeClient, 'get'>, judge: (object: LivePriceBook) => Judged, signal: AbortSignal): Promise<void>;
};

/** Key of the Secret that holds the key for Stripe. */
export const STRIPE_KEY = 'stripe-key';
const LOOK_MS = 60_000;

class Refused extends Error {}

const scopeOf = ({ caches, config, log }: BillingParts, ledger: Pick<Ledger, 'meter'>, judge: (object: LivePriceBook) => Judged): Scope => {
  const object = caches.priceBooks.get(config['price-book']);
  const judged = object === undefined ? undefined : judge(object);
  const sealed = judged?.ok === true ? judged.document : judged?.signed;
  if (sealed?.entitlement?.kind !== 'PriceBook') throw new Refused(`no price book ${config['price-book']} bears a seal that counts`);
  const read = readBook(sealed.entitlement, { digest: sealed.digest, positionOf: () => startOf('prices') });
  if (!read.ok) throw new Refused(read.problems.map(({ message }) => message).join('; '));
  const meters = new Map<string, Encoding>();
  for (const { name, report } of read.book.meters.values()) {
    if (report === 'None') continue;
    const { aggregation, divisor } = ledger.meter(name);
    // Hours of a peak or an average do not add up to what the month's statement says.
    if (aggregation === 'sum' && divisor === 1n) meters.set(name, report);
    else log.warn({ meter: name }, 'the price book wants a meter reported whose hours do not add up; it is on statements alone');
  }
  const customers = caches.tenants.list().flatMap(({ metadata: { name: tenant }, spec: { billing } }) => {
    const customer = billing?.customerRef;
    return customer === undefined ? [] : [{ tenant, customer }];
  });
  return { customers: customers.toSorted((a, b) => (a.tenant < b.tenant ? -1 : 1)), meters };
};

/** Undefined where nobody asked for it. */
export const createTermBilling = (parts: BillingParts): TermBilling | undefined => {
  const { config, clock, log, random, metrics, caches } = parts;
  const secretName = config['stripe-secret'];
  if (secretName === undefined) return undefined;
  const mode = config['stripe-mode'] === 'test' ? 'test' : 'live';

  const readKey = async (client: Pick<KubeClient, 'get'>): Promise<string> => {
    const secret = await client.get<SecretObject>(secrets, { namespace: config['system-namespace'], name: secretName });
    const key = Buffer.from(secret?.data?.[STRIPE_KEY] ?? '', 'base64')
      .toString('utf8')
      .trim();
    const fault = keyFault(key, mode);
    if (fault !== undefined) throw new Refused(`Secret ${secretName}, ${STRIPE_KEY}: ${fault}`);
    return key;
  };

  type Running = {
    readonly key: string;
    readonly ledger: Pick<Ledger, 'store' | 'meter'>;
    readonly billing: ReturnType<typeof createBilling>;
  };
  let running: Running | undefined;

  const start = async (key: string, ledger: Pick<Ledger, 'store' | 'meter'>): Promise<Running> => {
    const installation = caches.namespaces.get(INSTALLATION_NAMESPACE)?.metadata.uid;
    if (installation === undefined) throw new Refused(`the namespace ${INSTALLATION_NAMESPACE} is not known yet`);
    const billing = createBilling({
      store: ledger.store,
      provider: createStripe({ secretKey: key, mode, ...(parts.fetch === undefined ? {} : { fetch: parts.fetch }) }),
      clock,
      random,
      installation,
      observe: ({ kind, entry: { tenant, meter, hourMs, note } }) => {
        if (kind === 'rejected' || kind === 'quarantined' || kind === 'unauthorized')
          log.error({ tenant, meter, hour: new Date(hourMs).toISOString(), note }, `a report of use was ${kind}: a person must look`);
      },
      onHeld: ({ tenant, draft, drift }) => {
        metrics.billingHeld.inc({});
        log.error({ tenant, invoice: draft.id, drift: drift.slice(0, 20) }, 'an invoice is held: ledger and payment provider differ');
      },
    });
    await billing.open();
    return { key, ledger, billing };
  };

  const turn = async (client: Pick<KubeClient, 'get'>, judge: (object: LivePriceBook) => Judged, signal: AbortSignal): Promise<void> => {
    const ledger = parts.ledger();
    if (ledger === undefined) throw new Refused('the ledger is not open');
    const key = await readKey(client);
    if (running?.key !== key || running.ledger !== ledger) running = await start(key, ledger);
    const { refused, drift } = await running.billing.turn(scopeOf(parts, ledger, judge), signal);
    if (drift !== undefined) metrics.billingDrift.set({}, drift);
    const states = await ledger.store.read(countStates);
    for (const state of STATES) metrics.billingReports.set({ state }, states.get(state) ?? 0);
    const oldestMs = await ledger.store.read(oldestOpenHour);
    metrics.billingOldest.set({}, oldestMs === undefined ? 0 : Math.max(0, clock.now() - oldestMs - HOUR_MS) / 1000);
    if (refused) throw new Refused('Stripe refuses the key');
  };

  return {
    run: async (client, judge, signal) => {
      running = undefined;
      let told = '';
      while (!signal.aborted) {
        try {
          await turn(client, judge, signal);
          metrics.billingUp.set({}, 1);
          told = '';
        } catch (error) {
          if (signal.aborted) return;
          metrics.billingUp.set({}, 0);
          const why = error instanceof Error ? error.message : String(error);
          // Once for each reason: it is looked at again every minute.
          if (why !== told)
            log.error(
              error instanceof Refused ? { why } : { err: error },
              'use cannot be reported; nothing is lost, and it is tried again',
            );
          told = why;
        }
        await sleep(clock, LOOK_MS, signal);
      }
    },
  };
};
