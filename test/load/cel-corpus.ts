// SPDX-License-Identifier: Apache-2.0
// What the CEL engines are measured with: a Deployment of about 8 KB and kinds of expressions that policies really have, each
// true of it, so that none ends early; and the same questions as a person would write them in JavaScript.

const container = (index: number) => ({
  name: `app-${index}`,
  image: `registry.example.com/team/app-${index}@sha256:${'0123456789abcdef'.repeat(4)}`,
  imagePullPolicy: 'IfNotPresent',
  ports: [{ name: 'http', containerPort: 8080 + index, protocol: 'TCP' }],
  env: Array.from({ length: 6 }, (_, at) =>
    at % 2 === 0
      ? { name: `SETTING_${at}`, value: `some value of setting ${at}` }
      : { name: `TOKEN_${at}`, valueFrom: { secretKeyRef: { name: 'tokens', key: `token-${at}` } } },
  ),
  resources: { limits: { cpu: '500m', memory: '512Mi' }, requests: { cpu: '250m', memory: '256Mi' } },
  securityContext: {
    runAsNonRoot: true,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  },
  volumeMounts: [
    { name: 'data', mountPath: '/data' },
    { name: 'config', mountPath: '/etc/config', readOnly: true },
  ],
  livenessProbe: {
    httpGet: { path: '/healthz', port: 8080 + index, scheme: 'HTTP' },
    periodSeconds: 10,
    timeoutSeconds: 1,
    failureThreshold: 3,
  },
  readinessProbe: {
    httpGet: { path: '/readyz', port: 8080 + index, scheme: 'HTTP' },
    periodSeconds: 10,
    timeoutSeconds: 1,
    failureThreshold: 3,
  },
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
});

const labels = { 'app.kubernetes.io/name': 'shop', 'app.kubernetes.io/part-of': 'store', team: 'checkout', env: 'prod' };

/** As it is in an admission review. */
export const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'shop',
    namespace: 'checkout',
    labels,
    annotations: { 'example.com/contact': 'checkout@example.com', 'example.com/notes': 'n'.repeat(600) },
    uid: '7f0f6c2e-6f3a-4a53-9f2b-5a0a1f2f6a11',
    generation: 4,
  },
  spec: {
    replicas: 3,
    selector: { matchLabels: { 'app.kubernetes.io/name': 'shop' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: 'shop',
        securityContext: { runAsNonRoot: true, runAsUser: 10_001, fsGroup: 10_001 },
        containers: [container(0), container(1), container(2)],
        initContainers: [container(9)],
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'config', configMap: { name: 'shop' } },
          { name: 'tokens', secret: { secretName: 'tokens' } },
        ],
      },
    },
  },
};

export const params = { maxReplicas: 5, maxMemory: '1Gi' };
export const request = { userInfo: { username: 'jane', groups: ['devs', 'system:authenticated'] } };

type Container = {
  readonly name: string;
  readonly image: string;
  readonly securityContext?: { readonly privileged?: boolean; readonly capabilities?: { readonly drop?: readonly string[] } };
  readonly resources?: { readonly limits?: { readonly cpu?: string; readonly memory?: string } };
  readonly env?: readonly { readonly name: string; readonly valueFrom?: unknown }[];
};
type PodSpec = {
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: unknown }[];
  readonly securityContext?: { readonly runAsNonRoot?: boolean };
  readonly hostNetwork?: boolean;
  readonly serviceAccountName?: string;
};
type Metadata = { readonly labels?: { readonly team?: string } };
/** What the JavaScript reads: whatever may be missing in a cluster may be missing here. */
export type Input = {
  readonly object: {
    readonly metadata: Metadata;
    readonly spec: { readonly replicas: number; readonly template: { readonly metadata?: Metadata; readonly spec: PodSpec } };
  };
  readonly params: typeof params;
  readonly request: typeof request;
};

export type CorpusRow = {
  readonly name: string;
  readonly expression: string;
  readonly byHand: (input: Input) => boolean;
  /** For engines that lack the syntax of optional values. */
  readonly withoutOptionals?: string;
  /** Uses Kubernetes' own functions, which other engines do not have. */
  readonly kubernetesOnly?: true;
};

const CONTAINERS = 'object.spec.template.spec.containers';
const containersOf = ({ object }: Input): readonly Container[] => object.spec.template.spec.containers;
const GHCR = /^ghcr\.io\/[a-z0-9/-]+@sha256:[a-f0-9]{64}$/;
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const MEBIBYTES: ReadonlyMap<string, number> = new Map([
  ['Mi', 1],
  ['Gi', 1024],
]);
const mebibytes = (text: string): number => Number(text.slice(0, -2)) * (MEBIBYTES.get(text.slice(-2)) ?? Number.NaN);

export const corpus: readonly CorpusRow[] = [
  {
    name: 'registries',
    expression: `${CONTAINERS}.all(c, c.image.startsWith('registry.example.com/') || c.image.matches('^ghcr\\\\.io/[a-z0-9/-]+@sha256:[a-f0-9]{64}$')) && ${CONTAINERS}.all(c, c.image.contains('@sha256:'))`,
    byHand: (input) =>
      containersOf(input).every(({ image }) => image.startsWith('registry.example.com/') || GHCR.test(image)) &&
      containersOf(input).every(({ image }) => image.includes('@sha256:')),
  },
  {
    name: 'runAsNonRoot',
    expression:
      'has(object.spec.template.spec.securityContext) && has(object.spec.template.spec.securityContext.runAsNonRoot) && object.spec.template.spec.securityContext.runAsNonRoot == true',
    byHand: ({ object }) => object.spec.template.spec.securityContext?.runAsNonRoot ?? false,
  },
  {
    name: 'noPrivileged',
    expression: `${CONTAINERS}.all(c, !has(c.securityContext) || !has(c.securityContext.privileged) || c.securityContext.privileged == false)`,
    byHand: (input) => containersOf(input).every(({ securityContext }) => !(securityContext?.privileged ?? false)),
  },
  {
    name: 'limitsSet',
    expression: `${CONTAINERS}.all(c, has(c.resources) && has(c.resources.limits) && has(c.resources.limits.cpu) && has(c.resources.limits.memory))`,
    byHand: (input) =>
      containersOf(input).every(({ resources }) => resources?.limits?.cpu !== undefined && resources.limits.memory !== undefined),
  },
  {
    name: 'dropAll',
    expression: `${CONTAINERS}.all(c, has(c.securityContext.capabilities) && has(c.securityContext.capabilities.drop) && 'ALL' in c.securityContext.capabilities.drop)`,
    byHand: (input) => containersOf(input).every(({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL') ?? false),
  },
  {
    name: 'labelsRegex',
    expression:
      "has(object.metadata.labels) && 'team' in object.metadata.labels && object.metadata.labels.team.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    byHand: ({ object }) => object.metadata.labels?.team !== undefined && NAME.test(object.metadata.labels.team),
  },
  {
    name: 'noHostPath',
    expression: '!has(object.spec.template.spec.volumes) || object.spec.template.spec.volumes.all(v, !has(v.hostPath))',
    byHand: ({ object }) => object.spec.template.spec.volumes?.every((volume) => !('hostPath' in volume)) ?? true,
  },
  {
    name: 'envSecrets',
    expression: `${CONTAINERS}.all(c, !has(c.env) || c.env.all(e, !e.name.startsWith('TOKEN') || has(e.valueFrom)))`,
    byHand: (input) =>
      containersOf(input).every(({ env }) => env?.every((one) => !one.name.startsWith('TOKEN') || one.valueFrom !== undefined) ?? true),
  },
  {
    name: 'optChain',
    expression: "object.?spec.?template.?metadata.?labels[?'team'].orValue('') == 'checkout'",
    withoutOptionals:
      "(has(object.spec) && has(object.spec.template) && has(object.spec.template.metadata) && has(object.spec.template.metadata.labels) && 'team' in object.spec.template.metadata.labels ? object.spec.template.metadata.labels.team : '') == 'checkout'",
    byHand: ({ object }) => (object.spec.template.metadata?.labels?.team ?? '') === 'checkout',
  },
  {
    name: 'mapUnique',
    expression: `${CONTAINERS}.map(c, c.name).all(n, ${CONTAINERS}.filter(c, c.name == n).size() == 1)`,
    byHand: (input) => {
      const names = containersOf(input).map(({ name }) => name);
      return names.every((name) => names.filter((other) => other === name).length === 1);
    },
  },
  {
    name: 'quantity',
    expression: `${CONTAINERS}.all(c, quantity(c.resources.limits.memory).compareTo(quantity(params.maxMemory)) <= 0)`,
    kubernetesOnly: true,
    byHand: (input) =>
      containersOf(input).every(({ resources }) => mebibytes(resources?.limits?.memory ?? '') <= mebibytes(input.params.maxMemory)),
  },
  {
    name: 'replicasParam',
    expression: "object.spec.replicas <= params.maxReplicas || request.userInfo.groups.exists(g, g in ['system:masters', 'platform'])",
    byHand: (input) =>
      input.object.spec.replicas <= input.params.maxReplicas ||
      input.request.userInfo.groups.some((group) => group === 'system:masters' || group === 'platform'),
  },
  {
    name: 'absorbed',
    expression: 'object.spec.template.spec.hostNetwork == true || object.spec.template.spec.serviceAccountName != "default"',
    byHand: ({ object }) => (object.spec.template.spec.hostNetwork ?? false) || object.spec.template.spec.serviceAccountName !== 'default',
  },
];
