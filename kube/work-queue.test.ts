// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { fakeClock } from '../test/fake-clock.ts';
import { backoffMs } from './backoff.ts';
import { createWorkQueue } from './work-queue.ts';

const never = new AbortController().signal;
const BACKOFF = { firstMs: 100, maxMs: 1000 };
const make = () => {
  const clock = fakeClock();
  const depths: number[] = [];
  const queue = createWorkQueue({ clock, backoff: BACKOFF, random: () => 0.5, onDepth: (depth) => void depths.push(depth) });
  /** The next key if there is one now. */
  const poll = async (): Promise<string | undefined> => {
    const give = new AbortController();
    const taken = queue.take(give.signal);
    give.abort();
    return await taken;
  };
  return { clock, queue, depths, poll };
};

describe('the work queue', () => {
  it('holds a key once, first come first served', async () => {
    const { queue } = make();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    assert.equal(queue.depth, 3);
    assert.deepEqual([await queue.take(never), await queue.take(never), await queue.take(never)], ['a', 'b', 'c']);
  });

  it('gives a key in work to nobody else, and again after it is done', async () => {
    const { queue, poll } = make();
    queue.add('a');
    assert.equal(await queue.take(never), 'a');
    queue.add('a');
    queue.add('a');
    assert.equal(await poll(), undefined);
    queue.done('a');
    assert.equal(await queue.take(never), 'a');
    queue.done('a');
    assert.equal(await poll(), undefined);
    assert.equal(queue.idle, true);
  });

  it('gives higher priority first and keeps the highest of a key', async () => {
    const { queue } = make();
    queue.add('low');
    queue.add('mid', { priority: 5 });
    queue.add('raised');
    queue.add('raised', { priority: 10 });
    queue.add('raised', { priority: 1 });
    assert.deepEqual([await queue.take(never), await queue.take(never), await queue.take(never)], ['raised', 'mid', 'low']);
  });

  it('keeps the priority of what is added while in work', async () => {
    const { queue } = make();
    queue.add('a');
    await queue.take(never);
    queue.add('b');
    queue.add('a', { priority: 3 });
    queue.done('a');
    assert.equal(await queue.take(never), 'a');
  });

  it('wakes a waiting taker', async () => {
    const { queue } = make();
    const taken = queue.take(never);
    queue.add('a');
    assert.equal(await taken, 'a');
  });

  it('adds later what is delayed, at the soonest time asked for', async () => {
    const { clock, queue, poll } = make();
    queue.add('a', { delayMs: 500 });
    queue.add('a', { delayMs: 100 });
    queue.add('a', { delayMs: 900 });
    assert.equal(queue.idle, false);
    await clock.advance(99);
    assert.equal(await poll(), undefined);
    await clock.advance(1);
    assert.equal(await poll(), 'a');
    queue.done('a');
    await clock.advance(2000);
    assert.equal(await poll(), undefined);
  });

  it('waits longer after each failure, up to a bound, and forgets', () => {
    const { queue } = make();
    assert.deepEqual(
      Array.from({ length: 6 }, () => queue.retry('a')),
      [100, 200, 400, 800, 1000, 1000],
    );
    assert.equal(queue.failures('a'), 6);
    queue.forget('a');
    assert.equal(queue.retry('a'), 100);
    assert.equal(queue.retry('b'), 100);
  });

  it('waits at least as long as the server asked', async () => {
    const { clock, queue, poll } = make();
    assert.equal(queue.retry('a', { atLeastMs: 7000 }), 7000);
    await clock.advance(6999);
    assert.equal(await poll(), undefined);
    await clock.advance(1);
    assert.equal(await poll(), 'a');
  });

  it('cancels a retry, but not another delay, when the key is well', async () => {
    const { clock, queue, poll } = make();
    queue.retry('a');
    queue.forget('a');
    queue.add('b', { delayMs: 100 });
    queue.forget('b');
    await clock.advance(1000);
    assert.equal(await poll(), 'b');
    assert.equal(await poll(), undefined);
  });

  it('ends its takers when closed, and its timers', async () => {
    const { clock, queue } = make();
    queue.add('a', { delayMs: 100 });
    const takers = [queue.take(never), queue.take(never)];
    queue.close();
    assert.deepEqual(await Promise.all(takers), [undefined, undefined]);
    assert.equal(clock.pending, 0);
    queue.add('b');
    assert.equal(queue.depth, 0);
  });

  it('reports its depth', async () => {
    const { queue, depths } = make();
    queue.add('a');
    queue.add('b');
    await queue.take(never);
    assert.deepEqual(depths, [1, 2, 1]);
  });

  it('loses no addition and hands no key out twice, whatever happens', async () => {
    const keys = fc.constantFrom('a', 'b', '__proto__', 'constructor');
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('add' as const),
        key: keys,
        priority: fc.integer({ min: -2, max: 2 }),
        delayMs: fc.constantFrom(0, 0, 50, 500),
      }),
      fc.record({ kind: fc.constant('take' as const) }),
      fc.record({ kind: fc.constant('done' as const), fails: fc.boolean() }),
      fc.record({ kind: fc.constant('advance' as const), byMs: fc.integer({ min: 0, max: 600 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, queue, poll } = make();
        const inWork: string[] = [];
        const owed = new Set<string>();
        let additions = 0;
        let takes = 0;
        const take = async (): Promise<boolean> => {
          const key = await poll();
          if (key === undefined) return false;
          assert.equal(inWork.includes(key), false, `${key} was handed out twice`);
          owed.delete(key);
          takes += 1;
          inWork.push(key);
          return true;
        };
        for (const one of steps) {
          if (one.kind === 'take') await take();
          else if (one.kind === 'advance') await clock.advance(one.byMs);
          else if (one.kind === 'add') {
            queue.add(one.key, { priority: one.priority, delayMs: one.delayMs });
            owed.add(one.key);
            additions += 1;
          } else {
            const key = inWork.shift();
            if (key === undefined) continue;
            if (one.fails) {
              queue.retry(key);
              owed.add(key);
              additions += 1;
            }
            queue.done(key);
          }
        }
        for (;;) {
          for (const key of inWork.splice(0)) queue.done(key);
          if (await take()) continue;
          if (clock.pending === 0) break;
          await clock.advance(2000);
        }
        assert.equal(queue.idle, true);
        assert.deepEqual([...owed], [], 'added and never handed out');
        assert.ok(takes <= additions, 'handed out for nothing');
      }),
      { numRuns: 150 },
    );
  });
});

describe('backoff', () => {
  it('stays within a quarter of its doubling, and within its bound', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, random) => {
        const plain = Math.min(30_000, 800 * 2 ** (failures - 1));
        const waitMs = backoffMs({ firstMs: 800, maxMs: 30_000 }, failures, () => random);
        assert.ok(waitMs >= plain * 0.75 && waitMs <= plain * 1.25, `${waitMs}`);
      }),
    );
  });
});
