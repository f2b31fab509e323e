// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compilePolicies } from './index.ts';
import { createKept } from './kept.ts';
import { input } from '../decide/test-case.ts';

it('holds what fits, and forgets the oldest for the newest', () => {
  const kept = createKept<number>(10);
  const held = (): readonly (number | undefined)[] => ['a', 'b', 'c', 'd'].map((key) => kept.recall(key));
  kept.keep('a', 1, 4);
  kept.keep('b', 2, 4);
  kept.keep('a', 3, 2);
  kept.keep('c', 4, 4);
  assert.deepEqual(held(), [3, 2, 4, undefined]);
  kept.keep('d', 5, 5);
  assert.deepEqual(held(), [undefined, undefined, 4, 5]);
  kept.keep('d', 6, 100);
  assert.deepEqual(held(), [undefined, undefined, undefined, 6]);
  kept.keep('a', 7, 10);
  assert.deepEqual(held(), [7, undefined, undefined, undefined]);
});

it('tells of an expression that is wrong all over no more than can be kept', () => {
  const grown = Array.from({ length: 8 }, () => '.map(x, {x: x})').join('');
  const expression = `[[1]${grown}].all(v, ${Array.from({ length: 40 }, (_, n) => `v + ${n} == ${n}`).join(' || ')})`;
  const { refused } = compilePolicies([input('p', { validations: [{ expression }] })]);
  const messages = refused.flatMap(({ problems }) => problems.map(({ message }) => message));
  assert.equal(messages.length, 11);
  assert.match(messages[0] ?? '', /^1:\d+: .*…$/);
  assert.match(messages.at(-1) ?? '', /^and 30 more/);
  assert.ok(
    messages.every((message) => message.length < 330),
    `${Math.max(...messages.map(({ length }) => length))}`,
  );
});
