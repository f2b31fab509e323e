// SPDX-License-Identifier: Apache-2.0
// What both engines do alike: tables of rooms, the claim by which one process writes, works that share commits, and the end of all
// that once another process has claimed the ledger or what is read is not what was written.
import type { Clock } from '../../process/clock.ts';
import { createGroupCommit } from './group-commit.ts';
import type { CommitEngine, CommitPhase } from './group-commit.ts';
import { checkFence, claimFence, migrateRoom } from './store-tables.ts';
import { StoreError } from './store.ts';
import type { Store } from './store.ts';

export type WriterOptions = {
  readonly clock: Clock;
  /** Throws where this process may not write any more, by its Lease; asked before each commit. */
  readonly guard?: () => void;
  readonly groupMs?: number;
  readonly maxGroup?: number;
  readonly onPhase?: (phase: CommitPhase) => void;
};

export type ClaimedStore = Pick<Store, 'migrate' | 'claim' | 'transact' | 'broken' | 'close'> & {
  /** One transaction that no claim is asked for, between two commits of works. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
};

/** `lock`: what the engine has to be told so that a claim waits for the commit that is under way. */
export const createClaimedStore = (engine: CommitEngine, options: WriterOptions & { readonly lock?: string }): ClaimedStore => {
  const { guard, groupMs = 2, maxGroup = 256 } = options;
  let epoch: bigint | undefined;
  let brokenBy: StoreError | undefined;
  const note = (error: unknown): void => {
    if (error instanceof StoreError && (error.failure === 'fenced' || error.failure === 'corrupt')) brokenBy ??= error;
  };
  const group = createGroupCommit({
    engine: {
      ...engine,
      begin: async () => {
        await engine.begin();
        await checkFence(engine.tx, epoch, options.lock);
      },
      commit: async () => {
        guard?.();
        await engine.commit();
      },
    },
    clock: options.clock,
    groupMs,
    maxGroup,
    onPhase: options.onPhase,
    refusal: () => brokenBy,
    onFailure: note,
  });
  const transaction = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await engine.begin();
      const result = await work();
      guard?.();
      await engine.commit();
      return result;
    } catch (error) {
      await engine.rollback().catch(() => undefined);
      throw engine.failure(error);
    }
  };
  return {
    alone: (work) => group.between(() => transaction(work)),
    migrate: (migrations) =>
      group.between(() =>
        transaction(async () => {
          // A new ledger has its tables before anybody claims it; from then on only its writer changes them.
          if (epoch !== undefined) await checkFence(engine.tx, epoch, options.lock);
          await migrateRoom(engine.tx, migrations);
        }),
      ),
    claim: (holder) =>
      group.between(async () => {
        epoch = await transaction(() => claimFence(engine.tx, holder));
        brokenBy = undefined;
        return epoch;
      }),
    transact: async (work) => {
      try {
        return await group.transact(work);
      } catch (error) {
        note(error);
        throw error;
      }
    },
    broken: () => brokenBy,
    close: () => group.close(),
  };
};
