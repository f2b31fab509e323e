// SPDX-License-Identifier: Apache-2.0
// One call: attempts with a time limit each, refusals made into errors, retries that obey Retry-After, and the fence.
import type { Readable } from 'node:stream';
import type { Clock } from '../process/clock.ts';
import { sleep } from '../process/clock.ts';
import { createDeadline } from './deadline.ts';
import { errorOfAnswer, isTransient, KubeApiError, KubeTransportError, retryAfterMsOf } from './errors.ts';
import type { Fence } from './fence.ts';
import { createGate } from './gate.ts';
import type { KubeObserver } from './observe.ts';
import { asTransportError } from './transport.ts';
import type { HttpMethod, Transport, WireAnswer } from './transport.ts';

export type KubeRequest = {
  readonly method: HttpMethod;
  /** Begins with a slash; already escaped. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
  /** May be sent again when its fate is unknown. By default GET, PUT and DELETE. */
  readonly idempotent?: boolean;
  /** For each attempt. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

/** An open answer whose body is read as it comes. */
export type OpenStream = { readonly body: Readable; readonly close: () => void };

export type Caller = {
  request<T>(request: KubeRequest): Promise<T>;
  /** Opens a stream; the body has no time limit of its own. A refusal is thrown. Never retried here. */
  open(request: KubeRequest): Promise<OpenStream>;
  fenced(fence: Fence): Caller;
  close(): Promise<void>;
};

const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 200;
// Longer waits belong to the work queue, where they do not hold a worker.
const LONGEST_WAIT_MS = 30_000;
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;
export const DEFAULT_CONCURRENT_CALLS = 16;

export type CallerOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly observe?: KubeObserver;
  readonly maxConcurrentCalls?: number;
  readonly timeoutMs?: number;
  readonly random?: () => number;
};

export const createCaller = (options: CallerOptions): Caller => {
  const gate = createGate(options.maxConcurrentCalls ?? DEFAULT_CONCURRENT_CALLS);
  const { clock, transport, random = Math.random } = options;

  const attempt = async (request: KubeRequest, fence: Fence | undefined): Promise<unknown> => {
    const release = await gate.enter(request.signal);
    try {
      // Asked here, after the wait for a place, and the attempt ends with what the fence still allows.
      const guard = request.method === 'GET' ? undefined : fence;
      const allowedMs = guard === undefined ? Number.POSITIVE_INFINITY : guard.check();
      const timeoutMs = Math.min(request.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS, allowedMs);
      const deadline = createDeadline({ clock, timeoutMs, signal: request.signal });
      try {
        const beforeSend = (): void => void guard?.check();
        const answer = await transport.send({ ...wire(request), signal: deadline.signal, beforeSend });
        const text = await readText(answer.body);
        return parseAnswer(answer, text, clock.now());
      } catch (error) {
        if (!deadline.expired()) throw asTransportError(error, request.signal);
        throw new KubeTransportError('TIMEOUT', `${request.method} ${request.path}: no answer within ${Math.round(timeoutMs)} ms`, error);
      } finally {
        deadline.release();
      }
    } finally {
      release();
    }
  };

  const observed = async (request: KubeRequest, fence: Fence | undefined, number: number): Promise<unknown> => {
    const startMs = clock.monotonicMs();
    const report = (result: number | string): void =>
      options.observe?.request?.({
        method: request.method,
        path: request.path,
        result,
        durationMs: clock.monotonicMs() - startMs,
        attempt: number,
      });
    try {
      const value = await attempt(request, fence);
      report(200);
      return value;
    } catch (error) {
      report(error instanceof KubeApiError ? error.status : error instanceof KubeTransportError ? error.code : 'ABORTED');
      throw error;
    }
  };

  const make = (fence: Fence | undefined): Caller => ({
    request: async <T>(request: KubeRequest): Promise<T> => {
      for (let number = 1; ; number += 1) {
        try {
          return (await observed(request, fence, number)) as T;
        } catch (error) {
          const waitMs = retryWaitMs({ request, error, attempt: number, random });
          if (waitMs === undefined) throw error;
          await sleep(clock, waitMs, request.signal);
          request.signal?.throwIfAborted();
        }
      }
    },
    open: async (request) => {
      const deadline = createDeadline({
        clock,
        timeoutMs: request.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        signal: request.signal,
      });
      try {
        const answer = await transport.send({ ...wire(request), signal: deadline.signal, isWatch: true });
        if (answer.status >= 400) parseAnswer(answer, await readText(answer.body), clock.now());
        return { body: answer.body, close: () => answer.body.destroy() };
      } catch (error) {
        throw deadline.expired() ? new KubeTransportError('TIMEOUT', `${request.path}: no answer in time`, error) : error;
      } finally {
        deadline.release();
      }
    },
    fenced: (inner) => make(both(fence, inner)),
    close: () => transport.close(),
  });
  return make(undefined);
};

const both = (outer: Fence | undefined, inner: Fence): Fence =>
  outer === undefined ? inner : { check: () => Math.min(outer.check(), inner.check()) };

/** How long to wait before another attempt, or undefined when there must be none. */
const retryWaitMs = (failure: {
  readonly request: KubeRequest;
  readonly error: unknown;
  readonly attempt: number;
  readonly random: () => number;
}): number | undefined => {
  const { request, error, attempt, random } = failure;
  if (attempt >= MAX_ATTEMPTS || request.signal?.aborted === true || !isTransient(error)) return undefined;
  if (!(request.idempotent ?? (request.method !== 'POST' && request.method !== 'PATCH'))) return undefined;
  // An answered 5xx without Retry-After is the server's considered opinion, except for the ones of something in between.
  if (error instanceof KubeApiError && error.retryAfterMs === undefined && error.status === 500) return undefined;
  const backoffMs = FIRST_RETRY_MS * 2 ** (attempt - 1);
  const waitMs = Math.max(backoffMs, retryAfterMsOf(error) ?? 0) + random() * FIRST_RETRY_MS;
  return waitMs > LONGEST_WAIT_MS ? undefined : waitMs;
};

const wire = (request: KubeRequest) => ({
  method: request.method,
  path: request.path + queryString(request.query),
  ...(request.body === undefined ? {} : { body: JSON.stringify(request.body), contentType: request.contentType ?? 'application/json' }),
});

const queryString = (query: KubeRequest['query']): string => {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) params.set(name, String(value));
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
};

const readText = async (body: Readable): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      body.destroy();
      throw new KubeTransportError('BODY', `the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

const parseAnswer = (answer: WireAnswer, text: string, nowMs: number): unknown => {
  if (answer.status >= 400) throw errorOfAnswer({ status: answer.status, body: text, retryAfter: answer.headers['retry-after'], nowMs });
  if (!(answer.headers['content-type'] ?? '').includes('json')) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KubeTransportError('BODY', 'the answer is not the JSON that it claims to be', error);
  }
};
