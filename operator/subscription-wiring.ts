// SPDX-License-Identifier: Apache-2.0
// Subscriptions in the operator's process: what Tenants order, whom Stripe bills because of it, and what each Tenant is told of it.
import type { Accounts, AccountsAsked } from './billing/accounts/index.ts';
import type { Offer } from './billing/accounts/offers.ts';
import { allAccounts } from './billing/accounts/tables.ts';
import type { Account } from './billing/accounts/tables.ts';
import type { Customer } from './billing/hours.ts';
import { SUBSCRIPTION_STATES } from './billing/metrics.ts';
import type { BillingParts, LookBy } from './billing-look.ts';
import { tellBilled } from './billing-status.ts';

/** Tenants that Stripe bills, those that were there first before those that came later. A subscription stays with the customer it was made for. */
export const customersOf = ({ caches }: Pick<BillingParts, 'caches'>, accounts: readonly Account[]): readonly Customer[] => {
  const kept = new Map(accounts.map(({ tenant, customer }) => [tenant, customer]));
  const listed = caches.tenants
    .list()
    .toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
    .flatMap(({ metadata: { name: tenant }, spec: { billing } }) => {
      const known = kept.get(tenant) ?? '';
      kept.delete(tenant);
      const customer = known !== '' || billing?.provider !== undefined ? known : billing?.customerRef;
      return customer === undefined || customer === '' ? [] : [{ tenant, customer }];
    });
  // Whose Tenant is gone is subscribed to the end of the month.
  return [...listed, ...[...kept].flatMap(([tenant, customer]) => (customer === '' ? [] : [{ tenant, customer }]))];
};

/** What Tenants order for whom Writ keeps a subscription. */
const wantedOf = ({ caches }: Pick<BillingParts, 'caches'>): Pick<AccountsAsked, 'wanted' | 'held'> => {
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
    held: new Set(caches.tenants.list().flatMap(({ metadata, spec }) => (spec.suspend === true ? [metadata.name] : []))),
    wanted: kept.map((tenant) => {
      const {
        metadata,
        spec: { tier = '', billing },
      } = tenant;
      const other = reported.get(billing?.customerRef ?? '');
      return {
        tenant: metadata.name,
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
  const wanting = new Set(asked.wanted.map(({ tenant }) => tenant));
  const byTenant = new Map(
    known.filter(({ tenant, subscription }) => wanting.has(tenant) || subscription !== '').map((one) => [one.tenant, one]),
  );
  const counts = { subscribed: 0, waiting: 0, problem: 0 };
  for (const { tenant, subscription, problem } of byTenant.values()) {
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
      await tellBilled(client, clock, { tenant, account: byTenant.get(tenant.metadata.name) });
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
