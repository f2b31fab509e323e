// SPDX-License-Identifier: Apache-2.0
// A webhook server on a port of its own, and a client that behaves as the API server's does: keep-alive, and a new
// connection wherever an answer said `Connection: close`.
import { Agent, request } from 'node:https';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '../../../process/clock.ts';
import type { Clock } from '../../../process/clock.ts';
import { createApp } from '../../../webhook/server/app.ts';
import { createGuard } from '../../../webhook/server/guard.ts';
import type { GuardLimits } from '../../../webhook/server/guard.ts';
import { createListener } from '../../../webhook/server/listener.ts';
import type { Listener } from '../../../webhook/server/listener.ts';
import { createSend, createValidate } from '../../../webhook/server/validate.ts';
import type { ValidateOptions } from '../../../webhook/server/validate.ts';
import { makeServingPair } from './certificates.ts';
import type { ServingPair } from './certificates.ts';

export type Serving = {
  readonly listener: Listener;
  readonly port: number;
  readonly pair: ServingPair;
  readonly refused: string[];
  readonly bugs: unknown[];
};

export const serve = async (
  handle: ValidateOptions['handle'],
  options: Partial<GuardLimits> & {
    readonly clock?: Clock;
    readonly deadlineMs?: number;
    readonly drainDelayMs?: number;
    readonly lingerMs?: number;
  } = {},
): Promise<Serving> => {
  const { clock = systemClock, drainDelayMs = 0, lingerMs = 50, deadlineMs = 2000, maxInFlight = 100, maxBytes = 2 ** 27 } = options;
  const listener = createListener({ host: '127.0.0.1', port: 0, clock, drainDelayMs, lingerMs, cutAfterMs: 2000 });
  const closing = (): boolean => listener.state === 'closing';
  const refused: string[] = [];
  const bugs: unknown[] = [];
  const validate = createValidate({
    handle,
    guard: createGuard({ maxInFlight, maxBytes }),
    clock,
    deadlineMs,
    closing,
    onBug: (error) => bugs.push(error),
    onRefused: ({ code }) => refused.push(code),
  });
  const pair = makeServingPair();
  listener.setCertificate(pair);
  const port = await listener.listen(
    createApp({ validate, guard: validate, tenancy: validate, complete: validate, send: createSend(closing) }),
  );
  return { listener, port, pair, refused, bugs };
};

export type Reply = {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly reused: boolean;
};

export type Post = {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
};

export type Client = { post(post?: Post): Promise<Reply>; close(): void; readonly connections: number };

/** One connection at a time; `portOf` is asked for each new one, as a Service chooses among its endpoints. */
export const createClient = (caPem: string, portOf: () => number): Client => {
  let connections = 0;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = (): TLSSocket => {
    connections += 1;
    return connect({ host: '127.0.0.1', port: portOf(), ca: caPem, servername: 'localhost' });
  };
  return {
    post: ({ path = '/validate?timeout=5s', method = 'POST', headers = {}, body = '{}' } = {}) =>
      new Promise((resolve, reject) => {
        const sent = request({
          agent,
          host: 'localhost',
          port: 1,
          path,
          method,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
        });
        sent.on('error', reject);
        sent.on('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(chunks).toString(),
              headers: response.headers,
              reused: sent.reusedSocket,
            }),
          );
        });
        sent.end(body);
      }),
    close: () => agent.destroy(),
    get connections() {
      return connections;
    },
  };
};
