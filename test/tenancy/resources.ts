// SPDX-License-Identifier: Apache-2.0
// Kinds of Kubernetes that the proofs of tenancy touch and nothing else of ours does.
import type { Resource } from '../../crds/kinds.ts';

const builtIn = (group: string, plural: string, kind: string, namespaced: boolean): Resource => ({
  group,
  version: 'v1',
  plural,
  kind,
  namespaced,
});
const RBAC = 'rbac.authorization.k8s.io';
const NETWORKING = 'networking.k8s.io';

export const roles = builtIn(RBAC, 'roles', 'Role', true);
export const roleBindings = builtIn(RBAC, 'rolebindings', 'RoleBinding', true);
export const clusterRoles = builtIn(RBAC, 'clusterroles', 'ClusterRole', false);
export const clusterRoleBindings = builtIn(RBAC, 'clusterrolebindings', 'ClusterRoleBinding', false);
export const networkPolicies = builtIn(NETWORKING, 'networkpolicies', 'NetworkPolicy', true);
export const ingresses = builtIn(NETWORKING, 'ingresses', 'Ingress', true);
export const resourceQuotas = builtIn('', 'resourcequotas', 'ResourceQuota', true);
export const limitRanges = builtIn('', 'limitranges', 'LimitRange', true);
export const claims = builtIn('', 'persistentvolumeclaims', 'PersistentVolumeClaim', true);
export const nodes = builtIn('', 'nodes', 'Node', false);
export const serviceAccounts = builtIn('', 'serviceaccounts', 'ServiceAccount', true);
export const jobs = builtIn('batch', 'jobs', 'Job', true);
export const selfAccessReviews = builtIn('authorization.k8s.io', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', false);
export const selfRulesReviews = builtIn('authorization.k8s.io', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', false);
