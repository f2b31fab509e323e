// SPDX-License-Identifier: Apache-2.0
// The models and tools that a tenant's agents may use.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { problemsOf } from './test-request.ts';
import type { Asked } from './test-request.ts';

describe('agents', () => {
  const spec: TenantSpec = {
    agents: {
      models: { allowed: [{ provider: 'Anthropic', names: ['small-*', 'large'], regions: ['eu-west-1'] }, { provider: 'Ollama' }] },
      tools: { allowed: [{ server: 'crm', names: ['read_*'] }, { server: 'wiki' }], denied: [{ server: '*', names: ['delete_*'] }] },
    },
  };
  const config = (provider: string, model: string, annotations: object = {}): Asked => ({
    kind: 'ModelConfig',
    group: 'kagent.dev',
    version: 'v1alpha2',
    resource: 'modelconfigs',
    object: { metadata: { name: 'm', annotations }, spec: { provider, model } },
  });
  it('models', () => {
    for (const [provider, model, isAllowed] of [
      ['Anthropic', 'small-1', true],
      ['Anthropic', 'large', true],
      ['Anthropic', 'larger', false],
      ['OpenAI', 'small-1', false],
      ['Ollama', 'anything', true],
    ] as const)
      assert.deepEqual(problemsOf(spec, config(provider, model)), isAllowed ? [] : ['MODEL_FORBIDDEN'], `${provider} ${model}`);
    assert.deepEqual(problemsOf(spec, config('Anthropic', 'large', { 'writ.dev/regions': 'us-east-1' })), ['MODEL_FORBIDDEN']);
    assert.deepEqual(problemsOf(spec, config('Anthropic', 'large', { 'writ.dev/regions': 'eu-west-1' })), []);
    assert.deepEqual(problemsOf({ agents: { models: { allowed: [] } } }, config('Ollama', 'x')), ['MODEL_FORBIDDEN']);
  });
  const agent = (server: string, toolNames: readonly string[]): Asked => ({
    kind: 'Agent',
    group: 'kagent.dev',
    version: 'v1alpha2',
    resource: 'agents',
    object: { metadata: { name: 'a' }, spec: { declarative: { tools: [{ type: 'McpServer', mcpServer: { name: server, toolNames } }] } } },
  });
  it('tools', () => {
    for (const [server, names, count] of [
      ['crm', ['read_all'], 0],
      ['crm', ['read_all', 'write'], 1],
      ['crm', [], 1],
      ['wiki', ['edit'], 0],
      ['wiki', ['edit', 'delete_page'], 1],
      // All of its tools are also those that are denied.
      ['wiki', [], 1],
      ['shell', ['run'], 1],
    ] as const)
      assert.equal(problemsOf(spec, agent(server, names)).length, count, `${server} ${names.join()}`);
    assert.equal(
      problemsOf(
        spec,
        agent(
          'wiki',
          Array.from({ length: 2000 }, (_, index) => `t${index}`),
        ),
      ).length,
      1,
    );
  });
});
