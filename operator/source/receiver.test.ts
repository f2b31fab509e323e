// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import express from 'express';
import { fakeClock } from '../../test/fake-clock.ts';
import { mountReceiver } from './receiver-routes.ts';
import { createReceiver, receiverPath } from './receiver.ts';
import type { Delivery, Receiver, ReceiverType } from './receiver.ts';
import { boundPort } from '../../process/bound-port.ts';

const token = 'a token that is long enough';
const sourceKey = 'writ-system/policies';
const body = Buffer.from('{"ref":"refs/heads/main"}');
const hex = (bytes: Uint8Array, key = token): string => createHmac('sha256', key).update(bytes).digest('hex');

type Pushes = { readonly receiver: Receiver; readonly pushes: [string, number][]; readonly clock: ReturnType<typeof fakeClock> };

const open = (options: { readonly bodyBytes?: number; readonly onPush?: () => Promise<void> } = {}): Pushes => {
  const clock = fakeClock();
  const pushes: [string, number][] = [];
  return {
    clock,
    pushes,
    receiver: createReceiver({
      clock,
      rate: { burst: 30, refillMs: 1000 },
      ...options,
      onPush: async (key, at) => {
        pushes.push([key, at]);
        await options.onPush?.();
      },
    }),
  };
};

const registered = (receiver: Receiver, type: ReceiverType, key = sourceKey): string => {
  const path = receiver.register({ sourceKey: key, type, token });
  assert.ok(path.ok);
  return path.value;
};

const post = (path: string, headers: Delivery['headers'], bytes: Uint8Array = body): Delivery => ({
  method: 'POST',
  path,
  headers,
  body: bytes,
});

// Proof by type: the header, a good value, and how the forge names its push and another event.
const types = {
  GitHub: {
    header: 'x-hub-signature-256',
    good: `sha256=${hex(body)}`,
    event: ['x-github-event', 'push', 'issues'],
    id: 'x-github-delivery',
  },
  GitLab: { header: 'x-gitlab-token', good: token, event: ['x-gitlab-event', 'Push Hook', 'Issue Hook'], id: 'x-gitlab-event-uuid' },
  Gitea: { header: 'x-gitea-signature', good: hex(body), event: ['x-gitea-event', 'push', 'issues'], id: 'x-gitea-delivery' },
  GenericHMAC: { header: 'x-signature', good: `sha256=${hex(body)}`, event: undefined, id: 'x-delivery-id' },
} as const;

for (const type of ['GitHub', 'GitLab', 'Gitea', 'GenericHMAC'] as const) {
  const { header, good, event, id } = types[type];
  const pushEvent = event === undefined ? {} : { [event[0]]: event[1] };

  test(`${type}: a genuine push is passed on, everything else is not`, async () => {
    const { receiver, pushes, clock } = open();
    const path = registered(receiver, type);
    const rows = [
      ['good', { [header]: good, ...pushEvent }, 202, undefined],
      ['missing', pushEvent, 401, 'RECEIVER_UNSIGNED'],
      ['twice', { [header]: [good, good], ...pushEvent }, 401, 'RECEIVER_UNSIGNED'],
      ['empty', { [header]: '', ...pushEvent }, 401, 'RECEIVER_SIGNATURE'],
      ['cut', { [header]: good.slice(0, -1), ...pushEvent }, 401, 'RECEIVER_SIGNATURE'],
      ['longer', { [header]: `${good}0`, ...pushEvent }, 401, 'RECEIVER_SIGNATURE'],
      [
        'another key',
        { [header]: good.startsWith('sha256=') ? `sha256=${hex(body, 'other')}` : hex(body, 'other'), ...pushEvent },
        401,
        'RECEIVER_SIGNATURE',
      ],
      ['sha1', { [header]: `sha1=${createHmac('sha1', token).update(body).digest('hex')}`, ...pushEvent }, 401, 'RECEIVER_SIGNATURE'],
    ] as const;
    for (const [name, headers, status, code] of rows) {
      const answer = await receiver.handleDelivery(post(path, headers));
      assert.equal(answer.status, status, name);
      assert.equal(answer.body.code, code, name);
    }
    assert.deepEqual(pushes, [[sourceKey, clock.now()]]);
    assert.equal(receiver.deliveries(sourceKey).length, rows.length);
    assert.ok(!JSON.stringify(receiver.deliveries(sourceKey)).includes(token));
  });

  test(`${type}: the same delivery again is thanked for once more and not passed on`, async () => {
    const { receiver, pushes } = open();
    const path = registered(receiver, type);
    const headers = { [header]: good, ...pushEvent, [id]: 'delivery-1' };
    const forged = { ...headers, [header]: `${good}x` };
    assert.equal((await receiver.handleDelivery(post(path, forged))).status, 401, 'and it does not use up the id');
    const both = await Promise.all([receiver.handleDelivery(post(path, headers)), receiver.handleDelivery(post(path, headers))]);
    assert.deepEqual(
      both.map((answer) => answer.status),
      [202, 202],
    );
    assert.equal(pushes.length, 1);
    assert.deepEqual(
      receiver.deliveries(sourceKey).map((record) => record.verdict),
      ['Replayed', 'Accepted', 'Refused'],
    );
  });

  test(`${type}: an event that changes no ref makes no sync`, { skip: event === undefined && 'this type names no events' }, async () => {
    const { receiver, pushes } = open();
    const path = registered(receiver, type);
    const answer = await receiver.handleDelivery(post(path, { [header]: good, [event?.[0] ?? '']: event?.[2] ?? '' }));
    assert.equal(answer.status, 202);
    assert.equal(pushes.length, 0);
    assert.equal(receiver.deliveries(sourceKey)[0]?.verdict, 'Ignored');
  });
}

test('a changed body does not fit its signature', async () => {
  const { receiver, pushes } = open();
  for (const type of ['GitHub', 'Gitea', 'GenericHMAC'] as const) {
    const path = registered(receiver, type, `writ-system/${type}`);
    const answer = await receiver.handleDelivery(
      post(path, { [types[type].header]: types[type].good, 'x-github-event': 'push' }, Buffer.from('{"ref":"refs/heads/evil"}')),
    );
    assert.equal(answer.status, 401, type);
  }
  assert.equal(pushes.length, 0);
});

test('paths cannot be guessed, and unknown ones leave no trace', async () => {
  const { receiver } = open();
  const path = registered(receiver, 'GitHub');
  assert.match(path, /^\/hook\/[0-9a-f]{64}$/);
  assert.notEqual(path, receiverPath({ sourceKey, token: `${token}!` }));
  assert.notEqual(path, receiverPath({ sourceKey: 'writ-system/other', token }));
  for (const other of ['/hook/', '/hook/__proto__', `${path}0`, path.slice(0, -1)])
    assert.equal((await receiver.handleDelivery(post(other, {}))).status, 404, other);
  assert.equal((await receiver.handleDelivery({ ...post(path, {}), method: 'GET' })).status, 404);
  assert.deepEqual(receiver.deliveries(sourceKey), []);
  receiver.unregister(sourceKey);
  assert.equal((await receiver.handleDelivery(post(path, {}))).status, 404);
});

test('a token that anyone could try out is refused', () => {
  const outcome = open().receiver.register({ sourceKey, type: 'GitHub', token: '' });
  assert.ok(!outcome.ok);
  assert.equal(outcome.problem.code, 'RECEIVER_TOKEN');
});

test('a new token closes the old path and keeps the records', async () => {
  const { receiver } = open();
  const before = registered(receiver, 'GitHub');
  await receiver.handleDelivery(post(before, {}));
  const after = receiver.register({ sourceKey, type: 'GitHub', token: `${token} 2` });
  assert.ok(after.ok);
  assert.equal((await receiver.handleDelivery(post(before, {}))).status, 404);
  assert.equal(receiver.deliveries(sourceKey).length, 1);
});

test('more deliveries than the allowance are refused until time has passed', async () => {
  const { receiver, clock, pushes } = open();
  const path = registered(receiver, 'GitLab');
  const send = async (): Promise<number> =>
    (await receiver.handleDelivery(post(path, { 'x-gitlab-token': token, 'x-gitlab-event': 'Push Hook' }))).status;
  const statuses: number[] = [];
  for (let index = 0; index < 35; index += 1) statuses.push(await send());
  assert.deepEqual(statuses.filter((status) => status === 429).length, 5);
  assert.equal(pushes.length, 30);
  const refused = await receiver.handleDelivery(post(path, { 'x-gitlab-token': token, 'x-gitlab-event': 'Push Hook' }));
  assert.equal(refused.headers['retry-after'], '1');
  assert.equal((await receiver.handleDelivery(post(path, {}))).status, 401, 'what is not proven is counted apart');
  // Registering again, as each reconcile does, gives no new allowance.
  registered(receiver, 'GitLab');
  assert.equal(await send(), 429);
  await clock.advance(1000);
  assert.equal(await send(), 202);
  assert.equal(receiver.deliveries(sourceKey).length, 39);
  for (let index = 0; index < 60; index += 1) await send();
  assert.equal(receiver.deliveries(sourceKey).length, 50);
});

test('deliveries without proof are limited too, and never at the cost of genuine ones', async () => {
  const { receiver, pushes } = open({ bodyBytes: 1000 });
  const path = registered(receiver, 'GitHub');
  const good = { 'x-hub-signature-256': types.GitHub.good, 'x-github-event': 'push' };
  const bad: readonly Delivery[] = [
    post(path, {}),
    post(path, { ...good, 'x-hub-signature-256': 'sha256=00' }),
    post(path, good, new Uint8Array(1001)),
  ];
  const statuses: number[] = [];
  for (let index = 0; index < 60; index += 1) for (const delivery of bad) statuses.push((await receiver.handleDelivery(delivery)).status);
  assert.equal(statuses.filter((status) => status !== 429).length, 30);
  assert.equal((await receiver.handleDelivery(post(path, good))).status, 202);
  assert.equal(pushes.length, 1);
});

test('a push that could not be passed on is answered so, and may come again', async () => {
  let fail = true;
  const { receiver, pushes } = open({
    onPush: async () => {
      await Promise.resolve();
      if (fail) throw new Error('the API server is away');
    },
  });
  const path = registered(receiver, 'GitHub');
  const delivery = post(path, { 'x-hub-signature-256': types.GitHub.good, 'x-github-event': 'push', 'x-github-delivery': 'one' });
  const both = await Promise.all([receiver.handleDelivery(delivery), receiver.handleDelivery(delivery)]);
  assert.deepEqual(
    both.map(({ status, body: { code }, headers }) => [status, code, headers['retry-after']]),
    [
      [503, 'RECEIVER_UNAVAILABLE', '5'],
      [503, 'RECEIVER_UNAVAILABLE', '5'],
    ],
  );
  assert.equal(pushes.length, 1);
  fail = false;
  assert.equal((await receiver.handleDelivery(delivery)).status, 202);
  assert.equal((await receiver.handleDelivery(delivery)).status, 202);
  assert.equal(pushes.length, 2);
  assert.deepEqual(
    receiver.deliveries(sourceKey).map(({ verdict }) => verdict),
    ['Replayed', 'Accepted', 'Refused', 'Refused'],
  );
});

test('a push is thanked for only once it was passed on', async () => {
  let release = (): void => undefined;
  const passed = new Promise<void>((resolve) => (release = resolve));
  const { receiver, pushes } = open({ onPush: () => passed });
  const path = registered(receiver, 'GitHub');
  let answered = false;
  const answer = receiver
    .handleDelivery(post(path, { 'x-hub-signature-256': types.GitHub.good, 'x-github-event': 'push' }))
    .finally(() => (answered = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([pushes.length, answered], [1, false]);
  release();
  assert.equal((await answer).status, 202);
});

test('a body over the limit is refused without being kept, told length or not', async () => {
  const { receiver, pushes } = open({ bodyBytes: 100_000 });
  const path = registered(receiver, 'GitLab');
  const headers = { 'x-gitlab-token': token, 'x-gitlab-event': 'Push Hook' };
  let produced = 0;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      produced += 10_000;
      yield new Uint8Array(10_000);
    }
  };
  assert.equal((await receiver.handleDelivery({ ...post(path, headers), body: endless() })).status, 413);
  assert.equal(produced, 110_000);
  produced = 0;
  assert.equal((await receiver.handleDelivery({ ...post(path, { ...headers, 'content-length': '100001' }), body: endless() })).status, 413);
  assert.equal(produced, 0);
  assert.equal((await receiver.handleDelivery(post(path, headers, new Uint8Array(100_000)))).status, 202);
  assert.equal(pushes.length, 1);
});

const serve = async (t: TestContext, receiver: Receiver): Promise<number> => {
  const app = express();
  mountReceiver(app, receiver);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return boundPort(server);
};

test('behind express: a real delivery, a large one, a wrong path, and a sender that hangs up', async (t) => {
  const { receiver, pushes } = open({ bodyBytes: 1_000_000 });
  const port = await serve(t, receiver);
  const path = registered(receiver, 'GitHub');
  const send = (bytes: Buffer, to = path): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${to}`, {
      method: 'POST',
      body: new Uint8Array(bytes),
      headers: { 'x-hub-signature-256': `sha256=${hex(bytes)}`, 'x-github-event': 'push' },
    });
  const good = await send(Buffer.alloc(900_000, 'x'));
  assert.equal(good.status, 202);
  assert.deepEqual(await good.json(), { message: 'the source is being synced' });
  assert.equal((await send(Buffer.alloc(1_100_000, 'x'))).status, 413);
  assert.equal((await send(body, '/hook/nothing')).status, 404);
  const socket = connect(port, '127.0.0.1');
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Hub-Signature-256: sha256=00\r\n\r\nabc`, () =>
    socket.destroy(),
  );
  await once(socket, 'close');
  assert.equal((await send(body)).status, 202);
  assert.equal(pushes.length, 2);
});
