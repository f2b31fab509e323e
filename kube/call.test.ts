// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { fakeClock } from '../test/fake-clock.ts';
import type { FakeClock } from '../test/fake-clock.ts';
import { createCaller } from './call.ts';
import type { KubeRequest } from './call.ts';
import { KubeApiError, KubeFencedError, KubeTransportError, parseRetryAfter } from './errors.ts';
import type { Transport, WireAnswer } from './transport.ts';

/** Lets time pass in small steps, with turns enough between them for an answer to be read. */
const pass = async (clock: FakeClock, byMs: number): Promise<void> => {
  for (let passedMs = 0; passedMs < byMs; passedMs += 100) {
    for (let turn = 0; turn < 6; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(100);
  }
  for (let turn = 0; turn < 6; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

type Answer = { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown } | Error | 'never';

const make = (answers: readonly Answer[]) => {
  const clock = fakeClock();
  const sentAtMs: number[] = [];
  let open = 0;
  let mostOpen = 0;
  const transport: Transport = {
    send: async ({ signal, beforeSend }): Promise<WireAnswer> => {
      beforeSend?.();
      const answer = answers[Math.min(sentAtMs.length, answers.length - 1)] ?? 'never';
      sentAtMs.push(clock.monotonicMs());
      open += 1;
      mostOpen = Math.max(mostOpen, open);
      try {
        if (answer === 'never') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
        await new Promise((resolve) => setImmediate(resolve));
      } finally {
        open -= 1;
      }
      if (answer instanceof Error) throw answer;
      if (answer === 'never') throw new Error('unreachable');
      const headers = { 'content-type': 'application/json', ...answer.headers };
      return { status: answer.status, headers, body: Readable.from([Buffer.from(JSON.stringify(answer.body ?? {}))]) };
    },
    close: async () => undefined,
  };
  const caller = createCaller({ transport, clock, random: () => 0, maxConcurrentCalls: 3, timeoutMs: 1000 });
  return { clock, caller, sentAtMs, mostOpen: () => mostOpen };
};

const GET: KubeRequest = { method: 'GET', path: '/x' };
const POST: KubeRequest = { method: 'POST', path: '/x', body: {} };
const busy: Answer = { status: 429, headers: { 'retry-after': '3' }, body: { kind: 'Status', reason: 'TooManyRequests', message: 'busy' } };
const reset = new KubeTransportError('RESET', 'x');

describe('a call', () => {
  it('waits as long as the server asks before it tries again', async () => {
    const { clock, caller, sentAtMs } = make([busy, busy, { status: 200, body: { ok: true } }]);
    const answer = caller.request(GET);
    await pass(clock, 10_000);
    assert.deepEqual(await answer, { ok: true });
    assert.deepEqual(sentAtMs, [0, 3000, 6000]);
  });

  it('gives up after four attempts with the last refusal', async () => {
    const { clock, caller, sentAtMs } = make([busy]);
    const answer = assert.rejects(
      caller.request(GET),
      (error) => error instanceof KubeApiError && error.status === 429 && error.retryAfterMs === 3000,
    );
    await pass(clock, 60_000);
    await answer;
    assert.equal(sentAtMs.length, 4);
  });

  it('leaves long waits to the caller', async () => {
    const { caller, sentAtMs } = make([{ status: 503, headers: { 'retry-after': '300' } }]);
    await assert.rejects(caller.request(GET), (error) => error instanceof KubeApiError && error.retryAfterMs === 300_000);
    assert.equal(sentAtMs.length, 1);
  });

  it('is not repeated when that could do it twice', async () => {
    for (const answer of [busy, reset]) {
      const { caller, sentAtMs } = make([answer]);
      await assert.rejects(caller.request(POST));
      assert.equal(sentAtMs.length, 1);
    }
  });

  it('is repeated after a lost connection when it may be', async () => {
    const { clock, caller, sentAtMs } = make([reset, { status: 200 }]);
    const answer = caller.request({ ...POST, idempotent: true });
    await pass(clock, 1000);
    await answer;
    assert.equal(sentAtMs.length, 2);
  });

  it('is not repeated after a refusal that stands', async () => {
    for (const status of [400, 403, 404, 409, 410, 422, 500]) {
      const { caller, sentAtMs } = make([{ status, body: { kind: 'Status', reason: 'R', message: 'm' } }]);
      await assert.rejects(
        caller.request(GET),
        (error) => error instanceof KubeApiError && error.status === status && error.message === 'm',
      );
      assert.equal(sentAtMs.length, 1);
    }
  });

  it('ends each attempt at its time limit', async () => {
    const { clock, caller } = make(['never']);
    const answer = assert.rejects(caller.request(POST), (error) => error instanceof KubeTransportError && error.code === 'TIMEOUT');
    await pass(clock, 1000);
    await answer;
    assert.equal(clock.pending, 0);
  });

  it('ends at once with the reason of its signal, also while it waits', async () => {
    const { clock, caller, sentAtMs } = make([busy]);
    const stop = new AbortController();
    const answer = assert.rejects(caller.request({ ...GET, signal: stop.signal }), /enough/);
    await pass(clock, 1000);
    stop.abort(new Error('enough'));
    await answer;
    assert.equal(sentAtMs.length, 1);
  });

  it('waits for its place among the others', async () => {
    const { caller, mostOpen, sentAtMs } = make([{ status: 200 }]);
    await Promise.all(Array.from({ length: 20 }, () => caller.request(GET)));
    assert.equal(sentAtMs.length, 20);
    assert.equal(mostOpen(), 3);
  });

  it('asks the fence before every attempt of a write, and not for a read', async () => {
    const { clock, caller, sentAtMs } = make([busy]);
    let allowed = true;
    const fenced = caller.fenced({
      check: () => {
        if (!allowed) throw new KubeFencedError('x');
        return 10_000;
      },
    });
    const write = assert.rejects(fenced.request({ ...POST, idempotent: true }), KubeFencedError);
    await pass(clock, 1000);
    allowed = false;
    await pass(clock, 10_000);
    await write;
    assert.equal(sentAtMs.length, 1);
    const read = assert.rejects(fenced.request(GET), KubeApiError);
    await pass(clock, 60_000);
    await read;
  });

  it('asks the fence again at the very moment of sending', async () => {
    const { caller, sentAtMs } = make([{ status: 200 }]);
    let asked = 0;
    const closing = {
      check: () => {
        asked += 1;
        if (asked > 1) throw new KubeFencedError('x');
        return 10_000;
      },
    };
    await assert.rejects(caller.fenced(closing).request(POST), KubeFencedError);
    assert.equal(sentAtMs.length, 0);
  });

  it('of a fenced writer does not outlive what the fence allows', async () => {
    const { clock, caller } = make(['never']);
    const write = assert.rejects(caller.fenced({ check: () => 400 }).request(POST), /no answer within 400 ms/);
    await pass(clock, 400);
    await write;
  });
});

describe('Retry-After', () => {
  for (const [text, wanted] of [
    ['3', 3000],
    [' 0 ', 0],
    ['Thu, 01 Jan 1970 00:00:10 GMT', 9000],
    ['soon', undefined],
    ['-1', undefined],
    [undefined, undefined],
  ] as const) {
    it(`of ${text}`, () => assert.equal(parseRetryAfter(text, 1000), wanted));
  }
});
