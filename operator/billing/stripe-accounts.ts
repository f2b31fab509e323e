// SPDX-License-Identifier: Apache-2.0
// Customers, flexible subscriptions and their schedules at Stripe. Whose each is stands in its metadata, and so does what is subscribed, which a
// phase of a schedule hands on when it begins. Prices are looked up by the keys under which the price book is sold (stripe-prices.ts).
import { readTerms } from './accounts/offers.ts';
import type { AccountProvider, Made, NewPlan, Owner, Subscribed, Terms, Upcoming } from './accounts/provider.ts';
import { KeyRefused } from './provider.ts';
import { answerOf, asked, isStripeError } from './stripe-client.ts';
import type { StripeClient } from './stripe-client.ts';
import { lookupSlices } from './stripe-prices.ts';

type Shown = Awaited<ReturnType<StripeClient['subscriptions']['list']>>['data'][number];
type Schedule = Exclude<Shown['schedule'], string | null>;

const OURS = 'writ_';
const ENDED = new Set(['canceled', 'incomplete_expired']);

const ownerText = ({ tenant, uid, installation }: Owner): Record<string, string> => ({
  writ_tenant: tenant,
  ...(uid === '' ? {} : { writ_tenant_uid: uid }),
  writ_installation: installation,
});
const termsText = ({ tier, cycle, anchorMs }: Terms): Record<string, string> => ({
  writ_tier: tier,
  writ_cycle: cycle,
  writ_anchor: String(anchorMs / 1000),
});

/** In a query of Stripe's search; names of tenants and uids hold neither quotes nor backslashes. */
const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '')}'`;
const idOf = (held: string | { readonly id: string }): string => (typeof held === 'string' ? held : held.id);
const itemsOf = (prices: readonly string[]) => prices.map((price) => ({ price }));

const upcomingIn = (schedule: Schedule, cancelAt: number | null): Upcoming | undefined => {
  const { current_phase: current, phases, end_behavior: ending } = schedule;
  const next = current === null ? undefined : phases.find(({ start_date: start }) => start >= current.end_date);
  if (next !== undefined)
    return {
      atMs: next.start_date * 1000,
      prices: next.items.map(({ price }) => idOf(price)).toSorted(),
      terms: readTerms(next.metadata),
    };
  const endS = ending === 'cancel' ? current?.end_date : cancelAt;
  return endS === undefined || endS === null ? undefined : { atMs: endS * 1000, prices: undefined, terms: undefined };
};

const shownOf = (shown: Shown): Subscribed => {
  const { id, metadata, items, trial_end: trialEnd, cancel_at: cancelAt } = shown;
  const schedule = typeof shown.schedule === 'string' || shown.schedule === null ? undefined : shown.schedule;
  const held = schedule?.status === 'active' ? schedule : undefined;
  const { writ_tenant: tenant, writ_tenant_uid: uid = '', writ_installation: installation } = metadata;
  return {
    id,
    owner: tenant === undefined || installation === undefined ? undefined : { tenant, uid, installation },
    prices: items.data.map(({ price }) => price.id).toSorted(),
    isPricedByUs: items.data.some(({ price }) => price.lookup_key?.startsWith(OURS) === true),
    terms: readTerms(metadata),
    trialEndMs: trialEnd === null ? undefined : trialEnd * 1000,
    schedule: held === undefined || held.current_phase === null ? undefined : { id: held.id, fromMs: held.current_phase.start_date * 1000 },
    upcoming:
      held !== undefined
        ? upcomingIn(held, cancelAt)
        : cancelAt === null
          ? undefined
          : { atMs: cancelAt * 1000, prices: undefined, terms: undefined },
  };
};

const made = async (make: () => Promise<{ readonly id: string }>): Promise<Made> => {
  try {
    return { kind: 'made', id: (await make()).id };
  } catch (error) {
    if (!isStripeError(error)) throw error;
    const answer = answerOf(error);
    if (answer.kind === 'unauthorized') throw new KeyRefused(answer.message);
    if (answer.kind === 'rejected') return { kind: 'refused', code: answer.code, message: answer.message };
    return { kind: 'retry', fresh: answer.kind === 'retry' && answer.fresh === true };
  }
};

const planBody = ({ fromMs, prices, trialEndMs, upcoming }: NewPlan) => {
  const atS = upcoming.atMs / 1000;
  const trialS = trialEndMs === undefined || trialEndMs <= fromMs ? undefined : trialEndMs / 1000;
  const now = {
    start_date: fromMs / 1000,
    end_date: atS,
    items: itemsOf(prices),
    ...(trialS === undefined ? {} : { trial_end: Math.min(trialS, atS) }),
  };
  if (upcoming.prices === undefined || upcoming.terms === undefined)
    return { end_behavior: 'cancel' as const, proration_behavior: 'none' as const, phases: [now] };
  const isTrial = trialS !== undefined && trialS > atS;
  const next = {
    items: itemsOf(upcoming.prices),
    metadata: termsText(upcoming.terms),
    // What is left of a quarter or a year that was paid is given back and charged by time, to the second of the change.
    proration_behavior: isTrial ? ('none' as const) : ('create_prorations' as const),
    ...(isTrial ? { end_date: trialS, trial_end: trialS } : { duration: { interval: 'month' as const, interval_count: 1 } }),
  };
  return { end_behavior: 'release' as const, proration_behavior: 'none' as const, phases: [now, next] };
};

/** A lookup key may be another price's by then. */
const KNOWN_MS = 3_600_000;

export const createStripeAccounts = (client: StripeClient, nowMs: () => number): AccountProvider => {
  const ids = new Map<string, { readonly id: string; readonly untilMs: number }>();
  /** A price may have been put away since, and its key be another one's: whatever is refused is not asked by the same ids again. */
  const priced = async (make: () => Promise<Made>): Promise<Made> => {
    const answer = await make();
    if (answer.kind === 'refused') ids.clear();
    return answer;
  };

  return {
    isRefusal: isStripeError,
    customer: async (id) => {
      try {
        const found = await asked(() => client.customers.retrieve(id));
        return found === undefined ? undefined : 'deleted' in found && found.deleted ? 'gone' : 'there';
      } catch (error) {
        const answer = isStripeError(error) ? answerOf(error) : undefined;
        if (answer?.kind === 'rejected' && answer.code === 'resource_missing') return 'gone';
        throw error;
      }
    },
    customersOf: ({ tenant, installation }) =>
      asked(async () => {
        const query = `metadata['writ_tenant']:${quoted(tenant)} AND metadata['writ_installation']:${quoted(installation)}`;
        const { data } = await client.customers.search({ query, limit: 100 });
        return data.map(({ id, metadata }) => ({ id, uid: metadata['writ_tenant_uid'] ?? '' }));
      }),
    makeCustomer: (owner, idempotencyKey) =>
      made(() => client.customers.create({ name: owner.tenant, metadata: ownerText(owner) }, { idempotencyKey })),
    subscriptions: (customer) =>
      asked(async () => {
        const all = await client.subscriptions
          .list({ customer, limit: 100, expand: ['data.schedule'] })
          .autoPagingToArray({ limit: 1_000 });
        return all.filter(({ status }) => !ENDED.has(status)).map(shownOf);
      }),
    makeSubscription: ({ customer, prices, terms, trialEndMs, ...owner }, idempotencyKey) =>
      priced(() =>
        made(() =>
          client.subscriptions.create(
            {
              customer,
              billing_mode: { type: 'flexible' },
              items: itemsOf(prices),
              trial_end: trialEndMs / 1000,
              proration_behavior: 'none',
              metadata: { ...ownerText(owner), ...termsText(terms) },
            },
            { idempotencyKey },
          ),
        ),
      ),
    makeSchedule: (subscription, idempotencyKey) =>
      made(() => client.subscriptionSchedules.create({ from_subscription: subscription }, { idempotencyKey })),
    plan: (plan, idempotencyKey) =>
      priced(() => made(() => client.subscriptionSchedules.update(plan.schedule, planBody(plan), { idempotencyKey }))),
    priceIds: (keys) =>
      asked(async () => {
        const now = nowMs();
        for (const [key, { untilMs }] of ids) if (untilMs <= now) ids.delete(key);
        for (const lookup_keys of lookupSlices(keys.filter((key) => !ids.has(key)))) {
          const { data } = await client.prices.list({ lookup_keys: [...lookup_keys], limit: 100 });
          for (const { id, lookup_key: key, active } of data) if (key !== null && active) ids.set(key, { id, untilMs: now + KNOWN_MS });
        }
        return new Map(
          keys.flatMap((key) => {
            const known = ids.get(key);
            return known === undefined ? [] : [[key, known.id]];
          }),
        );
      }),
  };
};
