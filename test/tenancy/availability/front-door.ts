// SPDX-License-Identifier: Apache-2.0
// What stands for the Service before the webhook's replicas: one address, connections passed on in turn to those that it knows, bytes as they are.
// Like a Service it sends connections to a replica that is dead until somebody takes it out, and can itself refuse or swallow them.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

export type Mode = 'pass' | 'refuse' | 'swallow';

export type FrontDoor = {
  readonly port: number;
  /** Ports on loopback to which connections go from now on, in turn; those that are open stay where they are. */
  serve(ports: readonly number[]): void;
  /** `swallow` accepts and never answers. Open connections are reset. */
  behave(mode: Mode): void;
  close(): Promise<void>;
};

export const openFrontDoor = async (port: number): Promise<FrontDoor> => {
  let [ports, mode, turn]: [readonly number[], Mode, number] = [[], 'pass', 0];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((socket) => {
    keep(socket);
    if (mode === 'swallow') return;
    const target = ports[turn++ % Math.max(1, ports.length)];
    if (mode === 'refuse' || target === undefined) {
      socket.resetAndDestroy();
      return;
    }
    const onward = keep(connect(target, '127.0.0.1'));
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.pipe(to);
      from.once('close', () => to.destroy());
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port,
    serve: (now) => {
      ports = now;
    },
    behave: (now) => {
      mode = now;
      reset();
    },
    close: async () => {
      reset();
      server.close();
      await once(server, 'close');
    },
  };
};
