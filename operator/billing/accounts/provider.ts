// SPDX-License-Identifier: Apache-2.0
// What keeping customers and subscriptions asks of a payment provider, in words of our own; `stripe-accounts.ts` is the one behind it.
import type { Cycle } from '../../../policies/pricing/calendar.ts';

/** Whose a customer or a subscription is: what is written on it there, by which it is found again. */
export type Owner = {
  readonly tenant: string;
  /** Of the Tenant; empty where nobody wrote it. */
  readonly uid: string;
  readonly installation: string;
};

/** What is subscribed. Cycles are counted from `anchorMs`, the first of a month in UTC, when the first of them is paid. */
export type Terms = { readonly tier: string; readonly cycle: Cycle; readonly anchorMs: number };

/**
 * retry: the same may be asked again under its key; with `fresh`, under another one, since this one would repeat a failure, and it may be
 * there. refused: nothing was done, and a person must act.
 */
export type Made =
  | { readonly kind: 'made'; readonly id: string }
  | { readonly kind: 'retry'; readonly fresh: boolean }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/** Ids of prices, sorted. */
export type Prices = readonly string[];

/** What a subscription becomes at `atMs`; without `prices` it ends then. */
export type Upcoming = { readonly atMs: number; readonly prices: Prices | undefined; readonly terms: Terms | undefined };

/** A subscription that has not ended, as the provider shows it. */
export type Subscribed = {
  readonly id: string;
  /** Undefined where somebody else made it. */
  readonly owner: Owner | undefined;
  readonly prices: Prices;
  /** Some of its prices are of our price book. */
  readonly isPricedByUs: boolean;
  readonly terms: Terms | undefined;
  readonly trialEndMs: number | undefined;
  readonly schedule: { readonly id: string; readonly fromMs: number } | undefined;
  readonly upcoming: Upcoming | undefined;
};

export type NewSubscription = Owner & {
  readonly customer: string;
  readonly prices: Prices;
  readonly terms: Terms;
  /** Nothing is paid before. */
  readonly trialEndMs: number;
};

export type NewPlan = {
  readonly schedule: string;
  /** When the running part of the schedule began, and what it has. */
  readonly fromMs: number;
  readonly prices: Prices;
  readonly trialEndMs: number | undefined;
  readonly upcoming: Upcoming;
};

/** Undefined: no answer this time. Whatever is made is made under a key by which the provider knows the same request again for a day. */
export type AccountProvider = {
  customer(id: string): Promise<'there' | 'gone' | undefined>;
  /** Those that bear the tenant's name, whichever Tenant's they are; may not know yet what was made within the last hour. */
  customersOf(owner: Omit<Owner, 'uid'>): Promise<readonly { readonly id: string; readonly uid: string }[] | undefined>;
  makeCustomer(owner: Owner, requestKey: string): Promise<Made>;
  /** All of a customer that have not ended. */
  subscriptions(customer: string): Promise<readonly Subscribed[] | undefined>;
  makeSubscription(asked: NewSubscription, requestKey: string): Promise<Made>;
  /** By which a subscription can change later. */
  makeSchedule(subscription: string, requestKey: string): Promise<Made>;
  plan(asked: NewPlan, requestKey: string): Promise<Made>;
  /** Whether an error is an answer of the provider, and none of another kind. */
  isRefusal(error: Error): boolean;
  /** Lookup key → id; without those that are not there. */
  priceIds(lookupKeys: readonly string[]): Promise<ReadonlyMap<string, string> | undefined>;
};
