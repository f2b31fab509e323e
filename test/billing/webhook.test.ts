// SPDX-License-Identifier: Apache-2.0
// What Stripe tells unasked: whose word counts, that twice is once, and what is done about it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Stripe } from 'stripe';
import { createStripeHook } from '../../operator/billing/webhook.ts';
import { serveReceivers } from '../../operator/receivers.ts';
import { createReceiver } from '../../operator/source/receiver.ts';
import { systemClock } from '../../process/clock.ts';
import { event } from '../usage/ledger-scene.ts';
import { textIn } from './fake-form.ts';
import type { FakeRequest } from './fake-stripe.ts';
import { HOUR_MS, NOVEMBER, OCTOBER, START, WEBHOOK, scene } from './scene.ts';

const OTHER = 'whsec_second0000000000';
const MINUTE_MS = 60_000;

const armed = (secret = WEBHOOK) => scene({ secret: { 'webhook-secret': secret } });
type It = Awaited<ReturnType<typeof scene>>;

const snapshot = (type: string, object: object, id = 'evt_1') => ({ id, object: 'event', type, livemode: false, data: { object } });
const FINAL = { id: 'in_9', object: 'invoice', customer: 'cus_acme', currency: 'usd', status: 'open', total: 29_900 };

/** A report of errors: announced as Stripe does, and shown where it is asked for. */
const lateErrors = (it: It, code: string, identifiers: readonly string[], id = 'evt_late'): object => {
  const type = 'v1.billing.meter.error_report_triggered';
  const sample_errors = identifiers.map((identifier) => ({ error_message: `because of ${code}`, request: { identifier } }));
  const reason = { error_count: 3, error_types: [{ code, error_count: 3, sample_errors }] };
  it.fake.events.set(id, {
    id,
    object: 'v2.core.event',
    type,
    livemode: false,
    data: { developer_message_summary: 'there is 1 error', reason },
  });
  return {
    id,
    object: 'v2.core.event',
    type,
    livemode: false,
    related_object: { id: 'mtr_1', type: 'billing.meter', url: '/v1/billing/meters/mtr_1' },
  };
};

const acts = async (it: It, action: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  (await it.recorded()).filter((fact) => fact.action === action).map(({ detail }) => detail);

const identifierOf = (request: FakeRequest | undefined): string => textIn(request?.body ?? {}, 'identifier') ?? '';

/** One hour that Stripe accepted and does not count yet. */
const accepted = async () => {
  const it = await armed();
  it.setNetwork((request, answer) =>
    request.path.endsWith('event_summaries') ? { status: 200, body: { object: 'list', data: [], has_more: false } } : answer(),
  );
  await it.ledger.accept([event({ value: '5' })]);
  await it.look(START + 2 * HOUR_MS);
  const sent = it.fake.requests.filter(({ path }) => path.endsWith('meter_events'));
  return { it, sent };
};

describe('a delivery to the endpoint for Stripe', () => {
  for (const [what, by] of [
    ['is signed by somebody else', { secret: OTHER }],
    ['is signed ten minutes ago', { atMs: START - 10 * MINUTE_MS }],
    ['bears no signature', { header: '' }],
    ['bears nonsense for a signature', { header: 't=constructor,v1=__proto__' }],
    ['bears another scheme alone', { header: 't=1,v0=00' }],
  ] as const)
    it(`that ${what} is refused and left out of the log`, async () => {
      const it = await armed();
      const answer = await it.deliver(snapshot('invoice.finalized', { ...FINAL, secret: 'hunter2' }), by);
      assert.deepEqual([answer?.status, answer?.body.code], [400, 'BILL_EVENT_SIGNATURE']);
      assert.doesNotMatch(it.said.join(''), /hunter2|cus_acme/);
      assert.match(it.said.join(''), /BILL_EVENT_SIGNATURE/);
      assert.match(await it.metrics(), /writ_billing_events_total{outcome="refused"} 1/);
      assert.deepEqual(await it.recorded(), []);
      await it.end();
    });

  it('that anybody can send a hundred times fills no log', async () => {
    const it = await armed();
    for (let count = 0; count < 100; count += 1) await it.deliver('{}', { secret: OTHER });
    assert.equal(it.said.filter((line) => line.includes('BILL_EVENT_SIGNATURE')).length, 10);
    assert.match(await it.metrics(), /writ_billing_events_total{outcome="refused"} 100/);
    await it.end();
  });

  it('whose body was changed on the way is refused', async () => {
    const it = await armed();
    const payload = JSON.stringify(snapshot('invoice.finalized', FINAL));
    const header = Stripe.webhooks.generateTestHeaderString({ payload, secret: WEBHOOK, timestamp: START / 1000 });
    assert.equal((await it.deliver(payload, { header }))?.status, 200);
    assert.equal((await it.deliver(payload.replace('29900', '29901'), { header }))?.status, 400);
    await it.end();
  });

  it('counts by each of the secrets, and by none that was taken away', async () => {
    const it = await armed(`${WEBHOOK}\n${OTHER}\n`);
    const finals = ['evt_a', 'evt_b', 'evt_c'].map((id) => snapshot('invoice.finalized', FINAL, id));
    assert.equal((await it.deliver(finals[0] ?? '', { secret: WEBHOOK }))?.status, 200);
    assert.equal((await it.deliver(finals[1] ?? '', { secret: OTHER }))?.status, 200);
    it.setSecret('webhook-secret', OTHER);
    await it.look(START + MINUTE_MS);
    assert.equal((await it.deliver(finals[2] ?? '', { secret: WEBHOOK }))?.status, 400);
    assert.equal((await it.deliver(finals[2] ?? '', { secret: OTHER }))?.status, 200);
    await it.end();
  });

  for (const [what, body, status, code] of [
    ['is of the other mode', { ...snapshot('invoice.finalized', FINAL), livemode: true }, 400, 'BILL_EVENT_INVALID'],
    ['is no JSON', '{"id":', 400, 'BILL_EVENT_INVALID'],
    ['is a list', '[]', 400, 'BILL_EVENT_INVALID'],
    ['has no id', { ...snapshot('invoice.finalized', FINAL), id: 7 }, 400, 'BILL_EVENT_INVALID'],
    ['has an id without end', { ...snapshot('invoice.finalized', FINAL), id: 'e'.repeat(300) }, 400, 'BILL_EVENT_INVALID'],
    ['is larger than any event', `"${'x'.repeat(600_000)}"`, 413, 'BILL_EVENT_TOO_LARGE'],
    ['is of a type that nothing is done about', snapshot('__proto__', FINAL), 200, undefined],
    ["is of somebody else's customer", snapshot('invoice.finalized', { ...FINAL, customer: 'constructor' }), 200, undefined],
    ['says a total that is none', snapshot('invoice.finalized', { ...FINAL, total: 1e300 }), 200, undefined],
    ['holds nothing', snapshot('invoice.finalized', []), 200, undefined],
  ] as const)
    it(`that ${what} does nothing`, async () => {
      const it = await armed();
      const answer = await it.deliver(body);
      assert.deepEqual([answer?.status, answer?.body.code], [status, code]);
      assert.deepEqual(await it.recorded(), []);
      await it.end();
    });

  it('is asked to come again where nothing is reported from here', async () => {
    const idle = createStripeHook({ clock: systemClock, observe: () => undefined, onError: (error) => assert.ifError(error) });
    const receiver = createReceiver({ clock: systemClock, onPush: async () => undefined });
    const server = await serveReceivers({
      receiver,
      stripe: idle,
      listen: { host: '127.0.0.1', port: 0 },
      onError: (error) => assert.ifError(error),
    });
    try {
      const send = (method: string, body?: string) =>
        fetch(`${server.url}/hook/stripe`, { method, ...(body === undefined ? {} : { body }) });
      const none = await send('POST', '{}');
      assert.deepEqual([none.status, none.headers.get('retry-after')], [503, '60']);
      const payload = JSON.stringify(snapshot('invoice.finalized', FINAL));
      const taken: string[] = [];
      idle.arm({
        mode: 'test',
        secrets: [WEBHOOK],
        take: async ({ id }) => {
          taken.push(id);
          return 'taken';
        },
      });
      const header = Stripe.webhooks.generateTestHeaderString({ payload, secret: WEBHOOK });
      const over = await fetch(`${server.url}/hook/stripe`, { method: 'POST', headers: { 'stripe-signature': header }, body: payload });
      assert.deepEqual([over.status, await over.json(), taken], [200, { message: 'taken' }, ['evt_1']]);
      assert.equal((await send('POST', payload)).status, 400);
      assert.equal((await send('GET')).status, 404);
      assert.equal(
        (await fetch(`${server.url}/hook/other`, { method: 'POST', body: '{}' })).status,
        404,
        'the other hooks are where they were',
      );
    } finally {
      await server.close();
    }
  });
});

describe('an event of Stripe', () => {
  it('that comes twice, also at once, is acted on once', async () => {
    const it = await armed();
    const final = snapshot('invoice.finalized', FINAL);
    const answers = await Promise.all([it.deliver(final), it.deliver(final), it.deliver(final)]);
    assert.deepEqual(
      answers.map((answer) => answer?.body.message),
      ['taken', 'seen', 'seen'],
    );
    const [fact, ...more] = await acts(it, 'billing.final');
    assert.equal(more.length, 0);
    assert.deepEqual([fact?.['document'], fact?.['amount'], fact?.['currency'], fact?.['event']], ['in_9', '29900', 'usd', 'evt_1']);
    await it.end();
  });

  it('is not known where its effect could not be stored, and is taken in when it comes again', async () => {
    const it = await armed();
    await it.store.transact((tx) => tx.run('ALTER TABLE audit_entry RENAME TO audit_gone'));
    assert.equal((await it.deliver(snapshot('invoice.finalized', FINAL)))?.status, 503);
    await it.store.transact((tx) => tx.run('ALTER TABLE audit_gone RENAME TO audit_entry'));
    assert.equal((await it.deliver(snapshot('invoice.finalized', FINAL)))?.body.message, 'taken');
    await it.end();
  });

  it('is on record for a Tenant that is gone', async () => {
    const it = await armed();
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    it.tenants.splice(0, 1);
    await it.look(START + 3 * HOUR_MS);
    assert.equal((await it.deliver(snapshot('invoice.finalized', FINAL)))?.body.message, 'taken');
    assert.equal((await acts(it, 'billing.final')).length, 1);
    await it.end();
  });

  it('puts a credit on record', async () => {
    const it = await armed();
    await it.deliver(snapshot('credit_note.created', { id: 'cn_1', customer: 'cus_acme', currency: 'usd', amount: 500 }));
    const [fact] = await acts(it, 'billing.credit');
    assert.deepEqual([fact?.['document'], fact?.['amount']], ['cn_1', '500']);
    await it.end();
  });

  it('about a draft makes the operator look at once', async () => {
    const it = await armed();
    await it.look(NOVEMBER + 10 * MINUTE_MS);
    const invoice = it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER);
    invoice.finalizesMs = NOVEMBER + HOUR_MS;
    await it.look(NOVEMBER + 11 * MINUTE_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + HOUR_MS, 'drafts are looked at every ten minutes');
    it.expectLook();
    const draft = { id: invoice.id, customer: 'cus_acme', currency: 'usd', status: 'draft', total: 0 };
    assert.equal((await it.deliver(snapshot('invoice.created', draft)))?.body.message, 'taken');
    await it.woken();
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
    await it.end();
  });
});

describe('errors that Stripe reports after it accepted', () => {
  for (const by of ['identifier', 'request key'] as const)
    it(`set the report aside that they name by its ${by}, once, and tell`, async () => {
      const { it, sent } = await accepted();
      const named = by === 'identifier' ? identifierOf(sent[0]) : String(sent[0]?.key);
      const late = lateErrors(it, 'meter_event_customer_not_found', [named, 'wr1.constructor', '__proto__']);
      assert.equal((await it.deliver(late))?.body.message, 'taken');
      assert.equal((await it.deliver(late))?.body.message, 'seen');
      const facts = await acts(it, 'billing.rejected');
      assert.equal(facts.length, 1);
      assert.match(String(facts[0]?.['note']), /meter_event_customer_not_found: because/);
      assert.match(it.said.join(''), /does not count what it had accepted/);
      await it.look(START + 20 * HOUR_MS);
      assert.equal(it.fake.requests.filter(({ path }) => path.endsWith('meter_events')).length, 1, 'it is not sent again');
      const metrics = await it.metrics();
      assert.match(metrics, /writ_billing_late_errors_total 3/);
      assert.match(metrics, /writ_billing_reports{state="rejected"} 1/);
      await it.end();
    });

  it('of a meter that is gone make it again, and reading back sends what was lost', async () => {
    const { it, sent } = await accepted();
    it.fake.meters.archive('writ_api_calls_absolute');
    assert.equal((await it.deliver(lateErrors(it, 'no_meter', [identifierOf(sent[0])])))?.body.message, 'taken');
    assert.deepEqual(await acts(it, 'billing.rejected'), []);
    it.setNetwork((_request, answer) => answer());
    for (let hour = 3; hour < 16; hour += 1) await it.look(START + hour * HOUR_MS);
    assert.equal(it.counted(START), '5');
    assert.match(await it.metrics(), /writ_billing_reports{state="verified"} 1/);
    await it.end();
  });

  it('leave the newest report of an hour, and what is told of an older one, as they are', async () => {
    const { it, sent } = await accepted();
    await it.ledger.accept([event({ seq: 2, value: '2' })]);
    await it.look(START + 3 * HOUR_MS);
    assert.equal(it.fake.requests.filter(({ path }) => path.endsWith('meter_events')).length, 2);
    // Neither is counted so far; the second total stands for both.
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    assert.equal((await it.deliver(lateErrors(it, 'meter_event_customer_not_found', [identifierOf(sent[0])])))?.body.message, 'taken');
    assert.deepEqual(await acts(it, 'billing.rejected'), []);
    const states = await it.store.read((reader) => reader.all('SELECT revision, state FROM billing_outbox ORDER BY revision'));
    assert.deepEqual(
      states.map(({ state }) => state),
      ['accepted', 'accepted'],
    );
    await it.end();
  });

  it('are asked for again where Stripe has no answer, and nothing is stored until then', async () => {
    const { it, sent } = await accepted();
    const late = lateErrors(it, 'meter_event_invalid_value', [identifierOf(sent[0])]);
    let silent = true;
    it.setNetwork((request, answer) => {
      if (silent && request.path.startsWith('/v2/')) throw new TypeError('fetch failed');
      return answer();
    });
    assert.equal((await it.deliver(late))?.status, 503);
    silent = false;
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    assert.equal((await it.deliver(late))?.body.message, 'taken');
    assert.equal((await acts(it, 'billing.rejected')).length, 1);
    await it.end();
  });

  it('leave alone what is counted before it was read back', async () => {
    const { it, sent } = await accepted();
    let silent = true;
    it.setNetwork((request, answer) => {
      if (silent && request.path.endsWith('event_summaries')) throw new TypeError('fetch failed');
      return answer();
    });
    const late = lateErrors(it, 'meter_event_customer_not_found', [identifierOf(sent[0])]);
    assert.equal((await it.deliver(late))?.status, 503, 'nobody knows');
    silent = false;
    assert.equal((await it.deliver(late))?.body.message, 'taken');
    it.tenants[0] = { metadata: { name: 'acme' }, spec: { billing: { customerRef: 'cus_second' } } };
    for (let hour = 4; hour < 7; hour += 1) await it.look(START + hour * HOUR_MS);
    assert.deepEqual([it.counted(START), it.counted(START, 'cus_second')], ['5', '0']);
    await it.end();
  });

  for (const counts of [true, false])
    it(`send an hour that is set aside to another customer ${counts ? 'never, where readings lag and the first one counts it' : 'once the first one is known not to count it'}`, async () => {
      const { it, sent } = await accepted();
      await it.deliver(lateErrors(it, 'meter_event_customer_not_found', [identifierOf(sent[0])]));
      assert.equal((await acts(it, 'billing.rejected')).length, 1, 'nothing is read of it yet');
      if (!counts) it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
      it.tenants[0] = { metadata: { name: 'acme' }, spec: { billing: { customerRef: 'cus_second' } } };
      for (const hour of [3, 4, 5]) await it.look(START + hour * HOUR_MS);
      assert.equal(it.counted(START, 'cus_second'), '0', 'too soon to know');
      it.setNetwork((_request, answer) => answer());
      for (let hour = 6; hour < 12; hour += 1) await it.look(START + hour * HOUR_MS);
      assert.deepEqual([it.counted(START), it.counted(START, 'cus_second')], counts ? ['5', '0'] : ['0', '5']);
      assert.match(await it.metrics(), /writ_billing_reports{state="verified"} 1/);
      await it.end();
    });

  it('send nothing of an hour to another customer that the first one was billed for in part', async () => {
    const it = await armed();
    await it.ledger.accept([event({ value: '5' })]);
    for (let hour = 2; hour < 5; hour += 1) await it.look(START + hour * HOUR_MS);
    await it.ledger.accept([event({ value: '1', seq: 2 })]);
    it.setNetwork((request, answer) =>
      request.path.endsWith('meter_events')
        ? { status: 400, body: { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'no' } } }
        : answer(),
    );
    await it.look(START + 6 * HOUR_MS);
    it.setNetwork((_request, answer) => answer());
    it.tenants[0] = { metadata: { name: 'acme' }, spec: { billing: { customerRef: 'cus_second' } } };
    for (let hour = 7; hour < 10; hour += 1) await it.look(START + hour * HOUR_MS);
    assert.deepEqual([it.counted(START), it.counted(START, 'cus_second')], ['5', '0']);
    assert.match(await it.metrics(), /writ_billing_reports{state="rejected"} 1/);
    await it.end();
  });

  it('leave alone what is counted', async () => {
    const it = await armed();
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    await it.look(START + 3 * HOUR_MS);
    const identifier = identifierOf(it.fake.requests.find(({ path }) => path.endsWith('meter_events')));
    await it.deliver(lateErrors(it, 'meter_event_invalid_value', [identifier]));
    await it.look(START + 4 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_reports{state="verified"} 1/);
    await it.end();
  });

  it('that never arrive lose nothing: the hour is read back', async () => {
    const { it } = await accepted();
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    it.setNetwork((_request, answer) => answer());
    for (let hour = 3; hour < 12; hour += 1) await it.look(START + hour * HOUR_MS);
    assert.equal(it.counted(START), '5');
    await it.end();
  });
});
