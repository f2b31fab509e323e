// SPDX-License-Identifier: Apache-2.0
// What holds for all policies and all objects: order is of no consequence, policies do not touch one another, nothing throws.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { parseJson } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';
import { compilePolicies } from '../compile/index.ts';
import { decideOn, ERROR, input, request, setOf, validation } from './test-case.ts';

const EXPRESSIONS = ['true', 'false', ERROR, 'object.spec.n == 3', "variables.v == 'x'", 'has(oldObject.metadata)'] as const;
const anySpec: fc.Arbitrary<Partial<PolicySpec>> = fc.record({
  enforcement: fc.constantFrom('Deny', 'Warn', 'Audit'),
  failurePolicy: fc.constantFrom('Fail', 'Ignore'),
  matchConditions: fc
    .array(fc.constantFrom('true', 'false', ERROR), { maxLength: 2 })
    .map((list) => list.map((expression, index) => ({ name: `c${index}`, expression }))),
  variables: fc.constant([{ name: 'v', expression: 'object.metadata.name' }]),
  validations: fc
    .array(fc.constantFrom(...EXPRESSIONS), { minLength: 1, maxLength: 3 })
    .map((list) => list.map((expression) => ({ expression }))),
});

test('the order of policies never matters', () => {
  fc.assert(
    fc.property(fc.array(anySpec, { minLength: 1, maxLength: 6 }), (specs) => {
      const documents = specs.map((spec, index) => input(`p${index}`, spec));
      const decision = decideOn(compilePolicies(documents).set);
      assert.deepEqual(decideOn(compilePolicies(documents.toReversed()).set), decision);
      const strongest =
        ['Deny', 'Warn', 'Audit'].find((level) => decision.violations.some(({ enforcement }) => enforcement === level)) ?? 'Allow';
      assert.equal(decision.verdict, strongest);
    }),
    { numRuns: 200 },
  );
});

test('each policy decides as it does alone', () => {
  fc.assert(
    fc.property(fc.array(anySpec, { minLength: 2, maxLength: 5 }), (specs) => {
      const documents = specs.map((spec, index) => input(`p${index}`, spec));
      const together = decideOn(compilePolicies(documents).set);
      const alone = documents.flatMap((document) => decideOn(compilePolicies([document]).set).violations);
      assert.deepEqual(together.violations, alone);
    }),
    { numRuns: 200 },
  );
});

const hostileSet = () =>
  setOf(
    validation("workload.containers.all(c, c.image.startsWith('a')) && agent.tools.size() == 0"),
    {
      ...validation("object.metadata.labels['a'] == object.spec.x", { messageExpression: "'bad ' + object.metadata.name" }),
      failurePolicy: 'Ignore',
    },
    {
      jsonSchema: {
        properties: {
          spec: { type: 'object', patternProperties: { '^a': { uniqueItems: true } }, additionalProperties: { maxProperties: 3 } },
        },
      },
    },
    {
      workloads: ['Agent'],
      ...validation('has(agent.owner)'),
      auditAnnotations: [{ key: 'k', valueExpression: 'string(object.metadata.name)' }],
    },
  );

test('no object makes a decision throw', () => {
  const set = hostileSet();
  const key = fc.constantFrom(
    'metadata',
    'spec',
    'labels',
    'containers',
    'image',
    'name',
    'a',
    '__proto__',
    'constructor',
    'toString',
    'annotations',
    'ownerReferences',
  );
  const value = fc.letrec<{ readonly node: Value }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<Value>(null, true, 1, '', 'x'),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(key, tie('node'), { maxKeys: 5 }),
    ),
  })).node;
  const kind = fc.constantFrom('Pod', 'ConfigMap', 'Namespace');
  fc.assert(
    fc.property(value, value, kind, (object, oldObject, name) => {
      const asked = request({ object, oldObject, operation: 'UPDATE', kind: { group: '', version: 'v1', kind: name } });
      assert.ok(['Allow', 'Deny', 'Warn', 'Audit'].includes(decideOn(set, asked).verdict));
    }),
    { numRuns: 1_000 },
  );
});

test('nor does one that nests very deep', () => {
  const object = parseJson(`{"metadata":{"name":"x"},"spec":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`);
  const set = setOf(validation('object.spec == object.spec'), { jsonSchema: { properties: { spec: { uniqueItems: true } } } });
  assert.ok(['Allow', 'Deny'].includes(decideOn(set, request({ object })).verdict));
});
