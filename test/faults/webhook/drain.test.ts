// SPDX-License-Identifier: Apache-2.0
// A replica that ends under load fails no request: clients with keep-alive connections move to the other replica.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fakeClock } from '../../fake-clock.ts';
import { createClient, serve } from './serving.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const handle = (text: string): Promise<{ status: number; body: string }> =>
  new Promise((resolve) => {
    // Longer than a turn of the event loop, so that requests are in work whenever the end comes.
    setImmediate(() => setImmediate(() => resolve({ status: 200, body: JSON.stringify({ length: text.length }) })));
  });

it('twenty keep-alive clients under load see no failure while a replica drains', { timeout: 30_000 }, async () => {
  const clock = fakeClock();
  const leaving = await serve(handle, { clock, drainDelayMs: 150, lingerMs: 1000 });
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
  while (served.before < 400) await turn();
  const drained = leaving.listener.drain();
  while (served.leaving < 200) await turn();
  await clock.advance(149);
  assert.equal(leaving.listener.state, 'leaving', 'until the last moment of its delay');
  await clock.advance(1);
  // Time stands still now: it ends because every client moved, not because something was cut.
  await drained;
  while (served.after < 200) await turn();
  work.running = false;
  await Promise.all(loads);
  for (const client of clients) client.close();
  assert.deepEqual(failures, []);
  for (const client of clients) assert.equal(client.connections, 2, 'each moved once');
  await staying.listener.drain();
});

it('idle connections do not hold the end up', { timeout: 10_000 }, async () => {
  const clock = fakeClock();
  const serving = await serve(handle, { clock, lingerMs: 20 });
  const client = createClient(serving.pair.caPem, () => serving.port);
  await client.post();
  const drained = serving.listener.drain();
  await clock.advance(19);
  assert.equal(serving.listener.state, 'closing');
  await clock.advance(1);
  await drained;
  assert.equal(serving.listener.state, 'closed');
  await assert.rejects(client.post(), /ECONNREFUSED|hang up/);
  client.close();
});

it('a request in work when the end comes is answered, and its connection ends', { timeout: 10_000 }, async () => {
  const gate = Promise.withResolvers<{ status: number; body: string }>();
  const started = Promise.withResolvers<void>();
  const clock = fakeClock();
  const handleSlowly = () => (started.resolve(), gate.promise);
  const serving = await serve(handleSlowly, { clock });
  const client = createClient(serving.pair.caPem, () => serving.port);
  const reply = client.post();
  await started.promise;
  const drained = serving.listener.drain();
  await clock.advance(0);
  assert.equal(serving.listener.state, 'closing');
  gate.resolve({ status: 200, body: '{}' });
  assert.equal((await reply).headers.connection, 'close');
  await drained;
  client.close();
});
