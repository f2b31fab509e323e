// SPDX-License-Identifier: Apache-2.0
/**
 * Customers and subscriptions at the payment provider, as Tenants want them: one of each for a tenant, whatever is lost on the way.
 *
 * In: what tenants want, what the price book sells, a provider, the ledger's store. Out: rows that say what was read back, for whoever reports
 * use and for the Tenant's status. Each look reads the subscription back, compares, and asks for what is missing; what makes something new
 * is asked by `asks.ts` alone. A change holds from the first of the next month (UTC), by a schedule that the provider keeps. `one.ts` looks at
 * one tenant. Imported by stripe-wiring.ts and the tests.
 */
import type { Clock } from '../../../process/clock.ts';
import { HOUR_MS, monthOf, nextMonth } from '../../usage/period.ts';
import type { Store } from '../../usage/store.ts';
import { KeyRefused } from '../provider.ts';
import type { RecordFacts } from '../facts.ts';
import { closeAsk, createAsks } from './asks.ts';
import { keepOffer, offersOf } from './offers.ts';
import type { Offer } from './offers.ts';
import { createLook } from './one.ts';
import type { AccountProvider } from './provider.ts';
import { allAccounts, handOver, newAccount, putAccount, putKept, whoseKey } from './tables.ts';
import type { Account } from './tables.ts';
import type { Wanted } from './wanted.ts';

export type AccountsDeps = {
  readonly store: Store;
  readonly provider: AccountProvider;
  readonly clock: Pick<Clock, 'now'>;
  readonly installation: string;
  readonly record: RecordFacts | undefined;
};

/** `isHeld`: it is left as it is. */
export type Named = { readonly uid: string; readonly sinceMs: number; readonly isHeld: boolean };

export type AccountsAsked = {
  readonly wanted: readonly Wanted[];
  /** By name, all Tenants that there are, and the first hour that is theirs. */
  readonly tenants: ReadonlyMap<string, Named>;
  readonly book: string;
  /** What the price book sells now; undefined while none counts. */
  readonly offer: Offer | undefined;
};

const AT_ONCE = 8;
/** Reports and invoices are to be looked at, too. */
const MOST_IN_A_LOOK = 400;
const READ_BACK_MS = 6 * HOUR_MS;
const TROUBLE_MS = 10 * 60_000;

export type Accounts = {
  /** `refused`: the key is, and nothing more was tried. */
  turn(asked: AccountsAsked, signal?: AbortSignal): Promise<{ readonly refused: boolean }>;
};

const wantedText = (wanted: Wanted | undefined, offer: Offer | undefined): string =>
  wanted === undefined
    ? ''
    : JSON.stringify([wanted.customer, wanted.tier, wanted.cycle, wanted.trialEndMs, offer?.version, offer?.effectiveFromMs]);

export const createAccounts = ({ store, provider, clock, installation, record }: AccountsDeps): Accounts => {
  const ask = createAsks({ store, installation, nowMs: () => clock.now() });
  const lookAt = createLook({ store, provider, clock, installation, record, ask });

  /**
   * Before anything is looked at: whoever had a name before has what belongs to later hours no more, and all that was kept goes to the Tenant that
   * names the customer, or has the name where no uid was written.
   */
  const sortOut = (tenants: AccountsAsked['tenants'], wanted: readonly Wanted[]): Promise<readonly Account[]> =>
    store.transact(async (tx) => {
      const accounts = await allAccounts(tx);
      const byName = Map.groupBy(accounts, ({ tenant }) => tenant);
      const named = new Map(wanted.map((one) => [whoseKey(one), one.customer]));
      let isChanged = false;
      for (const [tenant, now] of tenants) {
        const rows = byName.get(tenant) ?? [];
        const own = rows.find(({ uid }) => uid === now.uid);
        const earlier = rows.filter((row) => row !== own);
        const customer = named.get(whoseKey({ tenant, uid: now.uid }));
        const theirs = own !== undefined && own.customer !== '' ? [] : earlier.filter((row) => row.uid === '' || row.customer === customer);
        // What is subscribed comes last, and stays.
        const taken = theirs.toSorted((a, b) => Number(a.subscription !== '') - Number(b.subscription !== ''));
        for (const from of taken) {
          await handOver(tx, from, now.uid);
          await putAccount(tx, { ...from, uid: now.uid, untilMs: 0, dueMs: 0 });
        }
        const over = earlier.filter((row) => !taken.includes(row) && row.untilMs === 0 && row.customer !== '');
        for (const row of over) await putAccount(tx, { ...row, untilMs: now.sinceMs, dueMs: 0 });
        isChanged ||= taken.length > 0 || over.length > 0;
      }
      return isChanged ? allAccounts(tx) : accounts;
    });

  type Due = Parameters<typeof lookAt>[1] & { readonly account: Account; readonly text: string };
  const bring = async ({ account, text, ...wanting }: Due): Promise<void> => {
    const looked = await lookAt(account, wanting);
    const nowMs = clock.now();
    const boundaryMs = nextMonth(monthOf(nowMs));
    const laterMs = looked.problem === undefined ? READ_BACK_MS : TROUBLE_MS;
    const isOver = looked.untilMs > 0 && looked.subscription === '' && looked.problem === undefined;
    const dueMs = looked.again ? nowMs : isOver ? Number.MAX_SAFE_INTEGER : Math.min(nowMs + laterMs, boundaryMs);
    const { again: _again, ...now } = looked;
    await store.transact(async (tx) => {
      await putAccount(tx, { ...now, wanted: text, dueMs });
      await putKept(tx, now, monthOf(nowMs));
      // What was found is not to be asked for again, though its answer was lost.
      if (now.subscription !== '') await closeAsk(tx, { tenant: now.tenant, uid: now.uid, what: 'subscription' });
    });
  };

  return {
    turn: async ({ wanted, tenants, book, offer }, signal) => {
      const nowMs = clock.now();
      const offers = offer === undefined ? await store.read((reader) => offersOf(reader, book)) : await keepOffer(store, offer, nowMs);
      const accounts = await sortOut(tenants, wanted);
      const known = new Set(accounts.map(whoseKey));
      const asked = new Map(wanted.map((one) => [whoseKey(one), one]));
      const due = [...accounts, ...wanted.filter((one) => !known.has(whoseKey(one))).map(newAccount)]
        .map((account): Due => {
          const order = asked.get(whoseKey(account));
          return {
            // One that is there again goes on.
            account: order === undefined ? account : { ...account, untilMs: 0 },
            wanted: order,
            offers,
            isThere: tenants.get(account.tenant)?.uid === account.uid,
            text: wantedText(order, offer),
          };
        })
        .filter(({ account, isThere }) => !isThere || tenants.get(account.tenant)?.isHeld !== true)
        // Nothing is kept and nothing is wanted.
        .filter(({ account, text }) => account.customer !== '' || account.subscription !== '' || account.wanted !== '' || text !== '')
        .filter(({ account, text }) => account.wanted !== text || account.dueMs <= nowMs)
        .toSorted((a, b) => a.account.dueMs - b.account.dueMs)
        .slice(0, MOST_IN_A_LOOK);
      let refused = false;
      const work = async (): Promise<void> => {
        for (let one = due.shift(); one !== undefined; one = due.shift()) {
          if (refused || signal?.aborted === true) return;
          try {
            await bring(one);
          } catch (error) {
            if (!(error instanceof KeyRefused)) throw error;
            refused = true;
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      return { refused };
    },
  };
};
