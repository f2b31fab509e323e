// SPDX-License-Identifier: Apache-2.0
/**
 * The one table of kinds that run or declare workloads: where each served version keeps its pod templates, containers, images and
 * environment, and what an agent kind says about itself. A new kind is a new row; nothing else names kinds.
 *
 * In: nothing. Out: `workloadKinds`; `kind-index.ts` finds a row and makes webhook rules of them. Paths were checked against the CRDs of the projects (workload-kinds.test.ts checks them again where those are at hand).
 * Reading is tolerant: a path that an object does not have is skipped, so one row may hold the shapes of several versions.
 */
/** What kind of thing the kind declares; every role but `plain` is evidence of an agent workload. */
export type Role = 'agent' | 'model' | 'tool' | 'plain';

export type PodPaths = {
  /** Objects with `metadata` and a PodSpec at `spec`. */
  readonly templates?: readonly string[];
  /** PodSpecs without that level around them. */
  readonly podSpecs?: readonly string[];
  /** Objects that mix the fields of one container with those of its pod (kagent's and kmcp's `deployment`). */
  readonly deployments?: readonly string[];
  /** Containers, or lists of them, outside of any pod spec. */
  readonly containers?: readonly string[];
  /** Image names, or lists of them. */
  readonly images?: readonly string[];
  /** Environment of containers that the kind does not show: lists of name and value, or maps. */
  readonly env?: readonly string[];
  /** Objects with labels and annotations that the pods will carry. */
  readonly podMetadata?: readonly string[];
};

export type AgentPaths = {
  readonly model?: readonly string[];
  readonly modelConfig?: readonly string[];
  readonly provider?: readonly string[];
  readonly tools?: readonly string[];
  readonly mcpServers?: readonly string[];
  readonly egress?: readonly string[];
};

export type WorkloadKind = {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly role: Role;
  readonly scope?: 'Cluster';
  /** By served version. An object of a version that is not here is read by the paths of all of them. */
  readonly versions: Readonly<Record<string, PodPaths>>;
  readonly agent?: AgentPaths;
};

/** The shape of admissionregistration.k8s.io/v1 RuleWithOperations. */
export type Rule = {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  readonly operations: readonly string[];
  readonly scope?: 'Cluster' | 'Namespaced' | '*';
};

/** `Agent`: whatever may turn out to be an agent, so every pod-bearing kind too; `PodBearing`: only those. */
export type WorkloadScope = 'Agent' | 'PodBearing';

const template: PodPaths = { templates: ['spec.template'] };
const podTemplate: PodPaths = { templates: ['spec.podTemplate'] };
const core = (kind: string, plural: string, group: string, paths: PodPaths): WorkloadKind => ({
  group,
  kind,
  plural,
  role: 'plain',
  versions: { v1: paths },
});

const kagentDeployment: PodPaths = {
  deployments: ['spec.{declarative,byo}.deployment'],
  images: ['spec.skills.refs'],
  env: ['spec.skills.initContainer.env'],
};
const substrateAgent: PodPaths = { containers: ['spec.byo'], env: ['spec.declarative.env'], images: ['spec.skills.refs'] };
const harness: PodPaths = { containers: ['spec'], images: ['spec.substrate.workloadImage'] };
const kagentFacts: AgentPaths = {
  modelConfig: ['spec.declarative.modelConfig', 'spec.modelConfig', 'spec.modelConfig.name', 'spec.modelConfigRef'],
  tools: ['spec.declarative.tools', 'spec.tools'],
  egress: ['spec.sandbox.network.allowedDomains'],
};

const proxyDeployment: PodPaths = {
  env: ['spec.resourceOverrides.proxyDeployment.env'],
  podMetadata: ['spec.resourceOverrides.proxyDeployment.podTemplateMetadataOverrides'],
};
const podTemplateSpec: PodPaths = { templates: ['spec.podTemplateSpec'] };
const embeddingServer: PodPaths = {
  ...podTemplateSpec,
  containers: ['spec'],
  podMetadata: ['spec.resourceOverrides.statefulSet.podTemplateMetadataOverrides'],
};

const bothToolhive = (paths: PodPaths): WorkloadKind['versions'] => ({ v1alpha1: paths, v1beta1: paths });
const toolhive = (kind: string, plural: string, paths: PodPaths, more: Pick<WorkloadKind, 'role' | 'agent'>): WorkloadKind => ({
  group: 'toolhive.stacklok.dev',
  kind,
  plural,
  versions: bothToolhive(paths),
  ...more,
});

const FRAMEWORKS = 'model,sklearn,xgboost,tensorflow,pytorch,triton,onnx,huggingface,pmml,lightgbm,paddle';
const component = '{predictor,transformer,explainer}';
const inferenceService: PodPaths = {
  // PodSpecs are inlined at each component, beside the fields of the framework.
  podSpecs: [`spec.${component}`, `spec.${component}.workerSpec`, 'spec.canary[].predictor', 'spec.canary[].predictor.workerSpec'],
  containers: [`spec.${component}.{${FRAMEWORKS},art,alibi}`, `spec.canary[].predictor.{${FRAMEWORKS}}`],
};
const servingRuntime: PodPaths = { podSpecs: ['spec', 'spec.workerSpec'] };
const llm: PodPaths = {
  podSpecs: [
    'spec.{template,worker}',
    'spec.prefill.{template,worker}',
    'spec.router.scheduler.template',
    'spec.router.scheduler.tokenizer.template',
  ],
};
const kserve = (row: Omit<WorkloadKind, 'group' | 'role'>): WorkloadKind => ({ group: 'serving.kserve.io', role: 'model', ...row });

const rayCluster = (at: string, more: readonly string[] = []): PodPaths => ({
  templates: [`${at}.headGroupSpec.template`, `${at}.workerGroupSpecs[].template`, ...more],
  containers: [`${at}.autoscalerOptions`],
});
const withHistory = (at: string, paths: PodPaths): PodPaths => ({
  ...paths,
  containers: [...(paths.containers ?? []), `${at}.historyServerOptions.collectorOptions`],
});
const ray = (row: Pick<WorkloadKind, 'kind' | 'plural'>, at: string, more: readonly string[] = []): WorkloadKind => {
  const paths = rayCluster(at, more);
  return { group: 'ray.io', role: 'model', ...row, versions: { v1: withHistory(at, paths), v1alpha1: paths } };
};

export const workloadKinds: readonly WorkloadKind[] = [
  core('Pod', 'pods', '', { templates: [''] }),
  core('PodTemplate', 'podtemplates', '', { templates: ['template'] }),
  core('ReplicationController', 'replicationcontrollers', '', template),
  core('ReplicaSet', 'replicasets', 'apps', template),
  core('Deployment', 'deployments', 'apps', template),
  core('StatefulSet', 'statefulsets', 'apps', template),
  core('DaemonSet', 'daemonsets', 'apps', template),
  core('Job', 'jobs', 'batch', template),
  core('CronJob', 'cronjobs', 'batch', { templates: ['spec.jobTemplate.spec.template'] }),

  {
    group: 'agents.x-k8s.io',
    kind: 'Sandbox',
    plural: 'sandboxes',
    role: 'agent',
    versions: { v1beta1: podTemplate, v1alpha1: podTemplate },
  },
  {
    group: 'extensions.agents.x-k8s.io',
    kind: 'SandboxTemplate',
    plural: 'sandboxtemplates',
    role: 'agent',
    versions: { v1beta1: podTemplate, v1alpha1: podTemplate },
  },
  {
    // It has no template of its own, yet changes the pod after its template was admitted.
    group: 'extensions.agents.x-k8s.io',
    kind: 'SandboxClaim',
    plural: 'sandboxclaims',
    role: 'agent',
    versions: {
      v1beta1: { env: ['spec.env'], podMetadata: ['spec.additionalPodMetadata'] },
      v1alpha1: { env: ['spec.env'], podMetadata: ['spec.additionalPodMetadata'] },
    },
  },
  {
    group: 'extensions.agents.x-k8s.io',
    kind: 'SandboxWarmPool',
    plural: 'sandboxwarmpools',
    role: 'agent',
    versions: { v1beta1: {}, v1alpha1: {} },
  },

  {
    group: 'kagent.dev',
    kind: 'Agent',
    plural: 'agents',
    role: 'agent',
    versions: { v1alpha1: { deployments: ['spec.deployment'] }, v1alpha2: kagentDeployment },
    agent: kagentFacts,
  },
  {
    group: 'kagent.dev',
    kind: 'SandboxAgent',
    plural: 'sandboxagents',
    role: 'agent',
    versions: { v1alpha2: kagentDeployment, v1alpha3: substrateAgent },
    agent: kagentFacts,
  },
  {
    group: 'kagent.dev',
    kind: 'AgentTemplate',
    plural: 'agenttemplates',
    role: 'agent',
    versions: { v1alpha3: { images: ['spec.skills[].source.oci', 'spec.plugins[].source.oci'] } },
    agent: kagentFacts,
  },
  {
    group: 'kagent.dev',
    kind: 'Harness',
    plural: 'harnesses',
    role: 'agent',
    versions: { v1alpha3: { containers: ['spec.workload'], env: ['spec.env'] } },
  },
  {
    group: 'kagent.dev',
    kind: 'AgentHarness',
    plural: 'agentharnesses',
    role: 'agent',
    versions: { v1alpha2: harness, v1alpha3: harness },
    agent: { ...kagentFacts, egress: ['spec.network.allowedDomains'] },
  },
  {
    group: 'kagent.dev',
    kind: 'MCPServer',
    plural: 'mcpservers',
    role: 'tool',
    versions: { v1alpha1: { deployments: ['spec.deployment'] } },
  },
  {
    group: 'kagent.dev',
    kind: 'ToolServer',
    plural: 'toolservers',
    role: 'tool',
    versions: { v1alpha1: { env: ['spec.config.stdio.env'] } },
    agent: { mcpServers: ['spec.config.{sse,streamableHttp}.url'] },
  },
  {
    group: 'kagent.dev',
    kind: 'RemoteMCPServer',
    plural: 'remotemcpservers',
    role: 'tool',
    versions: { v1alpha2: {}, v1alpha3: {} },
    agent: { mcpServers: ['spec.url'] },
  },
  {
    group: 'kagent.dev',
    kind: 'ModelConfig',
    plural: 'modelconfigs',
    role: 'model',
    versions: { v1alpha1: {}, v1alpha2: {}, v1alpha3: {} },
    agent: { model: ['spec.model'], provider: ['spec.provider'] },
  },

  toolhive('MCPServer', 'mcpservers', { ...podTemplateSpec, ...proxyDeployment, containers: ['spec'] }, { role: 'tool', agent: {} }),
  toolhive('EmbeddingServer', 'embeddingservers', embeddingServer, { role: 'model', agent: { model: ['spec.model'] } }),
  toolhive('VirtualMCPServer', 'virtualmcpservers', podTemplateSpec, { role: 'tool', agent: {} }),
  toolhive(
    'MCPRemoteProxy',
    'mcpremoteproxies',
    { ...podTemplateSpec, ...proxyDeployment },
    { role: 'tool', agent: { mcpServers: ['spec.remoteUrl'] } },
  ),
  toolhive('MCPRegistry', 'mcpregistries', podTemplateSpec, { role: 'tool', agent: {} }),
  toolhive('MCPServerEntry', 'mcpserverentries', {}, { role: 'tool', agent: { mcpServers: ['spec.remoteUrl'] } }),

  kserve({
    kind: 'InferenceService',
    plural: 'inferenceservices',
    versions: { v1beta1: inferenceService },
    agent: { model: [`spec.predictor.{${FRAMEWORKS}}.storageUri`] },
  }),
  kserve({
    kind: 'LLMInferenceService',
    plural: 'llminferenceservices',
    versions: { v1alpha1: llm, v1alpha2: llm },
    agent: { model: ['spec.model.name', 'spec.model.uri'] },
  }),
  kserve({
    kind: 'LLMInferenceServiceConfig',
    plural: 'llminferenceserviceconfigs',
    versions: { v1alpha1: llm, v1alpha2: llm },
    agent: { model: ['spec.model.name', 'spec.model.uri'] },
  }),
  kserve({ kind: 'ServingRuntime', plural: 'servingruntimes', versions: { v1alpha1: servingRuntime } }),
  kserve({ kind: 'ClusterServingRuntime', plural: 'clusterservingruntimes', scope: 'Cluster', versions: { v1alpha1: servingRuntime } }),

  ray({ kind: 'RayCluster', plural: 'rayclusters' }, 'spec'),
  ray({ kind: 'RayJob', plural: 'rayjobs' }, 'spec.rayClusterSpec', ['spec.submitterPodTemplate']),
  ray({ kind: 'RayService', plural: 'rayservices' }, 'spec.rayClusterConfig'),
  {
    group: 'trainer.kubeflow.org',
    kind: 'TrainJob',
    plural: 'trainjobs',
    role: 'model',
    versions: {
      v1alpha1: {
        templates: ['spec.runtimePatches[].trainingRuntimeSpec.template.spec.replicatedJobs[].template.spec.template'],
        containers: ['spec.trainer'],
        env: ['spec.initializer.{dataset,model}.env'],
      },
    },
  },
  {
    group: 'agentgateway.dev',
    kind: 'AgentgatewayParameters',
    plural: 'agentgatewayparameters',
    role: 'tool',
    // Overlays of a whole Deployment and DaemonSet.
    versions: { v1alpha1: { templates: ['spec.{deployment,daemonSet}.spec.template'], env: ['spec.env'] } },
  },
  {
    group: 'ark.mckinsey.com',
    kind: 'Agent',
    plural: 'agents',
    role: 'agent',
    versions: { v1alpha1: {} },
    agent: { modelConfig: ['spec.modelRef.name'], tools: ['spec.tools'] },
  },
  // They point at a workload by targetRef; the group was renamed upstream and clusters have either.
  { group: 'agent.kagenti.dev', kind: 'AgentRuntime', plural: 'agentruntimes', role: 'agent', versions: { v1alpha1: {} } },
  { group: 'agent.rossoctl.dev', kind: 'AgentRuntime', plural: 'agentruntimes', role: 'agent', versions: { v1alpha1: {} } },
];
