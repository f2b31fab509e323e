// SPDX-License-Identifier: Apache-2.0
// A plain policy that passes is judged by a shorter way; what comes of a set must be what comes of the long one.
import assert from 'node:assert/strict';
import { it, test } from 'node:test';
import * as fc from 'fast-check';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { compilePolicies } from '../compile/index.ts';
import type { PolicySet } from '../compile/index.ts';
import { subjectOf } from '../subject/index.ts';
import { startRun } from './index.ts';
import { DEFAULT_LIMITS, isSpent } from './limits.ts';
import type { DecisionLimits } from './limits.ts';
import { MOST_IN_VAIN, passes, plainPolicies } from './plain.ts';
import { evaluatePolicy } from './policy.ts';
import { conditions, decideOn, ERROR, everything, input, namespaceObject, request, setOf, tenant, validation } from './test-case.ts';

const runOf = (limits: DecisionLimits = DEFAULT_LIMITS) => {
  const asked = request();
  return startRun(subjectOf(asked), { request: asked, namespaceObject, tenant, limits });
};

/** Each policy by the long way, until nothing is left. */
const atLength = (set: PolicySet, limits: DecisionLimits) => {
  const run = runOf(limits);
  const outcomes = set.policies.map((policy) => (isSpent(run.meter) ? undefined : evaluatePolicy(policy, run)));
  return {
    violations: isSpent(run.meter) ? undefined : outcomes.flatMap((outcome) => outcome?.violations ?? []),
    applied: set.policies.filter((_, at) => outcomes[at]?.applied === true).map(({ name }) => name),
  };
};

const LOOP = `${'[1,2,3,4,5,6,7,8,9].all(a, '.repeat(3)}object.spec.n == 3${')'.repeat(3)}`;
const anySpec: fc.Arbitrary<Partial<PolicySpec>> = fc.record({
  enforcement: fc.constantFrom('Deny', 'Warn', 'Audit'),
  failurePolicy: fc.constantFrom('Fail', 'Ignore'),
  matchConstraints: fc.constantFrom(everything, { resourceRules: [{ ...everything.resourceRules[0], resources: ['services'] }] }),
  validations: fc
    .array(fc.constantFrom('true', 'false', ERROR, 'object.spec.n == 3', "object.spec.n == 3 && object.metadata.name == 'web'", LOOP), {
      minLength: 1,
      maxLength: 3,
    })
    .map((list) => list.map((expression) => ({ expression }))),
});

test('a set comes to the same by both ways, whatever is left to spend', () => {
  const anyLimits = fc.record({
    expression: fc.constantFrom(3, 500, DEFAULT_LIMITS.expression),
    policy: fc.constantFrom(2, 700, DEFAULT_LIMITS.policy),
    effort: fc.constantFrom(5, 300, 4000, 20_000, DEFAULT_LIMITS.effort),
  });
  const ends = { violations: 0, spent: 0 };
  fc.assert(
    fc.property(fc.array(anySpec, { minLength: 1, maxLength: 5 }), anyLimits, (specs, some) => {
      const { set } = compilePolicies(specs.map((spec, index) => input(`p${index}`, spec)));
      const limits = { ...DEFAULT_LIMITS, ...some };
      const decision = decideOn(set, request(), { limits });
      const expected = atLength(set, limits);
      if (expected.violations === undefined) {
        ends.spent += 1;
        assert.deepEqual(
          decision.violations.map(({ cause }) => cause),
          ['budget'],
        );
        return;
      }
      ends.violations += Math.min(1, expected.violations.length);
      assert.deepEqual(decision.violations, expected.violations);
      assert.deepEqual(
        decision.evaluated.map(({ policy }) => policy),
        expected.applied,
      );
    }),
    { numRuns: 400 },
  );
  assert.ok(ends.spent > 10 && ends.violations > 10, JSON.stringify(ends));
});

it('only expressions alone are plain', () => {
  const rest: readonly Partial<PolicySpec>[] = [
    { ...validation('true'), ...conditions('true') },
    { ...validation('true'), variables: [{ name: 'v', expression: 'true' }] },
    { ...validation('true'), auditAnnotations: [{ key: 'a', valueExpression: "'x'" }] },
    validation('true', { messageExpression: "'x'" }),
    { ...validation('true'), jsonSchema: { type: 'object' } },
    validation("authorizer.group('').resource('pods').check('get').allowed()"),
  ];
  const set = setOf(validation('true'), ...rest);
  const [first, ...others] = plainPolicies(set.policies);
  assert.ok(first !== undefined && passes(first, runOf()));
  assert.deepEqual(
    others.map((plain) => plain === undefined),
    rest.map(() => true),
  );
  assert.equal(plainPolicies(set.policies.map((policy) => ({ ...policy, unsigned: true })))[0], undefined);
  assert.equal(plainPolicies(set.policies.map((policy) => ({ ...policy, confinedTo: new Set(['acme']) })))[0], undefined);
});

it('what does not pass has taken nothing', () => {
  const run = runOf();
  const before = run.meter.variables.effort;
  for (const plain of plainPolicies(setOf(validation('false'), validation(`${LOOP} && ${ERROR}`)).policies))
    assert.equal(plain === undefined || passes(plain, run), false);
  assert.equal(run.meter.variables.effort, before);
});

it('is not tried in vain for long: what it took and gave back is bounded', () => {
  const long = `${'[1,2,3,4,5,6,7,8,9].all(a, '.repeat(5)}object.spec.n == 3${')'.repeat(5)} && false`;
  const set = setOf(...Array.from({ length: 12 }, () => validation(long)), validation('true'));
  const run = runOf();
  const vain = plainPolicies(set.policies).map((plain) => {
    const before = run.meter.vain;
    assert.equal(plain !== undefined && passes(plain, run), plain === plainPolicies(set.policies).at(-1) && before <= MOST_IN_VAIN);
    return run.meter.vain - before;
  });
  assert.ok((vain[0] ?? 0) > 100_000, `${vain[0]}`);
  assert.ok(run.meter.vain > MOST_IN_VAIN && run.meter.vain <= MOST_IN_VAIN + (vain[0] ?? 0), JSON.stringify(vain));
  assert.equal(vain.at(-1), 0);
  assert.deepEqual(
    decideOn(set).violations.map(({ policy }) => policy),
    atLength(set, DEFAULT_LIMITS).violations?.map(({ policy }) => policy),
  );
});
