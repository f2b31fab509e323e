// SPDX-License-Identifier: Apache-2.0
// Policies to measure with: a hundred and more out of twelve rules that clusters really have, no two the same, each as a
// Policy of ours and as a ValidatingAdmissionPolicy with the same expression. `agentPod` passes all of them, so that every
// expression is evaluated to its end; `violate` makes a pod that a policy refuses, to see that it is there at all.
import { TENANT_LABEL } from '../../crds/kinds.ts';
import type { Policy, ResourceRule } from '../../crds/generated/objects.ts';
import type { KubeObject } from '../../kube/objects.ts';

type Rule = { readonly expression: string; readonly message: string };

const containers = 'object.spec.containers';

/** `variant` tells apart what comes of one template: a mirror, a name that is excepted, a bound. */
const TEMPLATES: readonly ((variant: number) => Rule)[] = [
  (variant) => ({
    expression: `${containers}.all(c, c.name == 'gpu-driver-${variant}' || !has(c.securityContext) || !has(c.securityContext.privileged) || !c.securityContext.privileged)`,
    message: 'no container may be privileged',
  }),
  (variant) => ({
    expression: `${containers}.all(c, ['registry.example.com/', 'mirror-${variant}.example.com/'].exists(prefix, c.image.startsWith(prefix)))`,
    message: 'images come from our registries',
  }),
  (variant) => ({
    expression: `${containers}.all(c, c.name == 'scratch-${variant}' || c.image.contains('@sha256:'))`,
    message: 'images are pinned by digest',
  }),
  (variant) => ({
    expression: `object.metadata.?annotations[?'example.com/review-${variant}'].orValue('').startsWith('done')`,
    message: `review ${variant} is recorded`,
  }),
  (variant) => ({
    expression: `${containers}.all(c, c.name == 'burst-${variant}' || (has(c.resources) && has(c.resources.limits) && 'memory' in c.resources.limits && 'cpu' in c.resources.limits))`,
    message: 'limits are set',
  }),
  (variant) => ({
    expression: `${containers}.all(c, c.name == 'net-${variant}' || (has(c.securityContext) && has(c.securityContext.capabilities) && has(c.securityContext.capabilities.drop) && 'ALL' in c.securityContext.capabilities.drop))`,
    message: 'all capabilities are dropped',
  }),
  (variant) => ({
    expression: `has(object.metadata.labels) && 'team' in object.metadata.labels && object.metadata.labels['team'].matches('^[a-z][a-z0-9-]{1,${30 + variant}}$')`,
    message: 'the team label names a team',
  }),
  (variant) => ({
    expression: `!has(object.spec.volumes) || object.spec.volumes.all(v, v.name == 'socket-${variant}' || !has(v.hostPath))`,
    message: 'no volume is a path of the node',
  }),
  (variant) => ({
    expression: `${containers}.all(c, !has(c.env) || c.env.all(e, e.name == 'PUBLIC_${variant}' || !has(e.value) || !e.name.matches('(KEY|TOKEN|SECRET|PASSWORD)$')))`,
    message: 'credentials come from secrets',
  }),
  (variant) => ({
    expression: `${containers}.map(c, c.name).all(name, name.size() <= ${40 + variant} && ${containers}.filter(c, c.name == name).size() == 1)`,
    message: 'names of containers are short and unique',
  }),
  (variant) => ({
    expression: `(has(object.spec.securityContext) && has(object.spec.securityContext.runAsNonRoot) && object.spec.securityContext.runAsNonRoot) || ${containers}.all(c, c.name == 'init-${variant}')`,
    message: 'nothing runs as root',
  }),
  (variant) => ({
    expression: `request.userInfo.username == 'system:node-${variant}' || !has(object.spec.hostNetwork) || !object.spec.hostNetwork`,
    message: 'no pod uses the network of the node',
  }),
];

export type LoadPolicy = Rule & { readonly name: string; readonly index: number };

export const loadPolicies = (count: number): readonly LoadPolicy[] =>
  Array.from({ length: count }, (_, index) => {
    const template = TEMPLATES[index % TEMPLATES.length] ?? (() => ({ expression: 'true', message: '' }));
    return { name: `load-${String(index).padStart(5, '0')}`, index, ...template(Math.floor(index / TEMPLATES.length)) };
  });

const pods = (): readonly ResourceRule[] => [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }];

export const writPolicy = ({ name, expression, message }: LoadPolicy, tenants: readonly string[], version = 1): Policy => ({
  apiVersion: 'writ.dev/v1alpha1',
  kind: 'Policy',
  metadata: { name },
  spec: {
    version,
    matchConstraints: {
      resourceRules: pods(),
      namespaceSelector: { matchExpressions: [{ key: TENANT_LABEL, operator: 'In', values: [...tenants] }] },
    },
    validations: [{ expression, message }],
  },
});

export const admissionPolicy = ({ name, expression, message }: LoadPolicy): KubeObject => {
  const spec = { matchConstraints: { resourceRules: pods() }, validations: [{ expression, message }] };
  return Object.assign({ metadata: { name } }, { spec });
};

export const admissionBinding = ({ name }: LoadPolicy, namespaceLabels: Readonly<Record<string, string>>): KubeObject => {
  const matchResources = { namespaceSelector: { matchLabels: namespaceLabels } };
  return Object.assign({ metadata: { name } }, { spec: { policyName: name, validationActions: ['Deny'], matchResources } });
};

const DIGEST = 'sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a';

const probe = (path: string, port: number) => ({
  httpGet: { path, port, scheme: 'HTTP' },
  periodSeconds: 10,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 3,
});

const agentContainer = (name: string, port: number) => ({
  name,
  image: `registry.example.com/agents/${name}@${DIGEST}`,
  imagePullPolicy: 'IfNotPresent',
  ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
  env: [
    { name: 'OPENAI_API_KEY', valueFrom: { secretKeyRef: { name: 'model-key', key: 'token' } } },
    { name: 'OPENAI_BASE_URL', value: 'https://gateway.example.com/v1' },
    { name: 'MODEL', value: 'gpt-4.1-mini' },
    { name: 'LOG_LEVEL', value: 'info' },
    { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://collector.observability.svc:4318' },
  ],
  resources: { limits: { cpu: '500m', memory: '512Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  volumeMounts: [{ name: 'work', mountPath: '/work' }],
  livenessProbe: probe('/healthz', port),
  readinessProbe: probe('/readyz', port),
});

const reviewedAnd = (notes: Readonly<Record<string, string>>): Record<string, string> => ({
  ...Object.fromEntries(Array.from({ length: REVIEWS }, (_, at) => [`example.com/review-${at}`, 'done 2026-01-01'])),
  ...notes,
});

/** Reviews that the annotations of the pod record; enough for as many policies as are ever applicable at once. */
const REVIEWS = 9;

type PodOptions = {
  readonly namespace: string;
  /** Containers beside the agent's own. */
  readonly tools?: number;
  /** More annotations. */
  readonly notes?: Readonly<Record<string, string>>;
};
type Pod = ReturnType<typeof agentPod>;

export const agentPod = ({ namespace, tools = 1, notes = {} }: PodOptions) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'researcher',
    namespace,
    labels: { 'app.kubernetes.io/name': 'researcher', 'app.kubernetes.io/part-of': 'agents', team: 'research' },
    annotations: reviewedAnd(notes),
  },
  spec: {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [agentContainer('researcher', 8080), ...Array.from({ length: tools }, (_, at) => agentContainer(`mcp-${at}`, 8081 + at))],
    volumes: [{ name: 'work', emptyDir: {} }],
  },
});

/** What only the last of 1, 12 and 100 policies refuses. */
export const violate = (pod: Pod, lastOf: 1 | 12 | 100): unknown => {
  if (lastOf === 12) return { ...pod, spec: { ...pod.spec, hostNetwork: true } };
  if (lastOf === 100)
    return { ...pod, metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, 'example.com/review-8': 'open' } } };
  const containers = pod.spec.containers.map((container) => ({
    ...container,
    securityContext: { ...container.securityContext, allowPrivilegeEscalation: true, privileged: true },
  }));
  return { ...pod, spec: { ...pod.spec, containers } };
};
