// SPDX-License-Identifier: Apache-2.0
// Invoices are kept from becoming final also where something is wrong: with another customer, with another invoice, with the price book.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { event } from '../usage/ledger-scene.ts';
import { HOUR_MS, NOVEMBER, OCTOBER, PRICES, START, WEBHOOK, priceBook, scene } from './scene.ts';
import type { FakeAnswer } from './fake-stripe.ts';

const MINUTE_MS = 60_000;
const refusal = (code: string): FakeAnswer => ({ status: 400, body: { error: { type: 'invalid_request_error', code, message: 'no' } } });

/** An hour of October is used, and its invoice would become final too early. */
const draft = async (options: Parameters<typeof scene>[0] = {}) => {
  const it = await scene(options);
  await it.ledger.accept([event({ value: '5' })]);
  await it.look(START + 2 * HOUR_MS);
  const invoice = it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER);
  invoice.finalizesMs = NOVEMBER + HOUR_MS;
  return { it, invoice };
};

describe('an invoice is put off', () => {
  it('though Stripe does not know the customer of another tenant, which is told of once', async () => {
    const { it, invoice } = await draft();
    it.tenants.unshift({ metadata: { name: 'aaa' }, spec: { billing: { customerRef: 'cus_gone' } } });
    it.setNetwork((request, answer) => (JSON.stringify(request).includes('cus_gone') ? refusal('resource_missing') : answer()));
    await it.look(NOVEMBER + MINUTE_MS);
    await it.look(NOVEMBER + 2 * MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    assert.equal(it.said.filter((line) => line.includes('BILL_DRAFT_UNSEEN')).length, 1);
    assert.match(await it.metrics(), /writ_billing_up{sink="stripe"} 1/);
    await it.end();
  });

  it('though Stripe refuses to put off another one, which is tried again', async () => {
    const { it, invoice: first } = await draft();
    const second = it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER);
    second.finalizesMs = NOVEMBER + HOUR_MS;
    let refusing = true;
    it.setNetwork((request, answer) =>
      refusing && request.method === 'POST' && request.path.endsWith(first.id) ? refusal('parameter_invalid_integer') : answer(),
    );
    await it.look(NOVEMBER + MINUTE_MS);
    assert.equal(second.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    refusing = false;
    await it.look(NOVEMBER + 2 * MINUTE_MS);
    assert.equal(first.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    await it.end();
  });

  it('without a price book, and events are taken in all the same', async () => {
    const { it, invoice } = await draft({ secret: { 'webhook-secret': WEBHOOK } });
    it.setBook(undefined);
    await it.look(NOVEMBER + MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_up{sink="stripe"} 0/);
    assert.match(it.said.join(''), /no price book standard bears a seal/);
    const object = { id: 'in_9', customer: 'cus_acme', currency: 'usd', status: 'open', total: 5 };
    const answer = await it.deliver({ id: 'evt_1', type: 'invoice.finalized', livemode: false, data: { object } });
    assert.equal(answer?.status, 200);
    // What it was to bill by is known, and compared.
    await it.look(NOVEMBER + 67 * HOUR_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    await it.look(NOVEMBER + 68 * HOUR_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 92 * HOUR_MS);
    await it.end();
  });

  it('again and again where the first price book came in mid-month, and that is told of', async () => {
    const late = priceBook(true, PRICES.replace(/effectiveFrom: .*/, 'effectiveFrom: "2026-10-10T00:00:00Z"'));
    const { it, invoice } = await draft({ book: late });
    assert.equal(it.said.filter((line) => line.includes('BILL_MONTH_UNPRICED')).length, 1);
    await it.look(NOVEMBER + MINUTE_MS);
    for (const hour of [68, 90]) {
      await it.look(NOVEMBER + hour * HOUR_MS);
      assert.equal(invoice.finalizesMs, NOVEMBER + (hour + 24) * HOUR_MS);
    }
    // A version that holds for all of it: the month is reported after all.
    it.setBook(priceBook());
    for (let hour = 91; hour < 110; hour += 1) await it.look(NOVEMBER + hour * HOUR_MS);
    assert.equal(it.counted(START), '5');
    assert.equal(invoice.finalizesMs, NOVEMBER + 114 * HOUR_MS);
    await it.end();
  });
});
