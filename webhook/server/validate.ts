// SPDX-License-Identifier: Apache-2.0
// `POST /validate` on Node's own request and response: guard, body, deadline, handler, answer. Knows no express.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { encodeProblem } from '../admission/answer.ts';
import { MAX_BODY_BYTES, readBody } from './body.ts';
import type { Guard } from './guard.ts';

export type TextAnswer = { readonly status: number; readonly body: string };

/** What came of a request that somebody still waited for. */
export type Sent<A extends TextAnswer> = {
  readonly status: number;
  /** From its begin on. */
  readonly durationMs: number;
  /** Its body; absent where it was not read. */
  readonly text?: string;
  /** What was answered within the deadline; absent where the request was refused, was late or met a bug. */
  readonly answer?: A;
};

export type ValidateOptions<A extends TextAnswer = TextAnswer> = {
  /** `isAwaited`: whether anybody waits for the answer still. */
  readonly handle: (text: string, isAwaited: () => boolean) => A | Promise<A>;
  readonly guard: Guard;
  readonly clock: Clock;
  /** The longest that an answer may take, whatever the caller says in `?timeout=`. */
  readonly deadlineMs: number;
  /** Connections end with their next answer. */
  readonly closing: () => boolean;
  /** A bug: what the handler threw. */
  readonly onBug: (error: unknown) => void;
  /** Requests that got no verdict, by code. */
  readonly onRefused: (problem: Problem) => void;
  /** Once for each request, when what it gets is known; not where the caller hung up in time. */
  readonly onSent?: (sent: Sent<A>) => void;
};

export type Send = (response: ServerResponse, answer: TextAnswer) => void;

/** One place writes answers, so that draining reaches each of them. */
export const createSend =
  (closing: () => boolean): Send =>
  (response, { status, body }) => {
    if (response.headersSent || response.destroyed) return;
    if (closing()) response.setHeader('connection', 'close');
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  };

// Room for the way back.
const MARGIN_MS = 200;
const TIMEOUT = /[?&]timeout=(\d{1,6})(ms|s|m)?(&|$)/;
const UNIT_MS = { ms: 1, s: 1000, m: 60_000 } as const;

/** The API server says in the query how long it will wait (`?timeout=5s`). */
const deadlineOf = (url: string | undefined, longestMs: number): number => {
  const match = TIMEOUT.exec(url ?? '');
  if (match === null) return longestMs;
  const unit = match[2] === 'ms' || match[2] === 'm' ? match[2] : 's';
  const saidMs = Number(match[1]) * UNIT_MS[unit] - MARGIN_MS;
  return Math.min(Math.max(saidMs, MARGIN_MS), longestMs);
};

const lengthOf = ({ headers }: IncomingMessage): number => {
  const length = Number(headers['content-length']);
  return Number.isSafeInteger(length) && length >= 0 ? Math.min(length, MAX_BODY_BYTES) : MAX_BODY_BYTES;
};

/** The answer, or nothing once the deadline is over; the timer is only made where there is something to wait for. */
const withinDeadline = <A>(answer: Promise<A>, { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number }) =>
  new Promise<A | undefined>((resolve, reject) => {
    const cancel = clock.schedule(timeoutMs, () => resolve(undefined));
    answer.then(resolve, reject).finally(cancel);
  });

const LATE_STATUS = 503;
const LATE: Problem = { code: 'REQUEST_DEADLINE', message: 'the decision was not made in time' };

export type Validate = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export const createValidate = <A extends TextAnswer>(options: ValidateOptions<A>): Validate => {
  const { handle, guard, clock, deadlineMs, closing, onBug, onRefused, onSent = () => undefined } = options;
  const send = createSend(closing);
  const refuse = (response: ServerResponse, status: number, problem: Problem): void => {
    onRefused(problem);
    // What is left of a body that was not read to its end would be taken for the next request.
    if (!response.req.complete && !response.headersSent) response.setHeader('connection', 'close');
    send(response, { status, body: encodeProblem(problem) });
  };
  return async (request, response) => {
    const startedMs = clock.monotonicMs();
    const sent = (status: number, more: Pick<Sent<A>, 'text' | 'answer'> = {}): void =>
      onSent({ status, durationMs: clock.monotonicMs() - startedMs, ...more });
    const entry = guard.enter(lengthOf(request));
    if (!entry.ok) {
      request.resume();
      refuse(response, 429, entry.problem);
      sent(429);
      return;
    }
    let text: string | undefined;
    try {
      const timeoutMs = deadlineOf(request.url, deadlineMs);
      const body = await readBody(request, { timeoutMs, clock });
      if (!body.ok) {
        if ('problem' in body) {
          refuse(response, body.status, body.problem);
          sent(body.status);
        }
        return;
      }
      text = body.text;
      const leftMs = (): number => timeoutMs - (clock.monotonicMs() - startedMs);
      const answering = handle(text, () => leftMs() > 0 && !response.destroyed);
      const answer = answering instanceof Promise ? await withinDeadline(answering, { clock, timeoutMs: leftMs() }) : answering;
      const isGone = response.destroyed;
      if (answer === undefined) refuse(response, LATE_STATUS, LATE);
      else send(response, answer);
      // An answer that held this process up is sent, and is late all the same: nobody may be there any more.
      if (answer === undefined || clock.monotonicMs() - startedMs > timeoutMs) sent(LATE_STATUS, { text });
      else if (!isGone) sent(answer.status, { text, answer });
    } catch (error) {
      onBug(error);
      if (response.headersSent) return;
      // A bug must close too: an answer that is no AdmissionReview is a failed call to the API server.
      send(response, { status: 500, body: '{"message":"internal error; the log has more"}\n' });
      sent(500, text === undefined ? {} : { text });
    } finally {
      entry.leave();
    }
  };
};
