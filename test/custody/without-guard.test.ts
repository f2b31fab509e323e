// SPDX-License-Identifier: Apache-2.0
// The guard cannot guard its own configuration. With the operator stopped and the guard gone, everything can be written; and
// still nothing that is written changes a decision, also not for a replica that starts then. The operator puts it all back.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { SYSTEM_NAMESPACE, configMaps, policies } from '../../crds/kinds.ts';
import { inventoryName } from '../../crds/inventory.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { createSigner, trustDocument } from '../scenario/sealed-repository.ts';
import { policyText } from '../scenario/documents.ts';
import { sourceApplies } from '../scenario/told.ts';
import type { ToldObject } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { assertRefused, pinnedAt, sealedObject, startDrill } from './drill.ts';
import type { Drill } from './drill.ts';

let drill: Drill;
before(async () => {
  drill = await startDrill();
});
after(() => drill?.writ.stop());

const done = async (args: readonly string[], input?: string): Promise<void> => {
  const { code, said } = await drill.kubectl(args, input);
  assert.equal(code, 0, said);
};
const INVENTORY = inventoryName('writ-system/policies');
const patched = (resource: readonly string[], body: object): readonly string[] => [
  'patch',
  ...resource,
  '--type=merge',
  '-p',
  JSON.stringify(body),
];

it('with the operator stopped and the guard deleted, no write changes a decision', { timeout: 240_000 }, async () => {
  await drill.writ.operator.stop('SIGKILL');
  await done(['delete', 'validatingwebhookconfiguration', 'writ-guard']);
  await drill.unshaken(async () => {
    await done(patched(['policy', 'pinned'], { spec: { enforcement: 'Audit' } }));
    await done(patched(['policy', 'pinned'], { signature: { document: pinnedAt(2).replace('Deny', 'Audit') } }));
    await done(patched(['policy', 'pinned'], { signature: null }));
    await done(['replace', '-f', '-'], sealedObject(drill.writ, pinnedAt(1)));
    await done(patched(['trustpolicy', 'cluster'], { signature: { document: trustDocument([createSigner('mallory')]) } }));
    await done(['delete', 'trustpolicy', 'cluster']);
    await done(patched(['configmap', INVENTORY, '-n', SYSTEM_NAMESPACE], { data: { 'inventory.json': '{}' } }));
    await done(['delete', 'configmap', INVENTORY, '-n', SYSTEM_NAMESPACE]);
    await done(['delete', 'policies', '--all']);
    // Restored from a backup of an older day.
    await done(['create', '-f', '-'], sealedObject(drill.writ, pinnedAt(1)));
    // What is sealed is followed all the while; and once this is in force, all that was written before it was seen.
    const sentinel = policyText({ name: 'sentinel', expression: 'size(workload.containers) >= 0', message: 'seen', enforcement: 'Audit' });
    await done(['create', '-f', '-'], sealedObject(drill.writ, sentinel, 'Policy', 'sentinel'));
    await until(async () => /^writ_policies_enforced 3$/m.test(await drill.writ.webhook.metrics()), { what: 'the replica to follow' });
  });
  assert.match(await drill.verdict(), /pin every image, version 2/);
});

it('and the operator, back again, puts everything back', { timeout: 120_000 }, async () => {
  await drill.unshaken(async () => {
    drill.writ.operator = await drill.writ.startOperator();
    await drill.writ.operator.ready();
    await until(async () => (await drill.kubectl(['get', 'validatingwebhookconfiguration', 'writ-guard'])).code === 0, {
      what: 'the guard to be back',
    });
    await sourceApplies(drill.writ.client, (await drill.writ.repository.git(['rev-parse', 'main'])).trim());
    const back = await until(async () => drill.writ.client.get<KubeObject>(policies, { name: 'bounded' }), {
      what: 'the policies to be back',
    });
    assert.equal(back.metadata.name, 'bounded');
    await until(async () => drill.writ.client.get<KubeObject>(configMaps, { namespace: SYSTEM_NAMESPACE, name: INVENTORY }), {
      what: 'the inventory to be back',
    });
    assert.equal((await drill.kubectl(['get', 'trustpolicy', 'cluster'])).code, 0);
    const { signature } = (await drill.writ.client.get<ToldObject>(policies, { name: 'pinned' })) ?? {};
    assert.equal(signature?.document, pinnedAt(2));
    assertRefused(await drill.kubectl(['delete', 'policy', 'pinned']), 'REMOVAL_UNSEALED', /policies\/pinned\.yaml/);
  });
});

it('so that a replica that starts afterwards enforces the same', { timeout: 60_000 }, async () => {
  await drill.writ.webhook.stop('SIGTERM', 5000);
  drill.writ.webhook = await drill.writ.startWebhook();
  await drill.writ.webhook.ready();
  assert.match(await drill.verdict(), /pin every image, version 2/);
});
