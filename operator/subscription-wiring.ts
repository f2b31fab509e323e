// SPDX-License-Identifier: Apache-2.0
// Subscriptions in the operator's process: what Tenants order, whom Stripe bills because of it, and what each Tenant is told of it.
import type { Accounts, AccountsAsked, Named } from './billing/accounts/index.ts';
import type { Offer } from './billing/accounts/offers.ts';
import { allAccounts, whoseKey } from './billing/accounts/tables.ts';
import type { Account } from './billing/accounts/tables.ts';
import { BACK_MS } from './billing/hours.ts';
import type { Customer } from './billing/hours.ts';
import { SUBSCRIPTION_STATES } from './billing/metrics.ts';
import type { BillingParts, LookBy } from './billing-look.ts';
import { tellBilled } from './billing-status.ts';
import { HOUR_MS, hourOf } from './usage/period.ts';

type Made = { readonly metadata: { readonly uid?: string; readonly creationTimestamp?: string } };
const uidOf = ({ metadata: { uid = '' } }: Made): string => uid;
/** The hour in which the Tenant was made. */
const sinceOf = ({ metadata: { creationTimestamp = '' } }: Made): number => hourOf(Date.parse(creationTimestamp) || 0);

/**
 * Tenants that Stripe bills, those that were there first before those that came later. A subscription stays with the customer it was made for, and
 * where one Tenant followed another under a name, each customer with its own hours. The hour in which both may have had it is neither's.
 */
export const customersOf = (
  { caches, clock }: Pick<BillingParts, 'caches' | 'clock'>,
  accounts: readonly Account[],
): readonly Customer[] => {
  const byName = Map.groupBy(
    accounts.filter(({ customer }) => customer !== ''),
    ({ tenant }) => tenant,
  );
  const listed = caches.tenants
    .list()
    .toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
    .flatMap((object): readonly Customer[] => {
      const {
        metadata: { name: tenant },
        spec: { billing },
      } = object;
      const [rows, sinceMs] = [byName.get(tenant) ?? [], sinceOf(object)];
      const own = rows.find(({ uid }) => uid === uidOf(object)) ?? rows.find(({ uid }) => uid === '');
      const earlier = rows
        .filter((row) => row !== own)
        .map(({ customer, untilMs }) => ({ tenant, customer, untilMs: untilMs > 0 ? untilMs : sinceMs }));
      byName.delete(tenant);
      const customer = own?.customer ?? (billing?.provider === undefined ? billing?.customerRef : undefined);
      const isShared = earlier.some(({ untilMs }) => untilMs >= sinceMs);
      const now = { tenant, customer: customer ?? '', ...(earlier.length === 0 ? {} : { fromMs: isShared ? sinceMs + HOUR_MS : sinceMs }) };
      return customer === undefined ? earlier : [now, ...earlier];
    });
  // Whose Tenant is gone is subscribed to the end of the month, and what it used is reported as long as it is taken.
  const gone = [...byName.values()]
    .flat()
    .map(({ tenant, customer, untilMs }) => ({ tenant, customer, ...(untilMs > 0 ? { untilMs } : {}) }));
  const oldestMs = clock.now() - 2 * BACK_MS;
  return [...listed, ...gone].filter(({ untilMs = oldestMs }) => untilMs >= oldestMs);
};

/** What Tenants order for whom Writ keeps a subscription. */
const wantedOf = ({ caches }: Pick<BillingParts, 'caches'>): Pick<AccountsAsked, 'wanted' | 'tenants'> => {
  const kept = caches.tenants.list().filter(({ spec }) => spec.billing?.provider === 'Stripe');
  // Those that are reported under a customer whose subscription somebody else keeps; the first of each counts.
  const reported = new Map<string, Ordered>();
  for (const { metadata, spec } of caches.tenants.list()) {
    const { provider, customerRef } = spec.billing ?? {};
    if (provider !== undefined || customerRef === undefined) continue;
    const before = reported.get(customerRef);
    if (before === undefined || order({ metadata }) < order(before)) reported.set(customerRef, { metadata });
  }
  return {
    tenants: new Map(
      caches.tenants.list().map((tenant): readonly [string, Named] => {
        const { metadata, spec } = tenant;
        return [metadata.name, { uid: uidOf(tenant), sinceMs: sinceOf(tenant), isHeld: spec.suspend === true }];
      }),
    ),
    wanted: kept.map((tenant) => {
      const {
        metadata,
        spec: { tier = '', billing },
      } = tenant;
      const other = reported.get(billing?.customerRef ?? '');
      return {
        tenant: metadata.name,
        uid: uidOf(tenant),
        customer: billing?.customerRef,
        tier,
        cycle: billing?.cycle ?? 'Monthly',
        trialEndMs: billing?.trialEnd === undefined ? undefined : Date.parse(billing.trialEnd),
        takenBy: other !== undefined && order(other) < order(tenant) ? other.metadata.name : undefined,
      };
    }),
  };
};

type Ordered = { readonly metadata: { readonly name: string; readonly creationTimestamp?: string } };

/** RFC 3339 in UTC sorts as text. */
const order = ({ metadata: { name, creationTimestamp = '' } }: Ordered): string => `${creationTimestamp} ${name}`;

type Keeping = Pick<LookBy, 'client' | 'ledger'> & { readonly accounts: Accounts; readonly offer: Offer | undefined };

/** One look at all of them; true where the key is refused. `once` tells a thing one time. */
export const keepSubscriptions = async (
  parts: BillingParts,
  { client, ledger, accounts, offer }: Keeping,
  { once, signal }: { readonly once: (what: string, tell: () => void) => void; readonly signal: AbortSignal },
): Promise<boolean> => {
  const { config, clock, log, metrics, caches } = parts;
  const asked = wantedOf(parts);
  const { refused } = await accounts.turn({ ...asked, book: config['price-book'], offer }, signal);
  const known = await ledger.store.read(allAccounts);
  const wanting = new Set(asked.wanted.map(whoseKey));
  const shown = new Map(known.filter((one) => wanting.has(whoseKey(one)) || one.subscription !== '').map((one) => [whoseKey(one), one]));
  const counts = { subscribed: 0, waiting: 0, problem: 0 };
  for (const { tenant, subscription, problem } of shown.values()) {
    counts[problem !== undefined ? 'problem' : subscription === '' ? 'waiting' : 'subscribed'] += 1;
    if (problem !== undefined)
      once(`${tenant} ${problem.code} ${problem.message}`, () =>
        log.error({ code: problem.code, tenant, why: problem.message }, 'a subscription is not as the Tenant orders it'),
      );
  }
  for (const state of SUBSCRIPTION_STATES) metrics.billingSubscriptions.set({ state }, counts[state]);
  for (const tenant of caches.tenants.list()) {
    // One that cannot be written keeps no other from being told.
    try {
      await tellBilled(client, clock, { tenant, account: shown.get(whoseKey({ tenant: tenant.metadata.name, uid: uidOf(tenant) })) });
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn(
        { err: error, tenant: tenant.metadata.name },
        'what a Tenant says of its subscription could not be written; it is tried again',
      );
    }
  }
  return refused;
};
