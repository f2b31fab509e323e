// SPDX-License-Identifier: Apache-2.0
// Every request that the operator sends, byte for byte as it sends it, is one that Stripe's published OpenAPI document knows.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { event } from '../usage/ledger-scene.ts';
import { HOUR_MS, NOVEMBER, OCTOBER, START, scene } from './scene.ts';
import type { RawRequest } from './scene.ts';
import { startStripeMock, stripeMockIsMissing } from './stripe-mock.ts';
import type { StripeMock } from './stripe-mock.ts';

/** A month with everything in it that makes the operator ask Stripe for something. */
const month = async (): Promise<readonly RawRequest[]> => {
  const it = await scene({ config: { 'stripe-prices': true } });
  await it.ledger.accept([event({ value: '5' }), event({ seq: 2, meter: 'reasoning_units', value: '0.25' })]);
  await it.look(START + 2 * HOUR_MS);
  await it.look(START + 3 * HOUR_MS);
  it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER).finalizesMs = NOVEMBER + HOUR_MS;
  await it.look(NOVEMBER + HOUR_MS / 2);
  await it.look(NOVEMBER + 68 * HOUR_MS);
  // One customer that is made and one that is named; subscribed, changed within a trial and after it, and ended.
  for (const [name, billing] of [
    ['made', { provider: 'Stripe', cycle: 'Annual', trialEnd: '2027-01-01T00:00:00Z' }],
    ['named', { provider: 'Stripe', customerRef: 'cus_named' }],
  ] as const)
    it.tenants.push({ metadata: { name }, spec: { tier: 'Starter', billing } });
  it.fake.accounts.addCustomer('cus_named');
  for (let minute = 0; minute < 3; minute += 1) await it.look(NOVEMBER + 69 * HOUR_MS + minute * 60_000);
  for (const index of [2, 3]) {
    const tenant = it.tenants[index];
    if (tenant !== undefined) it.tenants[index] = { ...tenant, spec: { ...tenant.spec, tier: 'Enterprise' } };
  }
  await it.look(NOVEMBER + 70 * HOUR_MS);
  await it.look(Date.UTC(2026, 11, 2));
  it.tenants.splice(2);
  await it.look(Date.UTC(2026, 11, 3));
  await it.end();
  return it.raw;
};

const kindOf = ({ url, method }: RawRequest): string => `${method} ${new URL(url).pathname.replace(/\/(?:mtr|in|cus|sched)_\w+/g, '/ID')}`;

const missing = stripeMockIsMissing();

describe("Stripe's published contract", { skip: missing ?? false }, () => {
  let folder = '';
  let mock: StripeMock | undefined;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'writ-stripe-mock-'));
    mock = await startStripeMock(folder);
  });
  after(async () => {
    await mock?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const judge = async ({ url, method, headers: sent, body }: RawRequest): Promise<{ readonly status: number; readonly text: string }> => {
    const { pathname, search } = new URL(url);
    const headers = new Headers(sent);
    // Of the body as it left; a changed one has another.
    headers.delete('content-length');
    const response = await fetch(`${mock?.url}${pathname}${search}`, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, text: await response.text() };
  };

  it('knows every request', async () => {
    const requests = await month();
    for (const request of requests) {
      const { status, text } = await judge(request);
      assert.equal(status, 200, `${kindOf(request)} ${request.body ?? ''}: ${text}`);
    }
    assert.deepEqual([...new Set(requests.map(kindOf))].toSorted(), [
      'GET /v1/billing/meters',
      'GET /v1/billing/meters/ID/event_summaries',
      'GET /v1/customers/ID',
      'GET /v1/customers/search',
      'GET /v1/invoices',
      'GET /v1/prices',
      'GET /v1/products',
      'GET /v1/subscriptions',
      'POST /v1/billing/meter_events',
      'POST /v1/billing/meters',
      'POST /v1/customers',
      'POST /v1/invoices/ID',
      'POST /v1/prices',
      'POST /v1/products',
      'POST /v1/subscription_schedules',
      'POST /v1/subscription_schedules/ID',
      'POST /v1/subscriptions',
    ]);
  });

  for (const [what, change] of [
    ['a field that it does not know', (body: string) => `${body}&nonsense=1`],
    ['a field that is missing', (body: string) => body.replace(/event_name=[^&]*&?/, '')],
    ['a number that is none', (body: string) => body.replace(/timestamp=\d+/, 'timestamp=soon')],
  ] as const)
    it(`refuses ${what}`, async () => {
      const sent = (await month()).find((request) => kindOf(request) === 'POST /v1/billing/meter_events');
      assert.ok(sent !== undefined);
      const changed = { ...sent, body: change(sent.body ?? '') };
      assert.notEqual(changed.body, sent.body);
      assert.equal((await judge(changed)).status, 400);
    });
});
