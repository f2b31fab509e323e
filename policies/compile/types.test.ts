// SPDX-License-Identifier: Apache-2.0
// What a policy's expressions may use and must give, by type, and where a refusal points. The words are those of the API server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import type { Problem } from '../problem.ts';
import { compilePolicies } from './index.ts';
import { input, withRule } from './test-case.ts';

const problemsOf = (spec: Partial<PolicySpec>): readonly Problem[] =>
  compilePolicies([input('p', { ...withRule({}), ...spec })]).refused.flatMap(({ problems }) => problems);

const told = (spec: Partial<PolicySpec>): readonly string[] => problemsOf(spec).map(({ path, message }) => `${path}: ${message}`);

const validating = (expression: string, variables: Readonly<Record<string, string>> = {}): Partial<PolicySpec> => ({
  variables: Object.entries(variables).map(([name, source]) => ({ name, expression: source })),
  validations: [{ expression, message: 'no' }],
});

const VALIDATION = 'spec.validations[0].expression';

type Row = { readonly name: string; readonly spec: Partial<PolicySpec>; readonly expect: readonly string[] };
const rows: readonly Row[] = [
  // typed and closed (6)
  { name: 'request.object', spec: validating("request.object == 'a'"), expect: [`${VALIDATION}: 1:8: undefined field 'object'`] },
  { name: 'request.uid', spec: validating('has(request.uid)'), expect: [`${VALIDATION}: 1:4: undefined field 'uid'`] },
  {
    name: 'namespaceObject.kind',
    spec: validating("namespaceObject.kind == 'Namespace'"),
    expect: [`${VALIDATION}: 1:16: undefined field 'kind'`],
  },
  {
    name: 'namespaceObject.metadata.managedFields and ownerReferences',
    spec: validating('has(namespaceObject.metadata.managedFields) || has(namespaceObject.metadata.ownerReferences)'),
    expect: [`${VALIDATION}: 1:4: undefined field 'managedFields'`, `${VALIDATION}: 1:51: undefined field 'ownerReferences'`],
  },
  { name: 'request.options is open', spec: validating('has(request.options.anything)'), expect: [] },
  { name: 'a missing namespace', spec: validating("namespaceObject == null || namespaceObject.metadata.name == 'a'"), expect: [] },
  {
    name: 'fields of ours are known',
    spec: validating("workload.contaners.all(c, true) && agent.ownr == 'a'"),
    expect: [`${VALIDATION}: 1:9: undefined field 'contaners'`, `${VALIDATION}: 1:41: undefined field 'ownr'`],
  },
  {
    name: 'and what they hold is as it came',
    spec: validating(
      "workload.containers.all(c, c.resources.limits.cpu == '1') && agent.tools.all(tool, tool.name != '*') && tenant.quota > 1 && agent.isAgent",
    ),
    expect: [],
  },

  // results (7)
  { name: 'a dyn validation', spec: validating('object.spec.flag'), expect: [`${VALIDATION}: 1:1: must evaluate to bool but got dyn`] },
  { name: 'a compared one', spec: validating('object.spec.flag == true'), expect: [] },
  {
    name: 'a dyn message',
    spec: { validations: [{ expression: 'true', messageExpression: 'object.metadata.name' }] },
    expect: ['spec.validations[0].messageExpression: 1:1: must evaluate to string but got dyn'],
  },
  {
    name: 'a dyn annotation',
    spec: { auditAnnotations: [{ key: 'a', valueExpression: 'object.metadata.name' }] },
    expect: ['spec.auditAnnotations[0].valueExpression: 1:1: must evaluate to one of [string null_type] but got dyn'],
  },
  { name: 'null as annotation', spec: { auditAnnotations: [{ key: 'a', valueExpression: 'null' }] }, expect: [] },
  {
    name: 'a dyn match condition',
    spec: { matchConditions: [{ name: 'a', expression: 'object.spec.flag' }] },
    expect: ['spec.matchConditions[0].expression: 1:1: must evaluate to bool but got dyn'],
  },

  // variables (8)
  {
    name: 'a variable is of its type',
    spec: validating("variables.v == 'a' || variables.v == null", { v: '1' }),
    expect: [
      `${VALIDATION}: 1:13: found no matching overload for '_==_' applied to '(int, string)'`,
      `${VALIDATION}: 1:35: found no matching overload for '_==_' applied to '(int, null)'`,
    ],
  },
  {
    name: 'a comparison is a bool',
    spec: validating('variables.v == 1', { v: 'object.x == 1' }),
    expect: [`${VALIDATION}: 1:13: found no matching overload for '_==_' applied to '(bool, int)'`],
  },
  { name: 'a bool variable is a validation', spec: validating('variables.v', { v: 'object.x == 1' }), expect: [] },
  {
    name: 'only those before',
    spec: validating('variables.a == 1', { z: '1', a: 'variables.b', b: '1' }),
    expect: ["spec.variables[1].expression: 1:10: undefined field 'b'"],
  },
  {
    name: 'the first sees none at all',
    spec: validating('true', { a: 'variables.b', b: '1' }),
    expect: ["spec.variables[0].expression: 1:10: undefined field 'b'"],
  },
  {
    name: 'without any there is no `variables`',
    spec: validating('has(variables.v)'),
    expect: [`${VALIDATION}: 1:5: undeclared reference to 'variables' (in container '')`],
  },
  {
    name: 'two of one name: the later counts',
    spec: {
      variables: [
        { name: 'v', expression: '1' },
        { name: 'v', expression: "'a'" },
      ],
      validations: [{ expression: "variables.v == 'a'" }],
    },
    expect: [],
  },
  {
    name: 'one that does not compile is told once',
    spec: validating("variables.v == 'a' && variables.v > 1", { v: '1 + true' }),
    expect: ["spec.variables[0].expression: 1:3: found no matching overload for '_+_' applied to '(int, bool)'"],
  },
  {
    name: 'a variable named by text that is none',
    spec: validating("'variables.b' != 'x' && variables.v == 1", { v: '1' }),
    expect: [],
  },

  // where what is known (9)
  {
    name: 'match conditions have no variables',
    spec: { ...validating('true', { v: '1' }), matchConditions: [{ name: 'a', expression: 'variables.v == 1' }] },
    expect: ["spec.matchConditions[0].expression: 1:1: undeclared reference to 'variables' (in container '')"],
  },
  {
    name: 'params only where the policy has some',
    spec: validating('params.max == 1'),
    expect: [`${VALIDATION}: 1:1: undeclared reference to 'params' (in container '')`],
  },
  {
    name: 'params in match conditions',
    spec: { ...validating('true'), params: { defaults: { a: 1 } }, matchConditions: [{ name: 'a', expression: 'params.a == 1' }] },
    expect: [],
  },

  // literals (10, 11)
  {
    name: 'mixed literals',
    spec: validating("object.kind in ['Pod', object.spec.kind]"),
    expect: [`${VALIDATION}: 1:35: expected type 'string' but found 'dyn'`],
  },
  {
    name: 'a duration that is none, on the second line',
    spec: validating("object.a == 1 ||\n  duration('1d') == duration('24h')"),
    expect: [`${VALIDATION}: 2:12: invalid duration argument`],
  },
];

for (const { name, spec, expect } of rows) test(name, () => assert.deepEqual(told({ jsonSchema: {}, ...spec }), expect));

test('problems carry the place of the field and a code', () => {
  const [problem] = problemsOf(validating('object.a'));
  assert.equal(problem?.code, 'POLICY_EXPRESSION');
  assert.deepEqual(problem?.at, { file: 'p.yaml', line: 4, column: 1 });
});

test('what is kept of one policy serves no other with other types', () => {
  assert.deepEqual(told(validating('variables.v == 1', { v: '1' })), []);
  assert.equal(told(validating('variables.v == 1', { v: "'a'" })).length, 1);
  assert.deepEqual(told(validating('variables.v == 1', { v: 'object.a' })), []);
});

test('paramKind stays refused', () => {
  assert.equal(problemsOf({ ...validating('true'), paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } })[0]?.code, 'POLICY_PARAM_KIND');
});
