// SPDX-License-Identifier: Apache-2.0
/**
 * A proxy on loopback between a client under test and a real API server, which misbehaves as a script says.
 *
 * In: a control plane and rules (fault-script.ts). Out: a URL and a kubeconfig with the same bearer token, a log of
 * requests, and the count of connections.
 *
 * It speaks HTTP/1.1 under TLS with a certificate of its own. Each client connection has one connection to the API server
 * and ends with it, so that no pooling in between hides or invents a failure; when the API server is away, the client's
 * connection is reset. Bodies stream in both directions without being held. Connection upgrades (exec, port-forward) and
 * client certificates do not pass. Tests import this.
 */
import { once } from 'node:events';
import { Agent, createServer as createTlsServer } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createAuthority, issueLeaf } from './certificates.ts';
import { meet, type Connection, type SeenRequest } from './fault-exchange.ts';
import { createFaultScript, isWatch, type FaultRule } from './fault-script.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { boundPort } from '../../process/bound-port.ts';

export type FaultProxy = {
  readonly url: string;
  /** Path of a kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  /** PEM of the proxy's certificate authority, in base64. */
  readonly caData: string;
  /** Replaces the rules and forgets all hits; an empty list is good behaviour. Requests under way keep their fault. */
  script(rules: readonly FaultRule[]): void;
  /** Client connections: now, ever, and the most at once. */
  readonly connections: { readonly open: number; readonly total: number; readonly peak: number };
  readonly requests: readonly SeenRequest[];
  /** Resets every client connection, stalled ones too. */
  dropConnections(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type FaultProxyOptions = {
  readonly target: { readonly url: string; readonly caData: string; readonly token: string };
  /** A bearer token for the kubeconfig instead of the administrator's. */
  readonly token?: string;
};

/** Starts the proxy; resolves when it listens. */
export const startFaultProxy = async ({ target, token = target.token }: FaultProxyOptions): Promise<FaultProxy> => {
  const authority = createAuthority('writ-fault-proxy-ca');
  const serving = issueLeaf(authority, { commonName: 'fault-proxy', hosts: ['127.0.0.1', 'localhost'] });
  const upstreamTarget = { url: target.url, ca: Buffer.from(target.caData, 'base64').toString() };
  const connections = new Map<number, Connection>(); // by the client's port: a TLS socket does not give its TCP socket away
  const requests: SeenRequest[] = [];
  let total = 0;
  let peak = 0;
  let faultFor = createFaultScript([]);

  const secure = createTlsServer({ key: serving.keyPem, cert: serving.certificatePem, keepAliveTimeout: 0, requestTimeout: 0 });
  secure.headersTimeout = 0;
  secure.on('tlsClientError', () => undefined);
  secure.on('clientError', (_error, socket) => socket.destroy());
  secure.on('request', (request, response) => {
    const connection = connections.get(request.socket.remotePort ?? 0);
    if (connection === undefined) {
      response.destroy();
      return;
    }
    const path = request.url ?? '/';
    const facts = { method: request.method ?? 'GET', path, watch: isWatch(path) };
    const seen: SeenRequest = {
      ...facts,
      atMs: performance.now(),
      connection: connection.number,
      fault: faultFor(facts),
      status: undefined,
    };
    requests.push(seen);
    response.on('error', () => undefined);
    void meet({ request, response, connection, seen, target: upstreamTarget });
  });

  const listener = createServer({ noDelay: true }, (socket) => {
    const port = socket.remotePort ?? 0;
    total += 1;
    const connection = { number: total, socket, upstream: new Agent({ keepAlive: true, maxSockets: 1 }) };
    connections.set(port, connection);
    peak = Math.max(peak, connections.size);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      connections.delete(port);
      connection.upstream.destroy();
    });
    secure.emit('connection', socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const url = `https://127.0.0.1:${boundPort(listener)}`;
  const folder = await temporaryFolder();
  const caData = Buffer.from(authority.certificatePem).toString('base64');
  const path = join(folder.path, 'kubeconfig');
  const kubeconfig = await writeKubeconfig({ path, url, caData, user: 'through-fault-proxy', credential: { kind: 'token', token } });

  const dropConnections = (): void => {
    for (const { socket } of connections.values()) socket.resetAndDestroy();
  };
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      const ended = once(listener, 'close');
      listener.close();
      dropConnections();
      await ended;
      await folder.remove();
    })());
  return {
    url,
    kubeconfig,
    caData,
    script: (rules) => {
      faultFor = createFaultScript(rules);
    },
    connections: {
      get open() {
        return connections.size;
      },
      get total() {
        return total;
      },
      get peak() {
        return peak;
      },
    },
    requests,
    dropConnections,
    close,
    [Symbol.asyncDispose]: close,
  };
};
