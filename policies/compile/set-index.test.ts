// SPDX-License-Identifier: Apache-2.0
// The index against plain matching of every policy, on random rules, selectors and requests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PolicySpec, ResourceRule } from '../../crds/generated/objects.ts';
import { compilePolicies } from './index.ts';
import { matchOutcome } from './match.ts';
import { labelsOf } from './selector.ts';
import { input, request, rule } from './test-case.ts';

const GROUPS = ['', 'apps', 'x'];
const PLURALS = ['pods', 'deployments', 'namespaces', 'things'];
const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;
const oneOrAll = (values: readonly string[]) =>
  fc.oneof(fc.constant(['*']), fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }));
const anyRule: fc.Arbitrary<ResourceRule> = fc.record({
  apiGroups: oneOrAll(GROUPS),
  apiVersions: oneOrAll(['v1', 'v2']),
  operations: fc.oneof(fc.constant(['*'] as const), fc.uniqueArray(fc.constantFrom(...OPERATIONS), { minLength: 1 })),
  resources: fc.uniqueArray(fc.constantFrom('*', '*/*', 'pods/*', '*/status', ...PLURALS, 'pods/status'), { minLength: 1, maxLength: 3 }),
  scope: fc.constantFrom('*', 'Cluster', 'Namespaced'),
});
const LABELS = ['a', 'b'];
const anySelector = fc.oneof(
  fc.constant({}),
  fc.dictionary(fc.constantFrom(...LABELS), fc.constantFrom('1', '2'), { maxKeys: 2 }).map((matchLabels) => ({ matchLabels })),
  fc
    .record({
      key: fc.constantFrom(...LABELS),
      operator: fc.constantFrom('In' as const, 'NotIn' as const),
      values: fc.uniqueArray(fc.constantFrom('1', '2'), { minLength: 1 }),
    })
    .map((one) => ({ matchExpressions: [one] })),
  fc
    .record({ key: fc.constantFrom(...LABELS), operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const) })
    .map((one) => ({ matchExpressions: [one] })),
);
const anyPolicy: fc.Arbitrary<Partial<PolicySpec>> = fc.record({
  matchConstraints: fc.record({
    resourceRules: fc.array(anyRule, { minLength: 1, maxLength: 2 }),
    excludeResourceRules: fc.array(anyRule, { maxLength: 1 }),
    namespaceSelector: anySelector,
    matchPolicy: fc.constantFrom('Exact', 'Equivalent'),
  }),
});
const anyResource = fc.record({
  group: fc.constantFrom(...GROUPS),
  version: fc.constantFrom('v1', 'v2'),
  resource: fc.constantFrom(...PLURALS),
});
const anyRequest = fc
  .record({
    resource: anyResource,
    requestResource: fc.option(anyResource, { nil: undefined }),
    subResource: fc.constantFrom('', 'status'),
    operation: fc.constantFrom(...OPERATIONS),
    namespace: fc.constantFrom('', 'ns'),
  })
  .map(request);

test('the index finds exactly those that match, in the order of their names', () => {
  fc.assert(
    fc.property(
      fc.array(anyPolicy, { minLength: 1, maxLength: 12 }),
      anyRequest,
      fc.option(fc.dictionary(fc.constantFrom(...LABELS), fc.constantFrom('1', '2', '3')), { nil: undefined }),
      (specs, asked, labelMap) => {
        const { set, refused } = compilePolicies(specs.map((spec, index) => ({ ...input(`p${index}`, spec), bindings: [] })));
        assert.deepEqual(refused, []);
        const namespaceLabels = labelMap === undefined ? undefined : labelsOf({ metadata: { labels: labelMap } });
        const facts = { request: asked, namespaceLabels, isAgent: () => true, known: new Map() };
        const matches = (policies: typeof set.policies): readonly string[] =>
          policies.filter((policy) => ['matches', 'namespace-unknown'].includes(matchOutcome(policy.match, facts))).map(({ name }) => name);
        assert.deepEqual(matches(set.candidates(asked, namespaceLabels)), matches(set.policies));
      },
    ),
    { numRuns: 400 },
  );
});

test('of a thousand policies for as many namespaces a request meets its own', () => {
  const documents = Array.from({ length: 1_000 }, (_, index) =>
    input(`p${index}`, {
      matchConstraints: { resourceRules: [rule({})], namespaceSelector: { matchLabels: { tenant: `t${index % 40}` } } },
    }),
  );
  const { set } = compilePolicies(documents);
  assert.equal(set.candidates(request({}), labelsOf({ metadata: { labels: { tenant: 't7' } } })).length, 25);
  assert.equal(
    set.candidates(
      request({ resource: { group: 'apps', version: 'v1', resource: 'deployments' } }),
      labelsOf({ metadata: { labels: { tenant: 't7' } } }),
    ).length,
    0,
  );
});
