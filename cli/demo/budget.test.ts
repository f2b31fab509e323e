// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { budgetText } from './budget.ts';

it('tells what is left of an error budget, whatever was asked and promised', () => {
  assert.equal(budgetText({ promised: 0.999, valid: 2000, bad: 1 }), 'promised 99.9 %; 2000 answers, 1 bad: 50 % of the budget is left');
  assert.equal(budgetText({ promised: 0.9, valid: 10, bad: 2 }), 'promised 90 %; 10 answers, 2 bad: -100 % of the budget is left');
  assert.equal(budgetText({ promised: 0.999, valid: 0, bad: 0 }), 'promised 99.9 %; no answer yet, 0 bad: nothing of the budget is spent');
  assert.equal(budgetText({ promised: 1, valid: 5, bad: 0 }), 'promised 100 %; 5 answers, 0 bad: there is no budget, and none is spent');
  assert.equal(budgetText({ promised: 1, valid: 5, bad: 1 }), 'promised 100 %; 5 answers, 1 bad: there is no budget, and it is overspent');
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(share, fc.nat(), fc.nat(), (promised, valid, bad) => {
      assert.doesNotMatch(budgetText({ promised, valid, bad: Math.min(bad, valid) }), /NaN|Infinity/);
    }),
  );
});
