// SPDX-License-Identifier: Apache-2.0
// A process of its own that answers what reporting asks of Stripe, over loopback, from maps: it counts, and refuses nothing but an identifier
// that it knows. What Stripe does wrong is in test/billing; this one is only there to be fast.
import { createServer } from 'node:http';

const meters = new Map<string, string>();
const counted = new Map<string, string>();
const known = new Set<string>();

const shown = ([name, id]: readonly [string, string]): object => ({
  id,
  object: 'billing.meter',
  event_name: name,
  status: 'active',
  event_time_window: 'hour',
  default_aggregation: { formula: 'sum' },
});
const list = (data: readonly object[]): object => ({ object: 'list', data, has_more: false, url: '/' });

const answer = (method: string, path: string, form: URLSearchParams): readonly [status: number, body: object] => {
  if (path === '/v1/billing/meters' && method === 'GET') return [200, list([...meters].map(shown))];
  if (path === '/v1/billing/meters') {
    const name = form.get('event_name') ?? '';
    meters.set(name, `mtr_${meters.size}`);
    return [200, shown([name, meters.get(name) ?? ''])];
  }
  if (path === '/v1/billing/meter_events') {
    const identifier = form.get('identifier') ?? '';
    if (known.has(identifier))
      return [400, { error: { type: 'invalid_request_error', message: `already exists with identifier ${identifier}` } }];
    known.add(identifier);
    const meter = meters.get(form.get('event_name') ?? '') ?? '';
    counted.set(`${meter} ${form.get('payload[stripe_customer_id]')} ${form.get('timestamp')}`, form.get('payload[value]') ?? '');
    return [200, { object: 'billing.meter_event', identifier }];
  }
  const [, meter] = /^\/v1\/billing\/meters\/(\w+)\/event_summaries$/.exec(path) ?? [];
  if (meter === undefined) return [200, list([])];
  const hours: object[] = [];
  for (let atS = Number(form.get('start_time')); atS < Number(form.get('end_time')); atS += 3600) {
    const value = counted.get(`${meter} ${form.get('customer')} ${atS}`);
    if (value !== undefined)
      hours.push({ id: `mes_${atS}`, start_time: atS, end_time: atS + 3600, aggregated_value: Number(value), meter });
  }
  return [200, list(hours)];
};

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString('utf8');
  });
  request.on('end', () => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const [status, shownBody] = answer(
      request.method ?? 'GET',
      pathname,
      request.method === 'GET' ? searchParams : new URLSearchParams(body),
    );
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(shownBody));
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(typeof address === 'object' && address !== null ? address.port : 0);
});
process.on('disconnect', () => process.exit());
