// SPDX-License-Identifier: Apache-2.0
// What is refused and where, names, and the digest of a set.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { setDigest } from './digest.ts';
import { compilePolicies, emptySet } from './index.ts';
import { input, rule, withRule } from './test-case.ts';

type RefusalRow = { readonly name: string; readonly spec: Partial<PolicySpec>; readonly code: string; readonly path: string };
const refusals: readonly RefusalRow[] = [
  {
    name: 'paramKind',
    spec: { ...withRule({}), paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } },
    code: 'POLICY_PARAM_KIND',
    path: 'spec.paramKind',
  },
  { name: 'nothing to match', spec: {}, code: 'POLICY_MATCH', path: 'spec.matchConstraints' },
  {
    name: '* beside another group',
    spec: withRule({ apiGroups: ['*', 'apps'] }),
    code: 'POLICY_MATCH',
    path: 'spec.matchConstraints.resourceRules[0].apiGroups',
  },
  {
    name: 'In without values',
    spec: { matchConstraints: { resourceRules: [rule({})], objectSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
    code: 'POLICY_MATCH',
    path: 'spec.matchConstraints.objectSelector.matchExpressions',
  },
  {
    name: 'a schema with an unknown keyword',
    spec: { ...withRule({}), jsonSchema: { reqired: ['a'] } },
    code: 'POLICY_SCHEMA',
    path: 'spec.jsonSchema',
  },
  {
    name: 'a remote $ref',
    spec: { ...withRule({}), jsonSchema: { $ref: 'https://example.com/x' } },
    code: 'POLICY_SCHEMA',
    path: 'spec.jsonSchema.$ref',
  },
  {
    name: 'defaults that do not fit',
    spec: { ...withRule({}), params: { schema: { type: 'object', properties: { max: { type: 'integer' } } }, defaults: { max: 'x' } } },
    code: 'POLICY_PARAMS',
    path: 'spec.params.defaults',
  },
];

for (const row of refusals) {
  test(`refused: ${row.name}`, () => {
    const { set, refused } = compilePolicies([input('p', row.spec)]);
    assert.equal(set.policies.length, 0);
    const problem = refused[0]?.problems[0];
    assert.equal(problem?.code, row.code);
    assert.equal(problem?.path, row.path);
    assert.equal(problem?.at?.file, 'p.yaml');
  });
}

test('a policy of ours has 20,000 characters of expressions at most, a ValidatingAdmissionPolicy as many as it likes', () => {
  const source = (length: number): string => `${' '.repeat(length - 4)}true`;
  const spec = {
    ...withRule({}),
    matchConditions: [{ name: 'a', expression: source(5_000) }],
    variables: [{ name: 'b', expression: source(5_000) }],
    auditAnnotations: [{ key: 'c', valueExpression: `'${'x'.repeat(4_998)}'` }],
  };
  const validations = (length: number) => [{ expression: source(length - 3), messageExpression: "'m'" }];
  assert.deepEqual(compilePolicies([input('p', { ...spec, validations: validations(5_000) })]).refused, []);
  const long = input('p', { ...spec, validations: validations(5_001) });
  assert.deepEqual(
    compilePolicies([long]).refused[0]?.problems.map(({ code, path }) => [code, path]),
    [['POLICY_EXPRESSION', 'spec']],
  );
  assert.deepEqual(compilePolicies([{ ...long, bindings: [] }]).refused, []);
});

test('of two policies of one name the other is refused, whatever the order', () => {
  const both = [input('p', withRule({}), 'sha256:b'), input('p', withRule({}), 'sha256:a')];
  for (const documents of [both, both.toReversed()]) {
    const { set, refused } = compilePolicies(documents);
    assert.deepEqual(
      set.policies.map(({ digest }) => digest),
      ['sha256:a'],
    );
    assert.equal(refused[0]?.problems[0]?.code, 'POLICY_NAME_TAKEN');
  }
});

test('the digest of a set says its content and not its order', () => {
  const documents = ['a', 'b', 'c'].map((name) => input(name, withRule({})));
  const digest = compilePolicies(documents).set.digest;
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(compilePolicies(documents.toReversed()).set.digest, digest);
  assert.notEqual(compilePolicies(documents.slice(1)).set.digest, digest);
  assert.notEqual(compilePolicies([...documents.slice(1), input('a', withRule({}), 'sha256:other')]).set.digest, digest);
  assert.equal(compilePolicies([]).set.digest, emptySet.digest);
  const pairs = [
    { name: 'b', digest: '1' },
    { name: 'a', digest: '2' },
  ];
  assert.equal(setDigest(pairs), setDigest(pairs.toReversed()));
});
