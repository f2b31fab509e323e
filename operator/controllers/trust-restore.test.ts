// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KubeObject } from '../../kube/objects.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { createSigner, trustDocument } from '../../test/scenario/sealed-repository.ts';
import { scriptedClient } from '../../test/scripted-client.ts';
import type { LiveTrustPolicy } from './live.ts';
import { restoreTrust } from './trust-restore.ts';

const document = trustDocument([createSigner('ann')]);
const parsed = parseDocument(Buffer.from(document), 'trust.yaml');
assert.ok(parsed.ok);
const { spec } = parsed.document.value;
const recalled = { document, bundles: ['{}'], chain: [{ document: 'version 1' }] };

const looking = async (live: { readonly document: string } | undefined, signature: typeof recalled | undefined, problem?: string) => {
  const said: string[] = [];
  const written: KubeObject[] = [];
  const metadata = { name: 'cluster', uid: 'u', resourceVersion: '7' };
  const object = live === undefined ? undefined : { metadata, spec: {}, signature: live };
  const informer = { get: (): LiveTrustPolicy | undefined => (object === undefined ? undefined : JSON.parse(JSON.stringify(object))) };
  const write = async (_resource: unknown, one: KubeObject): Promise<KubeObject> => {
    written.push(one);
    return one;
  };
  const recorder = { record: async ({ reason, note }: { reason: string; note: string }) => said.push(`${reason}: ${note}`) > 0 };
  const client = scriptedClient({ get: async () => object, apply: write, replace: write });
  await restoreTrust(
    { client, informer, trust: { recalled: () => signature, problem: () => problem }, recorder },
    AbortSignal.timeout(60_000),
  );
  return { said, written };
};

it('puts back whole what was in force, in the place of an older one and of none, and tells', async () => {
  for (const [live, found] of [
    [{ document: 'version 1' }, /an older one stood there/],
    [undefined, /it was gone/],
    [{ document }, /what proves it was gone/],
  ] as const) {
    const { said, written } = await looking(live, recalled, 'TRUST_NOT_PINNED');
    assert.equal(written.length, 1);
    assert.deepEqual(JSON.parse(JSON.stringify({ ...written[0], metadata: {} })), {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: {},
      spec,
      signature: recalled,
    });
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', found);
    assert.match(said[0] ?? '', /^TrustRestored: .* was put back$/);
  }
});

it('writes nothing where it stands, nor where the object brought what is in force', async () => {
  assert.deepEqual(await looking(recalled, recalled), { said: [], written: [] });
  assert.deepEqual(await looking({ document: 'version 3' }, undefined), { said: [], written: [] });
});
