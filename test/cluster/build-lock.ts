// SPDX-License-Identifier: Apache-2.0
// One builder at a time on a machine. The lock is SQLite's own lock on an empty database: the kernel holds it for the
// process and drops it when that process ends, however it ends, so a dead holder needs no detection.
import { DatabaseSync } from 'node:sqlite';
import { sleep, type Clock } from '../../process/clock.ts';

const SQLITE_BUSY = 5;

const tryLock = (file: string): DatabaseSync | undefined => {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
};

export type LockOptions = {
  readonly file: string;
  readonly clock: Clock;
  /** Called once a second while another process holds the lock. */
  readonly onWait: (waitedMs: number) => void;
};

/** Waits for the lock, runs the work, gives the lock back. */
export const withLock = async <T>(options: LockOptions, work: () => Promise<T>): Promise<T> => {
  const startedMs = options.clock.monotonicMs();
  let held = tryLock(options.file);
  while (held === undefined) {
    options.onWait(options.clock.monotonicMs() - startedMs);
    await sleep(options.clock, 1000);
    held = tryLock(options.file);
  }
  try {
    return await work();
  } finally {
    held.close();
  }
};
