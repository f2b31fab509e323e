// SPDX-License-Identifier: Apache-2.0
// A reconcile function of a key, run until everything is as it should be: once for each key at a time, again after the delay
// or backoff that its outcome asks for. A key says only where to look; what is there is observed anew each time (level
// triggered, as controller-runtime has it).
import { sleep } from '../process/clock.ts';
import type { Clock } from '../process/clock.ts';
import type { BackoffOptions } from './backoff.ts';
import { isConflict, isFenced, isTransient, retryAfterMsOf } from './errors.ts';
import { retry } from './outcome.ts';
import type { Outcome, StallReason } from './outcome.ts';
import { createWorkQueue } from './work-queue.ts';
import type { AddOptions, WorkQueue } from './work-queue.ts';

export type ReconcileScope = {
  /** Aborts when the controller stops. */
  readonly signal: AbortSignal;
  /** 1, or more when the tries before it failed. */
  readonly attempt: number;
};

export type ReconcileResult = Outcome['kind'] | 'bug' | 'aborted';

/** Every value of `result`, so that a counter can show them all from the start. */
export const reconcileResults = ['done', 'after', 'retry', 'stalled', 'bug', 'aborted'] as const satisfies readonly ReconcileResult[];

export type Reconciled = {
  readonly controller: string;
  readonly key: string;
  readonly result: ReconcileResult;
  readonly durationMs: number;
  /** Of `retry`, `bug` and `aborted`. */
  readonly error?: unknown;
  /** Of `stalled`. */
  readonly problem?: StallReason;
};

export type ControllerObserver = {
  readonly depth?: (controller: string, depth: number) => void;
  readonly reconciled?: (reconciled: Reconciled) => void;
};

export type ControllerOptions = {
  readonly name: string;
  readonly reconcile: (key: string, scope: ReconcileScope) => Promise<Outcome>;
  /** Keys at once; 1 by default. */
  readonly concurrency?: number;
  readonly clock: Clock;
  readonly observe?: ControllerObserver;
  readonly backoff?: BackoffOptions;
  readonly random?: () => number;
  /** How long `run` waits for reconciles under way after the abort; 30 s by default. */
  readonly drainTimeoutMs?: number;
};

export type Controller = {
  readonly name: string;
  enqueue(key: string, options?: AddOptions): void;
  /** Works until the signal aborts, then waits for what is under way. What is enqueued before is kept. Once only. */
  run(signal: AbortSignal): Promise<void>;
  depth(): number;
  /** No key is waiting, delayed or in work. */
  idle(): boolean;
};

const DRAIN_TIMEOUT_MS = 30_000;

export const createController = (options: ControllerOptions): Controller => {
  const { name, clock, observe } = options;
  const queue = createWorkQueue({
    clock,
    ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    ...(options.random === undefined ? {} : { random: options.random }),
    onDepth: (depth) => observe?.depth?.(name, depth),
  });
  let started = false;

  const work = async (signal: AbortSignal): Promise<void> => {
    for (let key = await queue.take(signal); key !== undefined; key = await queue.take(signal)) {
      try {
        await reconcileOnce({ options, queue, key, signal });
      } finally {
        queue.done(key);
      }
    }
  };

  return {
    name,
    enqueue: (key, add) => queue.add(key, add),
    run: async (signal) => {
      if (started) throw new TypeError(`the controller ${name} runs already`);
      started = true;
      const workers = Promise.all(Array.from({ length: options.concurrency ?? 1 }, () => work(signal)));
      const aborted = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([workers, aborted]);
      queue.close();
      const enough = new AbortController();
      const settled = workers.finally(() => enough.abort());
      await Promise.race([settled, sleep(clock, options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS, enough.signal)]);
    },
    depth: () => queue.depth,
    idle: () => queue.idle,
  };
};

const reconcileOnce = async (input: {
  readonly options: ControllerOptions;
  readonly queue: WorkQueue;
  readonly key: string;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { options, queue, key, signal } = input;
  const startedMs = options.clock.monotonicMs();
  const report = (result: ReconcileResult, more: Pick<Reconciled, 'error' | 'problem'> = {}): void =>
    options.observe?.reconciled?.({ controller: options.name, key, result, durationMs: options.clock.monotonicMs() - startedMs, ...more });
  const again = (error: unknown): void => void queue.retry(key, { atLeastMs: retryAfterMsOf(error) ?? 0 });

  const judged = await judge(() => options.reconcile(key, { signal, attempt: queue.failures(key) + 1 }), signal);
  switch (judged.kind) {
    case 'aborted':
      return report('aborted', { error: judged.error });
    case 'bug':
      again(judged.error);
      return report('bug', { error: judged.error });
    case 'retry':
      again(judged.error);
      return report('retry', { error: judged.error });
    case 'stalled':
      queue.forget(key);
      return report('stalled', { problem: judged.problem });
    case 'after':
      queue.forget(key);
      queue.add(key, { delayMs: Math.max(judged.delayMs, 1) });
      return report('after');
    case 'done':
      queue.forget(key);
      return report('done');
  }
};

type Judged = Outcome | { readonly kind: 'bug' | 'aborted'; readonly error: unknown };

/** What was thrown is passing trouble when the API server says so, nothing at all when we are stopping, else a bug. */
const judge = async (reconcile: () => Promise<Outcome>, signal: AbortSignal): Promise<Judged> => {
  try {
    return await reconcile();
  } catch (error) {
    if (signal.aborted || isFenced(error)) return { kind: 'aborted', error };
    return isTransient(error) || isConflict(error) ? retry(error) : { kind: 'bug', error };
  }
};
