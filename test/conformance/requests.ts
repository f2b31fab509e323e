// SPDX-License-Identifier: Apache-2.0
// The cluster in small that generated policies judge: two namespaces, params, and requests of every operation.
import type { Json } from './policy-arbitrary.ts';

type Kind = { readonly group: string; readonly version: string; readonly kind: string };
type Resource = { readonly group: string; readonly version: string; readonly resource: string };

export type Request = {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly kind: Kind;
  readonly resource: Resource;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly userInfo: { readonly username: string; readonly uid: string; readonly groups: readonly string[] };
  readonly dryRun: boolean;
  readonly object: Json;
  readonly oldObject: Json;
};

const ann = { username: 'ann', uid: '7', groups: ['dev', 'system:authenticated'] };
const kubernetes = { username: 'system:serviceaccount:a:b', uid: '', groups: [] };

export const namespaces = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'acme', labels: { 'kubernetes.io/metadata.name': 'acme', team: 'red' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  },
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'other', labels: { 'kubernetes.io/metadata.name': 'other', team: 'blue' } },
    spec: {},
    status: {},
  },
] as const;

export const params: readonly { readonly [key: string]: Json }[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p1', namespace: 'acme', labels: { tier: 'front' } }, data: { max: '3' } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p1', namespace: 'other' }, data: { max: '9' } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p2', namespace: 'other', labels: { tier: 'back' } } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p3', namespace: 'acme', labels: { tier: 'front' } }, data: { max: '7' } },
  { apiVersion: 'example.com/v1', kind: 'Limit', metadata: { name: 'p1', labels: { tier: 'front' } }, data: { max: '3' } },
  { apiVersion: 'example.com/v1', kind: 'Limit', metadata: { name: 'p2', labels: { tier: 'back' } }, data: { max: '1' } },
];

/** Kinds that a CustomResourceDefinition would describe. */
export const paramKinds = [{ apiVersion: 'example.com/v1', kind: 'Limit', namespaced: false }] as const;
export const describedKinds = [{ group: 'example.com', kind: 'Limit', plural: 'limits', namespaced: false }] as const;

const pod = (name: string, labels: Json): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'acme', labels },
  spec: { replicas: 3, containers: [{ name: 'a', image: 'y' }] },
});
const deployment: Json = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'other' },
  spec: { replicas: 1, containers: [{ name: 'a', image: 'x' }] },
};
const PODS = { kind: { group: '', version: 'v1', kind: 'Pod' }, resource: { group: '', version: 'v1', resource: 'pods' }, subresource: '' };
const DEPLOYMENTS = {
  kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
  resource: { group: 'apps', version: 'v1', resource: 'deployments' },
  subresource: '',
};
const NAMESPACES = {
  kind: { group: '', version: 'v1', kind: 'Namespace' },
  resource: { group: '', version: 'v1', resource: 'namespaces' },
  subresource: '',
};
const NODES = {
  kind: { group: '', version: 'v1', kind: 'Node' },
  resource: { group: '', version: 'v1', resource: 'nodes' },
  subresource: '',
};

export const REQUESTS: readonly Request[] = [
  {
    ...PODS,
    operation: 'CREATE',
    namespace: 'acme',
    name: 'web',
    userInfo: ann,
    dryRun: false,
    object: pod('web', { tier: 'front', app: 'web' }),
    oldObject: null,
  },
  {
    ...PODS,
    operation: 'UPDATE',
    namespace: 'acme',
    name: 'web',
    userInfo: ann,
    dryRun: true,
    object: pod('web', {}),
    oldObject: pod('web', { tier: 'front' }),
  },
  {
    ...PODS,
    operation: 'DELETE',
    namespace: 'acme',
    name: 'web',
    userInfo: kubernetes,
    dryRun: false,
    object: null,
    oldObject: pod('web', { tier: 'front' }),
  },
  {
    ...DEPLOYMENTS,
    operation: 'CREATE',
    namespace: 'other',
    name: 'web',
    userInfo: kubernetes,
    dryRun: false,
    object: deployment,
    oldObject: null,
  },
  {
    ...NAMESPACES,
    operation: 'CREATE',
    namespace: 'acme',
    name: 'acme',
    userInfo: ann,
    dryRun: false,
    object: namespaces[0],
    oldObject: null,
  },
  {
    ...NODES,
    operation: 'UPDATE',
    namespace: '',
    name: 'n1',
    userInfo: kubernetes,
    dryRun: false,
    object: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: {} } },
    oldObject: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } },
  },
];
