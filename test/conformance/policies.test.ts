// SPDX-License-Identifier: Apache-2.0
// Generated ValidatingAdmissionPolicies, judged by Writ and by the API server's own dispatcher on raw objects.
// WRIT_CONFORMANCE_POLICIES says how many, WRIT_CONFORMANCE_SEED repeats a run.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { comparePolicy, policyQuestion } from './compare-policy.ts';
import type { PolicyDifference } from './compare-policy.ts';
import { knownPolicyDifference } from './known-differences.ts';
import { startPolicyOracle } from './oracle.ts';
import type { Oracle, PolicyAnswer } from './oracle.ts';
import { arbitraryCase } from './policy-arbitrary.ts';
import type { Case } from './policy-arbitrary.ts';
import { REQUESTS } from './requests.ts';

const COUNT = Number(process.env['WRIT_CONFORMANCE_POLICIES'] ?? 100);
const SEED = Number(process.env['WRIT_CONFORMANCE_SEED'] ?? 1);
const SHOWN = 20;

const isNew = (difference: PolicyDifference): boolean => knownPolicyDifference(difference) === undefined;

describe('generated policies', () => {
  let oracle: Oracle<PolicyAnswer>;
  before(async () => {
    oracle = await startPolicyOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  const differencesOf = async (one: Case): Promise<readonly PolicyDifference[]> => {
    const [answer] = await oracle.ask([policyQuestion(one)]);
    return answer === undefined ? [] : comparePolicy(one, answer).differences.filter(isNew);
  };

  it('decide as the API server decides', async (context) => {
    const cases = fc.sample(arbitraryCase(), { seed: SEED, numRuns: COUNT });
    const answers = await oracle.ask(cases.map(policyQuestion));
    const known: Record<string, number> = {};
    const found: string[] = [];
    let [decisions, denied, refused] = [0, 0, 0];
    for (const [index, one] of cases.entries()) {
      const answer = answers[index];
      if (answer === undefined) continue;
      const compared = comparePolicy(one, answer);
      decisions += compared.decisions;
      denied += compared.denied;
      refused += compared.refused ? 1 : 0;
      for (const difference of compared.differences) {
        const row = knownPolicyDifference(difference);
        if (row === undefined)
          found.push(
            `${difference.what} of ${JSON.stringify(REQUESTS[difference.request]?.operation)} ${difference.request}\n  ours   ${difference.ours}\n  theirs ${difference.theirs}\n  ${JSON.stringify(one)}`,
          );
        else known[row.name] = (known[row.name] ?? 0) + 1;
      }
    }
    context.diagnostic(
      `seed ${SEED}: ${COUNT} policies, ${decisions} decisions (${denied} denied), ${refused} refused by the API server, ${found.length} differences`,
    );
    for (const [name, count] of Object.entries(known)) context.diagnostic(`  known: ${name}: ${count}`);
    for (const text of found.slice(0, SHOWN)) context.diagnostic(text);
    if (found.length === 0) return;
    // The same as a property, so that a difference shrinks.
    await fc.assert(
      fc.asyncProperty(arbitraryCase(), async (one) => assert.deepEqual(await differencesOf(one), [])),
      { seed: SEED, numRuns: COUNT },
    );
    assert.fail('see above');
  });
});
