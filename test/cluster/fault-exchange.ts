// SPDX-License-Identifier: Apache-2.0
// One request through the fault proxy: forwarded, answered in the API server's place, broken or left alone.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as sendRequest, type Agent } from 'node:https';
import type { Socket } from 'node:net';
import { sleep, systemClock } from '../../process/clock.ts';
import { afterBytes, afterEvents, insideEvent, type BodyFault } from './fault-body.ts';
import type { Fault } from './fault-script.ts';

export type SeenRequest = {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly watch: boolean;
  /** When it came, on the clock of `performance.now()`. */
  readonly atMs: number;
  /** The client's connection, numbered from 1. */
  readonly connection: number;
  readonly fault: Fault | undefined;
  /** The status that the client was sent; undefined until then, and for ever where it was sent none. */
  status: number | undefined;
};

const REASONS = { 410: 'Expired', 429: 'TooManyRequests', 500: 'InternalError', 503: 'ServiceUnavailable' } as const;

const statusObject = (code: keyof typeof REASONS, retryAfterSeconds?: number): string =>
  JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `fault proxy: ${REASONS[code]}`,
    reason: REASONS[code],
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
    code,
  });

const goneEvent = `{"type":"ERROR","object":${statusObject(410)}}\n`;

const bodyFaultOf = (fault: Fault | undefined): BodyFault | undefined => {
  if (fault?.kind === 'half-open') return afterBytes(fault.afterBytes, 'silence');
  if (fault?.kind === 'cut-body') return afterBytes(fault.bytes, 'reset');
  if (fault?.kind === 'cut-event') return insideEvent(fault);
  if (fault?.kind === 'gone-event') return afterEvents(fault.afterEvents, goneEvent);
  return undefined;
};

// RFC 9110 7.6.1: they belong to one connection.
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
const endToEnd = (raw: readonly string[], without: readonly string[] = []): string[] =>
  raw.flatMap((name, index) => {
    if (index % 2 === 1 || HOP_BY_HOP.has(name.toLowerCase()) || without.includes(name.toLowerCase())) return [];
    return [name, raw[index + 1] ?? ''];
  });

export type Connection = { readonly number: number; readonly socket: Socket; readonly upstream: Agent };

export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly seen: SeenRequest;
  readonly target: { readonly url: string; readonly ca: string };
};

const breakConnection = ({ connection }: Exchange): void => void connection.socket.resetAndDestroy();

/** Passes the body on through the fault; a wait for the client's window is passed back to the API server. */
const passBody = (exchange: Exchange, body: IncomingMessage, fault: BodyFault): void => {
  const { response } = exchange;
  let over = false;
  // Nothing need have come yet: a fault that is due before the first byte strikes with the headers.
  const step = (chunk: Uint8Array): void => {
    if (over) return;
    const { pass, next } = fault(chunk);
    over = next !== 'continue';
    const finish = (): void => {
      if (next === 'end') response.end();
      // What was written must have left this process, or the reset overtakes it.
      if (next === 'reset') setImmediate(() => breakConnection(exchange));
      if (next === 'end' || next === 'reset') body.destroy();
    };
    if (pass.length === 0) return finish();
    const flowing = response.write(pass, finish);
    if (!flowing && !over) {
      body.pause();
      response.once('drain', () => body.resume());
    }
  };
  step(new Uint8Array());
  body.on('data', step);
  body.on('end', () => {
    if (!over) response.end();
  });
};

const forward = (exchange: Exchange): void => {
  const { request, response, connection, seen, target } = exchange;
  const url = new URL(target.url);
  const upstream = sendRequest({
    host: url.hostname,
    port: url.port || 443,
    method: seen.method,
    path: seen.path,
    headers: endToEnd(request.rawHeaders),
    ca: target.ca,
    agent: connection.upstream,
  });
  response.once('close', () => upstream.destroy());
  upstream.once('error', () => breakConnection(exchange));
  upstream.once('response', (answer) => {
    answer.once('error', () => breakConnection(exchange));
    if (seen.fault?.kind === 'lose-answer') {
      answer.resume();
      answer.once('end', () => breakConnection(exchange));
      return;
    }
    seen.status = answer.statusCode;
    const bodyFault = bodyFaultOf(seen.fault);
    // A body that ends early in good order must not have announced its length.
    const endsEarly = seen.fault?.kind === 'gone-event' || (seen.fault?.kind === 'cut-event' && seen.fault.how === 'end');
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders, endsEarly ? ['content-length'] : []));
    response.flushHeaders();
    if (bodyFault === undefined) answer.pipe(response);
    else passBody(exchange, answer, bodyFault);
  });
  request.pipe(upstream);
};

/** Lets the request meet its fault, if it has one, and else its answer. */
export const meet = async (exchange: Exchange): Promise<void> => {
  const { request, response, seen } = exchange;
  const { fault } = seen;
  if (fault?.kind === 'reset') return breakConnection(exchange);
  if (fault?.kind === 'stall') return void request.resume();
  if (fault?.kind === 'answer') {
    const retryAfterSeconds = 'retryAfterSeconds' in fault ? fault.retryAfterSeconds : undefined;
    request.resume();
    seen.status = fault.code;
    response.writeHead(fault.code, {
      'content-type': 'application/json',
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    });
    return void response.end(statusObject(fault.code, retryAfterSeconds));
  }
  if (fault?.kind === 'delay') {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    await sleep(systemClock, fault.delayMs, gone.signal);
    if (gone.signal.aborted) return;
  }
  forward(exchange);
};
