// SPDX-License-Identifier: Apache-2.0
// What compiles, what is refused and where, which policies a request finds, and the rules of the webhook.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PolicySpec, ResourceRule } from '../../crds/generated/types.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import { compilePolicies, emptySet } from './index.ts';
import type { CompileInput } from './index.ts';
import { matchOutcome } from './match.ts';
import type { MatchOutcome } from './match.ts';
import { labelsOf } from './selector.ts';

const input = (name: string, spec: Partial<PolicySpec>, digest = `sha256:${name}`): CompileInput => ({
  policy: { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name }, spec: { jsonSchema: {}, ...spec } },
  digest,
  positionOf: (path) => ({ file: `${name}.yaml`, line: path.length, column: 1 }),
});

const rule = (fields: Partial<ResourceRule>): ResourceRule => ({
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['*'],
  resources: ['pods'],
  ...fields,
});
const withRule = (fields: Partial<ResourceRule>): Partial<PolicySpec> => ({ matchConstraints: { resourceRules: [rule(fields)] } });

const request = (fields: Partial<AdmissionRequest>): AdmissionRequest => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  subResource: '',
  requestKind: undefined,
  requestResource: undefined,
  requestSubResource: '',
  name: 'web',
  namespace: 'ns',
  operation: 'CREATE',
  userInfo: { username: '', uid: '', groups: [], extra: {} },
  object: { metadata: { name: 'web' } },
  oldObject: null,
  options: null,
  dryRun: false,
  ...fields,
});

const resource = (group: string, version: string, plural: string): AdmissionRequest['resource'] => ({ group, version, resource: plural });

const outcomeOf = (
  spec: Partial<PolicySpec>,
  asked: AdmissionRequest,
  namespaceLabels: Readonly<Record<string, string>> = {},
  isAgent = false,
): MatchOutcome => {
  const { set, refused } = compilePolicies([input('p', spec)]);
  assert.deepEqual(refused, []);
  const [policy] = set.policies;
  assert.ok(policy);
  const labels = labelsOf({ metadata: { labels: namespaceLabels } });
  const outcome = matchOutcome(policy.match, { request: asked, namespaceLabels: labels, isAgent: () => isAgent });
  // The index must never lose a policy that applies.
  const found = set.candidates(asked, labels).includes(policy);
  assert.ok(found || outcome !== 'matches', 'the index lost the policy');
  return outcome;
};

const ephemeral = request({ operation: 'UPDATE', subResource: 'ephemeralcontainers', requestSubResource: 'ephemeralcontainers' });
const deployment = request({ resource: resource('apps', 'v1', 'deployments'), kind: { group: 'apps', version: 'v1', kind: 'Deployment' } });
const hpa = request({
  resource: resource('autoscaling', 'v1', 'horizontalpodautoscalers'),
  requestResource: resource('autoscaling', 'v2', 'horizontalpodautoscalers'),
});
const namespaceRequest = request({
  resource: resource('', 'v1', 'namespaces'),
  kind: { group: '', version: 'v1', kind: 'Namespace' },
  namespace: 'ns',
  object: { metadata: { name: 'ns', labels: { team: 'a' } } },
});
const clusterRole = request({ resource: resource('rbac.authorization.k8s.io', 'v1', 'clusterroles'), namespace: '' });
const all: Partial<ResourceRule> = { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
const onlyTeamA = { namespaceSelector: { matchLabels: { team: 'a' } } };

type MatchRow = {
  readonly name: string;
  readonly spec: Partial<PolicySpec>;
  readonly request: AdmissionRequest;
  readonly expect: MatchOutcome;
  readonly labels?: Readonly<Record<string, string>>;
  readonly isAgent?: boolean;
};
const rows: readonly MatchRow[] = [
  { name: 'pods matches pods', spec: withRule({}), request: request({}), expect: 'matches' },
  { name: 'pods does not match a subresource', spec: withRule({}), request: ephemeral, expect: 'rules' },
  { name: 'pods/* matches pods themselves', spec: withRule({ resources: ['pods/*'] }), request: request({}), expect: 'matches' },
  { name: 'pods/* matches every subresource', spec: withRule({ resources: ['pods/*'] }), request: ephemeral, expect: 'matches' },
  { name: '* matches every resource', spec: withRule({ apiGroups: ['*'], resources: ['*'] }), request: deployment, expect: 'matches' },
  { name: '* matches no subresource', spec: withRule({ resources: ['*'] }), request: ephemeral, expect: 'rules' },
  { name: '*/* matches everything', spec: withRule(all), request: ephemeral, expect: 'matches' },
  { name: '*/ephemeralcontainers', spec: withRule({ resources: ['*/ephemeralcontainers'] }), request: ephemeral, expect: 'matches' },
  { name: 'another group', spec: withRule({}), request: deployment, expect: 'rules' },
  { name: 'another operation', spec: withRule({ operations: ['UPDATE'] }), request: request({}), expect: 'rules' },
  {
    name: 'CONNECT by *',
    spec: withRule({ resources: ['pods/*'] }),
    request: request({ operation: 'CONNECT', subResource: 'exec' }),
    expect: 'matches',
  },
  { name: 'resourceNames', spec: withRule({ resourceNames: ['web'] }), request: request({}), expect: 'matches' },
  { name: 'resourceNames of another', spec: withRule({ resourceNames: ['db'] }), request: request({}), expect: 'rules' },
  {
    name: 'resourceNames never match a generateName',
    spec: withRule({ resourceNames: ['web-'] }),
    request: request({ name: '', object: { metadata: { generateName: 'web-' } } }),
    expect: 'rules',
  },
  { name: 'scope Namespaced', spec: withRule({ scope: 'Namespaced' }), request: request({}), expect: 'matches' },
  { name: 'scope Cluster', spec: withRule({ scope: 'Cluster' }), request: request({}), expect: 'rules' },
  {
    name: 'a Namespace is cluster-scoped',
    spec: withRule({ resources: ['namespaces'], scope: 'Cluster' }),
    request: namespaceRequest,
    expect: 'matches',
  },
  {
    name: 'a Namespace is not Namespaced',
    spec: withRule({ resources: ['namespaces'], scope: 'Namespaced' }),
    request: namespaceRequest,
    expect: 'rules',
  },
  {
    name: 'exclude wins',
    spec: { matchConstraints: { resourceRules: [rule(all)], excludeResourceRules: [rule({})] } },
    request: request({}),
    expect: 'excluded',
  },
  {
    name: 'Equivalent: the version as converted',
    spec: withRule({ apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'] }),
    request: hpa,
    expect: 'matches',
  },
  {
    name: 'Equivalent: the version as sent',
    spec: withRule({ apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] }),
    request: hpa,
    expect: 'matches',
  },
  {
    name: 'Exact: not the version as converted',
    spec: {
      matchConstraints: {
        matchPolicy: 'Exact',
        resourceRules: [rule({ apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'] })],
      },
    },
    request: hpa,
    expect: 'rules',
  },
  {
    name: 'Exact: the version as sent',
    spec: {
      matchConstraints: {
        matchPolicy: 'Exact',
        resourceRules: [rule({ apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] })],
      },
    },
    request: hpa,
    expect: 'matches',
  },
  {
    name: 'namespaceSelector',
    spec: { matchConstraints: { ...onlyTeamA, resourceRules: [rule({})] } },
    request: request({}),
    labels: { team: 'a' },
    expect: 'matches',
  },
  {
    name: 'namespaceSelector of others',
    spec: { matchConstraints: { ...onlyTeamA, resourceRules: [rule({})] } },
    request: request({}),
    labels: { team: 'b' },
    expect: 'namespace',
  },
  {
    name: 'cluster-scoped objects match every namespaceSelector',
    spec: { matchConstraints: { ...onlyTeamA, resourceRules: [rule({ apiGroups: ['*'], resources: ['clusterroles'] })] } },
    request: clusterRole,
    expect: 'matches',
  },
  {
    name: 'objectSelector on the new object',
    spec: { matchConstraints: { objectSelector: { matchLabels: { a: 'b' } }, resourceRules: [rule({})] } },
    request: request({ object: { metadata: { labels: { a: 'b' } } } }),
    expect: 'matches',
  },
  {
    name: 'objectSelector on the old object only',
    spec: { matchConstraints: { objectSelector: { matchLabels: { a: 'b' } }, resourceRules: [rule({})] } },
    request: request({ operation: 'UPDATE', object: { metadata: {} }, oldObject: { metadata: { labels: { a: 'b' } } } }),
    expect: 'matches',
  },
  {
    name: 'objectSelector on a deletion',
    spec: { matchConstraints: { objectSelector: { matchLabels: { a: 'b' } }, resourceRules: [rule({})] } },
    request: request({ operation: 'DELETE', object: null, oldObject: { metadata: { labels: { a: 'b' } } } }),
    expect: 'matches',
  },
  {
    name: 'objectSelector on neither',
    spec: {
      matchConstraints: { objectSelector: { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, resourceRules: [rule({})] },
    },
    request: request({}),
    expect: 'object',
  },
  { name: 'workloads PodBearing', spec: { workloads: ['PodBearing'] }, request: deployment, expect: 'matches' },
  { name: 'workloads PodBearing: ephemeral containers', spec: { workloads: ['PodBearing'] }, request: ephemeral, expect: 'matches' },
  {
    name: 'workloads PodBearing: no deletions',
    spec: { workloads: ['PodBearing'] },
    request: request({ operation: 'DELETE' }),
    expect: 'rules',
  },
  { name: 'workloads Agent: not an agent', spec: { workloads: ['Agent'] }, request: deployment, expect: 'not-an-agent' },
  { name: 'workloads Agent', spec: { workloads: ['Agent'] }, request: deployment, isAgent: true, expect: 'matches' },
  {
    name: 'workloads Agent beside a rule of its own',
    spec: { workloads: ['Agent'], ...withRule({}) },
    request: request({}),
    expect: 'matches',
  },
];

for (const row of rows) {
  test(`match: ${row.name}`, () => assert.equal(outcomeOf(row.spec, row.request, row.labels, row.isAgent), row.expect));
}

test('a namespace that is not known is an error only of policies that choose by it', () => {
  const { set } = compilePolicies([input('p', { matchConstraints: { ...onlyTeamA, resourceRules: [rule({})] } })]);
  const [policy] = set.candidates(request({}), undefined);
  assert.ok(policy);
  const facts = { namespaceLabels: undefined, isAgent: () => false };
  assert.equal(matchOutcome(policy.match, { ...facts, request: request({}) }), 'namespace-unknown');
  assert.equal(matchOutcome(policy.match, { ...facts, request: deployment }), 'rules');
});

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
});

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
        const { set, refused } = compilePolicies(specs.map((spec, index) => input(`p${index}`, spec)));
        assert.deepEqual(refused, []);
        const namespaceLabels = labelMap === undefined ? undefined : labelsOf({ metadata: { labels: labelMap } });
        const facts = { request: asked, namespaceLabels, isAgent: () => true };
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
  assert.equal(set.candidates(deployment, labelsOf({ metadata: { labels: { tenant: 't7' } } })).length, 0);
});
