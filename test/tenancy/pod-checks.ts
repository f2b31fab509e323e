// SPDX-License-Identifier: Apache-2.0
/**
 * kubectl-mtb's checks whose probe is an object that must be refused, and the like of what it only planned.
 *
 * In: nothing. Out: rows, each an object that differs in one thing from one that is admitted, and the words by which it must be
 * refused. kubectl-mtb itself takes any refusal for a pass, so that a gate against unsigned images passes nearly all of its
 * checks; its probes here are rebuilt from their descriptions (benchmarks/kubectl-mtb of kubernetes-retired/multi-tenancy).
 */
import { claims } from './resources.ts';
import { pods, services } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { DELETING_CLASS, OTHER_RUNTIME, RETAINING_CLASS, TENANT_RUNTIME, containerWith, podWith } from './isolated-tenant.ts';
import type { CompliantPod, Manifest } from './isolated-tenant.ts';

export type ObjectCheck = {
  readonly id: string;
  readonly what: string;
  readonly resource: Resource;
  readonly control: (pod: CompliantPod) => Manifest;
  readonly flipped: (pod: CompliantPod) => Manifest;
  readonly refused: RegExp;
};

const same = (pod: CompliantPod): Manifest => pod;
const podCheck = (id: string, what: string, flipped: ObjectCheck['flipped'], refused: RegExp): ObjectCheck => ({
  id,
  what,
  resource: pods,
  control: same,
  flipped,
  refused,
});

const security = (said: string): RegExp => new RegExp(`violates PodSecurity "restricted:latest": ${said}`);

/** `type` undefined is ClusterIP. */
const service = (pod: CompliantPod, type?: string): Manifest => ({
  metadata: { name: 'probe', namespace: pod.metadata.namespace },
  spec: { ...(type === undefined ? {} : { type }), selector: { app: 'probe' }, ports: [{ port: 80 }] },
});

const claim = (pod: CompliantPod, spec: Readonly<Record<string, unknown>>): Manifest => ({
  metadata: { name: 'probe', namespace: pod.metadata.namespace },
  spec: { storageClassName: DELETING_CLASS, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});

const withVolume = (pod: CompliantPod, volume: Readonly<Record<string, unknown>>): Manifest =>
  podWith(pod, { volumes: [{ name: 'data', ...volume }] });
const claimed = (pod: CompliantPod): Manifest => withVolume(pod, { persistentVolumeClaim: { claimName: 'data' } });

export const podChecks: readonly ObjectCheck[] = [
  podCheck(
    'MTB-PL1-BC-CPI-3',
    'a container that adds a capability',
    (pod) => containerWith(pod, { securityContext: { capabilities: { drop: ['ALL'], add: ['SETPCAP'] } } }),
    security('unrestricted capabilities .*SETPCAP'),
  ),
  podCheck(
    'MTB-PL1-BC-CPI-4',
    'a container that need not run as non-root',
    (pod) => containerWith(pod, { securityContext: { runAsNonRoot: false } }),
    security('runAsNonRoot != true'),
  ),
  podCheck(
    'MTB-PL1-BC-CPI-5',
    'a privileged container',
    // The API server itself refuses privilege without escalation, so both are flipped; the words are of the one.
    (pod) => containerWith(pod, { securityContext: { privileged: true, allowPrivilegeEscalation: true } }),
    security('privileged'),
  ),
  podCheck(
    'MTB-PL1-BC-CPI-6',
    'a container that may escalate',
    (pod) => containerWith(pod, { securityContext: { allowPrivilegeEscalation: true } }),
    security('allowPrivilegeEscalation != false'),
  ),
  podCheck(
    'MTB-PL1-BC-HI-1',
    'a volume of the host',
    (pod) => withVolume(pod, { hostPath: { path: '/var/run' } }),
    security('.*(hostPath|restricted volume types)'),
  ),
  {
    id: 'MTB-PL1-BC-HI-1 (services)',
    what: 'a service on a port of every node',
    resource: services,
    control: (pod) => service(pod),
    flipped: (pod) => service(pod, 'NodePort'),
    refused: /exceeded quota: .*services\.nodeports=1/,
  },
  podCheck(
    'MTB-PL1-BC-HI-3',
    "the host's network and a port of it",
    (pod) => {
      const { spec } = containerWith(pod, { ports: [{ containerPort: 8086, hostPort: 8086 }] });
      return podWith(pod, { ...spec, hostNetwork: true });
    },
    security('host namespaces \\(hostNetwork=true\\), hostPort'),
  ),
  podCheck(
    'MTB-PL1-BC-HI-4',
    "the host's process ids",
    (pod) => podWith(pod, { hostPID: true }),
    security('host namespaces \\(hostPID=true\\)'),
  ),
  podCheck('MTB-PL1-BC-HI-5', "the host's IPC", (pod) => podWith(pod, { hostIPC: true }), security('host namespaces \\(hostIPC=true\\)')),
];

/** Beside the benchmark: what a Tenant bounds and Kubernetes itself does not. */
export const boundChecks: readonly ObjectCheck[] = [
  podCheck(
    'images by registry',
    "an image of the other tenant's registry",
    (pod) => containerWith(pod, { image: `registry.example.com/elsewhere/agent@sha256:${'4bf5122f'.repeat(8)}` }),
    /registry\.example\.com\/elsewhere\//,
  ),
  podCheck(
    'images by digest',
    'an image by tag',
    (pod) => {
      const [container] = pod.spec.containers;
      return containerWith(pod, { image: String(container['image']).replace(/@.*/, ':latest') });
    },
    /digest/i,
  ),
  podCheck(
    'images by registry, unpacked at the boundary',
    'a registry whose name only begins alike',
    (pod) => {
      const [container] = pod.spec.containers;
      return containerWith(pod, {
        image: String(container['image']).replace('registry.example.com/', 'registry.example.com.evil.example/'),
      });
    },
    /registry\.example\.com\.evil\.example/,
  ),
  podCheck(
    'images of every sort of container',
    "an init container from another tenant's registry",
    (pod) => {
      const [container] = pod.spec.containers;
      return podWith(pod, {
        initContainers: [{ ...container, name: 'first', image: `registry.example.com/elsewhere/x@sha256:${'4bf5122f'.repeat(8)}` }],
      });
    },
    /registry\.example\.com\/elsewhere\//,
  ),
];

/** The classes that a pod may name. */
export const classChecks: readonly ObjectCheck[] = [
  {
    ...podCheck(
      'runtime classes',
      'a runtime class that is not on the list',
      (pod) => podWith(pod, { runtimeClassName: OTHER_RUNTIME }),
      /not-for-tenants/,
    ),
    control: (pod) => podWith(pod, { runtimeClassName: TENANT_RUNTIME }),
  },
  podCheck(
    'priority classes',
    "the cluster's own priority",
    (pod) => podWith(pod, { priorityClassName: 'system-cluster-critical' }),
    /system-cluster-critical/,
  ),
];

/** README of kubectl-mtb, "planned": there is no code of it to compare with. */
export const plannedObjectChecks: readonly ObjectCheck[] = [
  {
    id: 'planned: storage by claims only',
    what: 'a volume that names its server itself',
    resource: pods,
    control: claimed,
    flipped: (pod) => withVolume(pod, { nfs: { server: '192.0.2.1', path: '/' } }),
    refused: security('restricted volume types'),
  },
  {
    id: 'planned: volumes are deleted with their claims',
    what: 'a claim of a class whose volumes stay',
    resource: claims,
    control: (pod) => claim(pod, {}),
    flipped: (pod) => claim(pod, { storageClassName: RETAINING_CLASS }),
    refused: new RegExp(`exceeded quota: .*${RETAINING_CLASS}\\.storageclass`),
  },
  {
    id: 'planned: volumes that exist already',
    what: 'a claim that names a volume',
    resource: claims,
    control: (pod) => claim(pod, {}),
    flipped: (pod) => claim(pod, { volumeName: 'of-somebody-else' }),
    refused: /spec\.volumeName/,
  },
  {
    id: 'planned: volumes that exist already (by label)',
    what: 'a claim that selects volumes',
    resource: claims,
    control: (pod) => claim(pod, {}),
    flipped: (pod) => claim(pod, { selector: { matchLabels: { tier: 'gold' } } }),
    refused: /spec\.selector/,
  },
];

export const exposedChecks: readonly ObjectCheck[] = [
  {
    id: 'services of a load balancer',
    what: 'a service that asks the cloud for an address',
    resource: services,
    control: (pod) => service(pod),
    flipped: (pod) => service(pod, 'LoadBalancer'),
    refused: /exceeded quota: .*services\.(loadbalancers|nodeports)=1/,
  },
];
