// SPDX-License-Identifier: Apache-2.0
// Matching as ValidatingAdmissionPolicy has it, a row each; the index must find whatever matches.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicySpec, ResourceRule } from '../../crds/generated/objects.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import { compilePolicies } from './index.ts';
import { matchOutcome } from './match.ts';
import type { MatchOutcome } from './match.ts';
import { labelsOf } from './selector.ts';
import { input, request, rule, withRule } from './test-case.ts';

const resource = (group: string, version: string, plural: string): AdmissionRequest['resource'] => ({ group, version, resource: plural });

const outcomeOf = (
  spec: Partial<PolicySpec>,
  asked: AdmissionRequest,
  namespaceLabels: Readonly<Record<string, string>> = {},
  isAgent = false,
): MatchOutcome => {
  // As a ValidatingAdmissionPolicy, which may name cluster-scoped kinds too.
  const { set, refused } = compilePolicies([{ ...input('p', spec), bindings: [] }]);
  assert.deepEqual(refused, []);
  const [policy] = set.policies;
  assert.ok(policy);
  const labels = labelsOf({ metadata: { labels: namespaceLabels } });
  const outcome = matchOutcome(policy.match, { request: asked, namespaceLabels: labels, isAgent: () => isAgent, known: new Map() });
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
  const about = (asked: AdmissionRequest) => ({ namespaceLabels: undefined, isAgent: () => false, known: new Map(), request: asked });
  assert.equal(matchOutcome(policy.match, about(request({}))), 'namespace-unknown');
  assert.equal(matchOutcome(policy.match, about(deployment)), 'rules');
});
