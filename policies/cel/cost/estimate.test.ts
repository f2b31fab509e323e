// SPDX-License-Identifier: Apache-2.0
// What Kubernetes 1.36.3 estimated of these expressions, asked of its own code (`EstimateCost` with its CostEstimator).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { celTypes, estimateCost } from '../index.ts';

const variables = { self: celTypes.DYN, str: celTypes.STRING, ls: celTypes.listOf(celTypes.STRING), li: celTypes.listOf(celTypes.INT) };
const NO_BOUND = 2 ** 64;

describe('an estimate', () => {
  const rows: readonly (readonly [string, number, number])[] = [
    ["'abc' == str", 2, 2],
    ["{'a': 1}['a']", 31, 31],
    ["self.l.all(x, x.startsWith('a'))", 2, NO_BOUND],
    ["ls.map(x, x + 'a').join(',')", 12, NO_BOUND],
    ['strings.quote(str)', 1, 1844674407370955300],
  ];
  for (const [expression, min, max] of rows) it(expression, () => assert.deepEqual(estimateCost(expression, { variables }), { min, max }));

  it('is none where the expression does not compile', () => {
    assert.equal(estimateCost('self.', { variables }), undefined);
    assert.equal(estimateCost("li == 'a'", { variables }), undefined);
  });
});
