// SPDX-License-Identifier: Apache-2.0
// Bodies that never come to their end, by real sockets: whoever sends them keeps nobody else from reporting.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, it } from 'node:test';
import { systemClock } from '../../process/clock.ts';
import { startUsageServer } from './server.ts';
import type { UsageServer } from './server.ts';

const WEBHOOK = 'writ-system/writ-webhook';
let server: UsageServer;
before(async () => {
  server = await startUsageServer({
    listen: { host: '127.0.0.1', port: 0 },
    transport: 'plain',
    clock: systemClock,
    // The token is the account; its tenant is called like its namespace.
    authenticate: async (account) => ({
      account,
      tenant: account.split('/', 1)[0],
      isWebhook: account === WEBHOOK,
      mayReport: () => true,
      mayRead: () => true,
      mayUse: () => true,
    }),
    // It does not lead: who is let in is told 503, and who is not 429.
    ledger: () => undefined,
    observe: { answered: () => undefined, told: () => undefined, refused: () => undefined, failed: () => undefined },
  });
});
after(() => server.close());

const open = new Set<Socket>();
after(() => open.forEach((socket) => socket.destroy()));

type Slow = { readonly socket: Socket; readonly status: Promise<number> };
/** Sends what comes before a body, and the first byte of it. */
const begin = (account: string): Slow => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  open.add(socket);
  socket.on('error', () => undefined);
  socket.write(`POST /v1/events HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer ${account}\r\n`);
  socket.write('Content-Type: application/cloudevents-batch+json\r\nContent-Length: 2\r\n\r\n[');
  const status = once(socket, 'data').then(([bytes]) => Number(/^HTTP\/1\.1 (\d+)/.exec(String(bytes))?.[1]));
  status.catch(() => undefined);
  return { socket, status };
};
const end = ({ socket, status }: Slow): Promise<number> => {
  socket.write(']');
  return status;
};
/** Those that are let in do not answer before their body ends, so who is turned away says when all have arrived. */
const turnedAway = async (slow: readonly Slow[], count: number): Promise<void> => {
  const enough = Promise.withResolvers<void>();
  let left = count;
  for (const { status } of slow)
    void status.then((said) => {
      if (said === 429 && (left -= 1) === 0) enough.resolve();
    });
  await enough.promise;
};
const many = (count: number, account: string): readonly Slow[] => Array.from({ length: count }, () => begin(account));

it('lets an account have eight bodies under way and a tenant thirty-two, and keeps nobody else out', async () => {
  const ofOne = many(130, 'acme/agent');
  await turnedAway(ofOne, 122);
  assert.equal(await end(begin('acme/other')), 503, 'another account of the tenant');
  assert.equal(await end(begin('beta/agent')), 503, 'another tenant');
  const others = ['b', 'c', 'd', 'e', 'f'].flatMap((name) => many(8, `acme/${name}`));
  await turnedAway(others, 16);
  assert.equal(await begin('acme/other').status, 429, 'the tenant has its thirty-two');
  assert.equal(await end(begin('beta/agent')), 503);
  // All that there may be; the webhook reports all the same.
  const rest = ['g', 'h', 'i', 'j'].flatMap((tenant) => ['1', '2', '3', '4'].flatMap((name) => many(8, `${tenant}/${name}`)));
  await turnedAway(rest, 32);
  assert.equal(await begin('beta/agent').status, 429);
  assert.equal(await end(begin(WEBHOOK)), 503);
  // Whoever goes, or comes to an end, makes room.
  for (const { socket } of rest) socket.destroy();
  for (;;) if ((await end(begin('beta/agent'))) === 503) break;
});

it('closes the connection of one that it turns away before its body is there', async () => {
  const slow = many(9, 'gamma/agent');
  await turnedAway(slow, 1);
  const closed = slow.map(async ({ socket, status }) => (await status) === 429 && (await once(socket, 'close')));
  await Promise.any(closed.map(async (one) => assert.ok(await one)));
  for (const { socket } of slow) socket.destroy();
});
