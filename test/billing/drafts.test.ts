// SPDX-License-Identifier: Apache-2.0
// Invoices are kept from becoming final also where something is wrong: with another customer, with another invoice, with the price book.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hoursWithin } from '../../operator/billing/hours.ts';
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

  it('though all hours agree, as long as the ledger has not frozen the month', async () => {
    const { it, invoice } = await draft();
    await it.look(START + 3 * HOUR_MS);
    await it.look(NOVEMBER + MINUTE_MS);
    await it.look(NOVEMBER + 67 * HOUR_MS, { settles: false });
    assert.equal(invoice.finalizesMs, NOVEMBER + 91 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
    assert.match(it.said.join(''), /the month is not frozen yet/);
    await it.look(NOVEMBER + 86 * HOUR_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 91 * HOUR_MS);
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

describe('an invoice of a subscription that began at any second', () => {
  const OFF_MS = 10 * HOUR_MS + 37 * MINUTE_MS + 12_000;
  const DECEMBER = Date.UTC(2026, 11);
  const SHARED = NOVEMBER + 10 * HOUR_MS;

  it('is let go once its last month is frozen, with every hour that begins within it and no other', async () => {
    const it = await scene();
    const late = event({ seq: 2, value: '3', atMs: SHARED + 40 * MINUTE_MS }, SHARED + 50 * MINUTE_MS);
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    const [first, second] = [
      it.fake.openInvoice('cus_acme', OCTOBER + OFF_MS, NOVEMBER + OFF_MS),
      it.fake.openInvoice('cus_acme', NOVEMBER + OFF_MS, DECEMBER + OFF_MS),
    ];
    await it.look(SHARED + 50 * MINUTE_MS);
    await it.ledger.accept([late]);
    await it.look(SHARED + 3 * HOUR_MS);
    assert.equal(it.counted(SHARED), '3');
    assert.equal(first.finalizesMs, DECEMBER + 72 * HOUR_MS, 'of an hour that it holds more may be heard until November is frozen');
    for (let at = DECEMBER + 49 * HOUR_MS; at < DECEMBER + 80 * HOUR_MS; at += HOUR_MS) {
      await it.look(at);
      it.fake.finalizeDue();
    }
    assert.equal(first.status, 'open');
    assert.equal(first.quantities.get('writ_api_calls_absolute'), '8');
    // The hour that both share is on the first alone.
    for (let at = Date.UTC(2027, 0) + 49 * HOUR_MS; at < Date.UTC(2027, 0) + 80 * HOUR_MS; at += HOUR_MS) {
      await it.look(at);
      it.fake.finalizeDue();
    }
    assert.equal(second.status, 'open');
    assert.equal(second.quantities.get('writ_api_calls_absolute'), '0');
    assert.doesNotMatch(it.said.join(''), /an invoice is held/);
    await it.end();
  });

  it('is held where the hour that it shares with the next differs, and the next is not', async () => {
    const it = await scene();
    await it.look(SHARED);
    await it.ledger.accept([event({ value: '3', atMs: SHARED }, SHARED)]);
    await it.look(SHARED + 3 * HOUR_MS);
    const first = it.fake.openInvoice('cus_acme', OCTOBER + OFF_MS, NOVEMBER + OFF_MS);
    const second = it.fake.openInvoice('cus_acme', NOVEMBER + OFF_MS, NOVEMBER + OFF_MS + 7 * 24 * HOUR_MS);
    await it.look(DECEMBER + 49 * HOUR_MS);
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    [first.finalizesMs, second.finalizesMs] = [DECEMBER + 55 * HOUR_MS, DECEMBER + 55 * HOUR_MS];
    await it.look(DECEMBER + 50 * HOUR_MS);
    assert.equal(first.finalizesMs, DECEMBER + 74 * HOUR_MS);
    assert.equal(second.finalizesMs, DECEMBER + 55 * HOUR_MS);
    assert.match(it.said.join(''), /"code":"BILL_DRIFT".*1 hours differ between ledger and provider/);
    await it.end();
  });

  it('holds each hour once, whatever the second: periods that follow on each other share none and leave none out', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: OCTOBER, max: DECEMBER }), { minLength: 3, maxLength: 6 }), (bounds) => {
        const periods = bounds.toSorted((a, b) => a - b).map((fromMs, index, all) => ({ fromMs, toMs: all[index + 1] ?? DECEMBER }));
        const parts = periods.map(hoursWithin);
        for (const [index, { fromMs, toMs }] of parts.entries()) {
          assert.equal(fromMs % HOUR_MS, 0);
          assert.equal(toMs, parts[index + 1]?.fromMs ?? DECEMBER);
          const period = periods[index];
          for (const hourMs of [fromMs, toMs - HOUR_MS])
            if (fromMs < toMs) assert.ok(period !== undefined && period.fromMs <= hourMs && hourMs < period.toMs);
        }
      }),
    );
  });
});

describe('an invoice that Stripe does not say the hours of', () => {
  it('is put off as one that could not be read, never as one that differs', async () => {
    const { it, invoice } = await draft();
    await it.look(NOVEMBER + 49 * HOUR_MS);
    invoice.finalizesMs = NOVEMBER + 72 * HOUR_MS;
    it.setNetwork((request, answer) => (request.path.endsWith('event_summaries') ? refusal('parameter_invalid_integer') : answer()));
    await it.look(NOVEMBER + 67 * HOUR_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 91 * HOUR_MS);
    assert.match(it.said.join(''), /"code":"BILL_DRAFT_UNREAD".*1 hours could not be read/);
    assert.doesNotMatch(it.said.join(''), /differ/);
    assert.match(await it.metrics(), /writ_billing_unread_hours 1/);
    assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
    it.setNetwork((_request, answer) => answer());
    await it.look(NOVEMBER + 86 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_unread_hours 0/);
    assert.equal(invoice.finalizesMs, NOVEMBER + 91 * HOUR_MS);
    await it.end();
  });
});
