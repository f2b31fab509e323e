// SPDX-License-Identifier: Apache-2.0
// Quotas that a tenant's namespaces share: many ask at once, of two replicas, through two namespaces, and never do more get through than there is.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { configMaps, pods } from '../../crds/kinds.ts';
import { freePort } from '../scenario/free-port.ts';
import { until } from '../scenario/until.ts';
import type { WritProcess } from '../scenario/writ-process.ts';
import { assertAllowed, assertRefused, attempt } from './attempt.ts';
import { openFrontDoor } from './availability/front-door.ts';
import type { FrontDoor } from './availability/front-door.ts';
import { GPU, TENANT_GPUS, compliantPod, containerWith } from './isolated-tenant.ts';
import type { CompliantPod } from './isolated-tenant.ts';
import { admitted, startTwoTenants } from './two-tenants.ts';
import type { Side, TwoTenants } from './two-tenants.ts';

const ROUNDS = 4;
const RIVALS = 24;
const FULL = /QUOTA|quota/;

describe('what a tenant’s namespaces share', () => {
  let scene: TwoTenants;
  let red: Side;
  let door: FrontDoor;
  let second: WritProcess;
  before(async () => {
    const first = await freePort();
    door = await openFrontDoor(await freePort());
    door.serve([first]);
    scene = await startTwoTenants({
      installation: { webhookPort: first, operatorFlags: { 'webhook-url': `https://127.0.0.1:${door.port}/validate` } },
    });
    ({ red } = scene);
    const port = await freePort();
    second = await scene.writ.startWebhook({ id: 'two', port });
    await second.ready();
    door.serve([first, port]);
    // One connection would bring all to one replica.
    door.behave('pass');
    await admitted(red);
    await free(red);
  });
  after(async () => {
    await second?.stop('SIGKILL');
    await scene?.stop();
    await door?.close();
  });

  const gpuPod = (side: Side, namespace: string, name: string, gpus = 1): CompliantPod => {
    const pod = compliantPod({ tenant: side.name, namespace, name });
    const amounts = { [GPU]: String(gpus) };
    const { requests, limits } = pod.spec.containers[0].resources;
    return containerWith(pod, { resources: { requests: { ...requests, ...amounts }, limits: { ...limits, ...amounts } } });
  };
  const running = async (side: Side): Promise<number> => {
    const lists = await Promise.all(
      side.namespaces.map((namespace) => scene.writ.client.list(pods, { namespace, labelSelector: 'app=probe' })),
    );
    return lists.flatMap(({ items }) => items).length;
  };
  const clear = async (side: Side): Promise<void> => {
    for (const namespace of side.namespaces) {
      const { items } = await scene.writ.client.list(pods, { namespace });
      for (const { metadata } of items) await scene.writ.client.delete(pods, { namespace, name: metadata.name });
    }
  };
  /** Resolves when as much is free, asked for as a dry run, which takes nothing. What was deleted is free once the operator has counted again. */
  const free = async (side: Side, gpus = TENANT_GPUS): Promise<void> => {
    let said = '';
    await until(
      async () => {
        const result = await attempt(() => side.owner.create(pods, gpuPod(side, side.namespaces[0], 'question', gpus), { dryRun: true }));
        said = result.allowed ? '' : result.said;
        return result.allowed;
      },
      { what: `${gpus} to be free`, withinMs: 40_000, everyMs: 100 },
    ).catch((error: unknown) => {
      throw new Error(said, { cause: error });
    });
  };

  for (let round = 0; round < ROUNDS; round += 1) {
    it(`is given out to its last piece and no further (round ${round + 1})`, async () => {
      await free(red);
      const answers = await Promise.all(
        Array.from({ length: RIVALS }, (_, index) =>
          attempt(() => red.owner.create(pods, gpuPod(red, red.namespaces[index % 2 === 0 ? 0 : 1], `rival-${round}-${index}`))),
        ),
      );
      const won = answers.filter(({ allowed }) => allowed).length;
      assert.equal(won, TENANT_GPUS);
      assert.equal(await running(red), TENANT_GPUS);
      for (const answer of answers) if (!answer.allowed) assert.match(answer.said, FULL);
      await assertRefused(() => red.owner.create(pods, gpuPod(red, red.namespaces[1], 'one-more')), FULL, 'one more');
      await clear(red);
    });
  }

  it('is not taken by the other tenant, who has as much', async () => {
    await free(red);
    await red.owner.create(pods, gpuPod(red, red.namespaces[0], 'all', TENANT_GPUS));
    await assertAllowed(
      () => scene.blue.owner.create(pods, gpuPod(scene.blue, 'blue-two', 'all', TENANT_GPUS)),
      'as much for the other tenant',
    );
    await assertRefused(() => red.owner.create(pods, gpuPod(red, red.namespaces[1], 'more')), FULL, 'more for red');
    for (const side of [red, scene.blue]) await clear(side);
  });

  it('is not taken by a dry run, nor by what is refused for another reason', async () => {
    await free(red);
    for (let turn = 0; turn < 8; turn += 1)
      await assertAllowed(
        () => red.owner.create(pods, gpuPod(red, red.namespaces[0], `dry-${turn}`, TENANT_GPUS), { dryRun: true }),
        'a dry run',
      );
    await assertRefused(
      () => red.owner.create(pods, containerWith(gpuPod(red, red.namespaces[0], 'wrong'), { image: 'registry.example.com/elsewhere/x:1' })),
      /registry\.example\.com\/elsewhere/,
      'an image from elsewhere',
    );
    await free(red);
  });

  it('holds for what has no part in it while it is full', async () => {
    await red.owner.create(pods, gpuPod(red, red.namespaces[0], 'all', TENANT_GPUS));
    await assertAllowed(
      () => red.owner.create(pods, compliantPod({ tenant: 'red', namespace: 'red-two', name: 'without' })),
      'a pod without a GPU',
    );
    await assertAllowed(() => red.owner.create(configMaps, { metadata: { name: 'note', namespace: 'red-two' } }), 'a note');
    await clear(red);
  });
});
