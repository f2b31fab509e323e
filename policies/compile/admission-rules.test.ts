// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ResourceRule } from '../../crds/generated/types.ts';
import type { Rule } from '../subject/workload-kinds.ts';
import { admissionRules, compilePolicies, emptySet } from './index.ts';

const policy = (name: string, resourceRules: readonly ResourceRule[]) => ({
  policy: {
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Policy',
    metadata: { name },
    spec: { jsonSchema: {}, matchConstraints: { resourceRules } },
  } as const,
  digest: `sha256:${name}`,
});
const rulesOf = (...lists: readonly (readonly ResourceRule[])[]): readonly Rule[] =>
  admissionRules(compilePolicies(lists.map((rules, index) => policy(`p${index}`, rules))).set);

type Asked = {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly operation: string;
  readonly scope: 'Cluster' | 'Namespaced';
};

/** The API server's own matching of a webhook rule. */
const asks = (rules: readonly Rule[], asked: Asked): boolean =>
  rules.some((rule) => {
    const has = (values: readonly string[], value: string): boolean => values.includes('*') || values.includes(value);
    const [plural = '', sub = ''] = asked.resource.split('/');
    const isResource = rule.resources.some((one) => {
      const [wantedPlural = '', wantedSub = ''] = one.split('/');
      return ['*', plural].includes(wantedPlural) && ['*', sub].includes(wantedSub);
    });
    const isScope = rule.scope === undefined || rule.scope === '*' || rule.scope === asked.scope;
    return (
      isResource &&
      isScope &&
      has(rule.apiGroups, asked.group) &&
      has(rule.apiVersions, asked.version) &&
      has(rule.operations, asked.operation)
    );
  });

const namespaced = (group: string, resource: string, operation: string): Asked => ({
  group,
  version: 'v1',
  resource,
  operation,
  scope: 'Namespaced',
});

test('with nothing verified every workload is still asked about', () => {
  const rules = admissionRules(emptySet);
  for (const [group, resource] of [
    ['', 'pods'],
    ['', 'pods/ephemeralcontainers'],
    ['apps', 'deployments'],
    ['batch', 'cronjobs'],
    ['kagent.dev', 'agents'],
    ['agents.x-k8s.io', 'sandboxes'],
    ['serving.kserve.io', 'inferenceservices'],
  ] as const) {
    for (const operation of ['CREATE', 'UPDATE'])
      assert.ok(asks(rules, namespaced(group, resource, operation)), `${group} ${resource} ${operation}`);
  }
  assert.ok(!asks(rules, namespaced('', 'pods', 'DELETE')));
  assert.ok(!asks(rules, namespaced('', 'pods/status', 'UPDATE')));
  assert.ok(!asks(rules, namespaced('', 'configmaps', 'CREATE')));
});

test('a rule of a policy is added', () => {
  const rules = rulesOf([{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'DELETE'], resources: ['configmaps'] }]);
  assert.ok(asks(rules, namespaced('', 'configmaps', 'DELETE')));
  assert.ok(!asks(rules, namespaced('', 'configmaps', 'UPDATE')));
});

test('wildcards never reach what is outside of namespaces, nor nodes and leases by name', () => {
  const rules = rulesOf(
    [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }],
    [{ apiGroups: ['', 'coordination.k8s.io'], apiVersions: ['v1'], operations: ['*'], resources: ['nodes', 'leases'] }],
  );
  assert.ok(asks(rules, namespaced('anything', 'things', 'DELETE')));
  assert.ok(!asks(rules, { group: '', version: 'v1', resource: 'nodes', operation: 'UPDATE', scope: 'Cluster' }));
  assert.ok(
    !asks(rules, { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles', operation: 'CREATE', scope: 'Cluster' }),
  );
});

test('a cluster-scoped kind comes by its name', () => {
  const rules = rulesOf([{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['namespaces'] }]);
  assert.ok(asks(rules, { group: '', version: 'v1', resource: 'namespaces', operation: 'CREATE', scope: 'Cluster' }));
});

const pick = (values: readonly string[]) =>
  fc.oneof(fc.constant(['*']), fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 }));
const RESOURCES = ['pods', 'pods/*', 'pods/status', '*', '*/*', '*/status', 'deployments', 'deployments/scale'];
const anyRule = fc.record({
  apiGroups: pick(['', 'apps']),
  apiVersions: pick(['v1', 'v2']),
  operations: fc.oneof(
    fc.constant(['*'] as const),
    fc.uniqueArray(fc.constantFrom('CREATE' as const, 'UPDATE' as const, 'DELETE' as const), { minLength: 1 }),
  ),
  resources: fc.uniqueArray(fc.constantFrom(...RESOURCES), { minLength: 1, maxLength: 3 }),
});
const anyAsked = fc.record({
  group: fc.constantFrom('', 'apps', 'other'),
  version: fc.constantFrom('v1', 'v2'),
  resource: fc.constantFrom('pods', 'pods/status', 'pods/exec', 'deployments', 'deployments/scale', 'deployments/status', 'things'),
  operation: fc.constantFrom('CREATE', 'UPDATE', 'DELETE'),
  scope: fc.constant('Namespaced' as const),
});

test('the rules are the union of what the policies say and the baseline, for everything in namespaces', () => {
  const baseline = admissionRules(emptySet);
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 4 }), fc.array(anyAsked, { minLength: 20, maxLength: 20 }), (rules, questions) => {
      const made = rulesOf(rules);
      for (const asked of questions) assert.equal(asks(made, asked), asks(baseline, asked) || asks(rules, asked), JSON.stringify(asked));
    }),
    { numRuns: 300 },
  );
});

test('the API server would take the rules, and their order is stable', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { minLength: 1, maxLength: 4 }), (rules) => {
      const made = rulesOf(rules);
      assert.deepEqual(rulesOf(rules.toReversed()), made);
      for (const { apiGroups, apiVersions, operations, resources } of made) {
        for (const values of [apiGroups, apiVersions, operations])
          assert.ok(values.length > 0 && (values.length === 1 || !values.includes('*')), JSON.stringify(values));
        assert.ok(resources.length === 1 || !resources.includes('*/*'), JSON.stringify(resources));
        assert.ok(!resources.includes('*') || resources.every((one) => one === '*' || one.includes('/')), JSON.stringify(resources));
        for (const one of resources) {
          const [plural = '', sub] = one.split('/');
          assert.ok(sub === undefined || sub === '*' || !resources.includes(`${plural}/*`), JSON.stringify(resources));
          assert.ok(sub === undefined || plural === '*' || !resources.includes(`*/${sub}`), JSON.stringify(resources));
        }
      }
    }),
    { numRuns: 300 },
  );
});
