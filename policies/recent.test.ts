// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createRecent } from './recent.ts';

it('the last few that were asked for are known, whatever their keys are', () => {
  const recent = createRecent<number>(2);
  recent.keep('__proto__', 1);
  recent.keep('b', 2);
  assert.equal(recent.recall('__proto__'), 1);
  recent.keep('c', 3);
  // Nobody asked for b since.
  assert.deepEqual(
    ['__proto__', 'b', 'c', 'constructor'].map((key) => recent.recall(key)),
    [1, undefined, 3, undefined],
  );
});
