// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { firstDifference } from './difference.ts';

const rows: readonly [string, unknown, unknown, string | undefined][] = [
  ['equal', { a: 1 }, { a: 1 }, undefined],
  ['live has more', { a: { b: 1 } }, { a: { b: 1, c: 2 }, d: 3 }, undefined],
  ['a value changed', { spec: { a: 1 } }, { spec: { a: 2 } }, 'spec.a'],
  ['a field vanished', { spec: { a: 1 } }, { spec: {} }, 'spec.a'],
  ['an inherited name is no field', { constructor: 1 }, {}, 'constructor'],
  ['a list grew', { l: [1] }, { l: [1, 2] }, 'l'],
  ['a list item gained a default', { l: [{ a: 1 }] }, { l: [{ a: 1, b: 2 }] }, undefined],
  ['a list item changed', { l: [{ a: 1 }] }, { l: [{ a: 2 }] }, 'l[0].a'],
  ['a map became a scalar', { a: { b: 1 } }, { a: 'b' }, 'a'],
];

for (const [name, declared, live, expected] of rows) {
  test(`drift: ${name}`, () => assert.equal(firstDifference(declared, live), expected));
}

test('nothing drifts from itself', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => firstDifference(value, structuredClone(value)) === undefined));
});
