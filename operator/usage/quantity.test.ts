// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { divideHalfEven, parseQuantity, quantityText } from './quantity.ts';

const rows: readonly (readonly [unknown, bigint | string])[] = [
  ['0', 0n],
  ['12.5', 12_500_000n],
  ['0.000001', 1n],
  ['999999999999999', 999_999_999_999_999_000_000n],
  ['123456789.123456', 123_456_789_123_456n],
  ['1.500000', 1_500_000n],
  ['1000000000000000', 'too-many-digits'],
  ['1234567890.123456', 'too-many-digits'],
  ['0.0000001', 'too-fine'],
  ['-1', 'negative'],
  ['-0.5', 'negative'],
  ['--1', 'not-decimal'],
  ['+1', 'not-decimal'],
  ['01', 'not-decimal'],
  ['.5', 'not-decimal'],
  ['1.', 'not-decimal'],
  ['1e3', 'not-decimal'],
  ['1,5', 'not-decimal'],
  [' 1', 'not-decimal'],
  ['', 'not-decimal'],
  ['Infinity', 'not-decimal'],
  ['١', 'not-decimal'],
  ['9'.repeat(100_000), 'not-decimal'],
  [1.5, 'not-decimal'],
  [null, 'not-decimal'],
  [{ toString: () => '1' }, 'not-decimal'],
];
for (const [text, expected] of rows) {
  it(`quantity ${String(text).slice(0, 30)}`, () => {
    const read = parseQuantity(text);
    assert.equal(read.ok ? read.scaled : read.why, expected);
  });
}

it('a quantity is written as it is read', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 999_999_999_999_999n }), (scaled) => {
      const read = parseQuantity(quantityText(scaled));
      assert.deepEqual(read, { ok: true, scaled });
    }),
  );
  assert.equal(quantityText(-1_500_000n), '-1.5');
});

it('halves go to the even neighbour', () => {
  assert.deepEqual(
    [1n, 3n, 5n, -1n, -3n].map((dividend) => divideHalfEven(dividend, 2n)),
    [0n, 2n, 2n, 0n, -2n],
  );
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.bigInt({ min: 1n, max: 10n ** 9n }), (dividend, divisor) => {
      const off = (divideHalfEven(dividend, divisor) * divisor - dividend) * 2n;
      assert.ok(off <= divisor && off >= -divisor);
    }),
  );
});
