// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { getPriority, platform } from 'node:os';
import { describe, it } from 'node:test';
import { fakeClock } from '../test/fake-clock.ts';
import { createWorkerPool } from './worker-pool.ts';
import type { WorkerPool } from './worker-pool.ts';

type Task = { readonly do: string; readonly once?: SharedArrayBuffer };
const file = new URL('test-worker.ts', import.meta.url);

type Seen = { readonly deaths: unknown[]; readonly clock: ReturnType<typeof fakeClock> };

const withPool = async (size: number, use: (pool: WorkerPool<Task, number>, seen: Seen) => Promise<void>): Promise<void> => {
  const seen: Seen = { deaths: [], clock: fakeClock() };
  const pool = createWorkerPool<Task, number>({
    file,
    size,
    clock: seen.clock,
    idleMs: 1000,
    maxHeapMebibytes: 16,
    onDeath: (error) => seen.deaths.push(error),
  });
  try {
    await use(pool, seen);
  } finally {
    await pool.close();
  }
};

describe('a worker pool', () => {
  it('shares tasks among its threads, and starts no more of them than it may', () =>
    withPool(2, async (pool) => {
      const threads = await Promise.all(Array.from({ length: 40 }, () => pool.run({ do: 'answer' })));
      assert.equal(new Set(threads).size, 2);
    }));

  it(
    'lets the thread that waits for it go first',
    { skip: platform() === 'linux' ? false : 'threads have no priority of their own here' },
    () =>
      withPool(1, async (pool) => {
        const here = getPriority();
        assert.ok((await pool.run({ do: 'priority' })) > here);
        assert.equal(getPriority(), here);
      }),
  );

  it('passes on what a task throws, and goes on with the same thread', () =>
    withPool(1, async (pool) => {
      const before = await pool.run({ do: 'answer' });
      await assert.rejects(pool.run({ do: 'throw' }), /^Error: no$/);
      assert.equal(await pool.run({ do: 'answer' }), before);
    }));

  it('does again what a thread died over, and what stood behind it', () =>
    withPool(1, async (pool, { deaths }) => {
      const once = new SharedArrayBuffer(4);
      const before = await pool.run({ do: 'answer' });
      const [again, ...behind] = await Promise.all([pool.run({ do: 'die', once }), ...[1, 2, 3, 4].map(() => pool.run({ do: 'answer' }))]);
      assert.notEqual(again, before);
      assert.deepEqual(new Set(behind), new Set([again]));
      assert.equal(deaths.length, 1);
    }));

  it('gives up a task that threads die of, and nothing else', () =>
    withPool(1, async (pool, { deaths }) => {
      const poison = assert.rejects(pool.run({ do: 'die' }), /ended with 3/);
      const behind = pool.run({ do: 'answer' });
      await poison;
      assert.equal(typeof (await behind), 'number');
      assert.equal(deaths.length, 2);
    }));

  it('starts no thread after thread where none can live, and tries again later', async () => {
    const clock = fakeClock();
    const deaths: unknown[] = [];
    const pool = createWorkerPool<Task, number>({
      file: new URL('there-is-none.ts', import.meta.url),
      size: 2,
      clock,
      idleMs: 1000,
      onDeath: (error) => deaths.push(error),
    });
    const all = () => Promise.allSettled(Array.from({ length: 100 }, () => pool.run({ do: 'answer' })));
    assert.deepEqual(new Set((await all()).map(({ status }) => status)), new Set(['rejected']));
    const before = deaths.length;
    assert.ok(before <= 10, `${before} threads were started`);
    await all();
    assert.equal(deaths.length, before);
    await clock.advance(1000);
    await all();
    assert.ok(deaths.length > before);
    await pool.close();
  });

  it('survives a thread that runs out of memory', () =>
    withPool(1, async (pool) => {
      await assert.rejects(pool.run({ do: 'fill' }), /memory/);
      assert.equal(typeof (await pool.run({ do: 'answer' })), 'number');
    }));

  it('ends threads that have nothing to do, and starts new ones when there is', () =>
    withPool(1, async (pool, { clock, deaths }) => {
      const before = await pool.run({ do: 'answer' });
      await clock.advance(999);
      assert.equal(await pool.run({ do: 'answer' }), before);
      await clock.advance(1000);
      assert.notEqual(await pool.run({ do: 'answer' }), before);
      assert.deepEqual(deaths, []);
    }));

  it('rejects what is left when it is closed, and what comes later', () =>
    withPool(1, async (pool) => {
      const left = Promise.allSettled(Array.from({ length: 10 }, () => pool.run({ do: 'answer' })));
      await pool.close();
      assert.deepEqual(new Set((await left).map(({ status }) => status)), new Set(['rejected']));
      await assert.rejects(pool.run({ do: 'answer' }), /closed/);
    }));
});
