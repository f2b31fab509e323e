// SPDX-License-Identifier: Apache-2.0
// What the API server does not store Writ refuses too, in the same words and at the same place.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startPolicyOracle } from './oracle.ts';
import type { Oracle, PolicyAnswer } from './oracle.ts';
import { ourRefusals, REFUSED_BINDINGS, REFUSED_POLICIES, refusalsOf, SOUND_POLICY } from './refusals.ts';

const CASES = [
  ...REFUSED_POLICIES.map((policy) => ({ policy, bindings: [] })),
  ...REFUSED_BINDINGS.map((binding) => ({ policy: SOUND_POLICY, bindings: [binding] })),
];

describe('what is not stored', () => {
  let oracle: Oracle<PolicyAnswer>;
  before(async () => {
    oracle = await startPolicyOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  it(`${CASES.length} policies and bindings are refused in the API server's words`, async () => {
    const answers = await oracle.ask(
      CASES.map(({ policy, bindings }) => JSON.stringify({ policies: [policy], bindings, params: [], namespaces: [], requests: [] })),
    );
    const wrong = CASES.flatMap((one, index) => {
      const theirs = refusalsOf(Object.values(answers[index]?.refused ?? {}).flat());
      const ours = ourRefusals(one);
      return theirs.length > 0 && JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ ours, theirs, ...one }];
    });
    assert.deepEqual(wrong, []);
  });
});
