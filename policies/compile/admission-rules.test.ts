// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ResourceRule } from '../../crds/generated/objects.ts';
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
    ['', 'pods/resize'],
    ['apps', 'deployments'],
    ['batch', 'cronjobs'],
    ['kagent.dev', 'agents'],
    ['agents.x-k8s.io', 'sandboxes'],
    ['serving.kserve.io', 'inferenceservices'],
  ] as const) {
    for (const operation of ['CREATE', 'UPDATE'])
      assert.ok(asks(rules, namespaced(group, resource, operation)), `${group} ${resource} ${operation}`);
  }
  assert.ok(!rules.some(({ resources }) => resources.includes('clusterservingruntimes')));
  assert.ok(!asks(rules, namespaced('', 'pods', 'DELETE')));
  assert.ok(!asks(rules, namespaced('', 'pods/status', 'UPDATE')));
  assert.ok(!asks(rules, namespaced('', 'configmaps', 'CREATE')));
});

test('a rule of a policy is added', () => {
  const rules = rulesOf([{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'DELETE'], resources: ['configmaps'] }]);
  assert.ok(asks(rules, namespaced('', 'configmaps', 'DELETE')));
  assert.ok(!asks(rules, namespaced('', 'configmaps', 'UPDATE')));
});

const clusterScoped = (group: string, resource: string): Asked => ({ ...namespaced(group, resource, 'UPDATE'), scope: 'Cluster' });
const every = { apiVersions: ['*'], operations: ['*'] } as const;
/** Compiled as a ValidatingAdmissionPolicy, which is not refused for what it names. */
const rulesOfAny = (...resourceRules: readonly ResourceRule[]): readonly Rule[] =>
  admissionRules(compilePolicies([{ ...policy('p', resourceRules), bindings: [] }]).set);

test('nothing outside of namespaces is asked about but Namespaces, whatever a policy names and how', () => {
  const kinds = [
    ['', 'nodes'],
    ['rbac.authorization.k8s.io', 'clusterroles'],
    ['coordination.k8s.io', 'leases'],
    ['example.com', 'clusterthings'],
    ['writ.dev', 'policies'],
    ['serving.kserve.io', 'clusterservingruntimes'],
  ] as const;
  for (const scope of ['*', 'Cluster', undefined] as const) {
    const named = kinds.map(([group, resource]): ResourceRule => ({
      ...every,
      apiGroups: [group],
      resources: [resource],
      ...(scope && { scope }),
    }));
    const wide: ResourceRule = { ...every, apiGroups: ['*'], resources: ['*/*', 'clusterroles'], ...(scope && { scope }) };
    for (const rules of [admissionRules(emptySet), rulesOfAny(...named), rulesOfAny(wide), rulesOfAny(...named, wide)]) {
      for (const [group, resource] of kinds) assert.ok(!asks(rules, clusterScoped(group, resource)), `${resource} ${scope}`);
      for (const rule of rules) assert.equal(rule.scope, 'Namespaced');
    }
  }
  assert.ok(asks(rulesOf([{ ...every, apiGroups: ['*'], resources: ['*/*'] }]), namespaced('anything', 'things', 'DELETE')));
});

test('Namespaces come by their name, under any group', () => {
  for (const group of ['', '*']) {
    for (const scope of ['*', 'Cluster'] as const) {
      const rules = rulesOf([{ ...every, apiGroups: [group], resources: ['namespaces', 'namespaces/finalize'], scope }]);
      assert.ok(asks(rules, clusterScoped('', 'namespaces')), `${group} ${scope}`);
      assert.deepEqual(
        rules.filter((rule) => rule.scope !== 'Namespaced'),
        [{ apiGroups: [''], apiVersions: ['*'], operations: ['*'], resources: ['namespaces', 'namespaces/finalize'], scope: 'Cluster' }],
      );
    }
  }
});

const refusals: readonly (readonly [
  groups: readonly string[],
  resources: readonly string[],
  scope: ResourceRule['scope'],
  field: string,
])[] = [
  [['rbac.authorization.k8s.io'], ['clusterroles'], undefined, 'resources'],
  [['rbac.authorization.k8s.io'], ['roles', 'clusterrolebindings'], 'Namespaced', 'resources'],
  [['*'], ['clusterroles'], '*', 'resources'],
  [[''], ['nodes/status'], '*', 'resources'],
  [['', 'storage.k8s.io'], ['pods', 'storageclasses'], '*', 'resources'],
  [['apiextensions.k8s.io'], ['customresourcedefinitions'], '*', 'resources'],
  [['writ.dev'], ['trustpolicies'], '*', 'resources'],
  [['serving.kserve.io'], ['clusterservingruntimes'], '*', 'resources'],
  [['coordination.k8s.io'], ['leases'], '*', 'apiGroups'],
  [['', 'admissionregistration.k8s.io'], ['*'], '*', 'apiGroups'],
  [['*'], ['*'], 'Cluster', 'scope'],
  [[''], ['namespaces', 'pods'], 'Cluster', 'scope'],
  [['example.com'], ['namespaces'], 'Cluster', 'scope'],
];
for (const [apiGroups, resources, scope, field] of refusals) {
  test(`refused, for it would never run: ${apiGroups.join()} ${resources.join()} ${scope}`, () => {
    const asked = { ...every, apiGroups, resources, ...(scope && { scope }) };
    const { set, refused } = compilePolicies([policy('p', [{ ...every, apiGroups: [''], resources: ['pods'] }, asked])]);
    assert.deepEqual(set.policies, []);
    assert.deepEqual(
      refused[0]?.problems.map(({ code, path }) => `${code} ${path}`),
      [`RULE_NOT_GOVERNED spec.matchConstraints.resourceRules[1].${field}`],
    );
    assert.deepEqual(compilePolicies([{ ...policy('p', [asked]), bindings: [] }]).refused, []);
  });
}

test('not refused: names that others have in namespaces, wildcards, and what is only excluded', () => {
  const excluded = policy('excluded', [{ ...every, apiGroups: ['*'], resources: ['*/*'] }]);
  const { refused } = compilePolicies([
    policy('a', [{ ...every, apiGroups: ['kyverno.io', 'longhorn.io'], resources: ['policies', 'nodes', 'constructor'] }]),
    policy('b', [{ ...every, apiGroups: ['*'], resources: ['policies'] }]),
    policy('c', [{ ...every, apiGroups: [''], resources: ['namespaces'], scope: 'Cluster' }]),
    {
      ...excluded,
      policy: {
        ...excluded.policy,
        spec: {
          ...excluded.policy.spec,
          matchConstraints: {
            ...excluded.policy.spec.matchConstraints,
            excludeResourceRules: [{ ...every, apiGroups: [''], resources: ['nodes'] }],
          },
        },
      },
    },
  ]);
  assert.deepEqual(refused, []);
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
