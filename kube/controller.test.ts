// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../test/fake-clock.ts';
import { createController } from './controller.ts';
import type { ControllerOptions, Reconciled } from './controller.ts';
import { KubeApiError, KubeFencedError } from './errors.ts';
import { after, done, retry, stalled } from './outcome.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const start = (reconcile: ControllerOptions['reconcile'], more: Partial<ControllerOptions> = {}) => {
  const clock = fakeClock();
  const stop = new AbortController();
  const seen: Reconciled[] = [];
  const controller = createController({
    name: 'test',
    reconcile,
    clock,
    backoff: { firstMs: 100, maxMs: 1000 },
    random: () => 0.5,
    observe: { reconciled: (reconciled) => void seen.push(reconciled) },
    ...more,
  });
  const running = controller.run(stop.signal);
  return { clock, stop, seen, controller, running, results: () => seen.map(({ result }) => result) };
};

describe('a controller', () => {
  it('reconciles a key and is done with it', async () => {
    const { controller, clock, results } = start(async () => done);
    controller.enqueue('a');
    await clock.advance(10_000);
    assert.deepEqual(results(), ['done']);
    assert.equal(controller.idle(), true);
  });

  it('looks again after the delay asked for', async () => {
    let times = 0;
    const { controller, clock } = start(async () => ((times += 1), after(60_000)));
    controller.enqueue('a');
    await clock.advance(59_999);
    assert.equal(times, 1);
    await clock.advance(1);
    assert.equal(times, 2);
  });

  it('retries with growing waits and counts attempts, from one again after success', async () => {
    const attempts: number[] = [];
    const at: number[] = [];
    const { controller, clock, seen } = start(async (_key, { attempt }) => {
      attempts.push(attempt);
      at.push(clock.monotonicMs());
      return attempt < 4 ? retry(new Error('no')) : done;
    });
    controller.enqueue('a');
    await clock.advance(5000);
    assert.deepEqual(attempts, [1, 2, 3, 4]);
    assert.deepEqual(at, [0, 100, 300, 700]);
    assert.equal(String(seen[0]?.error), 'Error: no');
    controller.enqueue('a');
    await clock.advance(0);
    assert.equal(attempts.at(-1), 1);
  });

  it('counts what is thrown as a bug and retries it', async () => {
    let times = 0;
    const { controller, clock, results } = start(async () => {
      times += 1;
      if (times === 1) throw new TypeError('oops');
      return done;
    });
    controller.enqueue('a');
    await clock.advance(100);
    assert.deepEqual(results(), ['bug', 'done']);
  });

  it('takes a thrown refusal of the API server as passing and obeys its Retry-After', async () => {
    const at: number[] = [];
    const { controller, clock, results } = start(async () => {
      at.push(clock.monotonicMs());
      if (at.length === 1) throw new KubeApiError({ status: 429, retryAfterMs: 9000 });
      if (at.length === 2) throw new KubeApiError({ status: 409, reason: 'Conflict' });
      return done;
    });
    controller.enqueue('a');
    await clock.advance(20_000);
    assert.deepEqual(results(), ['retry', 'retry', 'done']);
    assert.deepEqual(at, [0, 9000, 9200]);
  });

  it('leaves a stalled key alone until it is enqueued', async () => {
    const { controller, clock, seen } = start(async () => stalled({ code: 'SEAL_MISSING', message: 'm' }));
    controller.enqueue('a');
    await clock.advance(3_600_000);
    assert.equal(seen.length, 1);
    assert.equal(seen[0]?.problem?.code, 'SEAL_MISSING');
    controller.enqueue('a');
    await clock.advance(0);
    assert.equal(seen.length, 2);
  });

  it('works on several keys at once, but never twice on one', async () => {
    const now = new Map<string, number>();
    let most = 0;
    const release: (() => void)[] = [];
    const { controller, clock } = start(
      async (key) => {
        now.set(key, (now.get(key) ?? 0) + 1);
        assert.equal(now.get(key), 1);
        most = Math.max(
          most,
          [...now.values()].reduce((sum, one) => sum + one, 0),
        );
        await new Promise<void>((resolve) => release.push(resolve));
        now.set(key, 0);
        return done;
      },
      { concurrency: 2 },
    );
    for (const key of ['a', 'a', 'b', 'c']) controller.enqueue(key);
    for (let turn = 0; turn < 10; turn += 1) {
      controller.enqueue('a');
      await clock.advance(0);
      for (const go of release.splice(0)) go();
    }
    assert.equal(most, 2);
  });

  it('tells reconciles of the stop, waits for them and starts no more', async () => {
    let finish = (): void => undefined;
    const started: string[] = [];
    const { controller, clock, stop, running, results } = start(async (key, { signal }) => {
      started.push(key);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      assert.equal(signal.aborted, true);
      throw signal.reason as Error;
    });
    controller.enqueue('a');
    controller.enqueue('b');
    await clock.advance(0);
    stop.abort(new Error('stop'));
    let ended = false;
    void running.then(() => (ended = true));
    await settle();
    assert.equal(ended, false);
    finish();
    await running;
    assert.deepEqual(started, ['a']);
    assert.deepEqual(results(), ['aborted']);
  });

  it('does not wait for ever', async () => {
    const { controller, clock, stop, running } = start(() => new Promise(() => undefined), { drainTimeoutMs: 500 });
    controller.enqueue('a');
    await clock.advance(0);
    stop.abort();
    await clock.advance(500);
    await running;
  });

  it('does not retry what a fence refused', async () => {
    const { controller, clock, results } = start(() => Promise.reject(new KubeFencedError('x')));
    controller.enqueue('a');
    await clock.advance(60_000);
    assert.deepEqual(results(), ['aborted']);
  });
});
