// SPDX-License-Identifier: Apache-2.0
// A request's body as text, bounded in bytes and time. express.json would parse, and its 100 KB default refuses real
// objects; the limit is that of controller-runtime (pkg/webhook/admission/http.go): what etcd takes, twice (object and
// old object), and the review around it.
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';

export const MAX_BODY_BYTES = 7 * 2 ** 20;
// A client that still sends does not read: an answer before the end of the body is often lost in a reset. So what is too
// long is read on and thrown away, up to this.
const MAX_DISCARD_BYTES = 8 * MAX_BODY_BYTES;

export type Body =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly status: number; readonly problem: Problem }
  /** Nobody is there to be answered. */
  | { readonly ok: false; readonly status: 0 };

const MEDIA_TYPE = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

const mediaProblem = ({ headers }: IncomingMessage): Problem | undefined => {
  const type = headers['content-type'];
  if (type === undefined || !MEDIA_TYPE.test(type)) {
    return {
      code: 'REQUEST_MEDIA_TYPE',
      message: `content-type is ${type === undefined ? 'missing' : JSON.stringify(type.slice(0, 100))}`,
    };
  }
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return undefined;
  return { code: 'REQUEST_MEDIA_TYPE', message: `content-encoding ${JSON.stringify(encoding.slice(0, 100))} is not read` };
};

const tooLarge: Body = {
  ok: false,
  status: 413,
  problem: { code: 'REQUEST_TOO_LARGE', message: `the body has more than ${MAX_BODY_BYTES} bytes` },
};

const textOf = (chunks: readonly Buffer[], bytes: number): Body => {
  const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
  if (isUtf8(whole)) return { ok: true, text: whole.toString('utf8') };
  return { ok: false, status: 400, problem: { code: 'REQUEST_ENCODING', message: 'the body is not UTF-8' } };
};

export const readBody = (request: IncomingMessage, limits: { readonly timeoutMs: number; readonly clock: Clock }): Promise<Body> =>
  new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    const wrongMedia = mediaProblem(request);
    const finish = (body: Body): void => {
      cancel();
      request.off('data', onData).off('end', onEnd).off('close', onGone);
      resolve(body);
    };
    const onGone = (): void => finish({ ok: false, status: 0 });
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES && wrongMedia === undefined) chunks.push(chunk);
      else chunks = [];
      if (bytes <= MAX_DISCARD_BYTES) return;
      request.destroy();
      onGone();
    };
    const onEnd = (): void => {
      if (wrongMedia !== undefined) finish({ ok: false, status: 415, problem: wrongMedia });
      else finish(bytes > MAX_BODY_BYTES ? tooLarge : textOf(chunks, bytes));
    };
    const message = `the body was not complete after ${limits.timeoutMs} ms`;
    const cancel = limits.clock.schedule(limits.timeoutMs, () =>
      finish({ ok: false, status: 503, problem: { code: 'REQUEST_DEADLINE', message } }),
    );
    // Stays for the life of the request: an error without a listener would end the process.
    request.on('error', onGone);
    request.on('data', onData).on('end', onEnd).on('close', onGone);
  });
