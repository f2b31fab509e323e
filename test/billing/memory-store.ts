// SPDX-License-Identifier: Apache-2.0
// The storage port on a database in memory, so that a thousand simulated months take seconds. The engines that are shipped are held to
// the same port by test/usage.
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { rowOf } from '../../operator/usage/sqlite-store.ts';
import type { Store, Tx } from '../../operator/usage/store.ts';

export const openMemoryStore = (): Store => {
  const database = new DatabaseSync(':memory:');
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const made = database.prepare(sql);
    made.setReadBigInts(true);
    prepared.set(sql, made);
    return made;
  };
  const tx: Tx = {
    all: async (sql, values = []) =>
      statement(sql)
        .all(...values)
        .map(rowOf),
    run: async (sql, values = []) => Number(statement(sql).run(...values).changes),
    insert: async ({ into, columns, rows, onConflict = '' }) => {
      const sql = `INSERT INTO ${into} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) ${onConflict}`;
      return rows.reduce((written, row) => written + Number(statement(sql).run(...row).changes), 0);
    },
  };
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const turn = last.then(async () => {
      database.exec('BEGIN');
      try {
        const result = await work(tx);
        database.exec('COMMIT');
        return result;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    });
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    engine: 'memory',
    migrate: async ({ steps }) => {
      for (const sql of steps.flat()) database.exec(sql);
    },
    claim: async () => 1n,
    transact: alone,
    read: alone,
    reclaim: async () => undefined,
    broken: () => undefined,
    close: async () => database.close(),
  };
};
