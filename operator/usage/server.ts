// SPDX-License-Identifier: Apache-2.0
/**
 * Where events come in: `POST /v1/events`, CloudEvents by ones or in batches, over TLS, with a bearer token; and where detail is
 * asked for, `GET /v1/usage/TENANT/…`; `GET /v1/openapi.json` says it all to a program. Bounded in bytes, requests under way and connections; a 200 means that all of the batch is on
 * disk. A process that does not lead answers 503, and whoever sent keeps its events and comes again. Plain node:http: a router would
 * cost more than the work.
 */
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Address } from '../../process/address.ts';
import type { Clock } from '../../process/clock.ts';
import { busy, refusal, unavailable } from './answers.ts';
import type { Answer, ApiCode, IntakeStatus } from './answers.ts';
import { takeBatch } from './batch.ts';
import { DETAIL_PATH } from './detail-query.ts';
import { EVENTS_PATH, EVENT_TYPES, MAX_BODY_BYTES, OPENAPI_PATH, usageApi } from './openapi.ts';
import { createConnections } from './connections.ts';
import { createDetailHandler } from './detail-request.ts';
import { keyGivenTwice } from './key-twice.ts';
import type { Ledger } from './ledger.ts';
import { createPlaces, tenantShare } from './places.ts';
import type { Share } from './places.ts';
import type { Authenticate, Sender } from './sender.ts';
import { boundPort } from '../../process/bound-port.ts';

/** Batches that are being stored. */
const MAX_IN_FLIGHT = 128;
/** Bodies that are not there yet: whoever sends them slowly, or never to the end, keeps others from nothing. */
const MAX_BODIES = 128;
const MAX_BODIES_OF_TENANT = 32;
const MAX_BODIES_OF_ACCOUNT = 8;
/** Besides those: of the webhook's own, at either stage. */
const MAX_OF_WEBHOOK = 16;
/** Nothing is known of whoever has them but an address; a pod has one of its own. */
const MAX_CONNECTIONS = { most: 1000, mostOfAddress: 256 } as const;
const TYPES: readonly string[] = Object.values(EVENT_TYPES);

export type UsageServerOptions = {
  readonly listen: Address;
  /** `plain` only where something in front of it ends TLS, or in a test. */
  readonly transport: 'tls' | 'plain';
  readonly clock: Clock;
  readonly authenticate: Authenticate;
  /** The ledger while this process leads. */
  readonly ledger: () => Ledger | undefined;
  readonly observe: {
    readonly answered: (status: number, durationMs: number) => void;
    /** A question for detail. */
    readonly told: (status: number) => void;
    readonly refused: (code: ApiCode) => void;
    readonly failed: (error: unknown) => void;
  };
};

export type UsageServer = {
  readonly url: string;
  setCertificate(pair: { readonly certPem: string; readonly keyPem: string }): void;
  close(): Promise<void>;
};

type Body = { readonly kind: 'bytes'; readonly bytes: Buffer } | { readonly kind: 'large' } | { readonly kind: 'gone' };

const readBody = (request: IncomingMessage): Promise<Body> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.removeAllListeners('data');
        request.resume();
        resolve({ kind: 'large' });
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve({ kind: 'bytes', bytes: Buffer.concat(chunks) }));
    request.on('error', () => resolve({ kind: 'gone' }));
    request.on('close', () => resolve({ kind: 'gone' }));
  });

const tokenOf = (request: IncomingMessage): string => /^Bearer ([!-~]+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';

/** Bytes that are no text would become the same sign, and two events one. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

type Parsed = { readonly value: unknown; readonly twice?: string | undefined };

const parse = (bytes: Buffer): Parsed => {
  try {
    const value: unknown = JSON.parse(UTF8.decode(bytes));
    return { value, twice: keyGivenTwice(bytes, value) };
  } catch {
    return { value: undefined };
  }
};

type Enter = ReturnType<typeof createPlaces>;

const bodyShares = ({ account, tenant, isWebhook }: Sender): readonly Share[] =>
  isWebhook
    ? [[account, MAX_OF_WEBHOOK]]
    : [['', MAX_BODIES], [account, MAX_BODIES_OF_ACCOUNT], ...tenantShare(tenant, MAX_BODIES_OF_TENANT)];

const refuseHead = ({ url, method, headers }: IncomingMessage): Answer<IntakeStatus> | undefined => {
  if (url !== EVENTS_PATH) return refusal(404, { code: 'USAGE_BODY_REFUSED', message: `events go to ${EVENTS_PATH}` });
  if (method !== 'POST') return refusal(405, { code: 'USAGE_BODY_REFUSED', message: 'events are sent by POST' });
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  if (!TYPES.includes(type.trim().toLowerCase())) {
    return refusal(415, { code: 'USAGE_BODY_REFUSED', message: `the content type is none of ${TYPES.join(', ')}` });
  }
  // Of a batch that is counted by its bytes nobody unpacks what may be a thousand times as much.
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    return refusal(415, { code: 'USAGE_BODY_REFUSED', message: 'a body is sent as it is, without Content-Encoding' });
  }
  return undefined;
};

type Intake = { readonly options: UsageServerOptions; readonly bodies: Enter; readonly batches: Enter };

const answerTo = async (request: IncomingMessage, { options, bodies, batches }: Intake): Promise<Answer<IntakeStatus> | undefined> => {
  const refused = refuseHead(request);
  if (refused !== undefined) return refused;
  const sender = await options.authenticate(tokenOf(request));
  if (sender === 'busy') return busy('too many senders are to be told from each other');
  if (sender === undefined) return refusal(401, { code: 'USAGE_UNAUTHENTICATED', message: 'no token, or one that is not for this' });
  const received = bodies(bodyShares(sender));
  if (received === undefined) return busy(`too many bodies of ${sender.account} or its tenant, or of all, are under way`);
  const body = await readBody(request).finally(received);
  if (body.kind === 'gone') return undefined;
  if (body.kind === 'large')
    return refusal(413, { code: 'USAGE_BODY_REFUSED', message: `the body is larger than ${MAX_BODY_BYTES} bytes` });
  const stored = batches([sender.isWebhook ? ['webhook', MAX_OF_WEBHOOK] : ['', MAX_IN_FLIGHT]]);
  if (stored === undefined) return busy('too many batches are under way');
  return await takeBatch({
    ...parse(body.bytes),
    sender,
    ledger: options.ledger(),
    nowMs: options.clock.now(),
    onRefused: options.observe.refused,
  }).finally(stored);
};

const send = (response: ServerResponse, { status, body, retryAfterSeconds }: Answer, allow = 'POST'): void => {
  if (response.destroyed) return;
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.setHeader('cache-control', 'no-store');
  if (status === 405) response.setHeader('allow', allow);
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
  response.end(body);
};

const API_TEXT = `${JSON.stringify(usageApi)}\n`;

const createHandler = (options: UsageServerOptions) => {
  const { clock, observe } = options;
  const detail = createDetailHandler(options);
  const intake: Intake = { options, bodies: createPlaces(), batches: createPlaces() };
  const tell = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume();
    const { method = '', url: target = '' } = request;
    const answer = await detail({ method, target, token: tokenOf(request) }).catch((error: unknown) => {
      observe.failed(error);
      return unavailable('the sender or the ledger could not be asked');
    });
    observe.told(answer.status);
    send(response, answer, 'GET');
  };
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url?.startsWith(DETAIL_PATH)) return await tell(request, response);
    if (request.url === OPENAPI_PATH && request.method === 'GET') {
      request.resume();
      return send(response, { status: 200, body: API_TEXT });
    }
    const startedMs = clock.monotonicMs();
    const finish = (answer: Answer<IntakeStatus>): void => {
      observe.answered(answer.status, clock.monotonicMs() - startedMs);
      // What was not read of a body would be taken for the next request, or keep the connection for as long as it comes.
      if (!request.complete) response.setHeader('connection', 'close');
      send(response, answer);
    };
    try {
      const answer = await answerTo(request, intake);
      if (answer !== undefined) finish(answer);
    } catch (error) {
      observe.failed(error);
      finish(unavailable('the sender or the ledger could not be asked'));
    }
  };
};

const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 15_000, maxHeaderSize: 32_768 } as const;

/** The same of a connection and of what TLS makes of it. */
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

export const startUsageServer = async (options: UsageServerOptions): Promise<UsageServer> => {
  const { listen, observe } = options;
  const handler = createHandler(options);
  const connections = createConnections(MAX_CONNECTIONS);
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    response.once('close', connections.begin(keyOf(request.socket)));
    void handler(request, response);
  };
  const secure: HttpsServer | undefined = options.transport === 'tls' ? createHttpsServer(TIMEOUTS, onRequest) : undefined;
  const server: Server | HttpsServer = secure ?? createHttpServer(TIMEOUTS, onRequest);
  // What was ended is gone a moment later; beyond this nothing is even looked at.
  server.maxConnections = 2 * MAX_CONNECTIONS.most;
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    socket.once('close', () => connections.closed(key));
    connections.open(key, socket.remoteAddress ?? '', socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(listen.port, listen.host, () => resolve());
  });
  server.removeAllListeners('error');
  // Also later: without a listener one connection that cannot be accepted would end the operator.
  server.on('error', observe.failed);
  const port = boundPort(server);
  return {
    url: `${options.transport === 'tls' ? 'https' : 'http'}://${listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host}:${port}`,
    setCertificate: ({ certPem, keyPem }) => secure?.setSecureContext({ cert: certPem, key: keyPem, minVersion: 'TLSv1.2' }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
