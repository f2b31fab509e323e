// SPDX-License-Identifier: Apache-2.0
// The wire: for each generation of connection credentials one bounded pool for calls, and connections of their own for watches,
// which would otherwise take the calls' places. When the TLS material changes, new requests use new ones and the old ones close
// once their last answer is read; a new token only changes a header. HTTP/1.1 on purpose: a stalled HTTP/2 connection would
// stall every watch at once.
import { Agent, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import type { Credentials, CredentialSource } from './credentials.ts';
import { KubeTransportError } from './errors.ts';
import type { KubeObserver } from './observe.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type WireRequest = {
  readonly method: HttpMethod;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly signal: AbortSignal;
  /** The answer stays open: it gets a connection of its own. */
  readonly isWatch?: boolean;
  /** Called in the same turn in which the request is handed to the connection; what it throws stops the request. */
  readonly beforeSend?: () => void;
};

export type WireAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
};

export type Transport = {
  /** One attempt, or two when the first was answered 401 and newer credentials are there. Time limits are the caller's. */
  send(request: WireRequest): Promise<WireAnswer>;
  close(): Promise<void>;
};

type Generation = { readonly digest: string; readonly calls: Dispatcher; readonly watches: Dispatcher };

// Below the API server's own idle limit of 90 s, so that it is rarely the server who closes first.
const KEEP_ALIVE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;

export const createTransport = (options: {
  readonly credentials: CredentialSource;
  readonly userAgent: string;
  /** Connections for calls; further calls wait for one. */
  readonly maxConnections: number;
  readonly observe?: KubeObserver;
}): Transport => {
  const { credentials, observe } = options;
  let generation: Generation | undefined;
  const agents = new Set<Dispatcher>();
  let open = 0;
  let closed = false;

  const generationFor = (wanted: Credentials): Generation => {
    if (generation?.digest === wanted.connectionDigest) return generation;
    const old = generation;
    generation = {
      digest: wanted.connectionDigest,
      calls: counted(newAgent(wanted, options.maxConnections)),
      watches: counted(newAgent(wanted, undefined)),
    };
    if (old !== undefined) for (const agent of [old.calls, old.watches]) void retire(agent);
    return generation;
  };

  const counted = (agent: Dispatcher): Dispatcher => {
    agent.on('connect', () => observe?.connections?.((open += 1)));
    agent.on('disconnect', () => observe?.connections?.((open -= 1)));
    agents.add(agent);
    return agent;
  };

  const retire = async (agent: Dispatcher): Promise<void> => {
    await agent.close().catch(() => undefined);
    agents.delete(agent);
  };

  const attempt = async (request: WireRequest, as: Credentials): Promise<WireAnswer> => {
    if (closed) throw new KubeTransportError('CONNECT', 'the client is closed');
    request.beforeSend?.();
    const { calls, watches } = generationFor(as);
    const answer = await (request.isWatch === true ? watches : calls).request({
      origin: as.origin,
      path: as.basePath + request.path,
      method: request.method,
      headers: {
        ...as.headers,
        accept: 'application/json',
        'user-agent': options.userAgent,
        ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
      },
      body: request.body ?? null,
      signal: request.signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const headers = singleHeaders(answer.headers);
    if (headers['warning'] !== undefined) observe?.warning?.(headers['warning']);
    return { status: answer.statusCode, headers, body: answer.body };
  };

  return {
    send: async (request) => {
      try {
        const used = await credentials.current();
        const answer = await attempt(request, used);
        if (answer.status !== 401) return answer;
        const other = await credentials.afterRefusal(used);
        if (other === undefined) return answer;
        answer.body.resume();
        return await attempt(request, other);
      } catch (error) {
        throw asTransportError(error, request.signal);
      }
    },
    close: async () => {
      closed = true;
      await Promise.all([...agents].map((agent) => agent.destroy().catch(() => undefined)));
      agents.clear();
    },
  };
};

const newAgent = (credentials: Credentials, connections: number | undefined): Dispatcher => {
  const { tls, proxyUrl } = credentials;
  const settings = {
    ...(connections === undefined ? {} : { connections }),
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  };
  const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS, keepAlive: true, keepAliveInitialDelay: 30_000 };
  return proxyUrl === undefined ? new Agent({ ...settings, connect }) : new ProxyAgent({ ...settings, uri: proxyUrl, requestTls: connect });
};

const singleHeaders = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | undefined> => {
  const single: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers)) single[name] = Array.isArray(value) ? value.join(', ') : value;
  return single;
};

const CONNECT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

// Node gives OpenSSL's verification results as they are named there.
const TLS_CODE = /^ERR_(TLS|SSL)|CERT|^UNABLE_TO_|SELF_SIGNED|SIGNATURE/;

/** Names what undici and Node throw; our own errors and the caller's abort pass as they are. */
export const asTransportError = (error: unknown, signal?: AbortSignal): unknown => {
  if (signal?.aborted === true) return signal.reason;
  if (!(error instanceof Error) || error.name.startsWith('Kube')) return error;
  const code = 'code' in error ? String(error.code) : '';
  const isConnect = CONNECT_CODES.has(code) || TLS_CODE.test(code);
  return new KubeTransportError(
    isConnect ? 'CONNECT' : 'RESET',
    `no answer from the API server: ${error.message}${code === '' ? '' : ` (${code})`}`,
    error,
  );
};
