// SPDX-License-Identifier: Apache-2.0
/**
 * The HTTPS server: its timeouts, its certificate, its end.
 *
 * In: a request listener, an address. Out: a port, `setCertificate`, `drain`. The end has three steps, because a pod that
 * terminates still gets requests on the connections that the API server holds (kubernetes#127335): first it serves on
 * while endpoints are taken away, then each answer ends its connection, then what is idle is closed. `server.close()`
 * alone would leave busy keep-alive connections open and cut idle ones at once.
 */
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { RequestListener } from 'node:http';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { CertificatePair } from './certificate.ts';
import { boundPort } from '../../process/bound-port.ts';

// The API server keeps idle connections for 90 s; whoever closes first loses the race, so it must not be us. Node's
// default of 5 s fails requests. The others are those of controller-runtime (pkg/internal/httpserver).
const KEEP_ALIVE_TIMEOUT_MS = 95_000;
const HEADERS_TIMEOUT_MS = 32_000;
const REQUEST_TIMEOUT_MS = 40_000;

export type ListenerState = 'serving' | 'leaving' | 'closing' | 'closed';

export type ListenerOptions = {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** How long it serves on after the first sign of the end, while endpoints are taken away. */
  readonly drainDelayMs: number;
  /** How long connections have to end by their own next answer, before the idle ones are closed. */
  readonly lingerMs: number;
  /** What is not answered then is cut. */
  readonly cutAfterMs: number;
  /** A connection could not be accepted, for want of file descriptors for instance; those that are open live on. */
  readonly onError?: (error: unknown) => void;
};

export type Listener = {
  readonly state: ListenerState;
  listen(handler: RequestListener): Promise<number>;
  setCertificate(pair: CertificatePair): void;
  /** Ends the server without failing a request; resolves when nothing is open any more. */
  drain(): Promise<void>;
};

const tlsOptions = ({ certPem, keyPem }: CertificatePair) => ({ cert: certPem, key: keyPem, minVersion: 'TLSv1.2' as const });

const listenOn = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve(boundPort(server));
    });
  });

export const createListener = (options: ListenerOptions): Listener => {
  const { host, port, clock, drainDelayMs, lingerMs, cutAfterMs } = options;
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Read whole headers or none: the API server sends few.
    maxHeaderSize: 65_536,
  });
  const sockets = new Set<Socket>();
  const gone = new AbortController();
  let state: ListenerState = 'serving';
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      if (state === 'closing' && sockets.size === 0) gone.abort();
    });
  });
  // Without a listener one connection too many would end the process.
  server.on('error', (error) => options.onError?.(error));
  // A client that goes away in the middle of a handshake is no event.
  server.on('tlsClientError', () => undefined);

  let draining: Promise<void> | undefined;
  const drainOnce = async (): Promise<void> => {
    state = 'leaving';
    await sleep(clock, drainDelayMs);
    state = 'closing';
    if (sockets.size > 0) await sleep(clock, lingerMs, gone.signal);
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    const cancelCut = clock.schedule(cutAfterMs, () => {
      server.closeAllConnections();
      // Sockets that never finished their handshake are unknown to the HTTP server.
      for (const socket of sockets) socket.destroy();
    });
    await closed;
    cancelCut();
    state = 'closed';
  };
  return {
    get state() {
      return state;
    },
    listen: (handler) => {
      server.on('request', handler);
      return listenOn(server, host, port);
    },
    setCertificate: (pair) => server.setSecureContext(tlsOptions(pair)),
    drain: () => (draining ??= drainOnce()),
  };
};
