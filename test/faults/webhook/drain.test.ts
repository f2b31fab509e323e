// SPDX-License-Identifier: Apache-2.0
// A replica that ends under load fails no request: clients with keep-alive connections move to the other replica.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createClient, serve } from './serving.ts';

const handle = (text: string): Promise<{ status: number; body: string }> =>
  new Promise((resolve) => {
    // Longer than a turn of the event loop, so that requests are in work whenever the end comes.
    setImmediate(() => setImmediate(() => resolve({ status: 200, body: JSON.stringify({ length: text.length }) })));
  });

it('twenty keep-alive clients under load see no failure while a replica drains', { timeout: 30_000 }, async () => {
  const leaving = await serve(handle, { drainDelayMs: 150, lingerMs: 1000 });
  const staying = await serve(handle);
  const served = { before: 0, leaving: 0, closing: 0, after: 0 };
  const work = { running: true };
  // As endpoints are taken away: new connections go elsewhere, old ones are used on.
  const clients = Array.from({ length: 20 }, () =>
    createClient(leaving.pair.caPem, () => (leaving.listener.state === 'serving' ? leaving.port : staying.port)),
  );
  const failures: unknown[] = [];
  const loads = clients.map(async (client, index) => {
    while (work.running) {
      const { state } = leaving.listener;
      try {
        const { status, body } = await client.post({ body: JSON.stringify({ pad: 'x'.repeat(index * 1000) }) });
        assert.equal(status, 200);
        assert.equal(JSON.parse(body).length, index * 1000 + 10);
        served[state === 'serving' ? 'before' : state === 'closed' ? 'after' : state] += 1;
      } catch (error) {
        failures.push(error);
      }
    }
  });
  while (served.before < 400) await new Promise((resolve) => setImmediate(resolve));
  await leaving.listener.drain();
  while (served.after < 200) await new Promise((resolve) => setImmediate(resolve));
  work.running = false;
  await Promise.all(loads);
  for (const client of clients) client.close();
  assert.deepEqual(failures, []);
  assert.ok(served.leaving > 0, 'it served on while it was leaving');
  for (const client of clients) assert.equal(client.connections, 2, 'each moved once');
  await staying.listener.drain();
});

it('idle connections do not hold the end up', { timeout: 10_000 }, async () => {
  const serving = await serve(handle, { lingerMs: 20 });
  const client = createClient(serving.pair.caPem, () => serving.port);
  await client.post();
  await serving.listener.drain();
  assert.equal(serving.listener.state, 'closed');
  await assert.rejects(client.post(), /ECONNREFUSED|hang up/);
  client.close();
});

it('a request in work when the end comes is answered, and its connection ends', { timeout: 10_000 }, async () => {
  const gate = Promise.withResolvers<{ status: number; body: string }>();
  const started = Promise.withResolvers<void>();
  const serving = await serve(() => {
    started.resolve();
    return gate.promise;
  });
  const client = createClient(serving.pair.caPem, () => serving.port);
  const reply = client.post();
  await started.promise;
  const drained = serving.listener.drain();
  while (serving.listener.state !== 'closing') await new Promise((resolve) => setImmediate(resolve));
  gate.resolve({ status: 200, body: '{}' });
  assert.equal((await reply).headers.connection, 'close');
  await drained;
  client.close();
});
