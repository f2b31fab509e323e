// SPDX-License-Identifier: Apache-2.0
// Requests that look like one's own and mean the other's: paths that fold into another, headers that name somebody else, bodies that say another
// namespace than the path, tokens and rights asked for by detours.
import type { Random } from '../../fuzz/random.ts';
import type { Field } from './field.ts';
import type { Shot } from './person.ts';

const ROLES = '/apis/rbac.authorization.k8s.io/v1';

export const smuggledShot = (random: Random, field: Field): Shot & { readonly never: boolean } => {
  const shot = random.pick(waysOf(random, field))();
  return { ...shot, never: !isRightful(shot, field) };
};

/** The few that mean one's own after all: a query that nobody reads, and a role that an owner may give. */
const isRightful = ({ path, body = '' }: Shot, { own, other }: Field): boolean =>
  own.namespaces.some(
    (namespace) =>
      path.startsWith(`/api/v1/namespaces/${namespace}/secrets?namespace=`) ||
      (path.startsWith(`${ROLES}/namespaces/${namespace}/rolebindings`) &&
        body.includes('"name":"edit"') &&
        !body.includes(`"namespace":"${other.tenant}-`)),
  );

const waysOf = (random: Random, { own, other }: Field): readonly [() => Shot, ...(() => Shot)[]] => {
  const [mine, theirs] = [random.pick(own.namespaces), random.pick(other.namespaces)];
  const core = '/api/v1';
  const json = (value: unknown): string => JSON.stringify(value);
  return [
    () => ({
      method: 'GET',
      path: random.pick([
        `${core}/namespaces/${mine}/../${theirs}/secrets`,
        `${core}/namespaces/${mine}/%2e%2e/${theirs}/secrets/key`,
        `${core}/namespaces/${mine}%2f..%2f${theirs}/configmaps`,
        `${core}//namespaces//${theirs}//configmaps`,
        `${core}/namespaces/${mine}/configmaps/../../../namespaces/${theirs}/configmaps/notes`,
        `${core}/namespaces/${theirs.toUpperCase()}/secrets`,
        `${core}/namespaces/${theirs};a=b/secrets`,
        `${core}/namespaces/${theirs}%00/secrets`,
        `${core}/namespaces/*/secrets`,
        `${core}/namespaces/${mine},${theirs}/secrets`,
        `${core}/watch/namespaces/${theirs}/secrets?timeoutSeconds=1`,
        `${core}/proxy/namespaces/${theirs}/pods/agent/`,
        `${core}/namespaces/${mine}/secrets?namespace=${theirs}`,
        `${core}/namespaces/${theirs}`,
        `/apis/../api/v1/namespaces/${theirs}/secrets`,
      ]),
    }),
    () => ({
      method: random.pick(['GET', 'DELETE']),
      path: `${core}/namespaces/${theirs}/configmaps/notes?dryRun=All`,
      headers: random.pick<Readonly<Record<string, string>>>([
        { 'impersonate-user': `${other.tenant}-owner` },
        { 'impersonate-group': 'system:masters' },
        { 'impersonate-user': `${other.tenant}-owner`, 'impersonate-group': 'system:masters' },
        { 'impersonate-user': 'system:serviceaccount:writ-system:writ-operator' },
        { 'impersonate-user': `system:serviceaccount:${theirs}:default` },
        { 'impersonate-uid': '0' },
        { 'x-remote-user': `${other.tenant}-owner`, 'x-remote-group': 'system:masters' },
        { 'x-http-method-override': 'GET', 'x-original-url': `${core}/namespaces/${theirs}/secrets` },
        { authorization: 'Bearer undefined' },
        { authorization: `Basic ${Buffer.from(`${other.tenant}-owner:`).toString('base64')}` },
      ]),
    }),
    () => ({
      method: 'POST',
      path: `${core}/namespaces/${random.pick([mine, theirs])}/configmaps?dryRun=All`,
      body: json({ metadata: { name: 'notes', namespace: theirs } }),
    }),
    () => ({ method: 'POST', path: `${core}/namespaces/${theirs}/serviceaccounts/default/token`, body: json({ spec: {} }) }),
    () => ({
      method: 'POST',
      path: `${ROLES}/namespaces/${random.pick([mine, theirs])}/rolebindings?dryRun=All`,
      body: json({
        metadata: { name: 'smuggled', namespace: random.pick([mine, theirs]) },
        roleRef: {
          apiGroup: 'rbac.authorization.k8s.io',
          kind: 'ClusterRole',
          name: random.pick(['cluster-admin', 'system:node', 'writ-operator', 'edit']),
        },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: `${own.tenant}-owner` }],
      }),
    }),
    () => ({
      method: 'POST',
      path: `${ROLES}/clusterrolebindings?dryRun=All`,
      body: json({ metadata: { name: 'smuggled' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' } }),
    }),
    () => ({
      method: random.pick(['GET', 'PATCH', 'DELETE', 'PUT']),
      path: `/apis/writ.dev/v1alpha1/tenants/${other.tenant}${random.pick(['', '/status'])}?dryRun=All`,
      body: json({ metadata: { name: other.tenant }, spec: { owners: [{ kind: 'User', name: `${own.tenant}-owner` }] } }),
      headers: { 'content-type': 'application/merge-patch+json' },
    }),
    () => ({
      method: 'PATCH',
      path: `${core}/namespaces/${random.pick([mine, theirs])}${random.pick(['', '/status', '/finalize'])}?dryRun=All`,
      body: json({ metadata: { labels: { 'writ.dev/tenant': random.pick([own.tenant, other.tenant]) }, finalizers: [] } }),
      headers: { 'content-type': 'application/merge-patch+json' },
    }),
    () => ({
      method: 'POST',
      path: `${core}/namespaces?dryRun=All`,
      body: json({ metadata: { name: random.pick([theirs, `${own.tenant}-more`]), labels: { 'writ.dev/tenant': other.tenant } } }),
    }),
    () => ({
      method: 'GET',
      path: random.pick([
        '/metrics',
        '/metrics/cadvisor',
        '/debug/pprof/',
        '/logs/',
        '/configz',
        `${core}/nodes/x/proxy/pods`,
        `${core}/componentstatuses`,
        '/api/v1/namespaces/writ-system/configmaps',
        '/api/v1/namespaces/writ-system/secrets/writ-webhook-tls',
        '/apis/writ.dev/v1alpha1/policies',
        '/apis/metrics.k8s.io/v1beta1/pods',
      ]),
    }),
    () => ({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: json({ spec: { user: `${other.tenant}-owner`, resourceAttributes: { verb: 'list', resource: 'secrets', namespace: theirs } } }),
    }),
    () => ({
      method: 'POST',
      path: `/apis/authorization.k8s.io/v1/namespaces/${random.pick([mine, theirs])}/localsubjectaccessreviews`,
      body: json({
        metadata: { namespace: theirs },
        spec: { user: `${other.tenant}-owner`, resourceAttributes: { verb: 'list', resource: 'secrets', namespace: theirs } },
      }),
    }),
    () => ({
      method: 'POST',
      path: `${core}/namespaces/${mine}/pods?dryRun=All`,
      body: json({
        metadata: { name: 'smuggled' },
        spec: {
          serviceAccountName: `../${theirs}/default`,
          containers: [{ name: 'a', image: 'b', envFrom: [{ secretRef: { name: `${theirs}/key` } }] }],
        },
      }),
    }),
  ];
};
