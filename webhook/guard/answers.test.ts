// SPDX-License-Identifier: Apache-2.0
// How the guard answers, whatever it is asked: everybody alike, in time, and always.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { writKinds } from '../../crds/kinds.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { createVerifyAhead } from './ahead.ts';
import { handleGuard } from './index.ts';
import type { GuardDeps } from './index.ts';
import { createWaiting } from './wait.ts';
import { AT_MS, two, enforced, nothing, reviewOf, depsOf, answerOf, said } from './test-guard.ts';

describe('the guard', () => {
  it('answers everybody alike', async () => {
    for (const username of ['system:serviceaccount:writ-system:writ-operator', 'kubernetes-admin', 'system:apiserver']) {
      const user = { username, groups: ['system:masters', 'system:authenticated'] };
      assert.equal(await said({ before: two, user }), 'REMOVAL_UNSEALED', username);
    }
  });

  it('waits for what the writer knew first, and no longer than it may', async () => {
    const clock = fakeClock(AT_MS);
    let view = nothing;
    const waiting = createWaiting({ clock, timeoutMs: 1000, stateOf: () => view });
    const deps: GuardDeps = { view: () => view, waiting, systemNamespace: 'writ-system', ahead: createVerifyAhead(clock, provingHere()) };
    const arriving = handleGuard(reviewOf({ after: two }), deps);
    view = enforced;
    waiting.wake();
    assert.equal(answerOf(await arriving).allowed, true);
    view = nothing;
    const late = handleGuard(reviewOf({ after: two }), deps);
    await clock.advance(1000);
    assert.equal(answerOf(await late).code, 'TRUST_MISSING');
    assert.equal(clock.pending, 0);
  });

  it('refuses while its caches are empty', async () => {
    const deps = depsOf(undefined);
    const clock = fakeClock(AT_MS);
    const asked = handleGuard(reviewOf({ after: two }), { ...deps, waiting: createWaiting({ clock, timeoutMs: 10, stateOf: () => 0 }) });
    await clock.advance(10);
    assert.equal(answerOf(await asked).code, 'WEBHOOK_NOT_READY');
  });

  it('is total: whatever stands in an object is refused or passes, and nothing is thrown', () => {
    const hostile = fc.oneof(
      fc.jsonValue(),
      // As text: in a literal it is no field, and the API server would hear nothing of it.
      fc.constant(JSON.parse('{"constructor":1,"__proto__":{"document":"x"},"spec":{"toString":{}},"signature":{"__proto__":{}}}')),
      fc.record({ metadata: fc.jsonValue(), spec: fc.jsonValue(), signature: fc.jsonValue(), data: fc.jsonValue() }),
    );
    const resources = fc.constantFrom(...writKinds.map(({ plural }) => plural), 'configmaps');
    fc.assert(
      fc.property(hostile, hostile, resources, (before, after, resource) => {
        const labelled = (object: unknown): unknown =>
          typeof object === 'object' && object !== null && resource === 'configmaps'
            ? { ...object, metadata: { name: 'writ-marks', labels: { 'writ.dev/marks': 'true' } } }
            : object;
        const text = reviewOf({ before: labelled(before), after: labelled(after), resource });
        const clock = fakeClock(AT_MS);
        const answer = handleGuard(text, { ...depsOf(enforced), waiting: createWaiting({ clock, timeoutMs: 0, stateOf: () => 0 }) });
        if (!(answer instanceof Promise)) assert.ok([200, 400].includes(answer.status));
      }),
      { numRuns: 300 },
    );
  });
});
