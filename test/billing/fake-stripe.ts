// SPDX-License-Identifier: Apache-2.0
/**
 * A Stripe of our own for tests: stateful, on a clock of the test's, with the rules that bite. It answers the requests that the stripe
 * package makes, byte for byte as that package sends them, over `fetch` in this process.
 *
 * Known: meters and meter events (fake-meters.ts), products and prices (fake-prices.ts), customers and subscriptions (fake-accounts.ts), summaries, draft invoices with a time at which they become final, events; keys of
 * requests that repeat their first answer for a day, a 500 too.
 */
import { parseForm, textIn } from './fake-form.ts';
import type { Form } from './fake-form.ts';
import { createFakeMeters, microsText } from './fake-meters.ts';
import { createFakeAccounts } from './fake-accounts.ts';
import type { AccountFaults } from './fake-accounts.ts';
import { createFakePrices } from './fake-prices.ts';
import type { FakeMeter, MeterFaults, Refusal } from './fake-meters.ts';

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

export type FakeInvoice = {
  readonly id: string;
  readonly customer: string;
  readonly fromMs: number;
  readonly toMs: number;
  finalizesMs: number;
  status: 'draft' | 'open';
  /** Event name of the meter → what is billed, once final. */
  readonly quantities: Map<string, string>;
};

const ok = (body: object): FakeAnswer => ({ status: 200, body });
const refuse = (status: number, message: string, code?: string): FakeAnswer => ({
  status,
  body: { error: { type: status >= 500 ? 'api_error' : 'invalid_request_error', message, ...(code === undefined ? {} : { code }) } },
});
const made = (answer: object | Refusal): FakeAnswer =>
  'message' in answer && 'status' in answer ? refuse(answer.status, answer.message, answer.code) : ok(answer);
const list = (data: readonly object[]): FakeAnswer => ok({ object: 'list', data, has_more: false, url: '/' });

export type FakeOptions = {
  readonly nowMs: () => number;
  readonly secretKey: string;
  readonly faults?: Partial<MeterFaults & AccountFaults>;
};

export const createFakeStripe = ({ nowMs, secretKey, faults = {} }: FakeOptions) => {
  const meters = createFakeMeters(nowMs, {
    identifierMs: () => DAY_MS,
    summaryLagMs: () => 0,
    isDropped: () => false,
    ...faults,
  });
  const invoices: FakeInvoice[] = [];
  const catalog = createFakePrices();
  const accounts = createFakeAccounts(nowMs, { keyOfPrice: catalog.keyOf, searchLagMs: faults.searchLagMs ?? (() => 0) });
  const answers = new Map<string, { readonly answer: FakeAnswer; readonly untilMs: number }>();
  const requests: FakeRequest[] = [];
  /** Events by their id, as `GET /v2/core/events/ID` shows them. */
  const events = new Map<string, object>();

  const meterShown = ({ id, event_name, display_name, window, status }: FakeMeter) => ({
    id,
    object: 'billing.meter',
    event_name,
    display_name,
    event_time_window: window ?? null,
    default_aggregation: { formula: 'sum' },
    status,
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
    automatically_finalizes_at: invoice.finalizesMs / 1000,
    period_start: invoice.fromMs / 1000,
    period_end: invoice.toMs / 1000,
  });

  const route = ({ method, path, query, body }: FakeRequest): FakeAnswer => {
    const [, version, ...parts] = path.split('/');
    const at = `${method} ${version}/${parts.join('/')}`;
    if (at === 'GET v1/billing/meters') return list([...meters.archived, ...meters.meters.values()].map(meterShown));
    if (at === 'POST v1/billing/meters') {
      const name = textIn(body, 'event_name') ?? '';
      if (meters.meters.has(name)) return refuse(400, `There is already an active meter with the event name ${name}`);
      return ok(
        meterShown(meters.add(name, textIn(body, 'display_name') ?? '', textIn(body, 'event_time_window') === 'hour' ? 'hour' : undefined)),
      );
    }
    if (at === 'POST v1/billing/meter_events') return meterEvent(body);
    if (at === 'GET v1/products') return list(catalog.listProducts(query));
    if (at === 'GET v1/prices') return list(catalog.listPrices(query));
    if (at === 'POST v1/products') return made(catalog.makeProduct(body));
    if (at === 'POST v1/prices') return made(catalog.makePrice(body));
    if (method === 'GET' && parts[1] === 'meters' && parts[3] === 'event_summaries') return summaries(parts[2] ?? '', query);
    if (at === 'GET v1/invoices')
      return list(invoices.filter((one) => one.customer === textIn(query, 'customer') && one.status === 'draft').map(invoiceShown));
    const [kind = '', id = ''] = parts;
    const named = parts.length === 2 && parts[1] !== 'search' ? `${kind}/ID` : parts.join('/');
    const known = version === 'v1' ? accounts.route(`${method} ${named}`, id, { body, query }) : undefined;
    if (known !== undefined) return Array.isArray(known) ? list(known) : made(known);
    const event = method === 'GET' && version === 'v2' && parts[1] === 'events' ? events.get(parts[2] ?? '') : undefined;
    if (event !== undefined) return ok(event);
    const invoice = invoices.find(({ id }) => id === parts[1]);
    if (invoice !== undefined && method === 'POST' && parts[0] === 'invoices') {
      if (invoice.status !== 'draft') return refuse(400, 'it is final', 'invoice_not_editable');
      invoice.finalizesMs = Number(textIn(body, 'automatically_finalizes_at')) * 1000;
      return ok(invoiceShown(invoice));
    }
    return refuse(404, `Unrecognized request URL (${method}: ${path})`);
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
    const invoice: FakeInvoice = {
      id: `in_${invoices.length + 1}`,
      customer,
      fromMs,
      toMs,
      finalizesMs: toMs + GRACE_MS,
      status: 'draft',
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

  return { handle, read, meters, invoices, catalog, accounts, requests, events, openInvoice, finalizeDue };
};

export type FakeStripe = ReturnType<typeof createFakeStripe>;

export const toResponse = ({ status, body, headers = {} }: FakeAnswer): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', 'request-id': 'req_1', ...headers } });
