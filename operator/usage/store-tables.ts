// SPDX-License-Identifier: Apache-2.0
// What both engines keep of themselves: who may write, and which steps of which room were taken.
import { StoreError, bigintOf, integerOf } from './store.ts';
import type { Migrations, Tx } from './store.ts';

export const STORE_TABLES: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS store_fence (one BIGINT PRIMARY KEY, epoch BIGINT NOT NULL, holder TEXT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS store_room (room TEXT PRIMARY KEY, steps BIGINT NOT NULL)',
];

export const migrateRoom = async (tx: Tx, { room, steps }: Migrations): Promise<void> => {
  const [row] = await tx.all('SELECT steps FROM store_room WHERE room = ?', [room]);
  const done = row === undefined ? 0 : integerOf(row, 'steps');
  if (done > steps.length) {
    throw new StoreError(
      'newer',
      `the tables of ${room} were made by a later version of Writ (step ${done}, this one knows ${steps.length})`,
    );
  }
  if (done === steps.length) return;
  for (const step of steps.slice(done)) for (const statement of step) await tx.run(statement);
  await tx.run('INSERT INTO store_room (room, steps) VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET steps = excluded.steps', [
    room,
    steps.length,
  ]);
};

export const claimFence = async (tx: Tx, holder: string): Promise<bigint> => {
  await tx.insert({
    into: 'store_fence',
    columns: ['one', 'epoch', 'holder'],
    rows: [[1, 1, holder]],
    onConflict: 'ON CONFLICT (one) DO UPDATE SET epoch = store_fence.epoch + 1, holder = excluded.holder',
  });
  const [row] = await tx.all('SELECT epoch FROM store_fence WHERE one = 1');
  if (row === undefined) throw new StoreError('failed', 'the ledger could not be claimed');
  return bigintOf(row, 'epoch');
};

/** Throws when another process has claimed the ledger since. `lock`: what keeps a claim waiting until the commit, where the engine needs words for it. */
export const checkFence = async (tx: Tx, epoch: bigint | undefined, lock = ''): Promise<void> => {
  if (epoch === undefined) throw new StoreError('fenced', 'the ledger was not claimed by this process');
  const [row] = await tx.all(`SELECT epoch, holder FROM store_fence WHERE one = 1${lock}`);
  const now = row === undefined ? undefined : bigintOf(row, 'epoch');
  if (now === epoch) return;
  throw new StoreError('fenced', `the ledger is written by ${String(row?.['holder'] ?? 'nobody')} now`);
};
