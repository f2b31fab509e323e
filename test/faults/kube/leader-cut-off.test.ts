// SPDX-License-Identifier: Apache-2.0
// A leader that is cut off from the API server stops writing before another one leads, and writes nothing afterwards even when
// its connection comes back; the one who comes after it need not know of it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { configMaps, leases, namespaces } from '../../../crds/kinds.ts';
import { createKubeClient } from '../../../kube/client.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { isFenced } from '../../../kube/errors.ts';
import { createLeader } from '../../../kube/leader.ts';
import type { Lease } from '../../../kube/lease.ts';
import { systemClock } from '../../../process/clock.ts';
import { startControlPlane } from '../../cluster/control-plane.ts';
import type { ControlPlane } from '../../cluster/control-plane-handle.ts';
import { startFaultProxy } from '../../cluster/fault-proxy.ts';
import type { FaultProxy } from '../../cluster/fault-proxy.ts';
import type { Fault } from '../../cluster/fault-script.ts';
import { until } from '../../scenario/until.ts';

const clock = systemClock;
const TIMING = { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 400 };

let plane: ControlPlane;
let proxy: FaultProxy;
let direct: KubeClient;

before(async () => {
  plane = await startControlPlane();
  proxy = await startFaultProxy({ target: plane });
  direct = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock, userAgent: 'test-direct' });
});
after(async () => {
  await direct?.close();
  await proxy?.close();
  await plane?.stop();
});

/** Stands for election and, while it leads, writes one object after another. */
const candidate = (client: KubeClient, namespace: string, identity: string) => {
  const stop = new AbortController();
  const led = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  const lookedInVain = Promise.withResolvers<void>();
  let terms = 0;
  // Asked for the length of the wait after each look at a lease that was not to be had.
  const random = (): number => {
    lookedInVain.resolve();
    return 0;
  };
  const leader = createLeader({ client, namespace, name: 'leader', identity, clock, random, ...TIMING });
  const running = leader.run(stop.signal, async (leaderSignal, fenced) => {
    terms += 1;
    (terms === 1 ? led : again).resolve();
    // Goes on after the signal on purpose: the fence, not good manners, must stop it.
    for (let number = 0; !stop.signal.aborted; number += 1) {
      const name = `${identity}-${terms}-${number}`;
      try {
        await fenced.create(configMaps, { metadata: { namespace, name } }, { timeoutMs: 60_000 });
      } catch (error) {
        if (!isFenced(error)) continue;
        refused.resolve();
        if (!leaderSignal.aborted) await once(leaderSignal, 'abort');
        return;
      }
    }
  });
  return { stop, running, led: led.promise, refused: refused.promise, again: again.promise, lookedInVain: lookedInVain.promise, leader };
};

const written = async (namespace: string, identity: string): Promise<number> =>
  (await direct.list(configMaps, { namespace })).items.filter(({ metadata }) => metadata.name.startsWith(`${identity}-`)).length;

const leaseOf = (namespace: string): Promise<Lease | undefined> => direct.get<Lease>(leases, { namespace, name: 'leader' });

describe('a leader', () => {
  for (const fault of [{ kind: 'stall' }, { kind: 'reset' }, { kind: 'lose-answer' }] as const satisfies readonly Fault[]) {
    it(`that meets ${fault.kind} is followed by another and writes nothing more`, async () => {
      const namespace = `leader-${fault.kind}`;
      await direct.create(namespaces, { metadata: { name: namespace } });
      const faulty = createKubeClient({ kubeconfigPath: proxy.kubeconfig, clock, userAgent: 'test-first' });
      const first = candidate(faulty, namespace, 'first');
      await first.led;
      const second = candidate(direct, namespace, 'second');
      await second.lookedInVain;
      await until(async () => (await written(namespace, 'first')) > 0, { what: 'the first to write' });
      assert.equal(second.leader.isLeader(), false);

      // With lost answers the server still does what it is told, also the renewals, unless those are refused too.
      const renewing = {
        match: { path: '/leases' },
        count: Number.POSITIVE_INFINITY,
        fault: fault.kind === 'lose-answer' ? ({ kind: 'reset' } as const) : fault,
      };
      proxy.script([renewing, { count: Number.POSITIVE_INFINITY, fault }]);
      const cutAtMs = clock.monotonicMs();
      await second.led;
      const ledAtMs = clock.monotonicMs();
      const before = await written(namespace, 'first');
      assert.equal(first.leader.isLeader(), false);
      assert.ok(ledAtMs - cutAtMs < TIMING.leaseDurationMs + 3000, `the second led after ${Math.round(ledAtMs - cutAtMs)} ms`);

      proxy.script([]);
      proxy.dropConnections();
      await first.refused;
      // Whatever was still on its way had the time of two renewals to arrive.
      const renewals = new Set<string>();
      await until(async () => renewals.add((await leaseOf(namespace))?.spec?.renewTime ?? '').size > 2, { what: 'two renewals' });
      assert.equal(await written(namespace, 'first'), before);
      const lease = await leaseOf(namespace);
      assert.equal(lease?.spec?.holderIdentity, 'second');

      // Once the second one has given the lease back, the first may lead again.
      second.stop.abort();
      await second.running;
      await first.again;
      first.stop.abort();
      await first.running;
      const released = await leaseOf(namespace);
      assert.equal(released?.spec?.holderIdentity ?? '', '');
      await faulty.close();
    });
  }
});
