// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { after, it } from 'node:test';
import { get } from 'node:http';
import fc from 'fast-check';
import { systemClock } from '../../process/clock.ts';
import { createConnections } from './connections.ts';
import { startUsageServer } from './server.ts';

const scene = (most: number, mostOfAddress: number) => {
  const ended: string[] = [];
  const connections = createConnections({ most, mostOfAddress });
  const open = (key: string, address: string): void => connections.open(key, address, { destroy: () => ended.push(key) });
  return { connections, ended, open };
};

it('ends the idlest of an address that has its share', () => {
  const { connections, ended, open } = scene(10, 3);
  for (const key of ['a1', 'a2', 'a3']) open(key, 'a');
  open('b1', 'b');
  const end = connections.begin('a1');
  open('a4', 'a');
  assert.deepEqual(ended, ['a2'], 'not the one whose request is under way');
  end();
  open('a5', 'a');
  open('a6', 'a');
  assert.deepEqual(ended, ['a2', 'a3', 'a4'], 'what was heard of last stays longest');
  for (const key of ['a1', 'a5', 'a6']) connections.begin(key);
  open('a7', 'a');
  assert.deepEqual(ended.slice(3), ['a7'], 'none is idle: it is refused');
});

it('where all places are taken, ends one of the address that has most', () => {
  const { connections, ended, open } = scene(5, 4);
  open('b1', 'b');
  for (const key of ['a1', 'a2', 'a3', 'a4']) open(key, 'a');
  open('c1', 'c');
  assert.deepEqual(ended, ['a1'], 'though b1 is idle for longer');
  connections.closed('a2');
  open('d1', 'd');
  assert.deepEqual(ended, ['a1'], 'there is room again');
});

it('never holds more than it may, and never ends the only one of an address while another has two', () => {
  const step = fc.record({ kind: fc.constantFrom('open', 'open', 'close', 'begin'), address: fc.nat(5), key: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const connections = createConnections({ most: 8, mostOfAddress: 4 });
      const there = new Map<string, { readonly address: string; busy: boolean }>();
      const count = (address: string): number => [...there.values()].filter((one) => one.address === address).length;
      for (const { kind, address: number, key: at } of steps) {
        const address = `10.0.0.${number}`;
        const key = `${address} ${at}`;
        if (kind === 'close') {
          connections.closed(key);
          there.delete(key);
        } else if (kind === 'begin') {
          const one = there.get(key);
          if (one !== undefined) one.busy = true;
          connections.begin(key);
        } else if (!there.has(key)) {
          there.set(key, { address, busy: false });
          connections.open(key, address, {
            destroy: () => {
              const ended = there.get(key);
              if (ended === undefined) return assert.fail('ended twice');
              assert.ok(!ended.busy);
              const idleOfOthers = [...there.values()].some((one) => !one.busy && count(one.address) > 2);
              assert.ok(count(ended.address) > 1 || !idleOfOthers);
              there.delete(key);
            },
          });
          assert.ok(there.size <= 8 && count(address) <= 4);
        }
      }
    }),
  );
});

const server = await startUsageServer({
  listen: { host: '127.0.0.1', port: 0 },
  transport: 'plain',
  clock: systemClock,
  authenticate: async () => undefined,
  ledger: () => undefined,
  observe: { answered: () => undefined, told: () => undefined, refused: () => undefined, failed: () => undefined },
});
after(() => server.close());

it('answers another one while somebody keeps as many connections idle as it can', async () => {
  const port = Number(new URL(server.url).port);
  const sockets: Socket[] = [];
  let open = 0;
  const answered = async (): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    open += 1;
    socket.on('error', () => undefined).on('close', () => (open -= 1));
    socket.write('GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise<void>((resolve) => socket.once('data', () => resolve()).once('close', () => resolve()));
    socket.resume();
  };
  for (let round = 0; round < 6; round += 1) await Promise.all(Array.from({ length: 50 }, answered));
  const status = await new Promise<number | undefined>((resolve, reject) => {
    // Of another address than theirs.
    get({ host: '127.0.0.1', localAddress: '127.0.0.2', port, path: '/v1/openapi.json', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  assert.equal(status, 200);
  assert.ok(open <= 256, `${open} are open`);
  for (const socket of sockets) socket.destroy();
});
