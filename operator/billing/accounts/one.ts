// SPDX-License-Identifier: Apache-2.0
// One look at one tenant: its customer, then its subscription, read back and brought to what is wanted.
import { isRecord } from '../../../crds/wire.ts';
import type { Clock } from '../../../process/clock.ts';
import type { Problem } from '../../../policies/problem.ts';
import { HOUR_MS, hourOf, monthOf, nextMonth } from '../../usage/period.ts';
import type { Store } from '../../usage/store.ts';
import { accountMoved } from '../facts.ts';
import type { RecordFacts } from '../facts.ts';
import { KeyRefused, RESEND_WITHIN_MS } from '../provider.ts';
import { isPending, readAsk } from './asks.ts';
import type { Asking } from './asks.ts';
import { keysAt, nextTerms, readTerms, sameTerms } from './offers.ts';
import type { Offer } from './offers.ts';
import type { AccountProvider, Made, NewSubscription, Owner, Prices, Subscribed, Terms, Upcoming } from './provider.ts';
import { formerOf, newAccount, putAccount, sharerOf } from './tables.ts';
import type { Account } from './tables.ts';
import type { Wanted } from './wanted.ts';

type Deps = {
  readonly store: Store;
  readonly provider: AccountProvider;
  readonly clock: Pick<Clock, 'now'>;
  readonly installation: string;
  readonly record: RecordFacts | undefined;
  readonly ask: Asking;
};

type Asked = {
  readonly wanted: Wanted | undefined;
  readonly offers: readonly Offer[];
  /** The Tenant is there, whatever it wants. */
  readonly isThere: boolean;
};

/** `again`: nobody knows yet, the next look is to ask. */
export type Looked = Account & { readonly again: boolean };

/** Whoever searches finds by then what was made. */
const SEARCHABLE_MS = HOUR_MS;
/** A change that is asked for so shortly before it is to hold may come too late, and then holds a month later. */
const TOO_SHORT_MS = 10 * 60_000;
const MOST_ROUNDS = 4;

const again = (account: Account): Looked => ({ ...account, again: true });
const told = (account: Account, problem: Problem): Looked => ({ ...account, problem, again: false });
const settled = (account: Account): Looked => ({ ...account, problem: undefined, again: false });
const samePrices = (a: Prices | undefined, b: Prices | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

const refusal = (made: Made & { readonly kind: 'refused' }): Problem => ({
  code: 'BILL_SUBSCRIPTION_REFUSED',
  message: `${made.code}: ${made.message}`,
});

// Not whose: a tenant reads this, in its Tenant and in its audit log.
const shared = (customer: string): Problem => ({
  code: 'BILL_CUSTOMER_SHARED',
  message: `${customer} is the customer of another Tenant`,
});

const former = ({ tenant, uid }: Account, earlier: { readonly id: string; readonly uid: string }): Problem => ({
  code: 'BILL_CUSTOMER_FORMER',
  message: `${earlier.id} is the customer of an earlier Tenant ${tenant} (uid ${earlier.uid || 'unknown'}), not of this one (${uid})`,
});

/** For whom a pending creation was to be; it was written by us, and the same is to be asked under its key. */
const readOwner = (text: string, owner: Owner): Owner => {
  const value: unknown = JSON.parse(text);
  return { ...owner, uid: isRecord(value) && typeof value['uid'] === 'string' ? value['uid'] : '' };
};

/** What a pending creation was to make. */
const readNew = (text: string, owner: Owner): NewSubscription | undefined => {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) return undefined;
  const { customer, prices, terms, trialEndMs } = value;
  const read = isRecord(terms)
    ? readTerms({ writ_tier: terms['tier'], writ_cycle: terms['cycle'], writ_anchor: String(Number(terms['anchorMs']) / 1000) })
    : undefined;
  if (typeof customer !== 'string' || typeof trialEndMs !== 'number' || read === undefined || !Array.isArray(prices)) return undefined;
  return { ...readOwner(text, owner), customer, prices: prices.map(String), terms: read, trialEndMs };
};

export const createLook = ({ store, provider, clock, installation, record, ask }: Deps) => {
  const keep = (account: Account): Promise<void> => store.transact((tx) => putAccount(tx, account));

  /** The one that the Tenant names, or one of ours. */
  const withCustomer = async (account: Account, wanted: Wanted): Promise<Account | Looked> => {
    const { tenant, uid } = account;
    const owner = { tenant, uid, installation };
    if (wanted.customer !== undefined) {
      const customer = { tenant, customer: wanted.customer };
      const sharer = wanted.takenBy ?? (await store.read((reader) => sharerOf(reader, customer)));
      if (sharer !== undefined) return told(account, shared(wanted.customer));
      const there = await provider.customer(wanted.customer);
      if (there === undefined) return again(account);
      if (there === 'gone')
        return told(account, { code: 'BILL_CUSTOMER_UNKNOWN', message: `the provider has no customer ${wanted.customer}` });
      // Others are looked at meanwhile, and one of them may name it, too.
      return store.transact(async (tx) => {
        const other = await sharerOf(tx, customer);
        if (other !== undefined) return told(account, shared(customer.customer));
        const adopted = { ...account, customer: customer.customer };
        await putAccount(tx, adopted);
        return adopted;
      });
    }
    const earlier = await store.read((reader) => formerOf(reader, account));
    if (earlier !== undefined) return told(account, former(account, { id: earlier.customer, uid: earlier.uid }));
    const pending = await store.read((reader) => readAsk(reader, { tenant, uid, what: 'customer' }));
    const nowMs = clock.now();
    if (!isPending(pending, nowMs)) {
      if (pending?.state === 'failed' && nowMs - pending.atMs < SEARCHABLE_MS) return again(account);
      const found = await provider.customersOf(owner);
      if (found === undefined) return again(account);
      const [one, another] = found.filter((each) => each.uid === uid);
      if (another !== undefined)
        return told(account, {
          code: 'BILL_CUSTOMER_TWICE',
          message: `${found
            .slice(0, 5)
            .map(({ id }) => id)
            .join(', ')} are all of ${tenant}`,
        });
      if (one !== undefined) {
        await keep({ ...account, customer: one.id });
        return { ...account, customer: one.id };
      }
      const [theirs] = found;
      if (theirs !== undefined) return told(account, former(account, theirs));
    }
    let customer = '';
    const made = await ask(
      {
        tenant,
        uid,
        what: 'customer',
        body: JSON.stringify(owner),
        isCreation: true,
        send: (body, key) => provider.makeCustomer(readOwner(body, owner), key),
      },
      async (tx, id) => {
        customer = id;
        await putAccount(tx, { ...account, customer });
        await record?.(tx, [accountMoved({ tenant, action: 'billing.customer', customer })]);
      },
    );
    if (made.kind === 'refused') return told(account, refusal(made));
    return customer === '' ? again(account) : { ...account, customer };
  };

  /** Ids of the prices by which terms are subscribed in the month of `atMs`. */
  const pricesAt = async (offers: readonly Offer[], terms: Terms, atMs: number): Promise<Prices | Problem | undefined> => {
    const priced = keysAt(offers, terms, atMs);
    if (!priced.ok) return priced.problem;
    const ids = await provider.priceIds(priced.keys);
    if (ids === undefined) return undefined;
    const missing = priced.keys.filter((key) => !ids.has(key));
    if (missing.length > 0) return { code: 'BILL_PRICE_MISSING', message: `the provider has no price ${missing.join(', ').slice(0, 400)}` };
    return [...ids.values()].toSorted();
  };
  const isProblem = (value: Prices | Problem): value is Problem => 'code' in value;

  const subscribe = async (account: Account, wanted: Wanted, offers: readonly Offer[]): Promise<Looked> => {
    const { tenant, uid, customer } = account;
    const nowMs = clock.now();
    const sinceMs = Math.max(nowMs + TOO_SHORT_MS, wanted.trialEndMs ?? 0);
    const trialEndMs = monthOf(sinceMs) === sinceMs ? sinceMs : nextMonth(monthOf(sinceMs));
    const terms = { tier: wanted.tier, cycle: wanted.cycle, anchorMs: trialEndMs };
    const prices = await pricesAt(offers, terms, trialEndMs);
    if (prices === undefined) return again(account);
    if (isProblem(prices)) return told(account, prices);
    const owner = { tenant, uid, installation };
    let subscription = '';
    const made = await ask(
      {
        tenant,
        uid,
        what: 'subscription',
        body: JSON.stringify({ uid, customer, prices, terms, trialEndMs }),
        isCreation: true,
        send: (body, key) => provider.makeSubscription(readNew(body, owner) ?? { ...owner, customer, prices, terms, trialEndMs }, key),
      },
      async (tx, id) => {
        subscription = id;
        await putAccount(tx, { ...account, subscription });
        await record?.(tx, [accountMoved({ tenant, action: 'billing.subscribed', customer, subscription, terms, atMs: trialEndMs })]);
      },
    );
    // Its id is known before it is read back: what is not shown yet is not made again.
    return made.kind === 'refused' ? told(account, refusal(made)) : again({ ...account, subscription });
  };

  const plan = async (account: Account, one: Subscribed, upcoming: Upcoming): Promise<Made> => {
    const { tenant, uid, customer } = account;
    if (one.schedule === undefined)
      return ask(
        { tenant, uid, what: 'schedule', body: one.id, isCreation: false, send: (body, key) => provider.makeSchedule(body, key) },
        () => Promise.resolve(),
      );
    const { id: schedule, fromMs } = one.schedule;
    const { prices, trialEndMs } = one;
    const body = { schedule, fromMs, prices, trialEndMs, upcoming };
    return ask(
      { tenant, uid, what: 'plan', body: JSON.stringify(body), isCreation: false, send: (_body, key) => provider.plan(body, key) },
      (tx) =>
        record?.(tx, [
          accountMoved({ tenant, action: 'billing.planned', customer, subscription: one.id, terms: upcoming.terms, atMs: upcoming.atMs }),
        ]) ?? Promise.resolve(),
    );
  };

  /** What it is to become with the next month; undefined where it stays as it is. */
  const upcomingOf = async (
    one: Subscribed,
    { terms, wanted, offers }: { readonly terms: Terms; readonly wanted: Wanted | undefined; readonly offers: readonly Offer[] },
    atMs: number,
  ): Promise<{ readonly upcoming: Upcoming | undefined } | Problem | undefined> => {
    if (wanted === undefined) return { upcoming: { atMs, prices: undefined, terms: undefined } };
    const next = nextTerms(terms, wanted, atMs);
    const prices = await pricesAt(offers, next, atMs);
    if (prices === undefined || isProblem(prices)) return prices;
    return { upcoming: sameTerms(next, terms) && samePrices(prices, one.prices) ? undefined : { atMs, prices, terms: next } };
  };

  const isPlanned = (shown: Upcoming | undefined, wanted: Upcoming): boolean =>
    shown !== undefined && shown.atMs === wanted.atMs && samePrices(shown.prices, wanted.prices) && sameTerms(shown.terms, wanted.terms);

  /** Undefined: asked for, and to be read back. */
  const compare = async (
    account: Account,
    one: Subscribed,
    { wanted, offers }: { readonly wanted: Wanted | undefined; readonly offers: readonly Offer[] },
  ): Promise<Looked | undefined> => {
    const nowMs = clock.now();
    const atMs = nextMonth(monthOf(nowMs));
    const terms = one.terms ?? {
      tier: wanted?.tier ?? '',
      cycle: wanted?.cycle ?? 'Monthly',
      anchorMs: Math.max(monthOf(nowMs), one.trialEndMs ?? 0),
    };
    const staying: Upcoming = { atMs, prices: one.prices, terms };
    const stays = one.upcoming === undefined || isPlanned(one.upcoming, { ...staying, atMs: one.upcoming.atMs });
    const shown: Account = { ...account, subscription: one.id, terms, next: stays ? undefined : one.upcoming };
    if (wanted?.customer !== undefined && wanted.customer !== account.customer)
      return told(shown, {
        code: 'BILL_CUSTOMER_KEPT',
        message: `the subscription ${one.id} is with ${account.customer}, not with ${wanted.customer}`,
      });
    const asked = await upcomingOf(one, { terms, wanted, offers }, atMs);
    if (asked === undefined) return again(shown);
    if ('code' in asked) return told(shown, asked);
    const { upcoming } = asked;
    if (upcoming === undefined ? stays : isPlanned(one.upcoming, upcoming)) {
      const now = upcoming === undefined && nowMs >= terms.anchorMs ? await pricesAt(offers, terms, monthOf(nowMs)) : undefined;
      const differs = now !== undefined && !isProblem(now) && !samePrices(now, one.prices);
      return differs
        ? told(shown, {
            code: 'BILL_SUBSCRIPTION_DIFFERS',
            message: `${one.id} has other prices than ${terms.tier}, ${terms.cycle}; it has those from ${new Date(atMs).toISOString()} on`,
          })
        : settled(shown);
    }
    if (atMs - nowMs < TOO_SHORT_MS) return settled(shown);
    const made = await plan(shown, one, upcoming ?? staying);
    if (made.kind === 'refused') return told(shown, refusal(made));
    return made.kind === 'made' ? undefined : again(shown);
  };

  /** What an earlier Tenant of the name had is this one's where it was handed over, or where this one names the customer. */
  const isOurs = (one: Subscribed, { tenant, uid, customer, subscription }: Account, wanted: Wanted | undefined): boolean =>
    one.owner?.tenant === tenant &&
    one.owner.installation === installation &&
    (one.owner.uid === uid || one.id === subscription || wanted?.customer === customer);

  const subscriptionOf = async (account: Account, { wanted, offers, isThere }: Asked): Promise<Looked | undefined> => {
    const { tenant, uid, customer } = account;
    const all = await provider.subscriptions(customer);
    if (all === undefined) return again(account);
    const mine = all.filter((one) => isOurs(one, account, wanted));
    const [one, another] = mine;
    if (another !== undefined)
      return told(account, { code: 'BILL_SUBSCRIPTION_TWICE', message: `${mine.map(({ id }) => id).join(', ')} are all of ${tenant}` });
    const foreign = all.find((other) => !mine.includes(other) && other.isPricedByUs);
    if (foreign !== undefined)
      return told(account, {
        code: 'BILL_SUBSCRIPTION_TWICE',
        message: `${foreign.id} of ${customer} has prices of the price book, and is not Writ's of ${tenant}`,
      });
    if (one !== undefined) return compare(account, one, { wanted, offers });
    const { next, subscription } = account;
    const wasPlanned = next !== undefined && next.terms === undefined && next.atMs <= clock.now();
    if (wanted === undefined) {
      // What was asked for may still be made, and then it is to be ended.
      const asked = await store.read((reader) => readAsk(reader, { tenant, uid, what: 'subscription' }));
      const mayArrive = asked !== undefined && asked.state !== 'done' && clock.now() - asked.atMs < RESEND_WITHIN_MS;
      if (mayArrive) return again(account);
      if (isThere) return settled(newAccount(account));
      // Whoever takes the name later is not to get its customer unasked.
      return settled({ ...account, subscription: '', terms: undefined, next: undefined, untilMs: account.untilMs || hourOf(clock.now()) });
    }
    if (subscription !== '' && !wasPlanned)
      return told(account, { code: 'BILL_SUBSCRIPTION_GONE', message: `${subscription} was ended by somebody else` });
    const fresh = { ...account, subscription: '', terms: undefined, next: undefined };
    // A customer that is named since then is the one that pays from now on.
    if (wanted.customer !== undefined && wanted.customer !== customer) return again({ ...fresh, customer: '' });
    return subscribe(fresh, wanted, offers);
  };

  return async (before: Account, asked: Asked): Promise<Looked> => {
    const { wanted } = asked;
    let account = before;
    try {
      if (account.customer === '') {
        if (wanted === undefined) return settled(account);
        const found = await withCustomer(account, wanted);
        if ('again' in found) return found;
        account = found;
      }
      for (let round = 0; round < MOST_ROUNDS; round += 1) {
        const looked = await subscriptionOf(account, asked);
        if (looked !== undefined) return looked;
      }
      return again(account);
    } catch (error) {
      if (error instanceof KeyRefused || !(error instanceof Error) || !provider.isRefusal(error)) throw error;
      return told(account, { code: 'BILL_SUBSCRIPTION_REFUSED', message: error.message });
    }
  };
};
