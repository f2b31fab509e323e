// SPDX-License-Identifier: Apache-2.0
// On an engine of the caller's: a Tenant that takes the name of an earlier one gets neither its customer nor its use, unless somebody says that both are the same.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { event } from '../usage/ledger-scene.ts';
import { billed, keeping, live, order, replace, statusOf } from './orders.ts';
import { HOUR_MS, NOVEMBER, START, scene } from './scene.ts';
import type { Store } from '../../operator/usage/store.ts';

const DECEMBER = Date.UTC(2026, 11);
const MINUTE_MS = 60_000;
/** The later one is made in the middle of an hour. */
const MADE = START + 5 * HOUR_MS + 20 * MINUTE_MS;

/** A Tenant that is subscribed and has used 5 in its first hour; then another one of its name, which uses 7 and, two hours later, 9. */
const takenOver = async (store: Store, billing: Parameters<typeof replace>[2]) => {
  const it = await keeping(store);
  for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
  const [former] = live(it);
  assert.ok(former !== undefined);
  it.fake.accounts.addCustomer('cus_own');
  await it.ledger.accept([event({ value: '5' })]);
  await it.look(START + 2 * HOUR_MS);
  replace(it, MADE, billing);
  await it.look(MADE + MINUTE_MS);
  await it.ledger.accept([event({ source: '/later', value: '7', atMs: MADE + MINUTE_MS })]);
  await it.look(START + 7 * HOUR_MS);
  await it.ledger.accept([event({ source: '/later', seq: 2, value: '9', atMs: START + 7 * HOUR_MS })]);
  for (const hour of [9, 10]) await it.look(START + hour * HOUR_MS);
  return { it, former };
};

/** `opened`: a new, empty ledger. */
export const describeReplaced = (opened: () => Promise<Store>): void => {
  void describe('a Tenant that takes the name of an earlier one', () => {
    it('does not get its customer, and is told so; the subscription of the earlier one ends with the month', async () => {
      const { it, former } = await takenOver(await opened(), { provider: 'Stripe' });
      assert.match(
        billed(it)?.message ?? '',
        new RegExp(`^BILL_CUSTOMER_FORMER: ${former.customer} is the customer of an earlier Tenant acme \\(uid acme-1\\), not of this one`),
      );
      assert.deepEqual([billed(it)?.reason, statusOf(it)?.billing], ['BillCustomerFormer', {}]);
      assert.equal(it.counted(START, former.customer), '5', 'what the earlier one used is its own');
      for (const hour of [5, 7]) assert.equal(it.counted(START + hour * HOUR_MS, former.customer), '0', `hour ${hour}`);
      for (const at of [NOVEMBER, NOVEMBER + 50 * HOUR_MS]) await it.look(at + MINUTE_MS);
      assert.deepEqual(live(it), []);
      // Also once the earlier one is over, and where the ledger has lost its rows.
      for (const at of [51, 52]) await it.look(NOVEMBER + at * HOUR_MS);
      assert.equal(billed(it)?.reason, 'BillCustomerFormer');
      for (const table of ['billing_account', 'billing_ask']) await it.store.transact((tx) => tx.run(`DELETE FROM ${table}`));
      for (const at of [53, 54]) await it.look(NOVEMBER + at * HOUR_MS);
      assert.equal(billed(it)?.reason, 'BillCustomerFormer');
      assert.equal(it.fake.accounts.customers.length, 2);
      await it.end();
    });

    it('is subscribed at once with a customer of its own, and each pays for its own hours', async () => {
      const { it, former } = await takenOver(await opened(), { provider: 'Stripe', customerRef: 'cus_own' });
      assert.equal(billed(it)?.status, 'True');
      assert.deepEqual(
        live(it)
          .map(({ customer }) => customer)
          .toSorted(),
        [former.customer, 'cus_own'].toSorted(),
      );
      assert.deepEqual(
        [0, 5, 7].map((hour) => [it.counted(START + hour * HOUR_MS, former.customer), it.counted(START + hour * HOUR_MS, 'cus_own')]),
        [
          ['5', '0'],
          ['0', '0'],
          ['0', '9'],
        ],
        'the hour in which the name changed is for a person',
      );
      // What comes late is its whose hour it is, also for another leader.
      await it.ledger.accept([event({ source: '/late', value: '2', atMs: START }, START + 10 * HOUR_MS)]);
      for (const hour of [11, 12, 13]) await it.look(START + hour * HOUR_MS);
      assert.deepEqual([it.counted(START, former.customer), it.counted(START, 'cus_own')], ['7', '0']);
      // Neither invoice waits for what the other one has.
      for (const customer of [former.customer, 'cus_own']) {
        const invoice = it.fake.openInvoice(customer, Date.UTC(2026, 9), NOVEMBER);
        invoice.finalizesMs = NOVEMBER + 73 * HOUR_MS;
      }
      for (const hour of [1, 49, 70]) await it.look(NOVEMBER + hour * HOUR_MS);
      assert.match(await it.metrics(), /^writ_billing_drift_hours 0$/m);
      assert.deepEqual(
        live(it).map(({ customer }) => customer),
        ['cus_own'],
      );
      // Its statement has an hour that neither is billed for.
      assert.match(await it.metrics(), /writ_billing_statements{state="waiting"} 1/);
      // In December it is one tenant's name again.
      await it.ledger.accept([event({ source: '/december', value: '3', atMs: DECEMBER + 5 * HOUR_MS }, DECEMBER + 5 * HOUR_MS)]);
      for (const hour of [7, 8]) await it.look(DECEMBER + hour * HOUR_MS);
      assert.deepEqual([it.counted(DECEMBER + 5 * HOUR_MS, 'cus_own'), it.counted(DECEMBER + 5 * HOUR_MS, former.customer)], ['3', '0']);
      await it.end();
    });

    it('goes on with all of it where it names that customer, as one that was restored does', async () => {
      const { it, former } = await takenOver(await opened(), { provider: 'Stripe' });
      const planned = former.schedule;
      assert.ok(planned !== undefined, 'its end is planned');
      order(it, 'Starter', { provider: 'Stripe', customerRef: former.customer });
      for (const hour of [11, 12, 13]) await it.look(START + hour * HOUR_MS);
      assert.deepEqual([billed(it)?.status, statusOf(it)?.billing?.subscription], ['True', former.id]);
      assert.deepEqual(
        [0, 5, 7].map((hour) => it.counted(START + hour * HOUR_MS, former.customer)),
        ['5', '7', '9'],
      );
      for (const at of [NOVEMBER, DECEMBER]) await it.look(at + MINUTE_MS);
      assert.deepEqual(
        live(it).map(({ id }) => id),
        [former.id],
      );
      assert.equal(it.fake.accounts.subscriptions.length, 1);
      await it.end();
    });

    it('leaves what is heard of late of an earlier month to a person', async () => {
      const it = await keeping(await opened());
      for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
      await it.ledger.accept([event({ value: '5' })]);
      await it.look(START + 2 * HOUR_MS);
      it.tenants.splice(0, 1);
      for (const at of [START + 3 * HOUR_MS, NOVEMBER + MINUTE_MS, NOVEMBER + 49 * HOUR_MS]) await it.look(at);
      assert.deepEqual(live(it), []);
      it.fake.accounts.addCustomer('cus_own');
      const madeMs = NOVEMBER + 60 * HOUR_MS;
      it.tenants.push({
        metadata: { name: 'acme', uid: 'acme-2', creationTimestamp: new Date(madeMs).toISOString() },
        spec: { tier: 'Starter', billing: { provider: 'Stripe', customerRef: 'cus_own' } },
      });
      await it.ledger.accept([event({ source: '/later', value: '1', atMs: madeMs }, madeMs)]);
      for (const hour of [61, 62, 63, 64]) await it.look(NOVEMBER + hour * HOUR_MS);
      assert.equal(it.counted(madeMs, 'cus_own'), '1');
      // November is frozen: December carries what is heard of October.
      const heardMs = DECEMBER + 50 * HOUR_MS;
      await it.look(heardMs);
      await it.ledger.accept([event({ source: '/late', value: '4', atMs: NOVEMBER - 30 * HOUR_MS }, heardMs)]);
      for (const hour of [51, 52, 53]) await it.look(DECEMBER + hour * HOUR_MS);
      const carried = await it.store.read((reader) => reader.all('SELECT billed_ms FROM usage_total WHERE used_ms < billed_ms'));
      assert.deepEqual(
        carried.map((row) => row['billed_ms']),
        [BigInt(DECEMBER)],
      );
      assert.equal(it.counted(DECEMBER, 'cus_own'), '0');
      await it.end();
    });

    it('rows from before uids were written are those of the Tenant that is there', async () => {
      const it = await keeping(await opened());
      for (const minute of [1, 2, 3]) await it.look(START + minute * MINUTE_MS);
      for (const table of ['billing_account', 'billing_ask']) await it.store.transact((tx) => tx.run(`UPDATE ${table} SET uid = ''`));
      for (const hour of [1, 8]) await it.look(START + hour * HOUR_MS);
      assert.equal(billed(it)?.status, 'True');
      const rows = await it.store.read((reader) => reader.all('SELECT tenant, uid FROM billing_account'));
      assert.deepEqual(
        rows.map(({ tenant, uid }) => [tenant, uid]),
        [['acme', 'acme-1']],
      );
      assert.equal(it.fake.accounts.subscriptions.length, 1);
      await it.end();
    });

    it('a customer without a uid is nobody’s before it is named', async () => {
      const it = await scene({ store: await opened(), config: { 'stripe-prices': true } });
      it.fake.accounts.addCustomer('cus_old', { writ_tenant: 'second', writ_installation: 'installation' });
      it.tenants.push({ metadata: { name: 'second', uid: 'second-1' }, spec: { tier: 'Starter', billing: { provider: 'Stripe' } } });
      await it.look(START + MINUTE_MS);
      assert.match(billed(it, 'second')?.message ?? '', /^BILL_CUSTOMER_FORMER: cus_old .*\(uid unknown\)/);
      await it.end();
    });
  });
};
