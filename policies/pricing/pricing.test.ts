// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatMoney, parseMoney, toMinor } from './money.ts';
import { add, ceilingQuantity, compare, formatDecimal, multiply, parseDecimal, ratio, roundHalfEven, subtract } from './ratio.ts';

const USD = { code: 'usd', minorDigits: 2 };
const numbers = fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.bigInt({ min: 1n, max: 10n ** 12n }));

describe('exact numbers', () => {
  it('halves go to the even neighbour, on both sides of zero', () => {
    const halves = [-5, -3, -1, 1, 3, 5].map((count) => roundHalfEven(ratio(count, 2)));
    assert.deepEqual(halves, [-2n, -2n, 0n, 0n, 2n, 2n]);
    assert.deepEqual(
      [7, 8, -7, -8].map((count) => roundHalfEven(ratio(count, 5))),
      [1n, 2n, -1n, -2n],
    );
  });

  it('rounding is never off by more than half, and turns with the sign', () => {
    fc.assert(
      fc.property(numbers, ([count, of]) => {
        const rounded = roundHalfEven({ count, of });
        const off = subtract(ratio(rounded, 1), { count, of });
        assert.ok(compare(multiply(off, off), ratio(1, 4)) <= 0);
        assert.equal(roundHalfEven({ count: -count, of }), -rounded);
      }),
    );
  });

  it('decimals read back as they were written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.integer({ min: 0, max: 12 }), (count, digits) => {
        const value = { count, of: 10n ** BigInt(digits) };
        assert.equal(compare(parseDecimal(formatDecimal(value)) ?? ratio(1, 3), value), 0);
      }),
    );
  });

  it('what is no plain decimal is none', () => {
    for (const text of [
      '',
      '.',
      '1.',
      '.5',
      '1e3',
      '+1',
      ' 1',
      '1 ',
      '0x1',
      'NaN',
      '١',
      '1,5',
      '--1',
      '9'.repeat(25),
      `0.${'1'.repeat(25)}`,
    ])
      assert.equal(parseDecimal(text), undefined, text);
  });

  it('a quantity that is rounded up is less than a millionth above', () => {
    fc.assert(
      fc.property(numbers, ([count, of]) => {
        const value = { count: count < 0n ? -count : count, of };
        const up = subtract(ceilingQuantity(value), value);
        assert.ok(compare(up, ratio(0, 1)) >= 0 && compare(up, ratio(1, 1_000_000)) < 0);
      }),
    );
  });

  it('sums do not depend on the order', () => {
    fc.assert(
      fc.property(numbers, numbers, numbers, ([a, b], [c, d], [e, f]) => {
        const [x, y, z] = [ratio(a, b), ratio(c, d), ratio(e, f)];
        assert.equal(compare(add(add(x, y), z), add(x, add(z, y))), 0);
      }),
    );
  });
});

describe('money', () => {
  it('is whole numbers of the smallest unit', () => {
    assert.equal(parseMoney('99', USD), 9900n);
    assert.equal(parseMoney('0.5', USD), 50n);
    assert.equal(parseMoney('0.005', USD), undefined);
    assert.equal(parseMoney('0.500', USD), 50n);
    assert.equal(parseMoney('1', { code: 'jpy', minorDigits: 0 }), 1n);
    assert.equal(toMinor(ratio(1, 3), USD), 33n);
  });

  it('is told with its point', () => {
    assert.deepEqual(
      [9950n, -1n, 0n, 5n].map((amount) => formatMoney(amount, USD)),
      ['99.50 USD', '-0.01 USD', '0.00 USD', '0.05 USD'],
    );
    assert.equal(formatMoney(-12n, { code: 'jpy', minorDigits: 0 }), '-12 JPY');
  });
});
