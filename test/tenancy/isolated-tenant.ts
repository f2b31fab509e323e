// SPDX-License-Identifier: Apache-2.0
// A Tenant that asks for everything that isolates, and a pod that keeps to all of it: what every proof starts from. A check that
// this pod would fail for another reason than the one field that is flipped proves nothing.
import type { KubeObject } from '../../kube/objects.ts';

/** Names of a ResourceQuota that kubectl-mtb asks for (MTB-PL1-CC-FNS-1 and MTB-PL1-CC-FNS-2). */
export const COMPUTE_NAMES = ['cpu', 'memory', 'ephemeral-storage'] as const;
export const OBJECT_NAMES = [
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
] as const;

/** As a container asks for it, and as a quota names it. */
export const GPU = 'nvidia.com/gpu';
const GPU_QUOTA = `requests.${GPU}`;
export const TENANT_GPUS = 4;
/** A StorageClass whose volumes outlive their claims, and one whose volumes do not. */
export const RETAINING_CLASS = 'keeps-volumes';
export const DELETING_CLASS = 'deletes-volumes';

/** RuntimeClasses: one that tenants may name, one that they may not. */
export const TENANT_RUNTIME = 'for-tenants';
export const OTHER_RUNTIME = 'not-for-tenants';

export type TenantFacts = {
  readonly name: string;
  readonly namespaces: readonly string[];
  /** Fields of spec beside or instead of those that every tenant here has. */
  readonly spec?: Readonly<Record<string, unknown>>;
};

const registryOf = (tenant: string): string => `registry.example.com/${tenant}/`;
export const ownerOf = (tenant: string): string => `${tenant}-owner`;
export const ownersGroupOf = (tenant: string): string => `${tenant}-admins`;

export const isolatedTenant = ({
  name,
  namespaces,
  spec,
}: TenantFacts): KubeObject & { readonly spec: Readonly<Record<string, unknown>> } => ({
  apiVersion: 'writ.dev/v1alpha1',
  kind: 'Tenant',
  metadata: { name },
  spec: {
    deletionPolicy: 'Protect',
    owners: [
      { kind: 'User', name: ownerOf(name) },
      { kind: 'Group', name: ownersGroupOf(name) },
    ],
    additionalRoleBindings: [
      { clusterRoleName: 'edit', subjects: [{ kind: 'User', name: `${name}-developer` }] },
      { clusterRoleName: 'view', subjects: [{ kind: 'User', name: `${name}-viewer` }] },
    ],
    namespaces: { items: namespaces.map((namespace) => ({ name: namespace })) },
    podSecurity: { enforce: 'restricted', audit: 'restricted', warn: 'restricted', version: 'latest' },
    resourceQuotas: [
      { name: 'compute', scope: 'Namespace', hard: { cpu: '32', memory: '64Gi', 'ephemeral-storage': '100Gi' } },
      {
        name: 'objects',
        scope: 'Namespace',
        hard: {
          ...Object.fromEntries(OBJECT_NAMES.map((resource) => [resource, '50'])),
          'services.nodeports': '0',
          'services.loadbalancers': '0',
          [`${RETAINING_CLASS}.storageclass.storage.k8s.io/persistentvolumeclaims`]: '0',
        },
      },
      { name: 'gpus', scope: 'Tenant', hard: { [GPU_QUOTA]: String(TENANT_GPUS) } },
    ],
    limitRanges: [
      {
        type: 'Container',
        default: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
        defaultRequest: { cpu: '50m', memory: '32Mi', 'ephemeral-storage': '32Mi' },
        max: { memory: '16Gi' },
      },
    ],
    network: {
      defaultDeny: ['Ingress', 'Egress'],
      dns: 'ClusterDNS',
      egress: [{ name: 'models', cidrs: ['203.0.113.0/24'], ports: [443] }],
      tenantPolicies: 'Bounded',
    },
    images: { registries: [{ prefix: registryOf(name) }], digestPolicy: 'Required', pullPolicies: ['Always'] },
    scheduling: { priorityClasses: { allowed: ['for-tenants'] }, runtimeClasses: { allowed: [TENANT_RUNTIME] } },
    ...spec,
  },
});

type Container = Readonly<Record<string, unknown>> & {
  readonly imagePullPolicy: string;
  readonly resources: { readonly requests: Readonly<Record<string, string>>; readonly limits: Readonly<Record<string, string>> };
  readonly securityContext: Readonly<Record<string, unknown>>;
};
export type CompliantPod = KubeObject & {
  readonly metadata: { readonly namespace: string };
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly containers: readonly [Container];
    readonly securityContext: Readonly<Record<string, unknown>>;
  };
};

const imageOf = (tenant: string): string => `${registryOf(tenant)}agent@sha256:${'4bf5122f'.repeat(8)}`;

/** Restricted pod security, an image of the tenant by digest, pulled always. */
export const compliantPod = (where: { readonly tenant: string; readonly namespace: string; readonly name?: string }): CompliantPod => ({
  metadata: { name: where.name ?? 'probe', namespace: where.namespace, labels: { app: 'probe' } },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'agent',
        image: imageOf(where.tenant),
        imagePullPolicy: 'Always',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        resources: {
          requests: { cpu: '50m', memory: '32Mi', 'ephemeral-storage': '32Mi' },
          limits: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
        },
      },
    ],
  },
});

/** Any object as it is written, whatever its kind. */
export type Manifest = KubeObject & { readonly [field: string]: unknown };

/** The same with fields of the pod's spec changed. */
export const podWith = (pod: CompliantPod, spec: Readonly<Record<string, unknown>>): CompliantPod => ({
  ...pod,
  spec: { ...pod.spec, ...spec },
});

/** The same with fields of its container changed; `securityContext` is merged. */
export const containerWith = (pod: CompliantPod, container: Readonly<Record<string, unknown>>): CompliantPod => {
  const [first] = pod.spec.containers;
  const securityContext = { ...first.securityContext, ...asRecord(container['securityContext']) };
  return podWith(pod, { containers: [{ ...first, ...container, securityContext }] });
};

const asRecord = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});
