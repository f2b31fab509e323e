// SPDX-License-Identifier: Apache-2.0
/**
 * Generated policies, judged by Writ and by the API server's own dispatcher.
 *
 * In: how many, and the seed that repeats a run. Out: counts and whatever differed. Both the tests and the whole
 * conformance run call it.
 */
import fc from 'fast-check';
import { comparePolicy, policyQuestion } from './compare-policy.ts';
import type { PolicyDifference } from './compare-policy.ts';
import { startPolicyOracle } from './oracle.ts';
import { arbitraryCase } from './policy-arbitrary.ts';
import type { Case } from './policy-arbitrary.ts';
import { REQUESTS } from './requests.ts';

export type PolicyRun = {
  readonly seed: number;
  readonly policies: number;
  readonly decisions: number;
  readonly denied: number;
  /** Policies that the API server does not store. */
  readonly refused: number;
  readonly differences: readonly { readonly difference: PolicyDifference; readonly policy: Case }[];
};

export type PolicyRunOptions = { readonly policies: number; readonly seed: number };

// Several lines are worked on at once, and answers of a batch are held together.
const BATCH = 200;

export const runPolicies = async ({ policies, seed }: PolicyRunOptions): Promise<PolicyRun> => {
  await using oracle = await startPolicyOracle();
  const cases = fc.sample(arbitraryCase(), { seed, numRuns: policies });
  const differences: { difference: PolicyDifference; policy: Case }[] = [];
  let [decisions, denied, refused] = [0, 0, 0];
  for (let start = 0; start < cases.length; start += BATCH) {
    const batch = cases.slice(start, start + BATCH);
    const answers = await oracle.ask(batch.map(policyQuestion));
    for (const [index, policy] of batch.entries()) {
      const answer = answers[index];
      if (answer === undefined) continue;
      const compared = comparePolicy(policy, answer);
      decisions += compared.decisions;
      denied += compared.denied;
      refused += compared.refused ? 1 : 0;
      differences.push(...compared.differences.map((difference) => ({ difference, policy })));
    }
  }
  return { seed, policies: cases.length, decisions, denied, refused, differences };
};

const of = (request: number): string => (request < 0 ? 'the policy' : `${REQUESTS[request]?.operation} ${request}`);

export const policyRunText = ({ seed, policies, decisions, denied, refused, differences }: PolicyRun): readonly string[] => [
  `policies by the dispatcher, seed ${seed}: ${policies} policies, ${decisions} decisions (${denied} denied), ${refused} refused at creation, ${differences.length} differences`,
  ...differences
    .slice(0, 20)
    .map(
      ({ difference: { what, request, ours, theirs }, policy }) =>
        `${what} of ${of(request)}\n  ours   ${ours}\n  theirs ${theirs}\n  ${JSON.stringify(policy)}`,
    ),
];
