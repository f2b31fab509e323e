// SPDX-License-Identifier: Apache-2.0
// Generated ValidatingAdmissionPolicies, judged by Writ and by the API server's own dispatcher on raw objects.
// WRIT_CONFORMANCE_POLICIES says how many, WRIT_CONFORMANCE_SEED repeats a run.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { comparePolicy, policyQuestion } from './compare-policy.ts';
import { startPolicyOracle } from './oracle.ts';
import { arbitraryCase } from './policy-arbitrary.ts';
import { policyRunText, runPolicies } from './policy-run.ts';

const COUNT = Number(process.env['WRIT_CONFORMANCE_POLICIES'] ?? 100);
const SEED = Number(process.env['WRIT_CONFORMANCE_SEED'] ?? 1);

it('generated policies decide as the API server decides', async (context) => {
  const run = await runPolicies({ policies: COUNT, seed: SEED });
  for (const text of policyRunText(run)) context.diagnostic(text);
  assert.ok(run.denied > 0, 'nothing was denied, so nothing was compared');
  if (run.differences.length === 0) return;
  // The same as a property, so that a difference shrinks.
  await using oracle = await startPolicyOracle();
  await fc.assert(
    fc.asyncProperty(arbitraryCase(), async (one) => {
      const [answer] = await oracle.ask([policyQuestion(one)]);
      assert.deepEqual(answer === undefined ? [] : comparePolicy(one, answer).differences, []);
    }),
    { seed: SEED, numRuns: COUNT },
  );
  assert.fail('see above');
});
