// SPDX-License-Identifier: Apache-2.0
// Each way in which Stripe refuses, fails or falls silent, as the operator meets it: what is sent again and under which keys, what a person
// is told, what is on record.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { event } from '../usage/ledger-scene.ts';
import { HOUR_MS, KEY, NOVEMBER, OCTOBER, PRICES, START, priceBook, scene } from './scene.ts';
import type { Network } from './scene.ts';
import type { FakeAnswer } from './fake-stripe.ts';

const MINUTE_MS = 60_000;

const failing = (status: number, error: object, headers: Readonly<Record<string, string>> = {}): FakeAnswer => ({
  status,
  body: { error: { type: 'invalid_request_error', message: 'no', ...error } },
  headers,
});
const lost = (): never => {
  throw new TypeError('fetch failed');
};

/** Treats the first request to `path` so, and all others well. */
const once = (path: RegExp, treat: Network): Network => {
  let met = false;
  return (request, answer) => {
    if (met || request.method !== 'POST' || !path.test(request.path)) return answer();
    met = true;
    return treat(request, answer);
  };
};

/** One hour of use, and Stripe treating the first report of it so. */
const reported = async (treat: Network) => {
  const it = await scene();
  const sent: { readonly identifier: unknown; readonly key: string | undefined }[] = [];
  const network = once(/meter_events$/, treat);
  it.setNetwork((request, answer) => {
    if (request.path.endsWith('meter_events')) sent.push({ identifier: request.body['identifier'], key: request.key });
    return network(request, answer);
  });
  await it.ledger.accept([event({ value: '5' })]);
  await it.look(START + 2 * HOUR_MS);
  return { it, sent };
};

const actions = async (it: Awaited<ReturnType<typeof scene>>): Promise<readonly string[]> =>
  (await it.recorded()).map(({ action }) => action);

describe('a report that Stripe', () => {
  const again: readonly (readonly [what: string, treat: Network, sameKey: boolean])[] = [
    ['meets with 409', () => failing(409, { type: 'idempotency_error' }), true],
    ['throttles', () => failing(429, {}, { 'retry-after': '90' }), true],
    ['fails before it applied it', (_request, _answer) => failing(500, { type: 'api_error' }), false],
    ['fails after it applied it', (_request, answer) => (answer(), failing(500, { type: 'api_error' })), false],
    ['never hears of', lost, true],
    ['applies without an answer', (_request, answer) => (answer(), lost()), true],
  ];
  for (const [what, treat, sameKey] of again) {
    it(`${what} is sent again under its identifier and counted once`, async () => {
      const { it, sent } = await reported(treat);
      await it.look(START + 2 * HOUR_MS + 5 * MINUTE_MS);
      await it.look(START + 3 * HOUR_MS);
      assert.equal(it.counted(START), '5');
      assert.equal(sent.length, 2);
      assert.equal(sent[0]?.identifier, sent[1]?.identifier);
      assert.equal(sent[0]?.key === sent[1]?.key, sameKey, 'a key repeats a failure, and protects what may have arrived');
      assert.match(await it.metrics(), /writ_billing_reports{state="verified"} 1/);
      assert.deepEqual(await actions(it), ['billing.reported']);
      await it.end();
    });
  }

  it('waits for a meter whose making failed is sent once that is made, under another key than the one that failed', async () => {
    const it = await scene();
    it.setNetwork(once(/billing\/meters$/, (request) => it.fake.handle(request, 'before')));
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    await it.look(START + 2 * HOUR_MS + 5 * MINUTE_MS);
    assert.equal(it.counted(START), '5');
    await it.end();
  });

  for (const [what, otherwise] of [
    ['by the last value', { default_aggregation: { formula: 'last' } }],
    ['without its window of an hour', { event_time_window: null }],
    ['by the day', { event_time_window: 'day' }],
  ] as const)
    it(`would count ${what} is not sent, and a person is told, until the meter is put right`, async () => {
      const it = await scene();
      it.fake.meters.add('writ_api_calls_absolute', 'writ api_calls', 'hour');
      let isWrong = true;
      it.setNetwork((request, answer) => {
        const { status, body } = answer();
        if (!isWrong || request.path !== '/v1/billing/meters' || !('data' in body) || !Array.isArray(body.data)) return { status, body };
        return { status, body: { ...body, data: body.data.map((meter: object) => ({ ...meter, ...otherwise })) } };
      });
      await it.ledger.accept([event({ value: '5' })]);
      await it.look(START + 2 * HOUR_MS);
      assert.equal(it.fake.requests.filter(({ path }) => path.endsWith('meter_events')).length, 0);
      assert.match(it.said.join(''), /a meter writ_api_calls_absolute that counts otherwise: deactivate it/);
      isWrong = false;
      await it.look(START + 3 * HOUR_MS);
      assert.equal(it.counted(START), '5');
      await it.end();
    });

  it('asks to wait for is not sent before that', async () => {
    const { it, sent } = await reported(() => failing(429, {}, { 'retry-after': '90' }));
    await it.look(START + 2 * HOUR_MS + MINUTE_MS);
    assert.equal(sent.length, 1);
    await it.look(START + 2 * HOUR_MS + 2 * MINUTE_MS);
    assert.equal(sent.length, 2);
    await it.end();
  });

  it('refuses with 400 is set aside, told of and on record, and sent once the customer is another', async () => {
    const refusal = { code: 'resource_missing', message: "No such customer: 'cus_acme'" };
    const { it, sent } = await reported(() => failing(400, refusal));
    await it.look(START + 4 * HOUR_MS);
    assert.equal(sent.length, 1, 'the same again would be refused again');
    assert.match(await it.metrics(), /writ_billing_reports{state="rejected"} 1/);
    assert.match(it.said.join(''), /No such customer/);
    const [fact] = await it.recorded();
    assert.equal(fact?.action, 'billing.rejected');
    assert.match(String(fact.detail['note']), /resource_missing/);
    it.tenants[0] = { metadata: { name: 'acme' }, spec: { billing: { customerRef: 'cus_second' } } };
    await it.look(START + 5 * HOUR_MS);
    await it.look(START + 6 * HOUR_MS);
    assert.equal(it.counted(START, 'cus_second'), '5');
    await it.end();
  });

  it('answers with 401 is kept, and nothing more is asked until the key is another', async () => {
    const { it } = await reported((_request, answer) => answer());
    let refusing = true;
    it.setNetwork((_request, answer) => (refusing ? failing(401, { message: 'Expired API Key provided' }) : answer()));
    await it.ledger.accept([event({ seq: 2, value: '2', atMs: START + HOUR_MS })]);
    await it.look(START + 3 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_up{sink="stripe"} 0/);
    assert.match(it.said.join(''), /Stripe refuses the key|Expired API Key/);
    refusing = false;
    await it.look(START + 4 * HOUR_MS);
    await it.look(START + 5 * HOUR_MS);
    assert.equal(it.counted(START + HOUR_MS), '2');
    assert.match(await it.metrics(), /writ_billing_up{sink="stripe"} 1/);
    assert.doesNotMatch(it.said.join(''), new RegExp(KEY));
    await it.end();
  });
});

describe('an invoice that is to be held', () => {
  const draft = async () => {
    const it = await scene();
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    const invoice = it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER);
    invoice.finalizesMs = NOVEMBER + HOUR_MS;
    const held = () => it.fake.requests.filter(({ method, path }) => method === 'POST' && path.startsWith('/v1/invoices/'));
    return { it, invoice, held };
  };

  it('is asked for again under its key when the answer is lost, and is on record once', async () => {
    const { it, invoice, held } = await draft();
    it.setNetwork(once(/invoices/, (_request, answer) => (answer(), lost())));
    await it.look(NOVEMBER + 10 * MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    // As if it had not been applied: what counts is that the same is asked, with the same key.
    invoice.finalizesMs = NOVEMBER + HOUR_MS;
    await it.look(NOVEMBER + 12 * MINUTE_MS);
    assert.equal(held().length, 2);
    assert.equal(held()[0]?.key, held()[1]?.key);
    const facts = (await it.recorded()).filter(({ action }) => action === 'billing.held');
    assert.equal(facts.length, 1);
    assert.equal(facts[0]?.detail['until'], new Date(NOVEMBER + 72 * HOUR_MS).toISOString());
    await it.end();
  });

  it('is asked for again under another key after a failure, which a key would repeat', async () => {
    const { it, invoice, held } = await draft();
    it.setNetwork(once(/invoices/, (request) => it.fake.handle(request, 'before')));
    await it.look(NOVEMBER + 10 * MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + HOUR_MS);
    assert.deepEqual(
      (await actions(it)).filter((action) => action === 'billing.held'),
      [],
    );
    await it.look(NOVEMBER + 12 * MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    assert.notEqual(held()[0]?.key, held()[1]?.key);
    assert.deepEqual(
      (await actions(it)).filter((action) => action === 'billing.held'),
      ['billing.held'],
    );
    await it.end();
  });

  it('is held again where somebody took that back', async () => {
    const { it, invoice } = await draft();
    await it.look(NOVEMBER + 10 * MINUTE_MS);
    invoice.finalizesMs = NOVEMBER + 2 * HOUR_MS;
    await it.look(NOVEMBER + 30 * MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    await it.end();
  });

  it('is told of and on record where it has become final meanwhile', async () => {
    const { it, invoice } = await draft();
    it.setNetwork((request, answer) => {
      if (request.method === 'POST' && request.path.startsWith('/v1/invoices/')) invoice.status = 'open';
      return answer();
    });
    await it.look(NOVEMBER + 10 * MINUTE_MS);
    assert.match(it.said.join(''), /became final before it could be held/);
    assert.ok((await actions(it)).includes('billing.late'));
    await it.end();
  });

  it('is looked at with the next turn where Stripe could not say which there are', async () => {
    const { it, invoice } = await draft();
    let silent = true;
    it.setNetwork((request, answer) => (silent && request.path === '/v1/invoices' ? lost() : answer()));
    await it.look(NOVEMBER + 10 * MINUTE_MS);
    silent = false;
    await it.look(NOVEMBER + 11 * MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    await it.end();
  });
});

describe('a price book that is sealed in mid-month', () => {
  /** Version 2, which reports calls no more. */
  const second = (effectiveFrom: string) => {
    const next = parse(PRICES);
    next.spec.version = 2;
    next.spec.effectiveFrom = effectiveFrom;
    for (const meter of next.spec.meters) if (meter.name === 'api_calls') meter.report = 'None';
    return priceBook(true, stringify(next));
  };

  for (const from of ['2026-10-21T00:00:00Z', '2026-11-01T00:00:00Z'])
    it(`changes nothing of the month that has begun, in effect from ${from}`, async () => {
      const it = await scene();
      await it.ledger.accept([event({ value: '5' })]);
      await it.look(START + 2 * HOUR_MS);
      await it.look(START + 3 * HOUR_MS);
      it.setBook(second(from));
      await it.ledger.accept([event({ seq: 2, value: '2' }), event({ seq: 3, value: '3', atMs: START + 26 * HOUR_MS })]);
      await it.look(START + 28 * HOUR_MS);
      await it.look(START + 29 * HOUR_MS);
      assert.equal(it.counted(START), '7');
      assert.equal(it.counted(START + 26 * HOUR_MS), '3');
      // The next one is the new book's, and what the old one reported agrees to the end.
      await it.ledger.accept([event({ seq: 4, value: '9', atMs: NOVEMBER + HOUR_MS })]);
      const invoice = it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER);
      for (let hour = 3; hour < 72; hour += 3) await it.look(NOVEMBER + hour * HOUR_MS);
      assert.equal(it.counted(NOVEMBER + HOUR_MS), '0');
      assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
      assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
      await it.end();
    });
});
