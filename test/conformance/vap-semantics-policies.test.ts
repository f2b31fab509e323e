// SPDX-License-Identifier: Apache-2.0
// What a real API server does with policies: each row is judged by the API server's own dispatcher and by Writ.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { accessBy, annotationsOf, compileCase, decideOn, seenOfOurs, seenOfTheirs } from './compare-policy.ts';
import { startPolicyOracle } from './oracle.ts';
import type { Oracle, PolicyAnswer } from './oracle.ts';
import { namespaces, paramKinds, params } from './requests.ts';
import type { Outcome, PolicyRow } from './policy-rows.ts';
import { POLICY_ROWS } from './vap-semantics-policies.ts';

type Told =
  | { readonly refused: readonly string[] }
  | { readonly denied: unknown; readonly warnings: readonly string[]; readonly annotations: unknown };

const theirs = ({ refused, answers }: PolicyAnswer): Told => {
  const said = Object.values(refused).flat();
  if (said.length > 0) return { refused: said };
  const [verdict] = answers;
  if (verdict === undefined) throw new Error('no answer');
  return { ...seenOfTheirs(verdict), annotations: annotationsOf(verdict.auditAnnotations, 'p/') };
};

const ours = ({ policy, bindings, request }: PolicyRow): Told => {
  const { set, refused } = compileCase({ policy, bindings, authorizations: [] });
  if (refused.length > 0) return { refused };
  const decision = decideOn(set, request, accessBy([]));
  return { ...seenOfOurs(decision), annotations: annotationsOf(decision.auditAnnotations, 'p.') };
};

const wanted = (expect: Exclude<Outcome, { refused: string }>): Told => ({
  denied:
    typeof expect === 'object' && 'deny' in expect
      ? { message: expect.deny, reason: expect.reason ?? 'Invalid', code: expect.code ?? 422 }
      : undefined,
  warnings: typeof expect === 'object' && 'warn' in expect ? expect.warn : [],
  annotations: typeof expect === 'object' && 'annotations' in expect ? Object.entries(expect.annotations) : [],
});

const assertTold = (who: string, told: Told, expect: Outcome): void => {
  if (typeof expect === 'object' && 'refused' in expect) {
    assert.ok('refused' in told && told.refused.some((text) => text.includes(expect.refused)), `${who}: ${JSON.stringify(told)}`);
    return;
  }
  assert.deepEqual(told, wanted(expect), who);
};

describe('what policies do', () => {
  let oracle: Oracle<PolicyAnswer>;
  before(async () => {
    oracle = await startPolicyOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  for (const row of POLICY_ROWS)
    it(`fact ${row.line}: ${row.name.slice(0, 100)}`, async () => {
      const { policy, bindings, request, expect } = row;
      const question = JSON.stringify({ policies: [policy], bindings, params, paramKinds, namespaces, requests: [request] });
      const [answer] = await oracle.ask([question]);
      assert.ok(answer !== undefined);
      assertTold('Kubernetes', theirs(answer), expect);
      assertTold('ours', ours(row), expect);
    });
});
