// SPDX-License-Identifier: Apache-2.0
// A plain policy that passes is judged by a shorter way; what comes of a set must be what comes of the long one.
import assert from 'node:assert/strict';
import { it, test } from 'node:test';
import * as fc from 'fast-check';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { compilePolicies } from '../compile/index.ts';
import type { CompiledPolicy, PolicySet } from '../compile/index.ts';
import { createSet } from '../compile/set-index.ts';
import { subjectOf } from '../subject/index.ts';
import { startRun } from './index.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { DecisionLimits } from './limits.ts';
import { MOST_IN_VAIN, passes, plainPolicies } from './plain.ts';
import { conditions, decideOn, ERROR, everything, input, namespaceObject, request, setOf, tenant, validation } from './test-case.ts';

const runOf = (limits: DecisionLimits = DEFAULT_LIMITS) => {
  const asked = request();
  return startRun(subjectOf(asked), { request: asked, namespaceObject, tenant, limits });
};

/** The same set with nothing plain in it: a policy that could ask the authorizer, and does not, comes to the same by the long way. */
const atLength = (set: PolicySet): PolicySet => createSet(set.policies.map((policy) => ({ ...policy, asksAuthorizer: true })));

const LOOP = `${'[1,2,3,4,5,6,7,8,9].all(a, '.repeat(3)}object.spec.n == 3${')'.repeat(3)}`;
const PLAIN = {};
/** Most are plain, and those that are not stand between them. */
const REST: readonly Partial<PolicySpec>[] = [
  conditions('true'),
  conditions('object.spec.n == 4'),
  { auditAnnotations: [{ key: 'n', valueExpression: "'n is ' + string(object.spec.n)" }] },
  { variables: [{ name: 'n', expression: 'object.spec.n' }] },
  { jsonSchema: { type: 'object', required: ['nothing'] } },
  { params: { defaults: { n: 3 } } },
];
const anyPlain: fc.Arbitrary<Partial<PolicySpec>> = fc.record({
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
const anySpec = fc.tuple(anyPlain, fc.constantFrom(PLAIN, PLAIN, PLAIN, ...REST)).map(([spec, more]) => ({ ...spec, ...more }));

/** What a document does not say: who vouches for it, and whom it binds. */
const anyStanding: fc.Arbitrary<Partial<CompiledPolicy>> = fc.constantFrom<Partial<CompiledPolicy>>(
  {},
  {},
  {},
  { unsigned: true, enforcement: 'Audit' },
  { confinedTo: new Set(['acme']) },
  { confinedTo: new Set(['rival']) },
  { ruleset: { name: 'eu', release: '1.0.0', scope: 'Cluster' } },
  { ruleset: { name: 'eu', release: '1.0.0', scope: 'Tenants' } },
);

test('a set comes to the same by both ways, whatever stands in it and is left to spend', () => {
  const anyLimits = fc.record({
    expression: fc.constantFrom(3, 500, DEFAULT_LIMITS.expression),
    policy: fc.constantFrom(2, 700, DEFAULT_LIMITS.policy),
    effort: fc.constantFrom(5, 300, 4000, 20_000, DEFAULT_LIMITS.effort),
  });
  const ends = { violations: 0, spent: 0, annotations: 0, noted: 0 };
  fc.assert(
    fc.property(fc.array(fc.tuple(anySpec, anyStanding), { minLength: 1, maxLength: 5 }), anyLimits, (drawn, some) => {
      const compiled = compilePolicies(drawn.map(([spec], index) => input(`p${index}`, spec)));
      assert.deepEqual(compiled.refused, []);
      const set = createSet(compiled.set.policies.map((policy, index) => ({ ...policy, ...drawn[index]?.[1] })));
      const limits = { ...DEFAULT_LIMITS, ...some };
      const decision = decideOn(set, request(), { limits });
      assert.deepEqual(decision, decideOn(atLength(set), request(), { limits }));
      const isSpent = decision.violations.some(({ cause }) => cause === 'budget' && decision.evaluated.length === 0);
      ends.spent += Number(isSpent);
      ends.violations += Number(!isSpent && decision.violations.length > 0);
      ends.annotations += Number(Object.keys(decision.auditAnnotations).length > 0);
      ends.noted += Number(decision.evaluated.some(({ verdict }) => verdict === 'Audit'));
    }),
    {
      numRuns: 400,
      examples: [[[[{ ...validation('true'), auditAnnotations: [{ key: 'a', valueExpression: "'x'" }] }, {}]], DEFAULT_LIMITS]],
    },
  );
  assert.ok(
    Object.values(ends).every((times) => times > 0),
    JSON.stringify(ends),
  );
});

it('only expressions alone are plain', () => {
  const rest: readonly Partial<PolicySpec>[] = [
    { ...validation('true'), ...conditions('true') },
    { ...validation('true'), variables: [{ name: 'v', expression: 'true' }] },
    { ...validation('true'), auditAnnotations: [{ key: 'a', valueExpression: "'x'" }] },
    validation('true', { messageExpression: "'x'" }),
    { ...validation('true'), jsonSchema: { type: 'object' } },
    { ...validation('true'), params: { defaults: {} } },
    validation("authorizer.group('').resource('pods').check('get').allowed()"),
  ];
  const set = setOf(validation('true'), ...rest);
  const [first, ...others] = plainPolicies(set.policies);
  assert.ok(first !== undefined && passes(first, runOf()));
  assert.deepEqual(
    others.map((plain) => plain === undefined),
    rest.map(() => true),
  );
  const standings: readonly Partial<CompiledPolicy>[] = [
    { unsigned: true },
    { confinedTo: new Set(['acme']) },
    { ruleset: { name: 'eu', release: '1.0.0', scope: 'Cluster' } },
    { bindings: [] },
  ];
  for (const standing of standings)
    assert.deepEqual(
      plainPolicies(set.policies.map((policy) => ({ ...policy, ...standing }))).filter((plain) => plain !== undefined),
      [],
      JSON.stringify(standing),
    );
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
  assert.deepEqual(decideOn(set), decideOn(atLength(set)));
});
