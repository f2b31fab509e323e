// SPDX-License-Identifier: Apache-2.0
/**
 * Nanoseconds per evaluation of twelve kinds of policy expressions over one Deployment of about 8 KB that passes them all, so none
 * ends early. Run it with `node test/load/cel.ts`; figures are medians of rounds in which the expressions take turns.
 */
import { compile, parseJson } from '../../policies/cel/index.ts';
import type { Bindings } from '../../policies/cel/index.ts';

const container = (index: number): unknown => ({
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

const deployment = {
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

const expressions: Readonly<Record<string, string>> = {
  registries:
    "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example.com/') || c.image.matches('^ghcr\\\\.io/[a-z0-9/-]+@sha256:[a-f0-9]{64}$')) && object.spec.template.spec.containers.all(c, c.image.contains('@sha256:'))",
  runAsNonRoot:
    'has(object.spec.template.spec.securityContext) && has(object.spec.template.spec.securityContext.runAsNonRoot) && object.spec.template.spec.securityContext.runAsNonRoot == true',
  noPrivileged:
    'object.spec.template.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.privileged) || c.securityContext.privileged == false)',
  limitsSet:
    'object.spec.template.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && has(c.resources.limits.cpu) && has(c.resources.limits.memory))',
  dropAll:
    "object.spec.template.spec.containers.all(c, has(c.securityContext.capabilities) && has(c.securityContext.capabilities.drop) && 'ALL' in c.securityContext.capabilities.drop)",
  labelsRegex:
    "has(object.metadata.labels) && 'team' in object.metadata.labels && object.metadata.labels.team.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
  noHostPath: '!has(object.spec.template.spec.volumes) || object.spec.template.spec.volumes.all(v, !has(v.hostPath))',
  envSecrets: "object.spec.template.spec.containers.all(c, !has(c.env) || c.env.all(e, !e.name.startsWith('TOKEN') || has(e.valueFrom)))",
  optChain: "object.?spec.?template.?metadata.?labels[?'team'].orValue('') == 'checkout'",
  mapUnique:
    'object.spec.template.spec.containers.map(c, c.name).all(n, object.spec.template.spec.containers.filter(c, c.name == n).size() == 1)',
  absorbed: 'object.spec.template.spec.hostNetwork == true || object.spec.template.spec.serviceAccountName != "default"',
  replicasParam: "object.spec.replicas <= params.maxReplicas || request.userInfo.groups.exists(g, g in ['system:masters', 'platform'])",
};

const text = JSON.stringify(deployment);
const bindings: Bindings = {
  object: parseJson(text),
  params: parseJson('{"maxReplicas": 5}'),
  request: parseJson('{"userInfo": {"username": "jane", "groups": ["devs", "system:authenticated"]}}'),
};

const programs = Object.entries(expressions).map(([name, source]) => {
  const compiled = compile(source, { variables: Object.keys(bindings) });
  if (!compiled.ok) throw new Error(`${name}: ${JSON.stringify(compiled.issues)}`);
  const value = compiled.program.evaluate(bindings, { remaining: 1_000_000 });
  if (value !== true) throw new Error(`${name} gives ${JSON.stringify(value)}`);
  return { name, source, program: compiled.program, rounds: [] as number[] };
});

const EVALUATIONS = 20_000;
const ROUNDS = 7;

for (let round = 0; round <= ROUNDS; round++)
  for (const { program, rounds } of programs) {
    const start = performance.now();
    for (let at = 0; at < EVALUATIONS; at++) program.evaluate(bindings, { remaining: 1_000_000 });
    // The first round only warms up.
    if (round > 0) rounds.push(((performance.now() - start) * 1e6) / EVALUATIONS);
  }

const median = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
const geomean = (figures: readonly number[]): number =>
  Math.exp(figures.reduce((sum, figure) => sum + Math.log(figure), 0) / figures.length);

console.log(`${text.length} bytes of object, Node ${process.version}, ${EVALUATIONS} evaluations, median of ${ROUNDS} rounds`);
const medians = programs.map(({ name, rounds }) => ({ name, ns: median(rounds) }));
for (const { name, ns } of medians) console.log(`${name.padEnd(16)}${ns.toFixed(0).padStart(8)} ns`);
console.log(
  `${'geomean'.padEnd(16)}${geomean(medians.map(({ ns }) => ns))
    .toFixed(0)
    .padStart(8)} ns`,
);

const start = performance.now();
for (let at = 0; at < 200; at++) for (const { source } of programs) compile(source, { variables: Object.keys(bindings) });
console.log(
  `${'compile'.padEnd(16)}${(((performance.now() - start) * 1e3) / (200 * programs.length)).toFixed(0).padStart(8)} µs per expression`,
);
