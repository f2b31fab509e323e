// SPDX-License-Identifier: Apache-2.0
// Each attack is refused by its code, each control is accepted, nothing is thrown; and the counts are told.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { attacks, controls } from './attacks.ts';
import { gate } from './attacks/gate.ts';

let [refused, accepted] = [0, 0];

describe('is refused', () => {
  for (const { name, code, attempt } of attacks) {
    it(name, () => {
      assert.equal(gate(attempt()), code);
      refused += 1;
    });
  }
});

describe('is accepted', () => {
  for (const { name, attempt } of controls) {
    it(name, () => {
      assert.equal(gate(attempt()), 'accepted');
      accepted += 1;
    });
  }
});

it('there are at least 79 attacks and 21 controls, each with a name of its own', (test) => {
  const names = [...attacks, ...controls].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(attacks.length >= 79 && controls.length >= 21, `${attacks.length} attacks, ${controls.length} controls`);
  test.diagnostic(`${refused} of ${attacks.length} attacks refused, ${accepted} of ${controls.length} controls accepted`);
});

after(() => assert.deepEqual([refused, accepted], [attacks.length, controls.length]));
