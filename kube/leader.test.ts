// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../test/fake-clock.ts';
import type { FakeClock } from '../test/fake-clock.ts';
import { scriptedClient } from '../test/scripted-client.ts';
import type { KubeClient } from './client.ts';
import { KubeApiError, KubeFencedError, KubeTransportError } from './errors.ts';
import type { Fence } from './fence.ts';
import { createLeader } from './leader.ts';
import type { LeaderOptions } from './leader.ts';
import type { Lease } from './lease.ts';
import type { KubeObject } from './objects.ts';

/** Leases as an API server keeps them, and every write of everybody with its time. */
const createServer = (clock: FakeClock) => {
  let lease: Lease | undefined;
  let version = 0;
  const writes: { readonly who: string; readonly name: string; readonly atMs: number }[] = [];
  const store = (object: KubeObject): Lease => {
    lease = { ...object, metadata: { ...object.metadata, resourceVersion: String((version += 1)) } };
    return lease;
  };
  /** A client of one candidate; `link` says what becomes of its calls. */
  const clientOf = (who: string, link: { state: 'up' | 'stalled' | 'down' }): KubeClient => {
    const pass = async (signal?: AbortSignal): Promise<void> => {
      if (link.state === 'down') throw new KubeTransportError('RESET', 'x');
      if (link.state === 'stalled')
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    };
    const make = (fence?: Fence): KubeClient =>
      scriptedClient({
        get: async (_resource, _ref, { signal } = {}) => (await pass(signal), lease),
        create: async (_resource, object, { signal } = {}) => {
          fence?.check();
          await pass(signal);
          if (fence !== undefined) {
            writes.push({ who, name: object.metadata.name, atMs: clock.monotonicMs() });
            return object;
          }
          if (lease !== undefined) throw new KubeApiError({ status: 409, reason: 'AlreadyExists' });
          return store(object);
        },
        replace: async (_resource, object, { signal } = {}) => {
          fence?.check();
          await pass(signal);
          if (object.metadata.resourceVersion !== lease?.metadata.resourceVersion)
            throw new KubeApiError({ status: 409, reason: 'Conflict' });
          return store(object);
        },
        fenced: make,
      });
    return make();
  };
  return { clientOf, writes, lease: () => lease };
};

const candidate = (clock: FakeClock, server: ReturnType<typeof createServer>, identity: string, more: Partial<LeaderOptions> = {}) => {
  const link: { state: 'up' | 'stalled' | 'down' } = { state: 'up' };
  const stop = new AbortController();
  const terms: { readonly client: KubeClient; readonly signal: AbortSignal }[] = [];
  const leader = createLeader({
    client: server.clientOf(identity, link),
    namespace: 'ns',
    name: 'l',
    identity,
    clock,
    random: () => 0,
    ...more,
  });
  let finish: (() => void) | undefined;
  const running = leader.run(stop.signal, async (signal, client) => {
    terms.push({ client, signal });
    await new Promise<void>((resolve) => {
      finish = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  });
  return { link, stop, terms, leader, running, finish: () => finish?.() };
};

const write = (client: KubeClient | undefined): Promise<unknown> =>
  client?.create({ group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true }, { metadata: { name: 'x' } }) ??
  assert.fail();

describe('leader election', () => {
  it('has one leader, which renews', async () => {
    const clock = fakeClock();
    const server = createServer(clock);
    const a = candidate(clock, server, 'a');
    await clock.advance(0);
    const b = candidate(clock, server, 'b');
    await clock.advance(120_000);
    assert.deepEqual([a.leader.isLeader(), b.leader.isLeader(), a.terms.length, b.terms.length], [true, false, 1, 0]);
    assert.equal(server.lease()?.spec?.holderIdentity, 'a');
    assert.equal(server.lease()?.spec?.leaseTransitions, 0);
    await write(a.terms[0]?.client);
  });

  for (const how of ['stalled', 'down'] as const) {
    it(`passes to the next when the leader is ${how}, whose writes end before`, async () => {
      const clock = fakeClock();
      const server = createServer(clock);
      const a = candidate(clock, server, 'a');
      await clock.advance(1000);
      const b = candidate(clock, server, 'b');
      await clock.advance(20_000);
      a.link.state = how;
      const cutAtMs = clock.monotonicMs();
      // The cut is mended later, so that only the fence stands in the way.
      let refusedAtMs: number | undefined;
      while (b.terms.length === 0 && clock.monotonicMs() < cutAtMs + 60_000) {
        await clock.advance(100);
        a.link.state = 'up';
        const refused = await write(a.terms[0]?.client).then(
          () => false,
          (error: unknown) => error instanceof KubeFencedError,
        );
        if (refused) refusedAtMs ??= clock.monotonicMs();
        a.link.state = how;
      }
      const ledAtMs = clock.monotonicMs();
      assert.ok(refusedAtMs !== undefined && refusedAtMs - cutAtMs <= 10_100, `refused after ${refusedAtMs}`);
      assert.ok(ledAtMs - cutAtMs <= 15_000 + 4_500, `b led after ${ledAtMs - cutAtMs} ms`);
      assert.equal(a.terms[0]?.signal.aborted, true);
      const last = server.writes.filter(({ who }) => who === 'a').at(-1)?.atMs ?? 0;
      assert.ok(last < ledAtMs - 2000);
      a.link.state = 'up';
      await assert.rejects(write(a.terms[0]?.client), KubeFencedError);
      await write(b.terms[0]?.client);
      assert.equal(server.lease()?.spec?.leaseTransitions, 1);
    });
  }

  it('comes back when the link does', async () => {
    const clock = fakeClock();
    const server = createServer(clock);
    const a = candidate(clock, server, 'a');
    await clock.advance(5000);
    a.link.state = 'down';
    await clock.advance(12_000);
    assert.equal(a.leader.isLeader(), false);
    a.link.state = 'up';
    await clock.advance(5000);
    assert.equal(a.leader.isLeader(), true);
    assert.equal(a.terms.length, 2);
    await assert.rejects(write(a.terms[0]?.client), KubeFencedError);
    await write(a.terms[1]?.client);
  });

  it('gives the lease back on shutdown, after the work has ended', async () => {
    const clock = fakeClock();
    const server = createServer(clock);
    const a = candidate(clock, server, 'a');
    const b = candidate(clock, server, 'b');
    await clock.advance(5000);
    a.stop.abort(new Error('stop'));
    await a.running;
    assert.equal(server.lease()?.spec?.holderIdentity, '');
    await assert.rejects(write(a.terms[0]?.client), KubeFencedError);
    await clock.advance(2500);
    assert.equal(b.leader.isLeader(), true);
  });

  it('does not trust the times that others wrote', async () => {
    const clock = fakeClock();
    const server = createServer(clock);
    const link = { state: 'up' as const };
    const old = {
      metadata: { name: 'l', namespace: 'ns' },
      spec: { holderIdentity: 'z', leaseDurationSeconds: 40, renewTime: '1999-01-01T00:00:00.000000Z' },
    };
    await server.clientOf('z', link).create({ group: '', version: 'v1', plural: 'x', kind: 'X', namespaced: true }, old);
    const b = candidate(clock, server, 'b');
    await clock.advance(39_000);
    assert.equal(b.terms.length, 0);
    await clock.advance(4_000);
    assert.equal(b.terms.length, 1);
  });

  it('waits a minute at most for a holder that wrote itself a longer lease', async () => {
    const clock = fakeClock();
    const server = createServer(clock);
    const evil = { metadata: { name: 'l', namespace: 'ns' }, spec: { holderIdentity: 'evil', leaseDurationSeconds: 2_147_483_647 } };
    await server.clientOf('evil', { state: 'up' }).create({ group: '', version: 'v1', plural: 'x', kind: 'X', namespaced: true }, evil);
    const b = candidate(clock, server, 'b');
    await clock.advance(59_000);
    assert.equal(b.terms.length, 0);
    await clock.advance(5_000);
    assert.equal(b.terms.length, 1);
  });

  it('throws what the work throws, and ends when the work does', async () => {
    const clock = fakeClock();
    const server = createServer(clock);
    const stop = new AbortController();
    const options = { client: server.clientOf('a', { state: 'up' }), namespace: 'ns', name: 'l', identity: 'a', clock };
    const failing = assert.rejects(
      createLeader(options).run(stop.signal, () => Promise.reject(new Error('broken'))),
      /broken/,
    );
    await clock.advance(1000);
    await failing;
    assert.equal(server.lease()?.spec?.holderIdentity, '');
    const ending = createLeader(options).run(stop.signal, async () => undefined);
    await clock.advance(1000);
    await ending;
    assert.equal(clock.pending, 0);
  });

  it('refuses timing that cannot be safe', () => {
    const clock = fakeClock();
    const client = createServer(clock).clientOf('a', { state: 'up' });
    assert.throws(() => createLeader({ client, namespace: 'ns', name: 'l', identity: 'a', clock, renewDeadlineMs: 15_000 }), RangeError);
  });
});
