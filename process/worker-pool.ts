// SPDX-License-Identifier: Apache-2.0
/**
 * Work that would hold up requests, done in threads of this process.
 *
 * In: the file that a thread runs (it must call `serveTasks` of worker-tasks.ts), tasks as plain data. Out: their outcomes. Threads
 * start when they are first needed and end when they have had nothing to do for a while, so a process that verifies
 * nothing pays for none. A thread that dies takes no task with it: another does it again, once. Rejected: a task that
 * threads died of twice or that threw, whatever is left when the pool is closed, and for a while everything once thread
 * after thread has died without an answer (a file that cannot be loaded): the caller then does the work itself.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Clock } from './clock.ts';
import type { Answer, Order } from './worker-tasks.ts';

export type WorkerPool<I, O> = {
  readonly run: (task: I) => Promise<O>;
  /** Ends every thread; what was not done is rejected. */
  readonly close: () => Promise<void>;
};

export type WorkerPoolOptions = {
  readonly file: URL;
  readonly clock: Clock;
  /** Threads at most. */
  readonly size: number;
  readonly idleMs?: number;
  /** Of each thread's heap. */
  readonly maxHeapMebibytes?: number;
  /** A thread ended that was not told to. */
  readonly onDeath?: (error: unknown) => void;
};

const IDLE_MS = 30_000;
const MAX_HEAP_MEBIBYTES = 128;
/** So that a thread has something to do while this one is busy. */
const AHEAD = 4;
const MAX_DEATHS = 2;
const MAX_DEATHS_IN_ROW = 8;

/** How many threads are worth having here: more would only take turns. */
export const workersHere = (): number => Math.min(2, availableParallelism());

type Job<I, O> = { readonly task: I; readonly resolve: (outcome: O) => void; readonly reject: (error: unknown) => void; deaths: number };
type Thread<I, O> = { readonly worker: Worker; readonly doing: Map<number, Job<I, O>>; cancelIdle: () => void };

export const createWorkerPool = <I, O>(options: WorkerPoolOptions): WorkerPool<I, O> => {
  const { file, clock, size, idleMs = IDLE_MS, maxHeapMebibytes = MAX_HEAP_MEBIBYTES, onDeath = () => undefined } = options;
  const waiting: Job<I, O>[] = [];
  const threads = new Set<Thread<I, O>>();
  const life = { closed: false };
  let lastId = 0;
  let deathsInRow = 0;
  let brokenUntilMs = Number.NEGATIVE_INFINITY;

  const rejectAll = (error: unknown): void => {
    for (const job of waiting.splice(0)) job.reject(error);
  };

  const isBroken = (): boolean => clock.monotonicMs() < brokenUntilMs;

  const bury = (thread: Thread<I, O>, error: unknown): void => {
    if (!threads.delete(thread)) return;
    thread.cancelIdle();
    if (!life.closed) onDeath(error);
    deathsInRow += 1;
    if (deathsInRow >= MAX_DEATHS_IN_ROW) {
      deathsInRow = 0;
      brokenUntilMs = clock.monotonicMs() + idleMs;
    }
    // Only the first can be what it died of, the others had not begun.
    for (const [index, job] of [...thread.doing.values()].entries()) {
      if (index === 0) job.deaths += 1;
      if (life.closed || job.deaths >= MAX_DEATHS) job.reject(error);
      else waiting.unshift(job);
    }
    thread.doing.clear();
    if (isBroken()) rejectAll(error);
    hand();
  };

  const start = (): Thread<I, O> => {
    const worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: maxHeapMebibytes } });
    const thread: Thread<I, O> = { worker, doing: new Map(), cancelIdle: () => undefined };
    let why: unknown;
    worker.on('message', ({ id, ...answer }: Answer<O>) => {
      const job = thread.doing.get(id);
      thread.doing.delete(id);
      deathsInRow = 0;
      if ('error' in answer) job?.reject(new Error(answer.error));
      else job?.resolve(answer.outcome);
      hand();
    });
    worker.on('error', (error) => {
      why = error;
    });
    worker.on('exit', (code) => bury(thread, why ?? new Error(`a worker thread ended with ${code}`)));
    threads.add(thread);
    return thread;
  };

  const retire = (thread: Thread<I, O>): void => {
    threads.delete(thread);
    void thread.worker.terminate();
  };

  /** The thread with the least to do; a new one rather than one that is busy. */
  const pick = (): Thread<I, O> | undefined => {
    const [least] = [...threads].toSorted((a, b) => a.doing.size - b.doing.size);
    if (least === undefined || (least.doing.size > 0 && threads.size < size)) return start();
    return least.doing.size < AHEAD ? least : undefined;
  };

  const hand = (): void => {
    while (waiting.length > 0 && !life.closed) {
      const thread = pick();
      const job = thread === undefined ? undefined : waiting.shift();
      if (thread === undefined || job === undefined) break;
      thread.cancelIdle();
      thread.worker.ref();
      lastId += 1;
      thread.doing.set(lastId, job);
      const order: Order<I> = { id: lastId, task: job.task };
      thread.worker.postMessage(order, []);
    }
    for (const thread of threads) {
      if (thread.doing.size > 0) continue;
      // One that has nothing to do keeps no process alive.
      thread.worker.unref();
      thread.cancelIdle();
      thread.cancelIdle = clock.schedule(idleMs, () => retire(thread));
    }
  };

  return {
    run: (task) =>
      new Promise((resolve, reject) => {
        if (life.closed) return reject(new Error('the pool is closed'));
        if (isBroken()) return reject(new Error('no worker thread lives long enough to answer'));
        waiting.push({ task, resolve, reject, deaths: 0 });
        hand();
      }),
    close: async () => {
      life.closed = true;
      const error = new Error('the pool is closed');
      rejectAll(error);
      await Promise.all(
        [...threads].map((thread) => {
          bury(thread, error);
          return thread.worker.terminate();
        }),
      );
    },
  };
};
