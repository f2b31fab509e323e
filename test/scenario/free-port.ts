// SPDX-License-Identifier: Apache-2.0
// A port for a process that must be told its port before it starts, because others are told it too. It is none of those that the system
// gives to connections and to whoever asks for any: nobody is given it while the process is away that is to come back to it.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** From the first to the last that the system gives away by itself. */
export const givenAway = (): readonly [first: number, last: number] => {
  try {
    const [, first, last] = /^(\d+)\s+(\d+)/.exec(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')) ?? [];
    if (first !== undefined && last !== undefined) return [Number(first), Number(last)];
  } catch {
    // No Linux: RFC 6335 names these.
  }
  return [49_152, 65_535];
};

/** Above what services are known by. */
const LOWEST = 10_000;
const TRIES = 100;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** `pick`: a whole number from the first on and below the second. */
export const freePort = async (pick: (from: number, below: number) => number = randomInt): Promise<number> => {
  const [first, last] = givenAway();
  const [from, below] = first - LOWEST >= 65_535 - last ? [LOWEST, first] : [last + 1, 65_536];
  for (let left = TRIES; left > 0; left -= 1) {
    const port = pick(from, below);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free that the system gives to nobody');
};
