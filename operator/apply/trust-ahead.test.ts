// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policies, trustPolicies } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { KubeApiError } from '../../kube/errors.ts';
import { scriptedClient } from '../../test/scripted-client.ts';
import type { AppliedObject, DesiredObject } from './plan.ts';
import { bringTrust } from './trust-ahead.ts';

const desired = (resource: Resource, name: string, document: string): DesiredObject => ({
  resource,
  group: resource.group,
  kind: resource.kind,
  name,
  digest: document,
  path: 'trust.yaml',
  positionOf: () => ({ file: 'trust.yaml', line: 1, column: 1 }),
  object: { metadata: { name }, spec: {}, signature: { document } },
});
const trust = desired(trustPolicies, 'cluster', 'version 2');
const standing = (document: string, labels = {}): AppliedObject => ({
  metadata: { name: 'cluster', uid: 'u', resourceVersion: '7', labels },
  spec: {},
  signature: { document },
});

const run = async (targets: readonly DesiredObject[], live: AppliedObject | undefined, refusedWith?: readonly number[]) => {
  const calls: string[] = [];
  const failing = [...(refusedWith ?? [])];
  const call = async (verb: string, object: AppliedObject): Promise<AppliedObject> => {
    calls.push(`${verb} ${object.metadata.name} ${Object.keys(object.metadata.labels ?? {}).join()}`.trimEnd());
    const status = failing.shift();
    if (status !== undefined) throw new KubeApiError({ status, message: 'no' });
    return object;
  };
  const client = scriptedClient({
    get: async () => live,
    apply: (_resource: Resource, object: AppliedObject) => call('apply', object),
    replace: (_resource: Resource, object: AppliedObject) => call('replace', object),
  });
  const problems = await bringTrust(targets, { client, signal: new AbortController().signal });
  return { calls, codes: problems.map(({ code, at }) => `${code} ${at?.file}`) };
};

test('the trust policy that a commit brings is written by itself', async () => {
  assert.deepEqual((await run([desired(policies, 'p', 'p'), trust], undefined)).calls, ['apply cluster']);
  assert.deepEqual((await run([trust], standing('version 1'))).calls, ['apply cluster']);
});

test('nothing is written where a commit brings none, or what stands, under whatever labels', async () => {
  assert.deepEqual((await run([desired(policies, 'p', 'p')], undefined)).calls, []);
  assert.deepEqual((await run([trust], standing('version 2', { 'writ.dev/source': 'other' }))).calls, []);
});

test('what others wrote beside it goes where the API server may refuse it for that', async () => {
  const { calls, codes } = await run([trust], standing('version 1', { bulk: 'x' }), [422]);
  assert.deepEqual([calls, codes], [['apply cluster', 'replace cluster'], []]);
});

test('a refusal that stays is told with its place', async () => {
  assert.deepEqual((await run([trust], standing('version 1'), [422, 422])).codes, ['APPLY_REFUSED trust.yaml']);
  assert.deepEqual((await run([trust], undefined, [422])).codes, ['APPLY_REFUSED trust.yaml']);
});
