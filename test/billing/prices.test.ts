// SPDX-License-Identifier: Apache-2.0
// The sealed price book at Stripe: made once whatever gets lost, read back, never changed, and told of where somebody else changed it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { event } from '../usage/ledger-scene.ts';
import { createStripe } from '../../operator/billing/stripe.ts';
import { createFakeStripe, toResponse } from './fake-stripe.ts';
import { HOUR_MS, KEY, PRICES, START, priceBook, scene } from './scene.ts';

const keeping = () => scene({ config: { 'stripe-prices': true } });
type It = Awaited<ReturnType<typeof scene>>;
const made = ({ fake }: It, what: 'products' | 'prices'): number =>
  fake.requests.filter(({ method, path }) => method === 'POST' && path === `/v1/${what}`).length;

describe('prices at Stripe', () => {
  it('are made of the sealed book, once, and read back', async () => {
    const it = await keeping();
    const { products, prices } = it.fake.catalog;
    assert.equal(products.size, 5);
    assert.equal(prices.size, 29);
    const metrics = await it.metrics();
    assert.match(metrics, /writ_billing_prices{state="there"} 34\n[^]*state="differ"} 0\n[^]*state="left"} 0\n/);
    for (const hour of [1, 2, 3]) await it.look(START + hour * HOUR_MS);
    assert.deepEqual([made(it, 'products'), made(it, 'prices')], [5, 29]);
    await it.end();
  });

  it('are found by their lookup keys anew each hour: one that moved, one that is archived', async () => {
    let nowMs = START;
    const fake = createFakeStripe({ nowMs: () => nowMs, secretKey: KEY });
    const { accounts } = createStripe({
      secretKey: KEY,
      mode: 'test',
      nowMs: () => nowMs,
      fetch: async (url, init) => {
        const asked = fake.read(url, init);
        return toResponse('status' in asked ? asked : fake.handle(asked));
      },
    });
    const set = (id: string, active: boolean): void =>
      void fake.catalog.prices.set('writ_a', { id, form: {}, lookupKey: 'writ_a', active });
    const found = async (): Promise<readonly string[] | undefined> => {
      const ids = await accounts.priceIds(['writ_a']);
      return ids === undefined ? undefined : [...ids.values()];
    };
    set('price_1', true);
    assert.deepEqual(await found(), ['price_1']);
    set('price_2', true);
    nowMs += HOUR_MS - 1;
    assert.deepEqual([await found(), fake.requests.length], [['price_1'], 1]);
    nowMs += 1;
    assert.deepEqual(await found(), ['price_2']);
    set('price_2', false);
    nowMs += HOUR_MS;
    assert.deepEqual(await found(), []);
  });

  it('are made once where answers are lost, before or after they were applied', async () => {
    const it = await scene();
    let count = 0;
    it.setNetwork((request, answer) => {
      count += request.method === 'POST' ? 1 : 0;
      if (request.method === 'GET' || count % 3 === 1) return answer();
      if (count % 3 === 2) answer();
      throw new TypeError('fetch failed');
    });
    it.config['stripe-prices'] = true;
    for (let minute = 1; minute < 120; minute += 1) await it.look(START + minute * 60_000);
    assert.deepEqual([it.fake.catalog.products.size, it.fake.catalog.prices.size], [5, 29]);
    assert.match(await it.metrics(), /writ_billing_prices{state="there"} 34/);
    await it.end();
  });

  it('are made under another key after a failure, which a key would repeat for a day', async () => {
    const it = await scene();
    let failed = false;
    it.setNetwork((request, answer) => {
      if (failed || request.method !== 'POST' || request.path !== '/v1/prices') return answer();
      failed = true;
      return it.fake.handle(request, 'before');
    });
    it.config['stripe-prices'] = true;
    await it.look(START + 60_000);
    assert.equal(it.fake.catalog.prices.size, 0);
    await it.look(START + 120_000);
    assert.equal(it.fake.catalog.prices.size, 29);
    await it.end();
  });

  it('that somebody changed or put away are told of and left alone', async () => {
    const it = await keeping();
    const { products, prices } = it.fake.catalog;
    const [price] = [...prices.values()];
    assert.ok(price !== undefined);
    price.active = false;
    const key = 'writ_standard_v1_Starter_Monthly';
    const other = prices.get(key);
    assert.ok(other !== undefined);
    prices.set(key, { ...other, form: { ...other.form, unit_amount: '9901' } });
    const product = products.get('writ_standard_Enterprise');
    assert.ok(product !== undefined);
    product.name = 'mine';
    const before = [made(it, 'products'), made(it, 'prices')];
    await it.look(START + HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_prices{state="differ"} 3/);
    assert.match(it.said.join(''), /writ_standard_v1_Starter_Monthly[^]*say something else than the price book/);
    assert.deepEqual([made(it, 'products'), made(it, 'prices')], before);
    await it.end();
  });

  it('of a version that follows stand beside those before', async () => {
    const it = await keeping();
    const next = parse(PRICES);
    next.spec.version = 2;
    next.spec.tiers[1].fees.monthly = '109';
    it.setBook(priceBook(true, stringify(next)));
    await it.look(START + 60_000);
    const { products, prices } = it.fake.catalog;
    assert.deepEqual([products.size, prices.size], [5, 58]);
    assert.equal(prices.get('writ_standard_v1_Starter_Monthly')?.form['unit_amount'], '9900');
    assert.equal(prices.get('writ_standard_v2_Starter_Monthly')?.form['unit_amount'], '10900');
    await it.end();
  });

  it('that cannot be kept stop no report', async () => {
    const it = await keeping();
    it.setNetwork((request, answer) =>
      /products|prices/.test(request.path)
        ? { status: 403, body: { error: { type: 'invalid_request_error', message: 'The provided key does not have the permissions' } } }
        : answer(),
    );
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    assert.equal(it.counted(START), '5');
    assert.match(it.said.join(''), /the price book could not be kept at Stripe/);
    assert.match(await it.metrics(), /writ_billing_up{sink="stripe"} 1/);
    await it.end();
  });
});
