// SPDX-License-Identifier: Apache-2.0
// Customers, flexible subscriptions and schedules as Stripe keeps them: a search that lags, one schedule a subscription, phases that begin by
// themselves and hand on prices and metadata, an end that comes when it was planned.
import { textIn } from './fake-form.ts';
import type { Form } from './fake-form.ts';
import type { Refusal } from './fake-meters.ts';

type Metadata = Readonly<Record<string, string>>;
type Phase = {
  readonly startS: number;
  readonly endS: number;
  readonly prices: readonly string[];
  readonly metadata: Metadata;
  readonly prorates: boolean;
};
type FakeSchedule = { readonly id: string; phases: readonly Phase[]; ending: string };
export type FakeCustomer = { readonly id: string; readonly metadata: Metadata; readonly searchableMs: number; deleted: boolean };
export type FakeSubscription = {
  readonly id: string;
  readonly customer: string;
  readonly madeS: number;
  readonly trialEndS: number | undefined;
  prices: readonly string[];
  metadata: Metadata;
  schedule: FakeSchedule | undefined;
  endedS: number | undefined;
  /** Since when it had which prices. */
  readonly history: { readonly atS: number; readonly prices: readonly string[]; readonly prorates: boolean }[];
};

const childrenOf = (form: Form, name: string): readonly Form[] => {
  const held = form[name];
  return typeof held === 'object' ? Object.values(held).filter((one) => typeof one === 'object') : [];
};
const pricesIn = (form: Form): readonly string[] => childrenOf(form, 'items').map((item) => textIn(item, 'price') ?? '');
const metadataIn = (form: Form): Metadata =>
  typeof form['metadata'] === 'object'
    ? Object.fromEntries(Object.entries(form['metadata']).map(([name, value]) => [name, typeof value === 'string' ? value : '']))
    : {};
const numberIn = (form: Form, name: string): number | undefined =>
  textIn(form, name) === undefined ? undefined : Number(textIn(form, name));
const refusal = (message: string, code?: string): Refusal => ({ status: 400, message, ...(code === undefined ? {} : { code }) });
const missing = (what: string): Refusal => ({ status: 404, code: 'resource_missing', message: `No such ${what}` });

const monthAfter = (atS: number): number => {
  const at = new Date(atS * 1000);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1) / 1000;
};

export type AccountFaults = { readonly searchLagMs: () => number };

export const createFakeAccounts = (
  nowMs: () => number,
  { keyOfPrice, searchLagMs }: AccountFaults & { readonly keyOfPrice: (id: string) => string | undefined },
) => {
  const customers: FakeCustomer[] = [];
  const subscriptions: FakeSubscription[] = [];
  const nowS = (): number => Math.floor(nowMs() / 1000);
  let made = 0;
  const fresh = (prefix: string): string => `${prefix}_${(made += 1)}`;

  /** What the clock has brought about since it was asked last. */
  const settle = (): void => {
    for (const one of subscriptions) {
      const { schedule } = one;
      if (one.endedS !== undefined || schedule === undefined) continue;
      for (const [index, phase] of schedule.phases.entries()) {
        const isBegun = index > 0 && phase.startS <= nowS() && one.history.every(({ atS }) => atS < phase.startS);
        if (!isBegun) continue;
        one.prices = phase.prices;
        one.metadata = { ...one.metadata, ...phase.metadata };
        one.history.push({ atS: phase.startS, prices: phase.prices, prorates: phase.prorates });
      }
      const last = schedule.phases.at(-1);
      if (last === undefined || last.endS > nowS()) continue;
      one.schedule = undefined;
      if (schedule.ending === 'cancel') one.endedS = last.endS;
    }
  };

  const scheduleShown = ({ id, phases, ending }: FakeSchedule): object => {
    const current = phases.find(({ startS, endS }) => startS <= nowS() && nowS() < endS);
    return {
      id,
      object: 'subscription_schedule',
      status: 'active',
      end_behavior: ending,
      current_phase: current === undefined ? null : { start_date: current.startS, end_date: current.endS },
      phases: phases.map(({ startS, endS, prices, metadata }) => ({
        start_date: startS,
        end_date: endS,
        metadata,
        items: prices.map((price) => ({ price })),
      })),
    };
  };

  const shown = (one: FakeSubscription): object => ({
    id: one.id,
    object: 'subscription',
    customer: one.customer,
    status: one.endedS !== undefined ? 'canceled' : (one.trialEndS ?? 0) > nowS() ? 'trialing' : 'active',
    billing_mode: { type: 'flexible' },
    cancel_at: null,
    trial_end: one.trialEndS ?? null,
    metadata: one.metadata,
    items: { object: 'list', data: one.prices.map((id) => ({ price: { id, lookup_key: keyOfPrice(id) ?? null } })) },
    schedule: one.schedule === undefined ? null : scheduleShown(one.schedule),
  });
  const customerShown = ({ id, metadata, deleted }: FakeCustomer): object =>
    deleted ? { id, object: 'customer', deleted: true } : { id, object: 'customer', metadata };

  const makeSubscription = (body: Form): object | Refusal => {
    const customer = textIn(body, 'customer') ?? '';
    if (customers.every(({ id, deleted }) => id !== customer || deleted)) return missing('customer');
    const prices = pricesIn(body);
    const lost = prices.find((price) => keyOfPrice(price) === undefined);
    if (lost !== undefined) return refusal(`No such price: '${lost}'`, 'resource_missing');
    const trialEndS = numberIn(body, 'trial_end');
    if (trialEndS !== undefined && trialEndS <= nowS()) return refusal('`trial_end` must be a time in the future');
    if (textIn(body, 'billing_mode', 'type') !== 'flexible') return refusal('this account asks for flexible billing');
    const one: FakeSubscription = {
      id: fresh('sub'),
      customer,
      madeS: nowS(),
      trialEndS,
      prices,
      metadata: metadataIn(body),
      schedule: undefined,
      endedS: undefined,
      history: [{ atS: nowS(), prices, prorates: false }],
    };
    subscriptions.push(one);
    return shown(one);
  };

  const makeSchedule = (body: Form): object | Refusal => {
    const one = subscriptions.find(({ id }) => id === textIn(body, 'from_subscription'));
    if (one === undefined || one.endedS !== undefined) return missing('subscription');
    if (one.schedule !== undefined) return refusal('You cannot migrate a subscription that is already attached to a schedule');
    const phase = {
      startS: Math.max(one.madeS, one.history.at(-1)?.atS ?? 0),
      endS: monthAfter(nowS()),
      prices: one.prices,
      metadata: {},
      prorates: false,
    };
    one.schedule = { id: fresh('sched'), phases: [{ ...phase, startS: Math.min(phase.startS, nowS()) }], ending: 'release' };
    return scheduleShown(one.schedule);
  };

  const plan = (id: string, body: Form): object | Refusal => {
    const schedule = subscriptions.find((one) => one.schedule?.id === id)?.schedule;
    if (schedule === undefined) return missing('subscription schedule');
    const current = schedule.phases.find(({ startS, endS }) => startS <= nowS() && nowS() < endS);
    const asked = childrenOf(body, 'phases');
    const phases: Phase[] = [];
    for (const [index, phase] of asked.entries()) {
      const startS = index === 0 ? (numberIn(phase, 'start_date') ?? 0) : (phases[index - 1]?.endS ?? 0);
      if (index === 0 && startS !== current?.startS) return refusal('The start date of the current phase cannot be changed');
      const endS = numberIn(phase, 'end_date') ?? monthAfter(startS);
      if (endS <= nowS() || endS <= startS) return refusal('the phase ends in the past');
      const trialEndS = numberIn(phase, 'trial_end');
      if (trialEndS !== undefined && (trialEndS > endS || trialEndS < startS)) return refusal('`trial_end` must be within the phase');
      const prorates = textIn(phase, 'proration_behavior') !== 'none';
      phases.push({ startS, endS, prices: pricesIn(phase), metadata: metadataIn(phase), prorates });
    }
    schedule.phases = phases;
    schedule.ending = textIn(body, 'end_behavior') ?? schedule.ending;
    return scheduleShown(schedule);
  };

  const addCustomer = (id: string, metadata: Metadata = {}): void => {
    customers.push({ id, metadata, searchableMs: nowMs() + searchLagMs(), deleted: false });
  };

  return {
    customers,
    subscriptions,
    settle,
    addCustomer,
    /** Ends one as somebody does who is asked by nobody. */
    end: (id: string): void => {
      for (const one of subscriptions) if (one.id === id) one.endedS = nowS();
    },
    /** Undefined where the request is none of these. */
    route: (
      at: string,
      id: string,
      { body, query }: { readonly body: Form; readonly query: Form },
    ): object | Refusal | readonly object[] | undefined => {
      settle();
      switch (at) {
        case 'POST customers': {
          addCustomer(fresh('cus'), metadataIn(body));
          const last = customers.at(-1);
          return last === undefined ? missing('customer') : customerShown(last);
        }
        case 'GET customers/search': {
          const names = [...(textIn(query, 'query') ?? '').matchAll(/metadata\['(\w+)'\]:'([^']*)'/g)];
          return customers
            .filter(
              (one) => !one.deleted && one.searchableMs <= nowMs() && names.every(([, name = '', value]) => one.metadata[name] === value),
            )
            .map(customerShown);
        }
        case 'GET customers/ID': {
          const found = customers.find((one) => one.id === id);
          return found === undefined ? missing('customer') : customerShown(found);
        }
        case 'GET subscriptions':
          return subscriptions.filter((one) => one.customer === textIn(query, 'customer') && one.endedS === undefined).map(shown);
        case 'POST subscriptions':
          return makeSubscription(body);
        case 'POST subscription_schedules':
          return makeSchedule(body);
        case 'POST subscription_schedules/ID':
          return plan(id, body);
        default:
          return undefined;
      }
    },
  };
};
