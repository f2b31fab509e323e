// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile, compileInSteps } from '../cel/index.ts';
import type { Steps } from '../steps.ts';
import { compilePolicy, compilePolicyInSteps } from './policy.ts';
import type { PolicySource } from './policy.ts';

const counted = <T>(steps: Steps<T>): { readonly count: number; readonly outcome: T } => {
  for (let count = 0; ; count += 1) {
    const step = steps.next();
    if (step.done === true) return { count, outcome: step.value };
  }
};

const policyOf = (sources: readonly string[]): PolicySource => ({
  policy: {
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Policy',
    metadata: { name: 'p' },
    spec: {
      version: 1,
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }] },
      variables: [{ name: 'v', expression: '1' }],
      validations: sources.map((expression) => ({ expression, messageExpression: "'no'" })),
      auditAnnotations: [{ key: 'k', valueExpression: "'v'" }],
    },
  },
  digest: 'd',
});

describe('compiling in steps', () => {
  const names = ['object'];

  for (const [name, source] of [
    ['many operands', `${'object.a == 1 || '.repeat(1_100)}true`],
    ['a long list', `[${'1+1,'.repeat(4_900)}1].size() > 1`],
    ['loops in each other', `${'[1].all(x, '.repeat(200)}object.a == 1${')'.repeat(200)}`],
    ['what is wrong at the end', `${'object.a == 1 || '.repeat(1_100)}none`],
  ] as const)
    it(`puts long work aside, and comes to the same: ${name}`, () => {
      const { count, outcome } = counted(compileInSteps(source, { variables: names }));
      const atOnce = compile(source, { variables: names });
      assert.ok(count >= 5, `${count} steps`);
      if (outcome.ok) assert.equal(atOnce.ok && atOnce.program.evaluate({ object: { a: 1 } }, { remaining: 1e6 }), true);
      else assert.deepEqual(outcome, atOnce);
    });

  it('rests between the expressions of a policy', () => {
    const { count, outcome } = counted(compilePolicyInSteps(policyOf(Array.from({ length: 50 }, (_, index) => `variables.v < ${index}`))));
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.ok(count >= 100, `${count} steps`);
  });

  it('does one thing in each step: an expression, or a schema', () => {
    const { policy, digest } = policyOf(Array.from({ length: 20 }, (_, index) => `variables.v < ${index} + 1000`));
    let step = 0;
    const touched = new Map<string, number>();
    /** Read last where it is compiled: all sources were looked at before, for their length. */
    const watched = <T extends object>(name: string, of: T, field: keyof T): T => {
      const value = of[field];
      const get = (): T[keyof T] => {
        touched.set(name, step);
        return value;
      };
      return Object.defineProperty({ ...of }, field, { enumerable: true, get });
    };
    const schema = { type: 'object' };
    const { validations = [], variables = [], auditAnnotations = [] } = policy.spec;
    const spec = {
      ...policy.spec,
      params: { schema: watched('settings', schema, 'type'), defaults: {} },
      variables: variables.map((variable) => watched('variable', variable, 'expression')),
      validations: validations.map((validation, index) => watched(`validation ${index}`, validation, 'expression')),
      jsonSchema: watched('schema', schema, 'type'),
      auditAnnotations: auditAnnotations.map((annotation) => watched('annotation', annotation, 'valueExpression')),
    };
    const steps = compilePolicyInSteps({ policy: { ...policy, spec }, digest });
    let outcome = steps.next();
    for (step = 1; outcome.done !== true; step += 1) outcome = steps.next();
    assert.ok(outcome.value.ok, JSON.stringify(outcome.value));
    assert.equal(touched.size, 24);
    assert.equal(new Set(touched.values()).size, 24, JSON.stringify([...touched]));
  });

  it('tells what is wrong as often as it is asked', () => {
    const policy = policyOf(['nobody', 'variables.v']);
    const first = compilePolicy(policy);
    assert.ok(!first.ok);
    assert.deepEqual(
      first.problems.map(({ path }) => path),
      ['spec.validations[0].expression', 'spec.validations[1].expression'],
    );
    assert.deepEqual(compilePolicy(policy), first);
  });
});
