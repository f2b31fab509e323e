// SPDX-License-Identifier: Apache-2.0
// What a person who reads a manifest beside the upstream field reference finds: which containers it would run, and so
// which of the three sample policies it breaks. Written from the CRDs of the projects, kind by kind, and on purpose
// without a line of what ships: it is the other opinion.
export type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : []);
/** `a.b.c`, empty where there is nothing. */
export const dig = (value: unknown, path: string): Json => {
  const found = path.split('.').reduce<unknown>((held, name) => (isJson(held) ? held[name] : undefined), value);
  return isJson(found) ? found : {};
};

/** A core PodSpec. */
const inPodSpec = (spec: Json): readonly Json[] => [
  ...list(spec['initContainers']),
  ...list(spec['containers']),
  ...list(spec['ephemeralContainers']),
];
const inTemplate = (template: Json): readonly Json[] => inPodSpec(dig(template, 'spec'));
/** Something with an image, where the project makes the container itself. */
const alone = (holder: Json): readonly Json[] => (typeof holder['image'] === 'string' && holder['image'] !== '' ? [holder] : []);

const rayCluster = (cluster: Json): readonly Json[] => [
  ...inTemplate(dig(cluster, 'headGroupSpec.template')),
  ...list(cluster['workerGroupSpecs']).flatMap((group) => inTemplate(dig(group, 'template'))),
  ...alone(dig(cluster, 'autoscalerOptions')),
];

const kagentAgent = (spec: Json): readonly Json[] => [
  ...['declarative', 'byo'].flatMap((sort) => {
    const deployment = dig(spec, `${sort}.deployment`);
    return [...alone(deployment), ...list(deployment['extraContainers'])];
  }),
  ...alone(dig(spec, 'byo')),
  ...skillImages(spec),
];

/** OCI images that are unpacked into the agent's pod. */
const skillImages = (spec: Json): readonly Json[] => {
  const { refs } = dig(spec, 'skills');
  return Array.isArray(refs) ? refs.filter((ref) => typeof ref === 'string').map((image) => ({ image })) : [];
};

const llm = (spec: Json): readonly Json[] =>
  ['template', 'worker', 'prefill.template', 'prefill.worker', 'router.scheduler.template', 'router.scheduler.tokenizer.template'].flatMap(
    (path) => inPodSpec(dig(spec, path)),
  );

const template = (spec: Json): readonly Json[] => inTemplate(dig(spec, 'template'));
const podTemplate = (spec: Json): readonly Json[] => inTemplate(dig(spec, 'podTemplate'));

/** By kind and group; what is not here runs nothing. */
const readers: Readonly<Record<string, (spec: Json) => readonly Json[]>> = {
  'Pod ': inPodSpec,
  'Deployment apps': template,
  'DaemonSet apps': template,
  'StatefulSet apps': template,
  'ReplicaSet apps': template,
  'Job batch': template,
  'CronJob batch': (spec) => template(dig(spec, 'jobTemplate.spec')),
  'Sandbox agents.x-k8s.io': podTemplate,
  'SandboxTemplate extensions.agents.x-k8s.io': podTemplate,
  'RayCluster ray.io': rayCluster,
  'RayJob ray.io': (spec) => [...rayCluster(dig(spec, 'rayClusterSpec')), ...inTemplate(dig(spec, 'submitterPodTemplate'))],
  'RayService ray.io': (spec) => rayCluster(dig(spec, 'rayClusterConfig')),
  'Agent kagent.dev': kagentAgent,
  'SandboxAgent kagent.dev': kagentAgent,
  'MCPServer kagent.dev': (spec) => [
    ...alone(dig(spec, 'deployment')),
    ...alone(dig(spec, 'deployment.initContainer')),
    ...list(dig(spec, 'deployment')['sidecars']),
  ],
  'LLMInferenceService serving.kserve.io': llm,
  'LLMInferenceServiceConfig serving.kserve.io': llm,
};

/** Containers that the object would run; undefined for a kind that is no workload. */
export const containersOf = (object: Json): readonly Json[] | undefined => {
  const apiVersion = String(object['apiVersion']);
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return readers[`${String(object['kind'])} ${group}`]?.(dig(object, 'spec'));
};

/** The sample policies that these containers break, by name. */
export const broken = (containers: readonly Json[]): readonly string[] => {
  const names: string[] = [];
  if (containers.some(({ image }) => typeof image === 'string' && !image.includes('@sha256:'))) names.push('images-pinned');
  if (containers.some((container) => dig(container, 'resources.limits')['memory'] === undefined)) names.push('limits-set');
  if (containers.some((container) => dig(container, 'securityContext')['privileged'] === true)) names.push('not-privileged');
  return names;
};
