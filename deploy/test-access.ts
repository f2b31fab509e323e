// SPDX-License-Identifier: Apache-2.0
// What the roles of the manifests are to give to each identity, and what to keep from it.
export const OPERATOR = 'system:serviceaccount:writ-system:writ-operator';
export const WEBHOOK = 'system:serviceaccount:writ-system:writ-webhook';

export type Access = {
  readonly user: string;
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
};

const admission = 'admissionregistration.k8s.io';
const operatorDeployment = { group: 'apps', resource: 'deployments', namespace: 'writ-system', name: 'writ-operator' };
export const allowed: readonly Access[] = [
  { user: OPERATOR, verb: 'watch', group: 'writ.dev', resource: 'gitsources' },
  { user: OPERATOR, verb: 'patch', group: 'writ.dev', resource: 'policies' },
  { user: OPERATOR, verb: 'create', group: 'writ.dev', resource: 'tenants' },
  { user: OPERATOR, verb: 'patch', group: 'writ.dev', resource: 'rulesets' },
  { user: OPERATOR, verb: 'patch', group: 'writ.dev', resource: 'rulesets', subresource: 'status' },
  { user: OPERATOR, verb: 'patch', group: 'writ.dev', resource: 'gitsources', subresource: 'status' },
  { user: OPERATOR, verb: 'create', resource: 'namespaces' },
  { user: OPERATOR, verb: 'delete', resource: 'namespaces', name: 'acme-a' },
  { user: OPERATOR, verb: 'patch', resource: 'resourcequotas', namespace: 'acme-a' },
  { user: OPERATOR, verb: 'update', group: 'networking.k8s.io', resource: 'networkpolicies', namespace: 'acme-a' },
  { user: OPERATOR, verb: 'bind', group: 'rbac.authorization.k8s.io', resource: 'clusterroles', name: 'admin' },
  { user: OPERATOR, verb: 'watch', resource: 'pods', namespace: 'acme-a' },
  { user: OPERATOR, verb: 'watch', resource: 'pods' },
  { user: OPERATOR, verb: 'watch', resource: 'persistentvolumeclaims' },
  { user: OPERATOR, verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews' },
  { user: OPERATOR, verb: 'patch', group: 'writ.dev', resource: 'tenantusages', subresource: 'status' },
  { user: OPERATOR, verb: 'create', group: admission, resource: 'validatingwebhookconfigurations' },
  { user: OPERATOR, verb: 'patch', group: admission, resource: 'validatingwebhookconfigurations', name: 'writ' },
  { user: OPERATOR, verb: 'patch', group: admission, resource: 'validatingwebhookconfigurations', name: 'writ-tenancy' },
  { user: OPERATOR, verb: 'create', group: admission, resource: 'mutatingwebhookconfigurations' },
  { user: OPERATOR, verb: 'update', group: admission, resource: 'mutatingwebhookconfigurations', name: 'writ-complete' },
  { user: OPERATOR, verb: 'create', group: 'events.k8s.io', resource: 'events', namespace: 'default' },
  { user: OPERATOR, verb: 'patch', resource: 'secrets', namespace: 'writ-system', name: 'writ-webhook-tls' },
  { user: OPERATOR, verb: 'get', resource: 'secrets', namespace: 'writ-system', name: 'git-auth' },
  { user: OPERATOR, verb: 'update', group: 'coordination.k8s.io', resource: 'leases', namespace: 'writ-system', name: 'writ-operator' },
  { user: OPERATOR, verb: 'delete', resource: 'configmaps', namespace: 'writ-system' },
  { user: WEBHOOK, verb: 'watch', group: admission, resource: 'validatingwebhookconfigurations', name: 'writ' },
  { user: WEBHOOK, verb: 'watch', group: admission, resource: 'validatingwebhookconfigurations', name: 'writ-guard' },
  { user: WEBHOOK, verb: 'watch', resource: 'pods', namespace: 'writ-system' },
  { user: WEBHOOK, verb: 'watch', group: 'writ.dev', resource: 'policies' },
  { user: WEBHOOK, verb: 'watch', group: 'writ.dev', resource: 'rulesets' },
  { user: WEBHOOK, verb: 'watch', group: 'writ.dev', resource: 'trustpolicies' },
  { user: WEBHOOK, verb: 'list', resource: 'namespaces' },
  { user: WEBHOOK, verb: 'create', group: 'authorization.k8s.io', resource: 'subjectaccessreviews' },
  { user: WEBHOOK, verb: 'watch', resource: 'secrets', namespace: 'writ-system', name: 'writ-webhook-tls' },
  { user: WEBHOOK, verb: 'patch', resource: 'configmaps', namespace: 'writ-system' },
  { user: WEBHOOK, verb: 'create', group: 'coordination.k8s.io', resource: 'leases', namespace: 'writ-system' },
  { user: WEBHOOK, verb: 'patch', ...operatorDeployment, subresource: 'scale' },
];
export const refused: readonly Access[] = [
  { user: OPERATOR, verb: 'get', resource: 'secrets', namespace: 'kube-system' },
  { user: OPERATOR, verb: 'list', resource: 'secrets' },
  { user: OPERATOR, verb: 'patch', resource: 'secrets', namespace: 'writ-system', name: 'git-auth' },
  // What it may write for tenants is held to names by operator-writes.yaml; test/scenario/tenant-home.test.ts tries it.
  { user: OPERATOR, verb: 'bind', group: 'rbac.authorization.k8s.io', resource: 'clusterroles', name: 'cluster-admin' },
  { user: OPERATOR, verb: 'escalate', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { user: OPERATOR, verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'roles', namespace: 'acme-a' },
  { user: OPERATOR, verb: 'update', group: 'writ.dev', resource: 'gitsources', subresource: 'finalizers', namespace: 'writ-system' },
  { user: OPERATOR, verb: 'get', resource: 'secrets', namespace: 'team' },
  { user: OPERATOR, verb: 'delete', group: admission, resource: 'validatingwebhookconfigurations', name: 'writ' },
  { user: OPERATOR, verb: 'create', group: 'writ.dev', resource: 'gitsources' },
  { user: OPERATOR, verb: 'patch', group: admission, resource: 'validatingwebhookconfigurations', name: 'other' },
  { user: OPERATOR, verb: 'patch', group: admission, resource: 'mutatingwebhookconfigurations', name: 'other' },
  { user: OPERATOR, verb: 'delete', group: admission, resource: 'mutatingwebhookconfigurations', name: 'writ-complete' },
  { user: OPERATOR, verb: 'create', resource: 'pods', namespace: 'writ-system' },
  { user: OPERATOR, verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'writ-system' },
  { user: OPERATOR, verb: 'get', resource: 'configmaps', namespace: 'default' },
  { user: OPERATOR, verb: 'delete', resource: 'pods', namespace: 'default' },
  { user: OPERATOR, verb: 'create', resource: 'serviceaccounts', subresource: 'token', namespace: 'default' },
  { user: WEBHOOK, verb: 'patch', group: 'writ.dev', resource: 'policies' },
  { user: WEBHOOK, verb: 'patch', group: 'writ.dev', resource: 'rulesets' },
  { user: WEBHOOK, verb: 'patch', group: 'writ.dev', resource: 'policies', subresource: 'status' },
  { user: WEBHOOK, verb: 'get', resource: 'secrets', namespace: 'writ-system', name: 'git-auth' },
  { user: WEBHOOK, verb: 'list', resource: 'secrets', namespace: 'writ-system' },
  { user: WEBHOOK, verb: 'patch', resource: 'secrets', namespace: 'writ-system', name: 'writ-webhook-tls' },
  { user: WEBHOOK, verb: 'patch', group: admission, resource: 'validatingwebhookconfigurations', name: 'writ' },
  { user: WEBHOOK, verb: 'list', group: admission, resource: 'validatingwebhookconfigurations' },
  { user: WEBHOOK, verb: 'watch', resource: 'pods' },
  { user: WEBHOOK, verb: 'delete', resource: 'pods', namespace: 'writ-system' },
  { user: WEBHOOK, verb: 'patch', group: admission, resource: 'mutatingwebhookconfigurations', name: 'writ-complete' },
  { user: WEBHOOK, verb: 'get', resource: 'pods', namespace: 'default' },
  { user: WEBHOOK, verb: 'patch', ...operatorDeployment },
  { user: WEBHOOK, verb: 'delete', ...operatorDeployment },
  { user: WEBHOOK, verb: 'patch', ...operatorDeployment, name: 'writ-webhook', subresource: 'scale' },
];
export const shown = ({ user, verb, group, resource, subresource, namespace, name }: Access): string =>
  [user.split(':').at(-1), verb, [resource, subresource].filter(Boolean).join('/'), group, name, namespace && `in ${namespace}`]
    .filter(Boolean)
    .join(' ');
