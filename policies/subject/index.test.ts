// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Value } from '../cel/index.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import { subjectOf } from './index.ts';
import { workloadKinds } from './workload-kinds.ts';

type Gvk = { readonly group: string; readonly version: string; readonly kind: string };

const requestFor = (kind: Gvk, object: Value, oldObject: Value = null): AdmissionRequest => ({
  uid: 'u',
  kind,
  resource: { group: kind.group, version: kind.version, resource: 'things' },
  subResource: '',
  requestKind: undefined,
  requestResource: undefined,
  requestSubResource: '',
  name: 'x',
  namespace: 'ns',
  operation: object === null ? 'DELETE' : oldObject === null ? 'CREATE' : 'UPDATE',
  userInfo: { username: '', uid: '', groups: [], extra: {} },
  object,
  oldObject,
  options: null,
  dryRun: false,
});

const POD: Gvk = { group: '', version: 'v1', kind: 'Pod' };
const DEPLOYMENT: Gvk = { group: 'apps', version: 'v1', kind: 'Deployment' };
const kagent = (kind: string, version: string): Gvk => ({ group: 'kagent.dev', version, kind });

const imagesOf = (kind: Gvk, object: Value): Value | undefined => {
  const images = subjectOf(requestFor(kind, object)).workload.field('images');
  return JSON.parse(JSON.stringify(images));
};

const image = (name: string): Value => ({ name, image: name });

const places: readonly { readonly name: string; readonly kind: Gvk; readonly object: Value; readonly images: readonly string[] }[] = [
  {
    name: 'every sort of container of a Pod, and an image mounted as a volume',
    kind: POD,
    object: {
      spec: {
        containers: [image('a')],
        initContainers: [image('b')],
        ephemeralContainers: [image('c')],
        volumes: [{ name: 'v', image: { reference: 'd' } }],
      },
    },
    images: ['a', 'b', 'c', 'd'],
  },
  { name: 'Deployment', kind: DEPLOYMENT, object: { spec: { template: { spec: { containers: [image('a')] } } } }, images: ['a'] },
  {
    name: 'CronJob',
    kind: { group: 'batch', version: 'v1', kind: 'CronJob' },
    object: { spec: { jobTemplate: { spec: { template: { spec: { containers: [image('a')] } } } } } },
    images: ['a'],
  },
  {
    name: 'kagent Agent: image, extra containers and skills',
    kind: kagent('Agent', 'v1alpha2'),
    object: { spec: { byo: { deployment: { image: 'a', cmd: 'run', extraContainers: [image('b')] } }, skills: { refs: ['c'] } } },
    images: ['a', 'b', 'c'],
  },
  { name: 'SandboxAgent v1alpha3', kind: kagent('SandboxAgent', 'v1alpha3'), object: { spec: { byo: { image: 'a' } } }, images: ['a'] },
  { name: 'Harness', kind: kagent('Harness', 'v1alpha3'), object: { spec: { workload: { image: 'a' } } }, images: ['a'] },
  {
    name: 'kmcp MCPServer',
    kind: kagent('MCPServer', 'v1alpha1'),
    object: { spec: { deployment: { image: 'a', initContainer: { image: 'b' }, sidecars: [image('c')] } } },
    images: ['a', 'c', 'b'],
  },
  {
    name: 'ToolHive MCPServer',
    kind: { group: 'toolhive.stacklok.dev', version: 'v1beta1', kind: 'MCPServer' },
    object: { spec: { image: 'a', podTemplateSpec: { spec: { containers: [image('b')] } } } },
    images: ['b', 'a'],
  },
  {
    name: 'InferenceService: inlined pod specs, frameworks, canary',
    kind: { group: 'serving.kserve.io', version: 'v1beta1', kind: 'InferenceService' },
    object: {
      spec: {
        predictor: { model: { image: 'a' }, containers: [image('b')], workerSpec: { containers: [image('c')] } },
        transformer: { containers: [image('d')] },
        canary: [{ predictor: { sklearn: { image: 'e' } } }],
      },
    },
    images: ['b', 'd', 'c', 'a', 'e'],
  },
  {
    name: 'LLMInferenceService',
    kind: { group: 'serving.kserve.io', version: 'v1alpha2', kind: 'LLMInferenceService' },
    object: {
      spec: { template: { containers: [image('a')] }, router: { scheduler: { tokenizer: { template: { containers: [image('b')] } } } } },
    },
    images: ['a', 'b'],
  },
  {
    name: 'RayService',
    kind: { group: 'ray.io', version: 'v1', kind: 'RayService' },
    object: {
      spec: {
        rayClusterConfig: {
          headGroupSpec: { template: { spec: { containers: [image('a')] } } },
          workerGroupSpecs: [{ template: { spec: { containers: [image('b')] } } }, { template: { spec: { containers: [image('c')] } } }],
          autoscalerOptions: { image: 'd' },
        },
      },
    },
    images: ['a', 'b', 'c', 'd'],
  },
  {
    name: 'TrainJob',
    kind: { group: 'trainer.kubeflow.org', version: 'v1alpha1', kind: 'TrainJob' },
    object: { spec: { trainer: { image: 'a', command: ['x'] } } },
    images: ['a'],
  },
  {
    name: 'a version that the table does not know',
    kind: kagent('SandboxAgent', 'v9'),
    object: { spec: { byo: { image: 'a', deployment: { image: 'b' } } } },
    images: ['b', 'a'],
  },
];

for (const { name, kind, object, images } of places) {
  test(`images of ${name}`, () => assert.deepEqual(imagesOf(kind, object), images));
}

const labelled = (labels: Readonly<Record<string, string>>): Value => ({
  metadata: { labels },
  spec: { template: { spec: { containers: [image('busybox')] } } },
});
const container = (fields: Readonly<Record<string, Value>>): Value => ({
  spec: { template: { spec: { containers: [{ name: 'c', image: 'busybox', ...fields }] } } },
});

const evidence: readonly {
  readonly name: string;
  readonly kind: Gvk;
  readonly object: Value;
  readonly evidence: string;
  readonly isAgent: boolean;
}[] = [
  { name: 'an agent kind', kind: kagent('Agent', 'v1alpha2'), object: { spec: {} }, evidence: 'kind', isAgent: true },
  {
    name: 'an owner of an agent kind',
    kind: DEPLOYMENT,
    object: { metadata: { ownerReferences: [{ apiVersion: 'kagent.dev/v1alpha2', kind: 'Agent', name: 'a' }] } },
    evidence: 'owner',
    isAgent: true,
  },
  {
    name: 'an owner of a plain kind',
    kind: POD,
    object: { metadata: { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a' }] } },
    evidence: 'none',
    isAgent: false,
  },
  { name: 'a platform label', kind: DEPLOYMENT, object: labelled({ 'kagenti.io/type': 'agent' }), evidence: 'label', isAgent: true },
  { name: 'our own label', kind: DEPLOYMENT, object: labelled({ 'writ.dev/agent': 'true' }), evidence: 'label', isAgent: true },
  {
    name: 'a platform label of another value',
    kind: DEPLOYMENT,
    object: labelled({ 'kagenti.io/type': 'database' }),
    evidence: 'none',
    isAgent: false,
  },
  { name: 'a hostile label', kind: DEPLOYMENT, object: labelled({ constructor: 'x', toString: 'y' }), evidence: 'none', isAgent: false },
  {
    name: 'a key of a model provider',
    kind: DEPLOYMENT,
    object: container({ env: [{ name: 'OPENAI_API_KEY', value: 'x' }] }),
    evidence: 'suspected:env',
    isAgent: false,
  },
  {
    name: 'an image of an agent',
    kind: DEPLOYMENT,
    object: container({ image: 'ghcr.io/openclaw/openclaw:1' }),
    evidence: 'suspected:image',
    isAgent: false,
  },
  {
    name: 'a command of an MCP server',
    kind: DEPLOYMENT,
    object: container({ command: ['npx', '-y', '@modelcontextprotocol/server-everything'] }),
    evidence: 'suspected:command',
    isAgent: false,
  },
  { name: 'nothing', kind: DEPLOYMENT, object: container({}), evidence: 'none', isAgent: false },
];

for (const row of evidence) {
  test(`evidence of ${row.name}`, () => {
    const { agent, isAgent } = subjectOf(requestFor(row.kind, row.object));
    assert.equal(agent.field('evidence'), row.evidence);
    assert.equal(agent.field('isAgent'), row.isAgent);
    assert.equal(isAgent(), row.isAgent);
  });
}

test('taking the label off by an update does not end being an agent', () => {
  const before = labelled({ 'kagenti.io/type': 'agent' });
  assert.equal(subjectOf(requestFor(DEPLOYMENT, container({}), before)).isAgent(), true);
});

test('a deletion is seen by the object that goes', () => {
  const subject = subjectOf(requestFor(DEPLOYMENT, null, container({ image: 'gone' })));
  assert.deepEqual(subject.workload.field('images'), ['gone']);
});

test('labels of the template win over those of the object', () => {
  const object: Value = {
    metadata: { labels: { a: 'object', b: 'object' } },
    spec: { template: { metadata: { labels: { a: 'template' } } } },
  };
  assert.deepEqual(subjectOf(requestFor(DEPLOYMENT, object)).workload.field('labels'), { a: 'template', b: 'object' });
});

test('env is found as a list, as a map and without a container', () => {
  const names = (kind: Gvk, object: Value): Value | undefined => {
    const env = subjectOf(requestFor(kind, object)).workload.field('env');
    return JSON.parse(JSON.stringify(env));
  };
  assert.deepEqual(names(kagent('MCPServer', 'v1alpha1'), { spec: { deployment: { image: 'a', env: { TOKEN: 'x' } } } }), [
    { name: 'TOKEN', value: 'x' },
  ]);
  assert.deepEqual(names(kagent('Agent', 'v1alpha2'), { spec: { declarative: { deployment: { env: [{ name: 'A' }] } } } }), [
    { name: 'A' },
  ]);
  const claim: Gvk = { group: 'extensions.agents.x-k8s.io', version: 'v1beta1', kind: 'SandboxClaim' };
  assert.deepEqual(names(claim, { spec: { env: [{ name: 'B', value: '1' }] } }), [{ name: 'B', value: '1' }]);
});

test('facts of an agent: tools, servers, egress, annotations', () => {
  const object: Value = {
    metadata: {
      annotations: {
        'writ.dev/owner': 'team',
        'writ.dev/budget-usd-month': '120',
        'writ.dev/regions': 'eu-west-1, eu-west-2',
        'writ.dev/data-class': 'pii',
      },
    },
    spec: {
      declarative: {
        modelConfig: 'gpt',
        tools: [
          { mcpServer: { name: 'k8s', toolNames: ['get', 'delete'], requireApproval: ['delete'] } },
          { mcpServer: { name: 'all' } },
          { agent: { name: 'other' } },
        ],
      },
      sandbox: { network: { allowedDomains: ['example.com'] } },
    },
  };
  const { agent } = subjectOf(requestFor(kagent('Agent', 'v1alpha2'), object));
  assert.deepEqual(agent.field('tools'), [
    { type: 'mcp', server: 'k8s', name: 'get', approval: false },
    { type: 'mcp', server: 'k8s', name: 'delete', approval: true },
    { type: 'mcp', server: 'all', name: '*', approval: false },
    { type: 'agent', server: '', name: 'other', approval: false },
  ]);
  assert.deepEqual(agent.field('mcpServers'), ['k8s', 'all']);
  assert.deepEqual(agent.field('egress'), ['example.com']);
  assert.deepEqual(agent.field('budget'), { usdMonth: 120 });
  assert.deepEqual(agent.field('regions'), ['eu-west-1', 'eu-west-2']);
  assert.equal(agent.field('owner'), 'team');
  assert.equal(agent.field('dataClass'), 'pii');
  assert.equal(agent.field('modelConfig'), 'gpt');
  assert.equal(agent.field('purpose'), undefined);
  assert.equal(agent.field('constructor'), undefined);
});

const FIELDS = ['podSpec', 'podSpecs', 'containers', 'images', 'env', 'labels', 'annotations', 'name', 'namespace'];
const FACTS = ['isAgent', 'evidence', 'model', 'provider', 'tools', 'mcpServers', 'egress', 'budget', 'owner', 'facts', 'regions'];

/** Objects whose keys are those of the table, with anything at all under them. */
const hostile = fc.letrec<{ readonly node: Value }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom<Value>(null, true, 0, '', 'x', 'a/b:c@d'),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...'spec template metadata containers initContainers env image labels annotations predictor deployment byo declarative tools mcpServer toolNames workerGroupSpecs ownerReferences apiVersion kind name value __proto__ constructor toString'.split(
          ' ',
        ),
      ),
      tie('node'),
      { maxKeys: 5 },
    ),
  ),
})).node;

test('no shape of an object makes a view throw', () => {
  fc.assert(
    fc.property(fc.constantFrom(...workloadKinds), hostile, hostile, (row, object, oldObject) => {
      const version = Object.keys(row.versions)[0] ?? 'v1';
      const { workload, agent } = subjectOf(requestFor({ group: row.group, version, kind: row.kind }, object, oldObject));
      for (const field of FIELDS) workload.field(field);
      for (const field of FACTS) agent.field(field);
    }),
    { numRuns: 2_000 },
  );
});
