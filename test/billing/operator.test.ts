// SPDX-License-Identifier: Apache-2.0
// The way from the ledger's sealed hours to the payment provider as the operator goes it: a real ledger, a sealed price book, a key
// from a Secret; the provider is the fake.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allCompared } from '../../operator/billing/compared.ts';
import { event } from '../usage/ledger-scene.ts';
import { HOUR_MS, KEY, NOVEMBER, OCTOBER, START, priceBook, scene } from './scene.ts';

describe('use of billed tenants', () => {
  it('is reported by sealed hours, and again when more is heard of an hour', async () => {
    const it = await scene();
    await it.ledger.accept([event({ value: '5' }), event({ seq: 2, tenant: 'free', value: '7' })]);
    await it.look(START + HOUR_MS);
    assert.equal(it.counted(START), '0', 'an hour that is not over says nothing');
    await it.look(START + 2 * HOUR_MS);
    assert.equal(it.counted(START), '5');
    await it.ledger.accept([event({ seq: 3, value: '2.5' })]);
    await it.look(START + 4 * HOUR_MS);
    await it.look(START + 5 * HOUR_MS);
    assert.equal(it.counted(START), '7.5');
    assert.equal(it.fake.requests.filter(({ path }) => path.endsWith('meter_events')).length, 2);
    assert.match(await it.metrics(), /writ_billing_up{sink="stripe"} 1/);
    await it.end();
  });

  it('keeps an invoice from becoming final until the month is frozen and both count the same', async () => {
    const it = await scene();
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    await it.look(START + 3 * HOUR_MS);
    assert.equal(it.counted(START), '5');
    const invoice = it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER);
    invoice.finalizesMs = NOVEMBER + HOUR_MS;
    await it.look(NOVEMBER + HOUR_MS / 2);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS, 'Stripe would not wait for late use');
    // After the freeze: it belongs to November, and October's hour stays as it was.
    await it.look(NOVEMBER + 49 * HOUR_MS);
    await it.ledger.accept([event({ seq: 2, value: '4' }, NOVEMBER + 49 * HOUR_MS)]);
    await it.look(NOVEMBER + 67 * HOUR_MS);
    assert.equal(it.counted(START), '5');
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
    assert.match(await it.metrics(), /writ_usage_drift_ratio{sink="stripe",meter="api_calls"} 0/);
    assert.match(await it.metrics(), /writ_usage_outbox_oldest_age_seconds{sink="stripe"} 0/);
    // Somebody took the provider's count away.
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    await it.look(NOVEMBER + 68 * HOUR_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 92 * HOUR_MS);
    const metrics = await it.metrics();
    assert.match(metrics, /writ_billing_drift_hours 1/);
    assert.match(metrics, /writ_usage_drift_ratio{sink="stripe",meter="api_calls"} 1/);
    assert.match(metrics, /writ_billing_invoices_held_total 1/);
    // Put off, it is as wrong as before.
    await it.look(NOVEMBER + 68 * HOUR_MS + 11 * 60_000);
    assert.match(await it.metrics(), /writ_billing_drift_hours 1/);
    // So it is for whoever leads next, who asks Stripe anew and gets no answer; `writ bill reconcile` reads the same.
    it.setSecret('stripe-key', '');
    await it.look(NOVEMBER + 68 * HOUR_MS + 12 * 60_000);
    it.setSecret('stripe-key', KEY);
    it.setNetwork((request, answer) => (request.path === '/v1/invoices' ? { status: 500, body: { error: {} } } : answer()));
    await it.look(NOVEMBER + 68 * HOUR_MS + 13 * 60_000);
    assert.match(await it.metrics(), /writ_billing_drift_hours 1/);
    assert.deepEqual(
      (await it.store.read(allCompared)).map(({ tenant, sum }) => [tenant, sum.hours]),
      [['acme', 1]],
    );
    it.setNetwork((_request, answer) => answer());
    // And it heals: what was verified once is looked at again, and sent.
    for (let hour = 69; hour < 90; hour += 1) await it.look(NOVEMBER + hour * HOUR_MS);
    assert.equal(it.counted(START), '5');
    await it.look(NOVEMBER + 91 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
    // An invoice that is no draft any more differs from nothing, whatever it is with others.
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    await it.look(NOVEMBER + 92 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_drift_hours 1/);
    invoice.status = 'open';
    it.tenants.unshift({ metadata: { name: 'aaa', uid: 'aaa-1' }, spec: { billing: { customerRef: 'cus_gone' } } });
    it.setNetwork((request, answer) =>
      request.path === '/v1/invoices' && JSON.stringify(request).includes('cus_gone') ? { status: 400, body: { error: {} } } : answer(),
    );
    await it.look(NOVEMBER + 93 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
    assert.deepEqual(await it.store.read(allCompared), []);
    await it.end();
  });

  for (const [what, options, why] of [
    ['a key for test mode where this is live', { mode: 'live' }, /key for test mode, and this installation is in live mode/],
    ['a live key where this is a test', { key: 'sk_live_operator0' }, /key for live mode, and this installation is in test mode/],
    ['something that is no key', { key: 'hunter2hunter2' }, /no secret or restricted key/],
    ['prices without a seal', { book: priceBook(false) }, /no price book standard bears a seal that counts/],
    ['a key that Stripe does not know', { key: 'sk_test_stranger0' }, /refuses the key|Invalid API Key/],
  ] as const) {
    it(`is reported to nobody with ${what}`, async () => {
      const it = await scene(options);
      await it.ledger.accept([event({ value: '5' })]);
      await it.look(START + 2 * HOUR_MS);
      await it.look(START + 3 * HOUR_MS);
      assert.deepEqual(
        it.fake.requests.filter(({ method }) => method === 'POST'),
        [],
      );
      assert.match(await it.metrics(), /writ_billing_up{sink="stripe"} 0/);
      assert.match(it.said.join(''), why);
      assert.doesNotMatch(it.said.join(''), /operator0|stranger0|hunter2/, 'nothing of a key is told');
      await it.end();
    });
  }
});
