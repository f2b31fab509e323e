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
import { allAccounts, newAccount, putAccount, putKept } from './tables.ts';
import type { Account } from './tables.ts';
import type { Wanted } from './wanted.ts';

export type AccountsDeps = {
  readonly store: Store;
  readonly provider: AccountProvider;
  readonly clock: Pick<Clock, 'now'>;
  readonly installation: string;
  readonly record: RecordFacts | undefined;
};

export type AccountsAsked = {
  readonly wanted: readonly Wanted[];
  /** Tenants that are left as they are. */
  readonly held: ReadonlySet<string>;
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

  const bring = async (account: Account, wanted: Wanted | undefined, offers: readonly Offer[], text: string): Promise<void> => {
    const looked = await lookAt(account, wanted, offers);
    const nowMs = clock.now();
    const boundaryMs = nextMonth(monthOf(nowMs));
    const laterMs = looked.problem === undefined ? READ_BACK_MS : TROUBLE_MS;
    const dueMs = looked.again ? nowMs : Math.min(nowMs + laterMs, boundaryMs);
    const { again: _again, ...now } = looked;
    await store.transact(async (tx) => {
      await putAccount(tx, { ...now, wanted: text, dueMs });
      await putKept(tx, now, monthOf(nowMs));
      // What was found is not to be asked for again, though its answer was lost.
      if (now.subscription !== '') await closeAsk(tx, { tenant: now.tenant, what: 'subscription' });
    });
  };

  return {
    turn: async ({ wanted, held, book, offer }, signal) => {
      const nowMs = clock.now();
      const offers = offer === undefined ? await store.read((reader) => offersOf(reader, book)) : await keepOffer(store, offer, nowMs);
      const known = new Map((await store.read(allAccounts)).map((account) => [account.tenant, account]));
      const asked = new Map(wanted.map((one) => [one.tenant, one]));
      const due = [...new Set([...asked.keys(), ...known.keys()])]
        .filter((tenant) => !held.has(tenant))
        .map((tenant) => ({ tenant, account: known.get(tenant) ?? newAccount(tenant), wanted: asked.get(tenant) }))
        .map((one) => ({ ...one, text: wantedText(one.wanted, offer) }))
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
            await bring(one.account, one.wanted, offers, one.text);
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
