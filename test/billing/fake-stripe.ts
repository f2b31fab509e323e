// SPDX-License-Identifier: Apache-2.0
/**
 * A Stripe of our own for tests: stateful, on a clock of the test's, with the rules that bite. It answers the requests that the stripe
 * package makes, byte for byte as that package sends them, over `fetch` in this process or over HTTP (`serveFake`).
 *
 * Known: meters and meter events (fake-meters.ts), summaries, prices, customers, flexible subscriptions, draft invoices with
 * a time at which they become final, invoice items, events of v2; keys of requests that repeat their first answer for a day, a 500 too.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listIn, parseForm, textIn } from './fake-form.ts';
import type { Form } from './fake-form.ts';
import { createFakeMeters, microsText } from './fake-meters.ts';
import type { MeterFaults } from './fake-meters.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const GRACE_MS = 72 * HOUR_MS;

export type FakeRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: Form;
  readonly body: Form;
  readonly key: string | undefined;
};
export type FakeAnswer = { readonly status: number; readonly body: object; readonly headers?: Readonly<Record<string, string>> };

type FakePrice = { readonly id: string; readonly lookup_key: string; readonly meter: string | undefined; readonly amount: number };
type Subscription = { readonly id: string; readonly customer: string; readonly tenant: string; prices: string[]; fromMs: number };
type Line = { readonly metadata: Readonly<Record<string, string>>; readonly amount: number };
export type FakeInvoice = {
  readonly id: string;
  readonly customer: string;
  readonly fromMs: number;
  readonly toMs: number;
  finalizesMs: number;
  status: 'draft' | 'open';
  readonly lines: Line[];
  /** Event name of the meter → what is billed, once final. */
  readonly quantities: Map<string, string>;
};

const ok = (body: object): FakeAnswer => ({ status: 200, body });
const refuse = (status: number, message: string, code?: string): FakeAnswer => ({
  status,
  body: { error: { type: status >= 500 ? 'api_error' : 'invalid_request_error', message, ...(code === undefined ? {} : { code }) } },
});
const list = (data: readonly object[]): FakeAnswer => ok({ object: 'list', data, has_more: false, url: '/' });

export type FakeOptions = {
  readonly nowMs: () => number;
  readonly secretKey: string;
  readonly faults?: Partial<MeterFaults>;
};

export const createFakeStripe = ({ nowMs, secretKey, faults = {} }: FakeOptions) => {
  const meters = createFakeMeters(nowMs, {
    identifierMs: () => DAY_MS,
    summaryLagMs: () => 0,
    isDropped: () => false,
    ...faults,
  });
  const prices = new Map<string, FakePrice>();
  const subscriptions: Subscription[] = [];
  const invoices: FakeInvoice[] = [];
  const answers = new Map<string, { readonly answer: FakeAnswer; readonly untilMs: number }>();
  const reports = new Map<string, object>();
  const requests: FakeRequest[] = [];

  const meterShown = ({
    id,
    event_name,
    display_name,
    window,
  }: {
    id: string;
    event_name: string;
    display_name: string;
    window: 'hour' | undefined;
  }) => ({
    id,
    object: 'billing.meter',
    event_name,
    display_name,
    event_time_window: window ?? null,
    default_aggregation: { formula: 'sum' },
    status: 'active',
  });
  const subscriptionShown = ({ id, tenant, customer, prices: items }: Subscription) => ({
    id,
    object: 'subscription',
    customer,
    metadata: { writ_tenant: tenant },
    items: { object: 'list', data: items.map((price, index) => ({ id: `si_${id}_${index}_${price}`, price: { id: price } })) },
  });

  const summaries = (id: string, query: Form): FakeAnswer => {
    const meter = [...meters.meters.values()].find((one) => one.id === id);
    const [from, to] = [Number(textIn(query, 'start_time')) * 1000, Number(textIn(query, 'end_time')) * 1000];
    if (meter === undefined) return refuse(404, 'No such meter', 'resource_missing');
    if (from % HOUR_MS !== 0 || to % HOUR_MS !== 0) return refuse(400, 'not on the hour');
    const counted = meters.hours({
      eventName: meter.event_name,
      customer: textIn(query, 'customer') ?? '',
      fromMs: from,
      toMs: to,
      lagging: true,
    });
    const all = [...counted].toSorted(([a], [b]) => a - b);
    const after = textIn(query, 'starting_after');
    const start = after === undefined ? 0 : all.findIndex(([hour]) => `mes_${hour}` === after) + 1;
    const limit = Number(textIn(query, 'limit') ?? '10');
    const data = all.slice(start, start + limit).map(([hour, micros]) => ({
      id: `mes_${hour}`,
      object: 'billing.meter_event_summary',
      start_time: hour / 1000,
      end_time: (hour + HOUR_MS) / 1000,
      aggregated_value: Number(microsText(micros)),
      meter: id,
    }));
    return ok({ object: 'list', data, has_more: start + limit < all.length, url: '/' });
  };

  const meterEvent = (body: Form): FakeAnswer => {
    const identifier = textIn(body, 'identifier') ?? `random_${requests.length}`;
    const refusal = meters.receive({
      name: textIn(body, 'event_name') ?? '',
      customer: textIn(body, 'payload', 'stripe_customer_id'),
      value: textIn(body, 'payload', 'value'),
      identifier,
      atMs: Number(textIn(body, 'timestamp') ?? nowMs() / 1000) * 1000,
    });
    return refusal === undefined
      ? ok({ object: 'billing.meter_event', identifier })
      : refuse(refusal.status, refusal.message, refusal.code);
  };

  const invoiceShown = (invoice: FakeInvoice) => ({
    id: invoice.id,
    object: 'invoice',
    customer: invoice.customer,
    currency: 'usd',
    status: invoice.status,
    total: invoice.lines.reduce((sum, { amount }) => sum + amount, 0),
    automatically_finalizes_at: invoice.finalizesMs / 1000,
    period_end: invoice.toMs / 1000,
  });

  const createPrice = (body: Form): FakeAnswer => {
    const id = `price_${prices.size + 1}`;
    const amount = Number(textIn(body, 'unit_amount_decimal') ?? '0');
    const price: FakePrice = { id, lookup_key: textIn(body, 'lookup_key') ?? '', meter: textIn(body, 'recurring', 'meter'), amount };
    prices.set(price.lookup_key, price);
    return ok({ ...price, object: 'price' });
  };

  const createSubscription = (body: Form): FakeAnswer => {
    if (textIn(body, 'billing_mode', 'type') !== 'flexible') return refuse(400, 'mixed intervals need flexible billing mode');
    const anchor = textIn(body, 'billing_cycle_anchor') ?? textIn(body, 'trial_end');
    const made: Subscription = {
      id: `sub_${subscriptions.length + 1}`,
      customer: textIn(body, 'customer') ?? '',
      tenant: textIn(body, 'metadata', 'writ_tenant') ?? '',
      prices: listIn(body, 'items').flatMap((item) => textIn(item, 'price') ?? []),
      fromMs: Number(anchor) * 1000,
    };
    subscriptions.push(made);
    return ok(subscriptionShown(made));
  };

  const updateSubscription = (id: string, body: Form): FakeAnswer => {
    const found = subscriptions.find((one) => one.id === id);
    if (found === undefined) return refuse(404, 'No such subscription', 'resource_missing');
    const gone = new Set(listIn(body, 'items').flatMap((item) => (textIn(item, 'deleted') === 'true' ? [textIn(item, 'id')] : [])));
    const kept = subscriptionShown(found).items.data.filter(({ id: item }) => !gone.has(item));
    found.prices = [...kept.map(({ price }) => price.id), ...listIn(body, 'items').flatMap((item) => textIn(item, 'price') ?? [])];
    return ok(subscriptionShown(found));
  };

  const route = ({ method, path, query, body }: FakeRequest): FakeAnswer => {
    const [, version, ...parts] = path.split('/');
    const at = `${method} ${version}/${parts.join('/')}`;
    if (at === 'GET v1/billing/meters') return list([...meters.meters.values()].map(meterShown));
    if (at === 'POST v1/billing/meters') {
      const name = textIn(body, 'event_name') ?? '';
      if (meters.meters.has(name)) return refuse(400, `There is already an active meter with the event name ${name}`);
      return ok(
        meterShown(meters.add(name, textIn(body, 'display_name') ?? '', textIn(body, 'event_time_window') === 'hour' ? 'hour' : undefined)),
      );
    }
    if (at === 'POST v1/billing/meter_events') return meterEvent(body);
    if (method === 'GET' && parts[1] === 'meters' && parts[3] === 'event_summaries') return summaries(parts[2] ?? '', query);
    if (at === 'GET v1/prices') {
      const price = prices.get(textIn(query, 'lookup_keys', '0') ?? '');
      return list(price === undefined ? [] : [{ ...price, object: 'price' }]);
    }
    if (at === 'POST v1/prices') return createPrice(body);
    if (at === 'GET v1/subscriptions')
      return list(subscriptions.filter(({ customer }) => customer === textIn(query, 'customer')).map(subscriptionShown));
    if (at === 'POST v1/subscriptions') return createSubscription(body);
    if (method === 'POST' && parts[0] === 'subscriptions') return updateSubscription(parts[1] ?? '', body);
    if (at === 'GET v1/invoices')
      return list(invoices.filter((one) => one.customer === textIn(query, 'customer') && one.status === 'draft').map(invoiceShown));
    const invoice = invoices.find(({ id }) => id === (parts[1] ?? textIn(body, 'invoice')));
    if (invoice !== undefined && method === 'GET' && parts[2] === 'lines')
      return list(invoice.lines.map((line, index) => ({ id: `il_${index}`, object: 'line_item', ...line })));
    if (invoice !== undefined && method === 'POST' && parts[0] === 'invoices') {
      if (invoice.status !== 'draft') return refuse(400, 'it is final', 'invoice_not_editable');
      invoice.finalizesMs = Number(textIn(body, 'automatically_finalizes_at')) * 1000;
      return ok(invoiceShown(invoice));
    }
    if (invoice !== undefined && at === 'POST v1/invoiceitems') {
      if (invoice.status !== 'draft') return refuse(400, 'it is final', 'invoice_not_editable');
      invoice.lines.push({ amount: Number(textIn(body, 'amount')), metadata: { writ_key: textIn(body, 'metadata', 'writ_key') ?? '' } });
      return ok({ id: `ii_${invoice.lines.length}`, object: 'invoiceitem' });
    }
    const report = version === 'v2' && parts[1] === 'events' ? reports.get(parts[2] ?? '') : undefined;
    return report === undefined ? refuse(404, `Unrecognized request URL (${method}: ${path})`) : ok(report);
  };

  /** As the network brings it; keys repeat what they were answered. `broken`: the answer is lost to a 500, applied or not. */
  const handle = (request: FakeRequest, broken?: 'before' | 'after'): FakeAnswer => {
    requests.push(request);
    const kept = request.key === undefined ? undefined : answers.get(request.key);
    if (request.method === 'POST' && kept !== undefined && kept.untilMs > nowMs())
      return { ...kept.answer, headers: { 'idempotent-replayed': 'true' } };
    const routed = broken === 'before' ? undefined : route(request);
    const answer = broken === undefined && routed !== undefined ? routed : refuse(500, 'something went wrong');
    if (request.method === 'POST' && request.key !== undefined) answers.set(request.key, { answer, untilMs: nowMs() + DAY_MS });
    return answer;
  };

  const read = (url: string, init: RequestInit): FakeRequest | FakeAnswer => {
    const { pathname, search } = new URL(url);
    const headers = new Headers(init.headers);
    if (headers.get('authorization') !== `Bearer ${secretKey}`)
      return { status: 401, body: { error: { type: 'invalid_request_error', message: 'Invalid API Key provided' } } };
    const key = headers.get('idempotency-key') ?? undefined;
    const body = parseForm(typeof init.body === 'string' ? init.body : '');
    return { method: init.method ?? 'GET', path: pathname, query: parseForm(search.slice(1)), body, key };
  };

  /** Makes the invoice of a period of a customer, a draft until its grace is over. */
  const openInvoice = (customer: string, fromMs: number, toMs: number): FakeInvoice => {
    const items = subscriptions.filter((one) => one.customer === customer).flatMap((one) => one.prices);
    const fees = [...prices.values()].filter(({ id, meter }) => items.includes(id) && meter === undefined);
    const invoice: FakeInvoice = {
      id: `in_${invoices.length + 1}`,
      customer,
      fromMs,
      toMs,
      finalizesMs: toMs + GRACE_MS,
      status: 'draft',
      lines: fees.map(({ amount }) => ({ amount, metadata: {} })),
      quantities: new Map(),
    };
    invoices.push(invoice);
    return invoice;
  };

  /** Makes final what is due. */
  const finalizeDue = (): void => {
    for (const invoice of invoices) {
      if (invoice.status !== 'draft' || invoice.finalizesMs > nowMs()) continue;
      invoice.status = 'open';
      for (const eventName of meters.meters.keys()) {
        const counted = meters.hours({ eventName, customer: invoice.customer, fromMs: invoice.fromMs, toMs: invoice.toMs, lagging: false });
        const total = [...counted.values()].reduce((sum, micros) => sum + micros, 0n);
        invoice.quantities.set(eventName, microsText(total < 0n ? 0n : total));
      }
    }
  };

  return { handle, read, meters, invoices, subscriptions, prices, reports, requests, openInvoice, finalizeDue };
};

export type FakeStripe = ReturnType<typeof createFakeStripe>;

export const toResponse = ({ status, body, headers = {} }: FakeAnswer): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', 'request-id': 'req_1', ...headers } });

/** Over the network, for processes of their own. */
export const serveFake = async (fake: FakeStripe): Promise<{ readonly port: number; close(): Promise<void> }> => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = new Headers(
        Object.entries(request.headers).flatMap(([name, value]): [string, string][] => (typeof value === 'string' ? [[name, value]] : [])),
      );
      const asked = fake.read(`http://127.0.0.1${request.url ?? '/'}`, {
        method: request.method ?? 'GET',
        headers,
        body: Buffer.concat(chunks).toString(),
      });
      const { status, body, headers: more = {} } = 'status' in asked ? asked : fake.handle(asked);
      response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_1', ...more }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};
