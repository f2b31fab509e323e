// SPDX-License-Identifier: Apache-2.0
/**
 * Two months and a half of orders that change, in simulated time: Tenants that come, go and change tier and cycle; a keeper of subscriptions whose
 * process is killed before and after any request; the faulty way to Stripe, and a search there that lags an hour. One seed, one history.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { createAccounts } from '../../operator/billing/accounts/index.ts';
import type { Accounts } from '../../operator/billing/accounts/index.ts';
import { keysAt, offerOf } from '../../operator/billing/accounts/offers.ts';
import type { AccountProvider } from '../../operator/billing/accounts/provider.ts';
import type { Wanted } from '../../operator/billing/accounts/wanted.ts';
import { catalogOf } from '../../operator/billing/catalog.ts';
import { billingMigrations } from '../../operator/billing/outbox/tables.ts';
import { createStripe } from '../../operator/billing/stripe.ts';
import type { Store } from '../../operator/usage/store.ts';
import type { Cycle } from '../../policies/pricing/calendar.ts';
import { readBook } from '../../policies/pricing/index.ts';
import { startOf } from '../../policies/problem.ts';
import { createFakeStripe } from './fake-stripe.ts';
import { Killed, createFaultyNetwork, randomFrom } from './faulty-network.ts';
import { openMemoryStore } from './memory-store.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = Date.UTC(2026, 9, 10);
const END = Date.UTC(2027, 0, 3);
const BOUNDARIES = [Date.UTC(2026, 10), Date.UTC(2026, 11), Date.UTC(2027, 0)] as const;
/** An order that is so old was heard of at Stripe, whatever lay in between. */
const KNOWN_AFTER_MS = 4 * DAY_MS;
const SECRET = 'sk_test_simulated0';
const TENANTS = ['acme', 'zeta'] as const;

const document = parse(readFileSync(new URL('../../deploy/examples/prices.yaml', import.meta.url), 'utf8'));
const read = readBook(document, { digest: 'sha256:x', positionOf: () => startOf('prices') });
if (!read.ok) throw new Error('the shipped price book cannot be read');
const catalog = catalogOf(read.book, new Map([['api_calls', 'Absolute']]));
const offer = offerOf(read.book, catalog);

/** What a test takes out, to see that the suite notices. */
export type AccountMutation = (real: AccountProvider) => AccountProvider;

export type AccountOutcome = {
  readonly wrong: readonly string[];
  readonly requests: number;
  readonly kills: number;
  readonly changes: number;
};

type Order = Wanted | undefined;

/** `given`: a store that was never used; in memory unless given. */
export const simulateAccounts = async (seed: number, mutate: AccountMutation = (real) => real, given?: Store): Promise<AccountOutcome> => {
  const random = randomFrom(seed);
  const chance = (share: number): boolean => random() < share;
  const within = (least: number, most: number): number => least + random() * (most - least);
  const one = <T>(all: readonly [T, ...T[]]): T => all[Math.floor(random() * all.length)] ?? all[0];
  let now = START;
  const nowMs = (): number => now;
  const fake = createFakeStripe({ nowMs, secretKey: SECRET, faults: { searchLagMs: () => within(0, 60) * 60_000 } });
  for (const { id, name } of catalog.products) fake.catalog.products.set(id, { id, name, active: true });
  for (const [index, { lookupKey }] of catalog.prices.entries())
    fake.catalog.prices.set(lookupKey, { id: `price_${index}`, form: {}, lookupKey, active: true });
  fake.accounts.addCustomer('cus_named');
  const network = createFaultyNetwork({ fake, nowMs, random, outageMs: chance(0.3) ? within(START, END) : Number.POSITIVE_INFINITY });
  const real = createStripe({ secretKey: SECRET, mode: 'test', nowMs, fetch: network.fetch }).accounts;
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    network.maybeKill(0.4);
    const done = await work();
    network.maybeKill(0.4);
    return done;
  };
  const killable: AccountProvider = {
    ...real,
    makeCustomer: (owner, key) => around(() => real.makeCustomer(owner, key)),
    makeSubscription: (asked, key) => around(() => real.makeSubscription(asked, key)),
    makeSchedule: (id, key) => around(() => real.makeSchedule(id, key)),
    plan: (asked, key) => around(() => real.plan(asked, key)),
  };
  const store = given ?? openMemoryStore();
  await store.migrate(billingMigrations);
  await store.claim('simulation');
  const start = (): Accounts =>
    createAccounts({ store, provider: mutate(killable), clock: { now: nowMs }, installation: 'sim', record: undefined });

  const orders = new Map<string, { readonly order: Order; readonly sinceMs: number }>();
  const uids = new Map<string, string>();
  let [changes, kills] = [0, 0];
  const change = (tenant: string): void => {
    const before = orders.get(tenant)?.order;
    const customer = tenant === 'zeta' ? 'cus_named' : undefined;
    // Deleted and made again, it goes on with the customer that it names.
    const uid = customer !== undefined && chance(0.4) ? `${tenant}-${changes}` : (uids.get(tenant) ?? tenant);
    uids.set(tenant, uid);
    const terms = { tier: one(['Starter', 'Professional', 'Enterprise']), cycle: one<Cycle>(['Monthly', 'Quarterly', 'Annual']) };
    const order =
      before !== undefined && chance(0.25) ? undefined : { tenant, uid, customer, ...terms, trialEndMs: undefined, takenBy: undefined };
    orders.set(tenant, { order, sinceMs: now });
    changes += 1;
  };
  for (const tenant of TENANTS) change(tenant);

  const wrong: string[] = [];
  const judge = (boundaryMs: number): void => {
    fake.accounts.settle();
    for (const tenant of TENANTS) {
      const { order, sinceMs } = orders.get(tenant) ?? { order: undefined, sinceMs: now };
      if (boundaryMs - sinceMs < KNOWN_AFTER_MS) continue;
      const [live] = fake.accounts.subscriptions.filter(
        ({ metadata, endedS }) => metadata['writ_tenant'] === tenant && endedS === undefined,
      );
      if (order === undefined || live === undefined) {
        if (order !== undefined || live !== undefined) wrong.push(`${tenant} at ${boundaryMs}: ${order?.tier} ordered, ${live?.id} there`);
        continue;
      }
      const anchorMs = Number(live.metadata['writ_anchor']) * 1000;
      const keys = keysAt([offer], { tier: order.tier, cycle: order.cycle, anchorMs }, boundaryMs);
      const [asked, there] = [keys.ok ? keys.keys.toSorted() : [], live.prices.map((id) => fake.catalog.keyOf(id) ?? '').toSorted()];
      if (JSON.stringify(asked) !== JSON.stringify(there))
        wrong.push(`${tenant} at ${boundaryMs}: ${asked.join()} ordered, ${there.join()} there`);
    }
  };

  network.set({ calm: false });
  let accounts = start();
  const boundaries = [...BOUNDARIES];
  while (now < END) {
    now += Math.floor(within(30, 480)) * 60_000;
    network.arrive();
    const [boundaryMs] = boundaries;
    if (boundaryMs !== undefined && now >= boundaryMs) {
      judge(boundaryMs);
      boundaries.shift();
    }
    for (const tenant of TENANTS) if (chance(0.02)) change(tenant);
    network.set({ killing: chance(0.4) });
    const wanted = [...orders.values()].flatMap(({ order }) => (order === undefined ? [] : [order]));
    try {
      const tenants = new Map([...uids].map(([tenant, uid]) => [tenant, { uid, sinceMs: now, isHeld: false }]));
      await accounts.turn({ wanted, tenants, book: 'standard', offer });
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      kills += 1;
      accounts = start();
    }
  }
  fake.accounts.settle();
  const made = fake.accounts.customers.filter(({ metadata }) => metadata['writ_tenant'] === 'acme');
  if (made.length > 1) wrong.push(`acme has ${made.length} customers`);
  for (const tenant of TENANTS) {
    const spans = fake.accounts.subscriptions
      .filter(({ metadata }) => metadata['writ_tenant'] === tenant)
      .map(({ madeS, endedS = Number.POSITIVE_INFINITY }) => [madeS, endedS] as const)
      .toSorted(([a], [b]) => a - b);
    for (const [index, [madeS]] of spans.entries())
      if (madeS < (spans[index - 1]?.[1] ?? 0)) wrong.push(`${tenant} had two subscriptions at ${madeS}`);
  }
  await store.close();
  return { wrong, requests: fake.requests.length, kills, changes };
};
