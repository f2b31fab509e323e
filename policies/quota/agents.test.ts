// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AGENTS, isAgentPod } from './agents.ts';
import { amountsOf, collectionOf } from './index.ts';
import { UNIT } from './quantity.ts';

const PODS = { group: '', plural: 'pods' };
const agent = { metadata: { name: 'a', labels: { 'writ.dev/agent': 'true' } } };

describe('an agent', () => {
  const rows: readonly (readonly [what: string, pod: object, expected: boolean])[] = [
    ['by its label', agent, true],
    ['by the annotation of a platform', { metadata: { annotations: { 'dapr.io/app-id': 'x' } } }, true],
    ['not by the same label with another value', { metadata: { labels: { 'writ.dev/agent': 'false' } } }, false],
    ['not by a mere suspicion', { spec: { containers: [{ image: 'ollama/ollama', env: [{ name: 'OPENAI_API_KEY' }] }] } }, false],
    ['not without metadata', {}, false],
    ['not by labels that are none', { metadata: { labels: ['writ.dev/agent'], annotations: 'x', ownerReferences: {} } }, false],
    ['not by what every object has', { metadata: { labels: { constructor: 'true', __proto__: null } } }, false],
  ];
  for (const [what, pod, expected] of rows) it(what, () => assert.equal(isAgentPod({ ...pod }), expected));

  it('counts as one among pods, until it has finished', () => {
    assert.deepEqual(collectionOf(AGENTS), PODS);
    assert.equal(amountsOf(PODS, agent).get(AGENTS), UNIT);
    assert.equal(amountsOf(PODS, { ...agent, status: { phase: 'Succeeded' } }).get(AGENTS), undefined);
    assert.equal(amountsOf(PODS, { metadata: { name: 'plain' } }).get(AGENTS), undefined);
    assert.equal(amountsOf({ group: '', plural: 'services' }, agent).get(AGENTS), undefined);
  });
});
