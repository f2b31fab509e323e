// SPDX-License-Identifier: Apache-2.0
// Stripe in the operator's process: key and webhook secrets from the Secret, who is billed from the Tenants, by which meters from the
// price book that counts.
import { INSTALLATION_NAMESPACE } from '../crds/kinds.ts';
import type { Judged } from '../policies/policy-object.ts';
import { readBook } from '../policies/pricing/index.ts';
import type { Book } from '../policies/pricing/index.ts';
import { startOf } from '../policies/problem.ts';
import { createAccounts } from './billing/accounts/index.ts';
import type { Accounts } from './billing/accounts/index.ts';
import { offerOf } from './billing/accounts/offers.ts';
import { allAccounts } from './billing/accounts/tables.ts';
import { catalogOf } from './billing/catalog.ts';
import type { Catalog } from './billing/catalog.ts';
import { createPriceKeeper } from './billing/price-keeper.ts';
import { createBilling } from './billing/index.ts';
import type { Billing } from './billing/index.ts';
import type { Encoding } from './billing/outbox/entry.ts';
import { STATES } from './billing/outbox/entry.ts';
import { countStates, oldestOpenHour } from './billing/outbox/tables.ts';
import type { Reporting } from './billing/sink.ts';
import { createStripe } from './billing/stripe.ts';
import { createWaits, waitingTeller } from './billing/waits.ts';
import { keyFault } from './billing/stripe-client.ts';
import { createStripeHook } from './billing/webhook.ts';
import type { StripeHook } from './billing/webhook.ts';
import { Refused, Unready, readSecret } from './billing-look.ts';
import type { BillingParts, Look, OpenLedger } from './billing-look.ts';
import type { LivePriceBook } from './controllers/live.ts';
import { showDrift } from './billing/metrics.ts';
import { createAllowance } from './source/deliveries.ts';
import { customersOf, keepSubscriptions } from './subscription-wiring.ts';
import { HOUR_MS } from './usage/period.ts';
import { createTellOnce } from './tell-once.ts';

/** Keys of the Secret: the key for Stripe, and the secrets of its webhook endpoint, one a line while one is changed for another. */
const STRIPE_KEY = 'stripe-key';
const WEBHOOK_SECRET = 'webhook-secret';
const MOST_SECRETS = 8;
const COUNT_MS = 10 * 60_000;
const REFUSALS_TOLD = { burst: 10, refillMs: 60_000 };

const metersOf = (
  { caches, config, log }: BillingParts,
  ledger: OpenLedger,
  judge: (object: LivePriceBook) => Judged,
): Reporting & { readonly book: Book } => {
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
  return { meters, effectiveFromMs: read.book.effectiveFromMs, book: read.book };
};

/** What a person must mend first is thrown once the rest is done. */
const refusable = <T>(work: () => T): readonly [T, undefined] | readonly [undefined, Refused] => {
  try {
    return [work(), undefined];
  } catch (error) {
    if (error instanceof Refused) return [undefined, error];
    throw error;
  }
};

type Running = {
  readonly key: string;
  readonly ledger: OpenLedger;
  readonly billing: Billing;
  readonly accounts: Accounts;
  /** Undefined where statements are written as files, which tells of those that wait. */
  readonly lookAtWaits: ReturnType<typeof createWaits> | undefined;
  readonly keepPrices: ReturnType<typeof createPriceKeeper>;
};

export type StripeLook = { readonly look: Look; readonly hook: StripeHook; stop(): void };

/** `wake`: there is something to look at now. */
export const createStripeLook = (parts: BillingParts, secretName: string, wake: () => void): StripeLook => {
  const { config, clock, log, random, metrics, caches } = parts;
  const mode = config['stripe-mode'] === 'test' ? 'test' : 'live';
  const refusals = createAllowance(clock, REFUSALS_TOLD);
  const hook = createStripeHook({
    clock,
    observe: ({ outcome, type, code }) => {
      metrics.billingEvents.inc({ outcome });
      // Anybody can knock: they are all counted, and a few are told of.
      if (outcome === 'refused' && refusals.take().ok) log.warn({ code }, 'a delivery to the endpoint for Stripe was refused');
      if (outcome !== 'refused') log.debug({ outcome, type }, 'an event of Stripe');
    },
    onError: (error) => log.error({ err: error }, 'an event of Stripe could not be taken in; it comes again'),
  });
  let running: Running | undefined;
  let countedMs = Number.NEGATIVE_INFINITY;
  const once = createTellOnce();

  const start = (key: string, ledger: OpenLedger): Running => {
    const installation = caches.namespaces.get(INSTALLATION_NAMESPACE)?.metadata.uid;
    if (installation === undefined) throw new Refused(`the namespace ${INSTALLATION_NAMESPACE} is not known yet`);
    const provider = createStripe({
      secretKey: key,
      mode,
      nowMs: () => clock.now(),
      ...(parts.fetch === undefined ? {} : { fetch: parts.fetch }),
    });
    const billing = createBilling({
      store: ledger.store,
      provider,
      clock,
      random,
      installation,
      record: parts.record,
      observe: ({ kind, entry: { tenant, meter, hourMs, note } }) => {
        if (kind === 'rejected' || kind === 'quarantined' || kind === 'unauthorized')
          log.error({ tenant, meter, hour: new Date(hourMs).toISOString(), note }, `a report of use was ${kind}: a person must look`);
        if (kind === 'missed')
          log.warn(
            { tenant, meter, hour: new Date(hourMs).toISOString() },
            'Stripe does not count an hour any more that it counted before',
          );
      },
      onHeld: ({ tenant, draft, drift, isLate, why, code }) => {
        if (isLate) return log.error({ tenant, invoice: draft.id }, 'an invoice became final before it could be held: a person must look');
        metrics.billingHeld.inc({});
        log.error({ code, tenant, invoice: draft.id, why, drift: drift.slice(0, 20) }, 'an invoice is held');
      },
      onLateErrors: ({ code, message, count }) => {
        metrics.billingLateErrors.inc({}, count);
        log.error({ code, message: message.slice(0, 500), count }, 'Stripe does not count what it had accepted');
      },
      onUnseen: ({ tenant, customer, invoice, message }) =>
        once(`${customer} ${invoice ?? ''} ${message}`, () =>
          log.error(
            { code: 'BILL_DRAFT_UNSEEN', tenant, customer, invoice, why: message.slice(0, 500) },
            'an invoice could not be looked at or put off; it is tried again',
          ),
        ),
      onUnpriced: ({ tenant, monthMs }) => {
        const month = new Date(monthMs).toISOString().slice(0, 7);
        once(`${tenant} ${month}`, () =>
          log.error(
            { code: 'BILL_MONTH_UNPRICED', tenant, month },
            'use is not reported: no price book was in effect when its month began',
          ),
        );
      },
      onShared: ({ tenant, customer, with: other }) =>
        once(`${tenant} ${customer} ${other}`, () =>
          log.error(
            { code: 'BILL_CUSTOMER_SHARED', tenant, customer, with: other },
            "a tenant is not reported: its customer is another one's",
          ),
        ),
    });
    const accounts = createAccounts({ store: ledger.store, provider: provider.accounts, clock, installation, record: parts.record });
    const lookAtWaits =
      config['statement-dir'] === undefined
        ? createWaits({ store: ledger.store, nowMs: () => clock.now(), onWaiting: waitingTeller(log, once) })
        : undefined;
    return { key, ledger, billing, accounts, lookAtWaits, keepPrices: createPriceKeeper(provider.prices, clock) };
  };

  /** Prices that cannot be kept stop no report. */
  const keepPrices = async (keep: Running['keepPrices'], catalog: Catalog): Promise<void> => {
    try {
      const state = await keep(catalog);
      if (state === undefined) return;
      const { there, differ, left } = state;
      for (const [name, count] of [
        ['there', there],
        ['differ', differ.length],
        ['left', left.length],
      ] as const)
        metrics.billingPrices.set({ state: name }, count);
      if (differ.length > 0)
        log.error({ differ: differ.slice(0, 20) }, 'products or prices at Stripe say something else than the price book');
      for (const { what, why } of left.slice(0, 20)) log.warn({ what, why }, 'a price is not kept at Stripe');
    } catch (error) {
      log.error({ err: error }, 'the price book could not be kept at Stripe; it is tried again');
    }
  };

  const stop = (): void => {
    running = undefined;
    hook.arm(undefined);
  };

  const look: Look = async ({ client, judge, ledger }, signal) => {
    const secret = await readSecret(client, config['system-namespace'], secretName);
    const key = secret(STRIPE_KEY) ?? '';
    const fault = keyFault(key, mode);
    if (fault !== undefined) {
      stop();
      throw new Unready(`Secret ${secretName}, ${STRIPE_KEY}: ${fault}`);
    }
    if (running?.key !== key || running.ledger !== ledger) {
      stop();
      running = start(key, ledger);
    }
    const { billing, accounts, keepPrices: keep, lookAtWaits } = running;
    const [reporting, unpriced] = refusable(() => metersOf(parts, ledger, judge));
    const scope = { customers: customersOf(parts, await ledger.store.read(allAccounts)), reporting };
    const secrets = (secret(WEBHOOK_SECRET) ?? '').split(/\s+/).filter((one) => one.length >= 16);
    const take = async (event: Parameters<Billing['take']>[0]): Promise<Awaited<ReturnType<Billing['take']>>> => {
      const taken = await billing.take(event);
      if (taken === 'taken') wake();
      return taken;
    };
    // Begun, it knows whose customers are ours; events need not wait for its end.
    const turning = billing.turn(scope, signal);
    hook.arm(secrets.length === 0 ? undefined : { mode, secrets: secrets.slice(0, MOST_SECRETS), take });
    const { refused: isRefused, drift } = await turning;
    const catalog = reporting === undefined ? undefined : catalogOf(reporting.book, reporting.meters);
    if (!isRefused && config['stripe-prices'] && catalog !== undefined) await keepPrices(keep, catalog);
    const offer = reporting === undefined || catalog === undefined ? undefined : offerOf(reporting.book, catalog);
    const refused = isRefused || (await keepSubscriptions(parts, { client, ledger, offer, accounts }, { once, signal }));
    const waiting = await lookAtWaits?.(scope.customers);
    if (waiting !== undefined) metrics.billingStatements.set({ state: 'waiting' }, waiting);
    if (drift !== undefined) showDrift(metrics, drift);
    // Those that are done with are nearly all that there ever were: they are counted now and then.
    const isCounted = clock.monotonicMs() - countedMs < COUNT_MS;
    const counted = isCounted ? STATES.filter((state) => state !== 'verified') : STATES;
    const states = await ledger.store.read((reader) => countStates(reader, counted));
    if (!isCounted) countedMs = clock.monotonicMs();
    for (const state of counted) metrics.billingReports.set({ state }, states.get(state) ?? 0);
    const oldestMs = await ledger.store.read(oldestOpenHour);
    metrics.billingOldest.set({ sink: 'stripe' }, oldestMs === undefined ? 0 : Math.max(0, clock.now() - oldestMs - HOUR_MS) / 1000);
    if (refused) throw new Refused('Stripe refuses the key');
    if (unpriced !== undefined) throw unpriced;
  };

  return { look, hook, stop };
};
