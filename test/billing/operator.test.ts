// SPDX-License-Identifier: Apache-2.0
// The way from the ledger's sealed hours to the payment provider as the operator goes it: a real ledger, a sealed price book, a key
// from a Secret; the provider is the fake.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import { createTermBilling } from '../../operator/billing-wiring.ts';
import type { BillingParts } from '../../operator/billing-wiring.ts';
import { billingMetrics } from '../../operator/billing/metrics.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { createMetrics } from '../../process/metrics.ts';
import { createLog } from '../../process/log.ts';
import { systemClock } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import { createSealedJudge } from '../../policies/sealed-object.ts';
import { seal } from '../../policies/trust/seal.ts';
import { keyed, trustOf } from '../../policies/trust/test-trust.ts';
import type { LivePriceBook } from '../../operator/controllers/live.ts';
import { event } from '../usage/ledger-suite.ts';
import { createFakeStripe, toResponse } from './fake-stripe.ts';
import { microsText } from './fake-meters.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 9, 20, 12);
const OCTOBER = Date.UTC(2026, 9);
const NOVEMBER = Date.UTC(2026, 10);
const KEY = 'sk_test_operator0';

const finance = generateKeyPairSync('ed25519');
const trust = trustOf({ principals: [keyed('finance', finance.publicKey)], kinds: ['PriceBook'] });
const PRICES = readFileSync(new URL('../../deploy/examples/prices.yaml', import.meta.url), 'utf8');

const priceBook = (isSealed = true): LivePriceBook => ({
  ...(parse(PRICES) as LivePriceBook),
  signature: { document: PRICES, bundles: isSealed ? [seal(Buffer.from(PRICES), finance.privateKey)] : [] },
});

const folder = await mkdtemp(join(tmpdir(), 'writ-billing-'));
after(() => rm(folder, { recursive: true }));
let made = 0;

type Scene = { readonly key?: string; readonly mode?: 'test' | 'live'; readonly book?: ReturnType<typeof priceBook> | undefined };
const scene = async ({ key = KEY, mode = 'test', book = priceBook() }: Scene = {}) => {
  let nowMs = START;
  let wake: (() => void) | undefined;
  let idle = Promise.withResolvers<void>();
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    schedule: (_delayMs, task) => {
      wake = task;
      idle.resolve();
      return () => undefined;
    },
  };
  const store = await openSqliteStore({ file: join(folder, `${(made += 1)}.db`), clock: systemClock, groupMs: 0 });
  const ledger = createLedger({ store, clock, hasTenant: () => true });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  const fake = createFakeStripe({ nowMs: () => nowMs, secretKey: KEY });
  const metrics = createMetrics(billingMetrics);
  const said: string[] = [];
  const tenants = [
    { metadata: { name: 'acme' }, spec: { billing: { customerRef: 'cus_acme' } } },
    { metadata: { name: 'free' }, spec: {} },
  ];
  const parts: BillingParts = {
    config: { 'stripe-secret': 'stripe', 'stripe-mode': mode, 'price-book': 'standard', 'system-namespace': 'writ-system' },
    clock,
    log: createLog({ name: 'test', destination: { write: (line: string) => void said.push(line) } }),
    random: () => 0.5,
    metrics,
    caches: {
      tenants: { list: () => tenants },
      priceBooks: { get: (name) => (name === 'standard' ? book : undefined) },
      namespaces: { get: () => ({ metadata: { name: 'kube-system', uid: 'installation' } }) },
    },
    ledger: () => ledger,
    fetch: async (url, init) => {
      const asked = fake.read(url, init);
      return toResponse('status' in asked ? asked : fake.handle(asked));
    },
  };
  const ending = new AbortController();
  const client = {
    get: async () => ({ metadata: { name: 'stripe' }, data: { 'stripe-key': Buffer.from(key).toString('base64') } }) as never,
  };
  const judge = createSealedJudge();
  const running = createTermBilling(parts)?.run(client, (object) => judge(object, trust, nowMs), ending.signal);
  await idle.promise;
  return {
    ledger,
    fake,
    said,
    metrics: () => metrics.registry.metrics(),
    /** Time goes on, hours are sealed and months frozen, and the operator looks once. */
    look: async (atMs: number) => {
      nowMs = atMs;
      await ledger.settle(ending.signal);
      idle = Promise.withResolvers();
      wake?.();
      await idle.promise;
    },
    counted: (hourMs: number, customer = 'cus_acme') =>
      microsText(
        fake.meters
          .hours({ eventName: 'writ_api_calls_absolute', customer, fromMs: hourMs, toMs: hourMs + HOUR_MS, lagging: false })
          .get(hourMs) ?? 0n,
      ),
    end: async () => {
      ending.abort();
      wake?.();
      await running;
      await store.close();
    },
  };
};

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
    assert.match(await it.metrics(), /writ_billing_up 1/);
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
    // Somebody took the provider's count away.
    it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
    await it.look(NOVEMBER + 68 * HOUR_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 92 * HOUR_MS);
    const metrics = await it.metrics();
    assert.match(metrics, /writ_billing_drift_hours 1/);
    assert.match(metrics, /writ_billing_invoices_held_total 1/);
    // And it heals: what was verified once is looked at again, and sent.
    for (let hour = 69; hour < 90; hour += 1) await it.look(NOVEMBER + hour * HOUR_MS);
    assert.equal(it.counted(START), '5');
    await it.look(NOVEMBER + 91 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
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
      assert.equal(it.fake.requests.length, 0);
      assert.match(await it.metrics(), /writ_billing_up 0/);
      assert.match(it.said.join(''), why);
      assert.doesNotMatch(it.said.join(''), /operator0|stranger0|hunter2/, 'nothing of a key is told');
      await it.end();
    });
  }
});
