// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { readBook } from '../../policies/pricing/index.ts';
import type { Book } from '../../policies/pricing/index.ts';
import { startOf } from '../../policies/problem.ts';
import { compare, multiply, ratio, whole } from '../../policies/pricing/ratio.ts';
import { catalogOf } from './catalog.ts';
import { priceUsage } from './rating/usage-price.ts';
import { graduated } from './test-graduated.ts';

const shipped = parse(readFileSync(new URL('../../deploy/examples/prices.yaml', import.meta.url), 'utf8'));
const bookOf = (change: (spec: typeof shipped.spec) => void = () => undefined): Book => {
  const object = structuredClone(shipped);
  change(object.spec);
  const read = readBook(object, { digest: 'sha256:x', positionOf: () => startOf('prices') });
  return read.ok ? read.book : assert.fail(read.problems.map(({ message }) => message).join());
};
const reported = new Map([
  ['api_calls', 'Absolute'],
  ['reasoning_units', 'Delta'],
  ['storage_bytes', 'Absolute'],
] as const);

describe('the catalog of a price book', () => {
  it('has a product a tier, a price a fee, and one for each meter that is reported and costs something', () => {
    const { products, prices, left } = catalogOf(bookOf(), reported);
    assert.deepEqual(left, []);
    assert.equal(products.length, 5);
    const keys = prices.filter(({ product }) => product === 'writ_standard_Starter').map(({ lookupKey }) => lookupKey);
    assert.deepEqual(keys, [
      'writ_standard_v1_Starter_Monthly',
      'writ_standard_v1_Starter_Quarterly',
      'writ_standard_v1_Starter_Annual',
      'writ_standard_v1_Starter_reasoning_units',
      'writ_standard_v1_Starter_reasoning_units_annual',
      'writ_standard_v1_Starter_api_calls',
      'writ_standard_v1_Starter_api_calls_annual',
      'writ_standard_v1_Starter_storage_bytes',
      'writ_standard_v1_Starter_storage_bytes_annual',
    ]);
    const annual = prices.find(({ lookupKey }) => lookupKey === 'writ_standard_v1_Starter_Annual');
    assert.deepEqual(annual?.kind === 'fee' ? [annual.amount, annual.months] : [], [95_000, 12]);
    assert.equal(new Set(prices.map(({ lookupKey }) => lookupKey)).size, prices.length);
  });

  for (const per of ['1000000000', '2.5'])
    it(`costs of every quantity what rating says it costs, ${per} to a priced unit`, () => {
      const book = bookOf((spec) => {
        spec.meters[2].per = per;
      });
      const metered = catalogOf(book, reported).prices.flatMap((price) => (price.kind === 'metered' ? [price] : []));
      fc.assert(
        fc.property(fc.constantFrom(...metered), fc.bigInt(0n, 10n ** 15n), fc.integer({ min: 0, max: 15 }), (price, size, digits) => {
          const quantity = size % 10n ** BigInt(digits);
          const tier = book.tiers.get(price.product.replace('writ_standard_', ''));
          const [meter, usage] = [book.meters.get(price.meter), tier?.usage.get(price.meter)];
          assert.ok(meter !== undefined && usage !== undefined);
          const { cost } = priceUsage({
            book,
            usage,
            meter: price.meter,
            annual: price.lookupKey.endsWith('_annual'),
            quantity: multiply(whole(quantity), ratio(meter.per.of, meter.per.count)),
            part: whole(1),
            isLevel: false,
          });
          assert.equal(compare(graduated(price.tiers, quantity), multiply(cost, whole(100))), 0, `${price.lookupKey} ${quantity}`);
        }),
        { numRuns: 500 },
      );
    });

  it('names what it cannot say without rounding, and sells nothing in a currency that is counted otherwise', () => {
    const odd = catalogOf(
      bookOf((spec) => {
        spec.meters[2].per = '7';
      }),
      reported,
    );
    assert.ok(odd.left.length > 0 && odd.left.every(({ what }) => what.includes('storage_bytes')));
    assert.ok(!odd.prices.some((price) => price.kind === 'metered' && price.meter === 'storage_bytes'));
    for (const [currency, minorDigits, sells] of [
      ['jpy', 0, true],
      ['jpy', 2, false],
      ['usd', 0, false],
      ['kwd', 3, false],
    ] as const) {
      const { prices, left } = catalogOf(
        bookOf((spec) => Object.assign(spec, { currency, minorDigits })),
        reported,
      );
      assert.deepEqual([prices.length > 0, left.length > 0], [sells, !sells], currency);
    }
  });

  it('has other prices for another version', () => {
    const [one, two] = [1, 2].map((version) =>
      catalogOf(
        bookOf((spec) => Object.assign(spec, { version })),
        reported,
      ),
    );
    const keys = new Set(one?.prices.map(({ lookupKey }) => lookupKey));
    assert.ok(two?.prices.every(({ lookupKey }) => !keys.has(lookupKey)));
    assert.deepEqual(one?.products, two?.products);
  });
});
