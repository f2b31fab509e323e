// SPDX-License-Identifier: Apache-2.0
// A Tenant's customer and subscription at Stripe, as the operator keeps them: one of each, changed with the month, ended with the order, and
// told of where Stripe or somebody else wants it otherwise.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { event } from '../usage/ledger-scene.ts';
import { billed, keeping, live, order, statusOf } from './orders.ts';
import type { Billing, It, Tier } from './orders.ts';
import { HOUR_MS, KEY, NOVEMBER, START, scene } from './scene.ts';

const DECEMBER = Date.UTC(2026, 11);
const MINUTE_MS = 60_000;

const keysOf = ({ fake }: It, prices: readonly string[] = []) =>
  prices.map((id) => fake.catalog.keyOf(id)?.replace('writ_standard_', '') ?? '').toSorted();
const sent = ({ fake }: It, path: RegExp): number => fake.requests.filter((one) => one.method === 'POST' && path.test(one.path)).length;

const STARTER = ['v1_Starter_Monthly', 'v1_Starter_api_calls', 'v1_Starter_reasoning_units'];
const PROFESSIONAL = ['v1_Professional_Monthly', 'v1_Professional_api_calls', 'v1_Professional_reasoning_units'];

describe('a Tenant whose subscription Writ keeps', () => {
  it('has one customer and one subscription, paid from the first of the next month, and use is reported to it', async () => {
    const it = await keeping();
    for (let minute = 1; minute < 5; minute += 1) await it.look(START + minute * MINUTE_MS);
    const [customer] = it.fake.accounts.customers;
    assert.deepEqual(customer?.metadata, { writ_tenant: 'acme', writ_tenant_uid: 'acme-1', writ_installation: 'installation' });
    const [one, ...more] = live(it);
    assert.deepEqual(more, []);
    assert.deepEqual([one?.customer, one?.trialEndS, keysOf(it, one?.prices)], [customer?.id, NOVEMBER / 1000, STARTER]);
    assert.deepEqual(statusOf(it)?.billing, {
      customer: customer?.id,
      subscription: one?.id,
      tier: 'Starter',
      cycle: 'Monthly',
      paidFrom: '2026-11-01T00:00:00Z',
    });
    assert.deepEqual([billed(it)?.status, billed(it)?.reason], ['True', 'Succeeded']);
    assert.match(await it.metrics(), /writ_billing_subscriptions{state="subscribed"} 1/);
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    assert.equal(it.counted(START, customer?.id), '5');
    for (const hour of [10, 20, 30]) await it.look(START + hour * HOUR_MS);
    assert.deepEqual([sent(it, /customers$/), sent(it, /subscriptions$/), sent(it, /schedules/)], [1, 1, 0], 'what is there is left alone');
    const actions = (await it.recorded()).map(({ action }) => action).filter((action) => /customer|subscribed|planned/.test(action));
    assert.deepEqual(actions, ['billing.customer', 'billing.subscribed']);
    await it.end();
  });

  it('changes tier and cycle with the first of the next month, and may think better of it', async () => {
    const it = await keeping();
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    order(it, 'Professional', { provider: 'Stripe' });
    for (const minute of [4, 5]) await it.look(NOVEMBER + minute * MINUTE_MS);
    const [one] = live(it);
    assert.deepEqual(keysOf(it, one?.prices), STARTER);
    assert.deepEqual(statusOf(it)?.billing?.next, { at: '2026-12-01T00:00:00Z', tier: 'Professional', cycle: 'Monthly' });
    // Back, and forth again: what was asked before is asked under another key.
    order(it, 'Starter', { provider: 'Stripe' });
    await it.look(NOVEMBER + 6 * MINUTE_MS);
    assert.equal(statusOf(it)?.billing?.next, undefined);
    order(it, 'Professional', { provider: 'Stripe' });
    await it.look(NOVEMBER + 7 * MINUTE_MS);
    await it.look(DECEMBER + MINUTE_MS);
    assert.deepEqual(keysOf(it, one?.prices), PROFESSIONAL);
    assert.equal(statusOf(it)?.billing?.tier, 'Professional');
    order(it, 'Professional', { provider: 'Stripe', cycle: 'Annual' });
    await it.look(DECEMBER + 2 * MINUTE_MS);
    await it.look(Date.UTC(2027, 0) + MINUTE_MS);
    assert.deepEqual(keysOf(it, one?.prices), [
      'v1_Professional_Annual',
      'v1_Professional_api_calls_annual',
      'v1_Professional_reasoning_units_annual',
    ]);
    const { cycle, paidFrom, next } = statusOf(it)?.billing ?? {};
    assert.deepEqual([cycle, paidFrom, next], ['Annual', '2027-01-01T00:00:00Z', undefined]);
    // In mid-year another tier is of the year that runs, and what is left of both is reckoned by time.
    order(it, 'Enterprise', { provider: 'Stripe', cycle: 'Annual' });
    await it.look(Date.UTC(2027, 2, 9));
    await it.look(Date.UTC(2027, 3) + MINUTE_MS);
    assert.equal(statusOf(it)?.billing?.paidFrom, '2027-01-01T00:00:00Z');
    assert.deepEqual([one?.history.at(-1)?.atS, one?.history.at(-1)?.prorates], [Date.UTC(2027, 3) / 1000, true]);
    assert.equal(live(it).length, 1);
    await it.end();
  });

  it('ends with the month where the Tenant goes, or asks for it no more; and begins anew after that', async () => {
    const it = await keeping();
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    const customer = live(it)[0]?.customer ?? '';
    order(it, 'Starter', undefined);
    await it.look(NOVEMBER + MINUTE_MS);
    assert.deepEqual(statusOf(it)?.billing?.next, { at: '2026-12-01T00:00:00Z' });
    await it.ledger.accept([event({ value: '5', atMs: NOVEMBER })]);
    await it.look(NOVEMBER + 2 * HOUR_MS);
    assert.equal(it.counted(NOVEMBER, customer), '5', 'it is billed to its end');
    await it.look(DECEMBER + MINUTE_MS);
    assert.deepEqual([live(it).length, statusOf(it)?.billing, billed(it)], [0, undefined, undefined]);
    order(it, 'Starter', { provider: 'Stripe' });
    for (const minute of [2, 3, 4]) await it.look(DECEMBER + minute * MINUTE_MS);
    assert.deepEqual(
      live(it).map((one) => one.customer),
      [customer],
      'the customer is found again by what is written on it',
    );
    it.tenants.splice(0, 1);
    await it.look(DECEMBER + HOUR_MS);
    await it.look(Date.UTC(2027, 0) + MINUTE_MS);
    assert.equal(live(it).length, 0);
    await it.end();
  });

  it('pays nothing before its trial ends, whatever its tier is meanwhile', async () => {
    const it = await scene({ config: { 'stripe-prices': true } });
    order(it, 'Starter', { provider: 'Stripe', trialEnd: '2026-12-15T00:00:00Z' });
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    const [one] = live(it);
    assert.equal(one?.trialEndS, Date.UTC(2027, 0) / 1000);
    order(it, 'Professional', { provider: 'Stripe', trialEnd: '2026-12-15T00:00:00Z' });
    await it.look(START + 4 * MINUTE_MS);
    const phases = it.fake.requests.findLast(({ path }) => /schedules\/sched/.test(path))?.body['phases'];
    assert.match(
      JSON.stringify(phases),
      new RegExp(`"trial_end":"${NOVEMBER / 1000}".*"proration_behavior":"none".*"trial_end":"${Date.UTC(2027, 0) / 1000}"`),
    );
    await it.look(DECEMBER);
    assert.deepEqual([keysOf(it, one?.prices), statusOf(it)?.billing?.paidFrom], [PROFESSIONAL, '2027-01-01T00:00:00Z']);
    await it.end();
  });

  it('is found again at Stripe where the ledger has lost it', async () => {
    const it = await keeping();
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    for (const table of ['billing_account', 'billing_ask']) await it.store.transact((tx) => tx.run(`DELETE FROM ${table}`));
    for (const hour of [30, 31, 32]) await it.look(START + hour * HOUR_MS);
    assert.deepEqual([it.fake.accounts.customers.length, it.fake.accounts.subscriptions.length], [1, 1]);
    assert.equal(billed(it)?.status, 'True');
    await it.end();
  });

  it('takes the customer that it names, and says where it cannot', async () => {
    const it = await scene({ config: { 'stripe-prices': true } });
    const said = async (minute: number, tier: Tier, billing: Billing, tenant = 'acme') => {
      order(it, tier, billing, tenant);
      await it.look(START + minute * MINUTE_MS);
      return billed(it, tenant)?.message ?? '';
    };
    assert.match(await said(1, 'Starter', { provider: 'Stripe', customerRef: 'cus_none' }), /^BILL_CUSTOMER_UNKNOWN: .*\(correct /);
    it.fake.accounts.addCustomer('cus_named');
    await said(2, 'Starter', { provider: 'Stripe', customerRef: 'cus_named' });
    await it.look(START + 3 * MINUTE_MS);
    assert.deepEqual([billed(it)?.status, live(it)[0]?.customer, sent(it, /customers$/)], ['True', 'cus_named', 0]);
    assert.match(
      await said(4, 'Starter', { provider: 'Stripe', customerRef: 'cus_other' }),
      /^BILL_CUSTOMER_KEPT: .*cus_named, not with cus_other/,
    );
    assert.match(
      await said(5, 'Starter', { provider: 'Stripe', customerRef: 'cus_named' }, 'second'),
      /^BILL_CUSTOMER_SHARED: cus_named is the customer of another Tenant/,
    );
    assert.match(
      await said(6, 'Free', { provider: 'Stripe', customerRef: 'cus_named', cycle: 'Annual' }),
      /^BILL_TIER_UNKNOWN: .*sells no Free by the cycle Annual/,
    );
    assert.match(await it.metrics(), /writ_billing_subscriptions{state="problem"} 2/);
    assert.equal(live(it).length, 1);
    assert.ok(it.said.some((line) => line.includes('BILL_CUSTOMER_KEPT')));
    await it.end();
  });

  it('is one, also where two Tenants that come at the same time name one customer', async () => {
    const it = await scene({ config: { 'stripe-prices': true } });
    it.fake.accounts.addCustomer('cus_named');
    for (const tenant of ['acme', 'second']) order(it, 'Starter', { provider: 'Stripe', customerRef: 'cus_named' }, tenant);
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    assert.equal(live(it).length, 1);
    const owner = live(it)[0]?.metadata['writ_tenant'] ?? '';
    const other = owner === 'acme' ? 'second' : 'acme';
    assert.equal(billed(it, owner)?.status, 'True');
    assert.match(billed(it, other)?.message ?? '', /^BILL_CUSTOMER_SHARED: cus_named is the customer of another Tenant/);
    await it.end();
  });

  it('is not made for a customer under which a Tenant that was there first is reported', async () => {
    const it = await scene({ config: { 'stripe-prices': true } });
    it.fake.accounts.addCustomer('cus_acme');
    const billing = { provider: 'Stripe', customerRef: 'cus_acme' } as const;
    const made = (name: string, creationTimestamp: string) => ({ name, creationTimestamp });
    it.tenants.splice(0, it.tenants.length);
    it.tenants.push({ metadata: made('later', '2026-01-01T00:00:00Z'), spec: { tier: 'Starter', billing } });
    it.tenants.push({ metadata: made('acme', '2025-01-01T00:00:00Z'), spec: { billing: { customerRef: 'cus_acme' } } });
    it.tenants.push({ metadata: made('last', '2026-02-01T00:00:00Z'), spec: { billing: { customerRef: 'cus_acme' } } });
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    assert.deepEqual(live(it), []);
    assert.match(billed(it, 'later')?.message ?? '', /^BILL_CUSTOMER_SHARED: cus_acme is the customer of another Tenant/);
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    assert.equal(it.counted(START), '5');
    // It was there before the one that is left.
    it.tenants.splice(1, 1);
    for (const minute of [1, 2, 3]) await it.look(START + 3 * HOUR_MS + minute * MINUTE_MS);
    assert.deepEqual(
      live(it).map(({ customer, metadata }) => [customer, metadata['writ_tenant']]),
      [['cus_acme', 'later']],
    );
    await it.end();
  });

  it('is told of where somebody else subscribed its customer, or ended its subscription', async () => {
    const it = await scene({ config: { 'stripe-prices': true } });
    await it.look(START + MINUTE_MS);
    it.fake.accounts.addCustomer('cus_hand');
    const ids = [...it.fake.catalog.prices.values()].map(({ id }) => id);
    const hand = { id: 'sub_hand', customer: 'cus_hand', madeS: 0, trialEndS: undefined, prices: ids.slice(0, 1), metadata: {} };
    it.fake.accounts.subscriptions.push({ ...hand, schedule: undefined, endedS: undefined, history: [] });
    order(it, 'Starter', { provider: 'Stripe', customerRef: 'cus_hand' });
    for (const minute of [2, 3]) await it.look(START + minute * MINUTE_MS);
    assert.match(billed(it)?.message ?? '', /^BILL_SUBSCRIPTION_TWICE: sub_hand of cus_hand/);
    it.fake.accounts.end('sub_hand');
    for (const minute of [20, 21]) await it.look(START + minute * MINUTE_MS);
    assert.equal(billed(it)?.status, 'True');
    it.fake.accounts.end(live(it)[0]?.id ?? '');
    for (const hour of [7, 14]) await it.look(START + hour * HOUR_MS);
    assert.match(billed(it)?.message ?? '', /^BILL_SUBSCRIPTION_GONE: sub_/);
    assert.equal(live(it).length, 0, 'whoever ended it is not overruled');
    order(it, 'Starter', undefined);
    await it.look(START + 15 * HOUR_MS);
    order(it, 'Starter', { provider: 'Stripe', customerRef: 'cus_hand' });
    for (const minute of [1, 2]) await it.look(START + 15 * HOUR_MS + minute * MINUTE_MS);
    assert.deepEqual([live(it).length, billed(it)?.status], [1, 'True']);
    // Prices that somebody changed there are told of, and are put right with the next month.
    const [one] = live(it);
    if (one !== undefined) one.prices = ids.slice(0, 1);
    for (const at of [NOVEMBER + MINUTE_MS, DECEMBER + MINUTE_MS, DECEMBER + 12 * HOUR_MS]) await it.look(at);
    assert.deepEqual([keysOf(it, one?.prices), billed(it)?.status], [STARTER, 'True']);
    await it.end();
  });

  it('is made by the price that bears the key now, once the one before is refused', async () => {
    const it = await keeping();
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    const key = 'writ_standard_v1_Starter_Monthly';
    const price = it.fake.catalog.prices.get(key) ?? assert.fail();
    it.fake.catalog.prices.set(key, { ...price, id: 'price_new' });
    order(it, 'Starter', { provider: 'Stripe' }, 'second');
    for (const minute of [60, 61, 75, 76, 77]) await it.look(START + minute * MINUTE_MS);
    assert.equal(billed(it, 'second')?.status, 'True');
    assert.ok(
      live(it)
        .find(({ metadata }) => metadata['writ_tenant'] === 'second')
        ?.prices.includes('price_new'),
    );
    // One that is there no more is missed within the hour, by whoever is subscribed to it.
    it.config['stripe-prices'] = false;
    it.fake.catalog.prices.delete(key);
    for (const hour of [9, 16]) await it.look(START + hour * HOUR_MS);
    for (const tenant of ['acme', 'second'])
      assert.match(billed(it, tenant)?.message ?? '', /^BILL_PRICE_MISSING: .* writ_standard_v1_Starter_Monthly/);
    await it.end();
  });

  it('waits for prices that are not there, and for a key that may', async () => {
    const it = await scene();
    order(it, 'Starter', { provider: 'Stripe' });
    for (const minute of [1, 2]) await it.look(START + minute * MINUTE_MS);
    assert.match(
      billed(it)?.message ?? '',
      /^BILL_PRICE_MISSING: the provider has no price writ_standard_v1_Starter_Monthly.*--stripe-prices/,
    );
    it.config['stripe-prices'] = true;
    it.setNetwork((request, answer) =>
      request.method === 'POST' && request.path === '/v1/subscriptions'
        ? { status: 400, body: { error: { type: 'invalid_request_error', code: 'customer_tax_location_invalid', message: 'no address' } } }
        : answer(),
    );
    for (const minute of [15, 16]) await it.look(START + minute * MINUTE_MS);
    assert.match(billed(it)?.message ?? '', /^BILL_SUBSCRIPTION_REFUSED: customer_tax_location_invalid: no address/);
    it.setNetwork((_request, answer) => answer());
    for (const minute of [30, 31]) await it.look(START + minute * MINUTE_MS);
    assert.equal(billed(it)?.status, 'True');
    await it.end();
  });
});

describe('a Tenant that orders what this operator cannot keep', () => {
  for (const [what, given, why] of [
    ['without --stripe-secret', { config: { 'stripe-secret': undefined } }, /without --stripe-secret/],
    ['without a key in the Secret', { key: '' }, /Secret stripe, stripe-key: /],
  ] as const)
    it(`is told so ${what}, and no more once it orders nothing`, async () => {
      const it = await scene(given);
      order(it, 'Starter', { provider: 'Stripe' });
      await it.look(START + MINUTE_MS);
      assert.deepEqual([billed(it)?.status, billed(it)?.reason], ['False', 'BillProviderNone']);
      assert.match(billed(it)?.message ?? '', why);
      assert.match(billed(it)?.message ?? '', /^BILL_PROVIDER_NONE: spec\.billing\.provider: .* \(run the operator with --ledger/);
      assert.equal(statusOf(it, 'free'), undefined, 'who orders nothing is told nothing');
      assert.equal(it.fake.requests.length, 0);
      order(it, 'Starter', undefined);
      await it.look(START + 2 * MINUTE_MS);
      assert.equal(billed(it), undefined);
      await it.end();
    });

  it('keeps what was said of its subscription, and is billed again once there is a key', async () => {
    const it = await keeping();
    for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
    const said = statusOf(it)?.billing;
    assert.ok(said?.subscription);
    it.setSecret('stripe-key', '');
    await it.look(START + 4 * MINUTE_MS);
    assert.deepEqual([billed(it)?.reason, statusOf(it)?.billing], ['BillProviderNone', said]);
    it.setSecret('stripe-key', KEY);
    await it.look(START + 5 * MINUTE_MS);
    assert.deepEqual([billed(it)?.status, statusOf(it)?.billing], ['True', said]);
    await it.end();
  });
});
