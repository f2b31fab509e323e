// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz.ts';
import { targets } from './targets.ts';

for (const [name, target] of Object.entries(targets)) {
  test(`${name}: nothing throws, and the same input has the same outcome`, (context) => {
    const { outcomes, findings } = fuzz(target, { inputs: 3_000, seed: 1 });
    context.diagnostic(`${outcomes} different outcomes`);
    assert.deepEqual(findings, []);
    assert.ok(outcomes > 300, `only ${outcomes} different outcomes: the inputs get nowhere`);
  });
}

test('an exception and a changed mind are findings', () => {
  let calls = 0;
  const throwing = {
    input: String,
    run: () => {
      throw new Error('bug');
    },
  };
  const moody = { input: String, run: () => String((calls += 1)) };
  assert.equal(fuzz(throwing, { inputs: 2, seed: 5 }).findings[1]?.seed, 6);
  assert.match(fuzz(moody, { inputs: 1, seed: 5 }).findings[0]?.what ?? '', /second time/);
});
