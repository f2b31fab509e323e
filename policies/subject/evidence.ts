// SPDX-License-Identifier: Apache-2.0
/**
 * How we know that a workload is an agent. Its kind, an owner of such a kind, or a label that a platform puts on are
 * evidence, and policies for agents apply; names of environment variables, images and commands only make it suspected.
 */
import type { JsonMap, Value } from '../cel/index.ts';
import { workloadKind } from './kind-index.ts';
import { own, ownList, ownMap, ownText } from './paths.ts';
import type { WorkloadKind } from './workload-kinds.ts';

export type Evidence = 'kind' | 'owner' | 'label' | 'suspected:env' | 'suspected:image' | 'suspected:command' | 'none';

export type Traces = {
  readonly object: Value;
  readonly kindInfo: WorkloadKind | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly containers: readonly JsonMap[];
  readonly images: readonly string[];
  readonly env: readonly JsonMap[];
};

/** Keys that end in `/` or `*` match by prefix; `value` narrows the match where platforms use one key for several things. */
const LABELS: readonly { readonly key: string; readonly values?: readonly string[] }[] = [
  { key: 'writ.dev/agent', values: ['true'] },
  { key: 'rossoctl.io/type', values: ['agent', 'tool'] },
  { key: 'kagenti.io/type', values: ['agent', 'tool'] },
  { key: 'norviq.io/agent-class' },
  { key: 'kagent' },
  { key: 'kagent.dev/mcp-service*' },
  { key: 'agents.x-k8s.io/claim-uid' },
  { key: 'agents.x-k8s.io/launch-type' },
  { key: 'agents.x-k8s.io/warm-pool-sandbox' },
  { key: 'agents.x-k8s.io/sandbox-template-ref*' },
  { key: 'agents.x-k8s.io/sandbox-name-hash' },
  { key: 'toolhive.stacklok.io/mcp-server' },
  { key: 'dapr.io/*' },
  { key: 'ray.io/cluster' },
];

const exactLabels = new Map(LABELS.filter((label) => !label.key.endsWith('*')).map((label) => [label.key, label.values]));
const labelPrefixes = LABELS.filter((label) => label.key.endsWith('*')).map((label) => label.key.slice(0, -1));

const isPlatformLabel = (key: string, value: string): boolean => {
  if (exactLabels.has(key)) return exactLabels.get(key)?.includes(value) ?? true;
  return labelPrefixes.some((prefix) => key.startsWith(prefix));
};

const hasPlatformLabel = (map: Readonly<Record<string, string>>): boolean =>
  Object.entries(map).some(([key, value]) => isPlatformLabel(key, value));

/** Only the object's own owners; a chain of several steps needs the cluster, and each step of it is judged itself. */
const isOwnedByAgent = (object: Value): boolean =>
  ownList(ownMap(object, 'metadata'), 'ownerReferences').some((owner) => {
    const apiVersion = ownText(owner, 'apiVersion') ?? '';
    const slash = apiVersion.indexOf('/');
    const row = workloadKind(slash < 0 ? '' : apiVersion.slice(0, slash), ownText(owner, 'kind') ?? '');
    return row !== undefined && row.role !== 'plain';
  });

const ENV_NAMES: ReadonlySet<string> = new Set(
  `OPENAI_API_KEY OPENAI_API_BASE OPENAI_BASE_URL ANTHROPIC_API_KEY AZURE_OPENAI_API_KEY AZURE_OPENAI_ENDPOINT GOOGLE_API_KEY
   GOOGLE_GENAI_USE_VERTEXAI GEMINI_API_KEY MISTRAL_API_KEY OLLAMA_API_BASE OLLAMA_HOST AWS_BEARER_TOKEN_BEDROCK HF_TOKEN LLM_MODEL
   LLM_API_BASE LLM_API_KEY LITELLM_MASTER_KEY KAGENT_NAME KAGENT_URL OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.split(/\s+/),
);
const ENV_PREFIXES: readonly string[] = ['FOUNDRY_', 'SAP_AI_CORE_'];

const isModelEnv = (name: string): boolean => ENV_NAMES.has(name) || ENV_PREFIXES.some((prefix) => name.startsWith(prefix));

/** Parts of the repository part of an image name, without registry host, tag and digest. */
const IMAGE_PARTS: readonly string[] = [
  'nousresearch/hermes-agent',
  'openclaw/openclaw',
  'nullclaw/nullclaw',
  'kagent-dev/',
  'rayproject/ray',
  'vllm/vllm-openai',
  'llm-d/llm-d',
  'agent-infra/sandbox',
  'berriai/litellm',
  'ollama/ollama',
  'mcp-server',
];

const repositoryOf = (image: string): string =>
  image
    .slice(0, 512)
    .split('@', 1)[0]
    ?.replace(/:[^:/]*$/, '') ?? '';
const isAgentImage = (image: string): boolean => {
  const repository = repositoryOf(image);
  return repository === 'ollama' || IMAGE_PARTS.some((part) => repository.includes(part));
};

const COMMAND_PARTS: readonly string[] = [
  '@modelcontextprotocol/',
  '--enable-auto-tool-choice',
  '/.well-known/agent-card.json',
  '/.well-known/agent.json',
  '/mcp',
];
const isAgentWord = (word: string): boolean =>
  word.startsWith('mcp-') ||
  word.includes('mcp-server') ||
  COMMAND_PARTS.some((part) => (part === '/mcp' ? /\/mcp\/?$/.test(word.slice(-64)) : word.includes(part)));

const hasAgentCommand = (container: JsonMap): boolean =>
  [...ownList(container, 'command'), ...ownList(container, 'args')].some(
    (word) => typeof word === 'string' && word.split(/\s+/, 256).some(isAgentWord),
  );

export const evidenceOf = (traces: Traces): Evidence => {
  if (traces.kindInfo !== undefined && traces.kindInfo.role !== 'plain') return 'kind';
  if (isOwnedByAgent(traces.object)) return 'owner';
  if (hasPlatformLabel(traces.labels) || hasPlatformLabel(traces.annotations)) return 'label';
  if (traces.env.some((entry) => isModelEnv(ownText(entry, 'name') ?? ''))) return 'suspected:env';
  if (traces.images.some(isAgentImage)) return 'suspected:image';
  if (traces.containers.some(hasAgentCommand)) return 'suspected:command';
  return 'none';
};

export const isProof = (evidence: Evidence): boolean => evidence === 'kind' || evidence === 'owner' || evidence === 'label';

/** The provider that an environment names, where the kind does not say it. */
const PROVIDERS: readonly (readonly [prefix: string, provider: string])[] = [
  ['AZURE_OPENAI_', 'AzureOpenAI'],
  ['OPENAI_', 'OpenAI'],
  ['ANTHROPIC_', 'Anthropic'],
  ['GEMINI_', 'Gemini'],
  ['GOOGLE_GENAI_USE_VERTEXAI', 'GeminiVertexAI'],
  ['GOOGLE_API_KEY', 'Gemini'],
  ['OLLAMA_', 'Ollama'],
  ['AWS_BEARER_TOKEN_BEDROCK', 'Bedrock'],
  ['FOUNDRY_', 'Foundry'],
  ['SAP_AI_CORE_', 'SAPAICore'],
  ['MISTRAL_', 'Mistral'],
];

export const providerOfEnv = (env: readonly JsonMap[]): string | undefined => {
  for (const entry of env) {
    const name = ownText(entry, 'name') ?? '';
    const found = PROVIDERS.find(([prefix]) => name.startsWith(prefix));
    if (found !== undefined) return found[1];
  }
  return undefined;
};

const MODEL_NAMES: ReadonlySet<string> = new Set([
  'LLM_MODEL',
  'OPENAI_MODEL',
  'ANTHROPIC_MODEL',
  'GEMINI_MODEL',
  'OLLAMA_MODEL',
  'MODEL_NAME',
]);

export const modelOfEnv = (env: readonly JsonMap[]): string | undefined => {
  for (const entry of env) {
    const value = own(entry, 'value');
    if (MODEL_NAMES.has(ownText(entry, 'name') ?? '') && typeof value === 'string' && value !== '') return value;
  }
  return undefined;
};
