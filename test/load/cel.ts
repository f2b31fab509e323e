// SPDX-License-Identifier: Apache-2.0
/**
 * Nanoseconds per evaluation of twelve kinds of policy expressions over one Deployment of about 8 KB that passes them all, so none
 * ends early.
 */
import { compile, parseJson } from '../../policies/cel/index.ts';
import type { Bindings } from '../../policies/cel/index.ts';
import { median, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

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

/** Rounds that are not counted. */
const WARM_UP = 1;

export const measureExpressions = (options: { readonly rounds: number; readonly evaluations: number }): readonly BenchRow[] => {
  const { rounds, evaluations } = options;
  const programs = Object.entries(expressions).map(([name, source]) => {
    const compiled = compile(source, { variables: Object.keys(bindings) });
    if (!compiled.ok) throw new Error(`${name}: ${JSON.stringify(compiled.issues)}`);
    const value = compiled.program.evaluate(bindings, { remaining: 1_000_000 });
    if (value !== true) throw new Error(`${name} gives ${JSON.stringify(value)}`);
    return { name, program: compiled.program, timesNs: [] as number[] };
  });
  for (let round = -WARM_UP; round < rounds; round += 1)
    for (const { program, timesNs } of programs) {
      const startedMs = performance.now();
      for (let at = 0; at < evaluations; at += 1) program.evaluate(bindings, { remaining: 1_000_000 });
      if (round >= 0) timesNs.push(((performance.now() - startedMs) * 1e6) / evaluations);
    }
  const how = `median of ${rounds} interleaved rounds of ${evaluations} evaluations, object of ${text.length} bytes that passes`;
  const medians = programs.map(({ name, timesNs }) => ({ name, ns: median(timesNs) }));
  const geomean = Math.exp(medians.reduce((sum, { ns }) => sum + Math.log(ns), 0) / medians.length);
  return [
    ...medians.map(({ name, ns }) => ({ name: `cel/${name}`, unit: 'ns', value: rounded(ns), how })),
    { name: 'cel/geomean', unit: 'ns', value: rounded(geomean), how: `of the twelve; ${how}` },
    { name: 'cel/compile', unit: 'µs', value: rounded(compileUs()), how: 'mean of 200 times the twelve, from source to program' },
  ];
};

const compileUs = (): number => {
  const startedMs = performance.now();
  for (let at = 0; at < 200; at += 1)
    for (const source of Object.values(expressions)) compile(source, { variables: Object.keys(bindings) });
  return ((performance.now() - startedMs) * 1e3) / (200 * Object.keys(expressions).length);
};
