// SPDX-License-Identifier: Apache-2.0
// Works that wait at the same time share one commit: a disk that needs a millisecond to be sure gives a thousand commits a second,
// however many events want one. What the engine does is passed in; the order of works is that in which they came.
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import { StoreError } from './store.ts';
import type { Tx } from './store.ts';

/** Where a process can die; the crash tests kill it at each of them, and metrics take their times by them. */
export type CommitPhase = 'begun' | 'work-done' | 'before-commit' | 'after-commit';

export type CommitEngine = {
  readonly tx: Tx;
  /** Begins the transaction and checks that this process is the writer. */
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Undoes all; also when the engine has done so itself. */
  rollback(): Promise<void>;
  savepoint(): Promise<void>;
  release(): Promise<void>;
  undo(): Promise<void>;
  /** What kind of failure it is; an error that is none of the engine's comes back as it is. */
  failure(error: unknown): unknown;
  /** Whether the engine has given the whole transaction up by itself. */
  lost(error: unknown): boolean;
};

type Waiting = { run(tx: Tx): Promise<() => void>; reject(error: unknown): void };

export type GroupCommit = {
  transact<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Runs after the group that is under way; none begins until it has ended. The connection is its own. */
  between<T>(work: () => Promise<T>): Promise<T>;
  /** Nothing is taken any more; resolves when what waited is committed or refused. */
  close(): Promise<void>;
};

export const createGroupCommit = (options: {
  readonly engine: CommitEngine;
  readonly clock: Clock;
  /** How long the first work of a group waits for others. */
  readonly groupMs: number;
  readonly maxGroup: number;
  readonly onPhase?: ((phase: CommitPhase) => void) | undefined;
  /** Undefined, or why nothing may be written any more. */
  readonly refusal: () => StoreError | undefined;
  readonly onFailure: (error: unknown) => void;
}): GroupCommit => {
  const { engine, clock, groupMs, maxGroup, onPhase } = options;
  let waiting: Waiting[] = [];
  let draining: Promise<void> | undefined;
  let full = new AbortController();
  let closed = false;
  let lastTurn: Promise<unknown> = Promise.resolve();

  // One connection has one transaction: a COMMIT of anybody else would end the group's in its middle.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = lastTurn.then(work);
    lastTurn = turn.catch(() => undefined);
    return turn;
  };

  const commitGroup = async (group: readonly Waiting[]): Promise<void> => {
    const answers: (() => void)[] = [];
    const refused = options.refusal();
    if (refused !== undefined) throw refused;
    await engine.begin();
    onPhase?.('begun');
    for (const work of group) {
      await engine.savepoint();
      const { tx, end } = lent(engine.tx);
      try {
        answers.push(await work.run(tx));
        end();
        await engine.release();
        onPhase?.('work-done');
      } catch (error) {
        end();
        if (engine.lost(error)) throw error;
        await engine.undo();
        const failure = engine.failure(error);
        answers.push(() => work.reject(failure));
      }
    }
    onPhase?.('before-commit');
    await engine.commit();
    onPhase?.('after-commit');
    for (const answer of answers) answer();
  };

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      if (groupMs > 0 && waiting.length < maxGroup && !closed) await sleep(clock, groupMs, full.signal);
      full = new AbortController();
      const group = waiting.splice(0, maxGroup);
      await inTurn(async () => {
        try {
          await commitGroup(group);
        } catch (error) {
          await engine.rollback().catch(() => undefined);
          const failure = engine.failure(error);
          options.onFailure(failure);
          for (const work of group) work.reject(failure);
        }
      });
    }
    draining = undefined;
  };

  return {
    transact: (work) => {
      if (closed) return Promise.reject(new StoreError('closed', 'the ledger is closed'));
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof work>>>();
      const run = async (tx: Tx): Promise<() => void> => {
        const result = await work(tx);
        return () => resolve(result);
      };
      waiting.push({ run, reject });
      if (waiting.length >= maxGroup) full.abort();
      draining ??= drain();
      return promise;
    },
    between: (work) => (closed ? Promise.reject(new StoreError('closed', 'the ledger is closed')) : inTurn(work)),
    close: async () => {
      closed = true;
      full.abort();
      await draining;
      await lastTurn;
      waiting = [];
    },
  };
};

/** A handle that a work cannot keep: used after its end it would write into somebody else's transaction. */
const lent = (tx: Tx): { readonly tx: Tx; readonly end: () => void } => {
  let isOver = false;
  const open = (): Tx => {
    if (isOver) throw new StoreError('closed', 'a transaction was used after its end');
    return tx;
  };
  return {
    tx: {
      all: async (sql, values) => open().all(sql, values),
      run: async (sql, values) => open().run(sql, values),
      insert: async (insert) => open().insert(insert),
    },
    end: () => {
      isOver = true;
    },
  };
};
