// SPDX-License-Identifier: Apache-2.0
// What a client may send: each gets a coded answer, and the connection or the server lives on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { fakeClock } from '../../fake-clock.ts';
import type { FakeClock } from '../../fake-clock.ts';
import { createClient, serve } from './serving.ts';
import type { Client, Post, Serving } from './serving.ts';

const MEBIBYTE = 2 ** 20;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Ends a server whose clock stands still. */
const endedBy = async (clock: FakeClock, { listener }: Serving): Promise<void> => {
  const drained = listener.drain();
  while (listener.state !== 'closed') {
    await clock.advance(10);
    await turn();
  }
  await drained;
};

describe('a request that is no review', () => {
  let serving: Serving;
  let client: Client;
  before(async () => {
    serving = await serve((text) => ({ status: 200, body: JSON.stringify({ bytes: Buffer.byteLength(text) }) }));
    client = createClient(serving.pair.caPem, () => serving.port);
  });
  after(async () => {
    client.close();
    await serving.listener.drain();
  });

  const cases: readonly (readonly [what: string, post: Post, status: number, code: string])[] = [
    ['8 MiB', { body: Buffer.alloc(8 * MEBIBYTE, 0x20) }, 413, 'REQUEST_TOO_LARGE'],
    ['one byte more than 7 MiB', { body: Buffer.alloc(7 * MEBIBYTE + 1, 0x20) }, 413, 'REQUEST_TOO_LARGE'],
    ['YAML', { headers: { 'content-type': 'application/yaml' } }, 415, 'REQUEST_MEDIA_TYPE'],
    ['a type that only begins like JSON', { headers: { 'content-type': 'application/json-patch+json' } }, 415, 'REQUEST_MEDIA_TYPE'],
    ['another charset', { headers: { 'content-type': 'application/json; charset=latin1' } }, 415, 'REQUEST_MEDIA_TYPE'],
    ['compressed', { headers: { 'content-encoding': 'gzip' } }, 415, 'REQUEST_MEDIA_TYPE'],
    ['no UTF-8', { body: Buffer.from([0x22, 0xff, 0xfe, 0x22]) }, 400, 'REQUEST_ENCODING'],
    ['GET', { method: 'GET', body: '' }, 405, 'REQUEST_NOT_FOUND'],
    ['another path', { path: '/mutate' }, 404, 'REQUEST_NOT_FOUND'],
    ['a path that does not decode', { path: '/%E0%A4%A' }, 404, 'REQUEST_NOT_FOUND'],
  ];
  for (const [what, post, status, code] of cases) {
    it(`${what}: ${status} ${code}`, async () => {
      const reply = await client.post(post);
      assert.equal(reply.status, status);
      assert.equal(JSON.parse(reply.body).code, code);
      assert.equal(reply.headers['x-powered-by'], undefined);
      assert.equal(reply.headers.etag, undefined);
    });
  }

  it('7 MiB are taken, and so is a charset of UTF-8', async () => {
    const reply = await client.post({
      body: Buffer.alloc(7 * MEBIBYTE, 0x20),
      headers: { 'content-type': 'application/json; charset=utf-8' },
    });
    assert.deepEqual([reply.status, JSON.parse(reply.body).bytes], [200, 7 * MEBIBYTE]);
  });

  it('a connection that is cut in the middle of a body leaves nothing behind', async () => {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: serving.port, ca: serving.pair.caPem, servername: 'localhost' }, () => {
        socket.write('POST /validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
        socket.destroy();
        resolve();
      });
      socket.on('error', reject);
    });
    assert.equal((await client.post()).status, 200);
    assert.deepEqual(serving.bugs, []);
  });
});

describe('more than can be taken on', () => {
  it('is answered 429 at once while the rest is in work', async () => {
    const gate = Promise.withResolvers<{ status: number; body: string }>();
    const started = Promise.withResolvers<void>();
    const serving = await serve(() => (started.resolve(), gate.promise), { maxInFlight: 1 });
    const [one, other] = [createClient(serving.pair.caPem, () => serving.port), createClient(serving.pair.caPem, () => serving.port)];
    const slow = one.post();
    await started.promise;
    const quick = await other.post();
    assert.deepEqual([quick.status, JSON.parse(quick.body).code], [429, 'REQUEST_OVERLOAD']);
    gate.resolve({ status: 200, body: '{}' });
    assert.equal((await slow).status, 200);
    assert.equal((await other.post()).status, 200, 'room again');
    assert.deepEqual(serving.refused, ['REQUEST_OVERLOAD']);
    one.close();
    other.close();
    await serving.listener.drain();
  });

  it('a decision that is late is answered 503 within the time that the caller gave', async () => {
    const clock = fakeClock();
    const started = Promise.withResolvers<void>();
    let isAwaited = (): boolean => false;
    const late = (_: string, asked: () => boolean): Promise<never> => {
      isAwaited = asked;
      started.resolve();
      return new Promise(() => undefined);
    };
    const serving = await serve(late, { clock, lingerMs: 0 });
    const client = createClient(serving.pair.caPem, () => serving.port);
    const answer = client.post({ path: '/validate?timeout=1s' });
    await started.promise;
    assert.equal(isAwaited(), true);
    while (clock.pending === 0) await turn();
    await clock.advance(1000);
    const reply = await answer;
    assert.deepEqual([reply.status, JSON.parse(reply.body).code, isAwaited()], [503, 'REQUEST_DEADLINE', false]);
    client.close();
    await endedBy(clock, serving);
  });

  it('a body that does not come is answered 503, and its connection ends', async () => {
    const clock = fakeClock();
    const serving = await serve(() => ({ status: 200, body: '{}' }), { clock, deadlineMs: 100, lingerMs: 0 });
    const client = createClient(serving.pair.caPem, () => serving.port);
    const answer = client.post({ headers: { 'content-length': '1000' }, body: '{' });
    while (clock.pending === 0) await turn();
    await clock.advance(100);
    const reply = await answer;
    assert.deepEqual([reply.status, JSON.parse(reply.body).code, reply.headers.connection], [503, 'REQUEST_DEADLINE', 'close']);
    client.close();
    await endedBy(clock, serving);
  });

  it('a bug is a failed call, never a verdict, and is reported', async () => {
    const serving = await serve(() => {
      throw new Error('secret detail');
    });
    const client = createClient(serving.pair.caPem, () => serving.port);
    const reply = await client.post();
    assert.equal(reply.status, 500);
    assert.equal(reply.body.includes('secret'), false);
    assert.equal(serving.bugs.length, 1);
    client.close();
    await serving.listener.drain();
  });
});
