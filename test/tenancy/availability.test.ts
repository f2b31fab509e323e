// SPDX-License-Identifier: Apache-2.0
// Drills: Writ down, half down, out of reach, with an expired certificate, and the API server restarted. What a cluster lives by is never refused
// meanwhile, tenants close rather than open, and afterwards all is well without anybody's doing.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { MANAGED_BY, MANAGED_BY_LABEL, SYSTEM_NAMESPACE, WEBHOOK_TLS_SECRET, configMaps, pods, secrets } from '../../crds/kinds.ts';
import { freePort } from '../scenario/free-port.ts';
import { until } from '../scenario/until.ts';
import type { WritProcess } from '../scenario/writ-process.ts';
import { assertAllowed, assertRefused, attempt } from './attempt.ts';
import { openFrontDoor } from './availability/front-door.ts';
import type { FrontDoor } from './availability/front-door.ts';
import { callWitness } from './availability/witness.ts';
import type { Witness } from './availability/witness.ts';
import { compliantPod, containerWith } from './isolated-tenant.ts';
import type { Manifest } from './isolated-tenant.ts';
import { roleBindings } from './resources.ts';
import { admitted, startTwoTenants } from './two-tenants.ts';
import type { Side, TwoTenants } from './two-tenants.ts';

const DRY = { dryRun: true, timeoutMs: 25_000 } as const;
const TLS = { namespace: SYSTEM_NAMESPACE, name: WEBHOOK_TLS_SECRET };
/** An operator that was killed is missed soon. */
const QUICK_SUCCESSION = { 'lease-duration': '6s', 'lease-renew-deadline': '4s', 'lease-retry-period': '1s' };
const UNANSWERED = /failed calling webhook/;

describe('what a cluster lives by goes on', () => {
  let scene: TwoTenants;
  let red: Side;
  let witness: Witness;
  let door: FrontDoor;
  let first: number;
  let second: { readonly port: number; process: WritProcess };

  before(async () => {
    door = await openFrontDoor(await freePort());
    first = await freePort();
    door.serve([first]);
    scene = await startTwoTenants({
      installation: {
        webhookPort: first,
        operatorFlags: { 'webhook-url': `https://127.0.0.1:${door.port}/validate`, ...QUICK_SUCCESSION },
      },
    });
    ({ red } = scene);
    const port = await freePort();
    second = { port, process: await scene.writ.startWebhook({ id: 'two', port }) };
    await second.process.ready();
    witness = await callWitness(scene);
    assert.deepEqual(await witness.round(), [], 'before anything happens');
  });
  after(async () => {
    await second?.process.stop('SIGKILL');
    await scene?.stop();
    await door?.close();
  });

  /** One drill that fails leaves no ruins to the next. */
  beforeEach(async () => {
    door.serve([first]);
    door.behave('pass');
    if (!scene.writ.operator.running) scene.writ.operator = await scene.writ.startOperator();
    if (!scene.writ.webhook.running) scene.writ.webhook = await scene.writ.startWebhook();
    if (!second.process.running) second.process = await scene.writ.startWebhook({ id: 'two', port: second.port });
    await Promise.all([scene.writ.operator.ready(), scene.writ.webhook.ready(), second.process.ready()]);
    await admitted(red);
  });

  const tryPod = (side = red) => attempt(() => side.owner.create(pods, side.pod, DRY));
  /** What a policy refuses, and what the tenant's bounds refuse. */
  const badPods: readonly Manifest[] = [{ name: 'forbidden' }, { image: 'registry.example.com/elsewhere/x:1' }].map((flip) =>
    containerWith(compliantPod({ tenant: 'red', namespace: 'red-one' }), flip),
  );
  const admitsBad = async (): Promise<readonly boolean[]> =>
    Promise.all(badPods.map(async (pod) => (await attempt(() => red.owner.create(pods, pod, DRY))).allowed));
  /** Never admits what must be refused, and tells why it admits nothing. */
  const closed = async (): Promise<void> => {
    await assertRefused(() => red.owner.create(pods, red.pod, DRY), UNANSWERED, 'a pod of a tenant while nobody judges it');
    assert.deepEqual(await admitsBad(), [false, false]);
  };
  const healed = async (): Promise<void> => {
    await admitted(red);
    await admitted(scene.blue);
    assert.deepEqual(await admitsBad(), [false, false]);
    assert.deepEqual(await witness.round(), []);
  };

  it('while Writ is down as a whole; tenants close, keep what they have, and what Writ made stays protected', async () => {
    await red.owner.create<Manifest>(configMaps, { metadata: { name: 'before', namespace: 'red-one' } });
    await red.owner.create(pods, compliantPod({ tenant: 'red', namespace: 'red-one', name: 'before' }));
    const refusals = await witness.unharmed(async () => {
      await Promise.all([scene.writ.operator.stop('SIGKILL'), scene.writ.webhook.stop('SIGKILL'), second.process.stop('SIGKILL')]);
      await closed();
      await assertAllowed(() => red.owner.list(pods, { namespace: 'red-one' }), 'to look');
      await assertAllowed(() => red.owner.delete(configMaps, { name: 'before', namespace: 'red-one' }), 'to delete');
      await assertAllowed(() => red.owner.delete(pods, { name: 'before', namespace: 'red-one' }), 'to delete a pod');
      const { items } = await scene.writ.client.list<Manifest>(roleBindings, {
        namespace: 'red-one',
        labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}`,
      });
      await assertRefused(
        () => red.owner.delete(roleBindings, { name: items[0]?.metadata.name ?? '', namespace: 'red-one' }, DRY),
        /ValidatingAdmissionPolicy 'writ-/,
        'the deletion of what Writ made',
      );
    });
    assert.deepEqual(refusals, []);
    scene.writ.operator = await scene.writ.startOperator();
    scene.writ.webhook = await scene.writ.startWebhook();
    second.process = await scene.writ.startWebhook({ id: 'two', port: second.port });
    await Promise.all([scene.writ.operator.ready(), scene.writ.webhook.ready(), second.process.ready()]);
    await healed();
  });

  it('while one of two replicas is dead; what it should have judged is refused, until connections go to the other', async () => {
    door.serve([first, second.port]);
    const refusals = await witness.unharmed(async () => {
      await second.process.stop('SIGKILL');
      door.behave('pass');
      for (let turn = 0; turn < 12; turn += 1) {
        const [good, bad] = [await tryPod(), await admitsBad()];
        if (!good.allowed) assert.match(good.said, UNANSWERED);
        assert.deepEqual(bad, [false, false]);
      }
      // As a Service does once a replica is not ready.
      door.serve([first]);
      await healed();
    });
    assert.deepEqual(refusals, []);
    second.process = await scene.writ.startWebhook({ id: 'two', port: second.port });
    await second.process.ready();
    door.serve([first, second.port]);
    door.behave('pass');
    await healed();
  });

  it('while one of two replicas hangs; what it is asked is refused in time, and connections to it are given up by themselves', async () => {
    // The connection that the API server holds is to the one that will hang.
    door.serve([second.port]);
    door.behave('pass');
    await admitted(red);
    const { pid } = second.process;
    const refusals = await witness.unharmed(async () => {
      process.kill(pid, 'SIGSTOP');
      try {
        await closed();
        // It does not answer whether it is ready, so the Service sends nothing new to it. Connections that are open stay.
        door.serve([first]);
        await until(async () => (await tryPod()).allowed, { what: 'the API server to give the hung replica up', withinMs: 120_000 });
        await healed();
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    });
    assert.deepEqual(refusals, []);
    await second.process.ready();
    door.serve([first, second.port]);
    await healed();
  });

  for (const [what, mode] of [
    ['refuses connections', 'refuse'],
    ['swallows them without an answer', 'swallow'],
  ] as const) {
    it(`while the webhook's service ${what}`, async () => {
      const refusals = await witness.unharmed(async () => {
        door.behave(mode);
        await closed();
      });
      assert.deepEqual(refusals, []);
      door.behave('pass');
      await healed();
      assert.ok(scene.writ.operator.running && scene.writ.webhook.running && second.process.running, 'nobody restarted anything');
    });
  }

  it('when the API server is killed and comes back, and Writ goes on by itself', async () => {
    const refusals = await witness.unharmed(async () => scene.writ.plane.restartApiServer({ signal: 'SIGKILL' }), true);
    assert.deepEqual(refusals, []);
    await healed();
    assert.ok(scene.writ.operator.running && scene.writ.webhook.running && second.process.running, 'nobody restarted anything');
  });

  it('when the API server comes back while Writ is not there: nothing waits for anything else', async () => {
    await Promise.all([scene.writ.operator.stop('SIGKILL'), scene.writ.webhook.stop('SIGKILL'), second.process.stop('SIGKILL')]);
    await scene.writ.plane.restartApiServer({ signal: 'SIGKILL' });
    await until(async () => (await witness.round()).length === 0, { what: 'the cluster to work', withinMs: 30_000 });
    await closed();
    scene.writ.operator = await scene.writ.startOperator();
    scene.writ.webhook = await scene.writ.startWebhook();
    await Promise.all([scene.writ.operator.ready(), scene.writ.webhook.ready()]);
    door.serve([first]);
    await healed();
  });

  it("when the webhook's certificate has ended, until the operator is there to renew it", async () => {
    await scene.writ.operator.stop('SIGTERM', 5000);
    await scene.writ.client.delete(secrets, TLS);
    // Issued anew for a short life, and then nobody renews it.
    scene.writ.operator = await scene.writ.startOperator({ 'certificate-lifetime': '20s' });
    await until(async () => (await scene.writ.client.get(secrets, TLS)) !== undefined, {
      what: 'a certificate for 20 s',
      withinMs: 30_000,
    });
    await scene.writ.operator.stop('SIGKILL');
    const refusals = await witness.unharmed(async () => {
      await until(
        async () => {
          door.behave('pass'); // A connection that is open outlives its certificate.
          const result = await tryPod();
          return !result.allowed && /certificate has expired/.test(result.said);
        },
        { what: 'the certificate to end', everyMs: 500, withinMs: 60_000 },
      );
      await closed();
    });
    assert.deepEqual(refusals, []);
    scene.writ.operator = await scene.writ.startOperator();
    await scene.writ.operator.ready();
    await healed();
  });
});
