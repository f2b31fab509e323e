// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicySpec, ResourceRule } from '../../crds/generated/objects.ts';
import { compilePolicies } from './index.ts';
import { findingPath, matchFindings } from './match-findings.ts';
import { input, rule, withRule } from './test-case.ts';

const findings = (spec: Partial<PolicySpec>): readonly string[] => {
  const { set, refused } = compilePolicies([input('p', spec)]);
  assert.deepEqual(refused, []);
  const [policy] = set.policies;
  assert.ok(policy);
  return matchFindings(policy, spec.matchConstraints?.resourceRules?.length ?? 0).map(findingPath);
};

const excluding = (rules: readonly ResourceRule[], excluded: readonly ResourceRule[]): Partial<PolicySpec> => ({
  matchConstraints: { resourceRules: [...rules], excludeResourceRules: [...excluded] },
});
const selecting = (
  ...matchExpressions: readonly { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }[]
) => ({
  matchConstraints: { resourceRules: [rule({})], namespaceSelector: { matchExpressions: [...matchExpressions] } },
});
const condition = (expression: string, operations: ResourceRule['operations'] = ['CREATE', 'UPDATE']): Partial<PolicySpec> => ({
  ...withRule({ operations }),
  matchConditions: [{ name: 'c', expression }],
});

const EXCLUDED = ['spec.matchConstraints.resourceRules[0]'];
const SELECTOR = ['spec.matchConstraints.namespaceSelector'];
const CONDITION = ['spec.matchConditions[0].expression'];

describe('what can never match', () => {
  for (const [name, spec, expected] of [
    ['a plain rule', withRule({}), []],
    ['all that is named is excluded', excluding([rule({})], [rule({ resources: ['*'] })]), EXCLUDED],
    ['another operation is excluded', excluding([rule({ operations: ['CREATE'] })], [rule({ operations: ['DELETE'] })]), []],
    ['a part is excluded', excluding([rule({ resources: ['pods', 'services'] })], [rule({})]), []],
    ['subresources only are excluded', excluding([rule({})], [rule({ resources: ['pods/exec'] })]), []],
    ['another version is excluded, which equivalence covers', excluding([rule({})], [rule({ apiVersions: ['v2'] })]), EXCLUDED],
    ['deployments of the core group', withRule({ resources: ['deployments'] }), ['spec.matchConstraints.resourceRules[0].apiGroups']],
    ['deployments of apps', withRule({ resources: ['deployments'], apiGroups: ['apps'] }), []],
    ['deployments of a stranger', withRule({ resources: ['deployments'], apiGroups: ['x.example.com'] }), []],
    ['two values at once', selecting({ key: 'a', operator: 'In', values: ['x'] }, { key: 'a', operator: 'In', values: ['y'] }), SELECTOR],
    ['one of two values', selecting({ key: 'a', operator: 'In', values: ['x', 'y'] }, { key: 'a', operator: 'In', values: ['y'] }), []],
    [
      'a value that is refused',
      selecting({ key: 'a', operator: 'In', values: ['x'] }, { key: 'a', operator: 'NotIn', values: ['x'] }),
      SELECTOR,
    ],
    ['there and not there', selecting({ key: 'a', operator: 'Exists' }, { key: 'a', operator: 'DoesNotExist' }), SELECTOR],
    ['a label that must be there', selecting({ key: 'a', operator: 'Exists' }, { key: 'b', operator: 'DoesNotExist' }), []],
    ['an operation that no rule names', condition("request.operation == 'DELETE'"), CONDITION],
    ['an operation that a rule names', condition("request.operation == 'UPDATE'"), []],
    ['an operation beside what is not known', condition("object.metadata.name == 'x' && request.operation == 'DELETE'"), CONDITION],
    ['what is not known', condition("object.metadata.name == 'x'"), []],
    ['an absent object', condition('oldObject == null'), []],
    ['what may be there', condition("!has(request.name) && request.operation == 'CREATE'"), []],
    ['every operation', condition("request.operation == 'DELETE'", ['*']), []],
    ['a constant', condition('false'), CONDITION],
  ] as const) {
    it(name, () => assert.deepEqual(findings(spec), expected));
  }
});
