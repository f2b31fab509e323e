// SPDX-License-Identifier: Apache-2.0
// However many calls are made, one after another or at once, and however many are cut off, the TLS connections stay few.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { configMaps, namespaces } from '../../../crds/kinds.ts';
import { createKubeClient } from '../../../kube/client.ts';
import { isTransient, KubeApiError } from '../../../kube/errors.ts';
import { systemClock } from '../../../process/clock.ts';
import { startControlPlane } from '../../cluster/control-plane.ts';
import type { ControlPlane } from '../../cluster/control-plane-handle.ts';
import { startFaultProxy } from '../../cluster/fault-proxy.ts';
import type { FaultProxy } from '../../cluster/fault-proxy.ts';

let plane: ControlPlane;

before(async () => {
  plane = await startControlPlane();
});
after(async () => {
  await plane?.stop();
});

const withClient = async (
  test: (client: ReturnType<typeof createKubeClient>, proxy: FaultProxy, open: () => number) => Promise<void>,
): Promise<void> => {
  await using proxy = await startFaultProxy({ target: plane });
  let open = 0;
  const observe = { connections: (now: number) => void (open = now) };
  const client = createKubeClient({
    kubeconfigPath: proxy.kubeconfig,
    clock: systemClock,
    userAgent: 'test',
    maxConcurrentCalls: 8,
    // Far more than a call takes on a machine that has other work: what ends here ends by a fault, not by time.
    timeoutMs: 30_000,
    observe,
  });
  try {
    await test(client, proxy, () => open);
  } finally {
    await client.close();
  }
};

describe('connections to the API server', () => {
  // Not one: undici sees a connection free a moment after the caller has the answer, on a busy machine a moment later still.
  it('serve calls one after another by very few', async () => {
    await withClient(async (client, proxy, open) => {
      for (let at = 0; at < 200; at += 1) await client.get(namespaces, { name: 'default' });
      assert.ok(proxy.connections.total <= 4, `${proxy.connections.total}`);
      assert.equal(open(), proxy.connections.open);
    });
  });

  it('serve calls at once by as many as may be under way', async () => {
    await withClient(async (client, proxy) => {
      await Promise.all(Array.from({ length: 300 }, () => client.get(namespaces, { name: 'default' })));
      assert.ok(proxy.connections.total <= 8, `${proxy.connections.total}`);
    });
  });

  it('come on top for watches, one each, and go with them', async () => {
    await withClient(async (client, proxy) => {
      const { resourceVersion } = await client.list(configMaps);
      const stop = new AbortController();
      const watches = Array.from({ length: 20 }, async () => {
        for await (const _ of client.watch(configMaps, { resourceVersion, signal: stop.signal }));
      });
      while (proxy.requests.filter(({ watch, status }) => watch && status === 200).length < 20)
        await client.get(namespaces, { name: 'default' });
      assert.ok(proxy.connections.open <= 20 + 2, `${proxy.connections.open}`);
      stop.abort();
      for (const watch of watches) await assert.rejects(watch, { name: 'AbortError' });
      while (proxy.connections.open > 2) await client.get(namespaces, { name: 'default' });
    });
  });

  it('are replaced, not multiplied, when they are reset', async () => {
    await withClient(async (client, proxy) => {
      proxy.script([{ count: 30, fault: { kind: 'reset' } }]);
      const results = await Promise.allSettled(Array.from({ length: 100 }, () => client.get(namespaces, { name: 'default' })));
      for (const result of results) if (result.status === 'rejected') assert.ok(isTransient(result.reason), String(result.reason));
      assert.ok(results.filter(({ status }) => status === 'fulfilled').length >= 90);
      assert.ok(proxy.connections.peak <= 8 + 2, `${proxy.connections.peak}`);
    });
  });

  it('wait as long as Retry-After says', async () => {
    await withClient(async (client, proxy) => {
      proxy.script([{ count: 2, fault: { kind: 'answer', code: 503, retryAfterSeconds: 1 } }]);
      await client.get(namespaces, { name: 'default' });
      const [first, second, third] = proxy.requests;
      assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 1000);
      assert.ok((third?.atMs ?? 0) - (second?.atMs ?? 0) >= 1000);
      proxy.script([{ fault: { kind: 'answer', code: 429, retryAfterSeconds: 1 } }]);
      const create = client.create(namespaces, { metadata: { name: 'never' } });
      await assert.rejects(create, (error) => error instanceof KubeApiError && error.status === 429 && error.retryAfterMs === 1000);
    });
  });
});
