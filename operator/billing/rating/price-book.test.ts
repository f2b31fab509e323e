// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bookFrom } from './test-book.ts';

describe('a price book', () => {
  const wrong: readonly (readonly [string, (text: string) => string, string])[] = [
    ['a fee of half a cent', (text) => text.replace('"99"', '"99.005"'), 'PRICE_BOOK_INVALID'],
    [
      'marks that fall',
      (text) => text.replace('above: "100000", basisPoints: 2000', 'above: "10", basisPoints: 2000'),
      'PRICE_BOOK_INVALID',
    ],
    [
      'a discount that falls',
      (text) => text.replace('basisPoints: 2000}, {above: "1000000"', 'basisPoints: 0}, {above: "1000000"'),
      'PRICE_BOOK_INVALID',
    ],
    ['a division by nothing', (text) => text.replace('priced: call,', 'priced: call, per: "0",'), 'PRICE_BOOK_INVALID'],
    ['a day that there is not', (text) => text.replace('2026-01-01T', '2026-02-30T'), 'PRICE_BOOK_INVALID'],
    ['a time within an hour', (text) => text.replace('01T00:00:00Z', '01T00:30:00Z'), 'DOCUMENT_INVALID'],
    [
      'a meter that it does not list',
      (text) => text.replace('- {meter: users, included: "5"}', '- {meter: constructor, included: "5"}'),
      'DOCUMENT_INVALID',
    ],
    ['a volume discount above 30 %', (text) => text.replace('basisPoints: 3000', 'basisPoints: 3001'), 'DOCUMENT_INVALID'],
    ['a number for a price', (text) => text.replace('overage: "0.10"', 'overage: 0.10'), 'DOCUMENT_INVALID'],
    ['a negative price', (text) => text.replace('overage: "0.10"', 'overage: "-0.10"'), 'DOCUMENT_INVALID'],
    ['no currency', (text) => text.replace('  currency: usd\n', ''), 'DOCUMENT_INVALID'],
    ['one that has ended', (text) => text.replace('  version: 1', '  version: 1\n  retired: true'), 'PRICE_BOOK_RETIRED'],
  ];
  for (const [what, change, code] of wrong) {
    it(`with ${what} is refused`, () => {
      const outcome = bookFrom(change);
      assert.deepEqual(outcome.ok ? [] : [...new Set(outcome.problems.map((problem) => problem.code))], [code]);
    });
  }
});
