// SPDX-License-Identifier: Apache-2.0
// The ledger in one file, by the SQLite that Node brings: WAL with synchronous=FULL, so that a commit is on the disk before it is
// answered. Calls block this thread while the disk works; groups keep that to a few hundred times a second. The file belongs on
// a local or block volume: locks and shared memory do not work over NFS.
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Clock } from '../../process/clock.ts';
import { createGroupCommit } from './group-commit.ts';
import type { CommitEngine, CommitPhase } from './group-commit.ts';
import { STORE_TABLES, checkFence, claimFence, migrateRoom } from './store-tables.ts';
import { StoreError } from './store.ts';
import type { Insert, Reader, Row, SqlInput, SqlValue, Store, StoreFailure, Tx } from './store.ts';

export type SqliteOptions = {
  readonly file: string;
  readonly clock: Clock;
  /** Throws where this process may not write any more, by its Lease; asked before each commit. */
  readonly guard?: () => void;
  readonly groupMs?: number;
  readonly maxGroup?: number;
  readonly onPhase?: (phase: CommitPhase) => void;
};

// SQLITE_BUSY, _LOCKED; _FULL; _CORRUPT, _NOTADB: sqlite.org/rescode.html
const FAILURES: ReadonlyMap<number, StoreFailure> = new Map([
  [5, 'busy'],
  [6, 'busy'],
  [11, 'corrupt'],
  [13, 'full'],
  [26, 'corrupt'],
]);

const failureOf = (error: unknown): unknown => {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error;
  const failure = FAILURES.get(error.errcode & 0xff) ?? 'failed';
  return new StoreError(failure, `the ledger's database says: ${error.message}`, { cause: error });
};

const BUSY_TIMEOUT_MS = 2000;
const READER_PRAGMAS = ['PRAGMA query_only = ON', `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`, 'PRAGMA cell_size_check = ON'];
const WRITER_PRAGMAS = [
  `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`,
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA foreign_keys = ON',
  'PRAGMA cell_size_check = ON',
  'PRAGMA wal_autocheckpoint = 4000',
];

const valueOf = (value: SQLOutputValue): SqlValue => {
  // REAL columns are in none of our tables; every whole number is read as bigint.
  if (typeof value === 'number') throw new StoreError('corrupt', 'a column holds a fraction');
  return value;
};

const rowOf = (row: Readonly<Record<string, SQLOutputValue>>): Row =>
  Object.fromEntries(Object.entries(row).map(([column, value]) => [column, valueOf(value)]));

/** The statements of one connection, each prepared once. */
const createConnection = (database: DatabaseSync): Tx => {
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const made = database.prepare(sql);
    // Also `changes` is one then.
    made.setReadBigInts(true);
    prepared.set(sql, made);
    return made;
  };
  return {
    all: async (sql, values = []) =>
      statement(sql)
        .all(...values)
        .map(rowOf),
    run: async (sql, values = []) => Number(statement(sql).run(...values).changes),
    insert: async (insert) => {
      const once = statement(insertText(insert));
      const { returning, rows } = insert;
      if (returning === undefined) {
        for (const row of rows) once.run(...row);
        return [];
      }
      const given = givenColumns(insert);
      if (given === undefined) return rows.flatMap((row) => once.all(...row).map(rowOf));
      return rows.flatMap((row) => (once.run(...row).changes === 0n ? [] : [given(row)]));
    },
  };
};

/**
 * What RETURNING would give back of a row that was written as it is: twice as fast as to ask for it, and the ledger's hottest
 * statement is of this kind. Undefined where the database may have written something else.
 */
const givenColumns = ({ columns, onConflict, returning = [] }: Insert): ((row: readonly SqlInput[]) => Row) | undefined => {
  const places = returning.map((column) => columns.indexOf(column));
  if (onConflict?.endsWith('DO NOTHING') !== true || places.includes(-1)) return undefined;
  return (row) =>
    Object.fromEntries(
      returning.map((column, index) => {
        const value = row[places[index] ?? 0] ?? null;
        return [column, typeof value === 'number' ? BigInt(value) : value];
      }),
    );
};

const insertText = (insert: Insert): string => {
  const { into, columns, onConflict = '', returning } = insert;
  const back = returning === undefined || givenColumns(insert) !== undefined ? '' : ` RETURNING ${returning.join(', ')}`;
  return `INSERT INTO ${into} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) ${onConflict}${back}`;
};

const openDatabase = (file: string, { readOnly, pragmas }: { readonly readOnly: boolean; readonly pragmas: readonly string[] }) => {
  const database = new DatabaseSync(file, { readOnly });
  try {
    for (const pragma of pragmas) database.exec(pragma);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
};

/** One view for each read, one read at a time: a transaction belongs to the connection. */
const createReads = (database: DatabaseSync): Store['read'] => {
  const reader: Reader = createConnection(database);
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(async () => {
      try {
        database.exec('BEGIN');
        return await work(reader);
      } catch (error) {
        throw failureOf(error);
      } finally {
        if (database.isTransaction) database.exec('ROLLBACK');
      }
    });
    last = turn.catch(() => undefined);
    return turn;
  };
};

/** Creates the file where there is none. Throws StoreError. */
export const openSqliteStore = async (options: SqliteOptions): Promise<Store> => {
  const { clock, guard } = options;
  let database: DatabaseSync;
  let readers: DatabaseSync;
  try {
    database = openDatabase(options.file, { readOnly: false, pragmas: WRITER_PRAGMAS });
    for (const table of STORE_TABLES) database.exec(table);
    readers = openDatabase(options.file, { readOnly: false, pragmas: READER_PRAGMAS });
  } catch (error) {
    throw failureOf(error);
  }
  const tx = createConnection(database);
  let epoch: bigint | undefined;
  let brokenBy: StoreError | undefined;
  const engine: CommitEngine = {
    tx,
    begin: async () => {
      // IMMEDIATE: whoever else has the file open for writing is met here and not in the middle.
      database.exec('BEGIN IMMEDIATE');
      await checkFence(tx, epoch);
    },
    commit: async () => {
      guard?.();
      database.exec('COMMIT');
    },
    rollback: async () => {
      if (database.isTransaction) database.exec('ROLLBACK');
    },
    savepoint: async () => database.exec('SAVEPOINT work'),
    release: async () => database.exec('RELEASE work'),
    undo: async () => database.exec('ROLLBACK TO work; RELEASE work'),
    failure: failureOf,
    // After SQLITE_FULL, IOERR, NOMEM the engine may have rolled all back by itself.
    lost: () => !database.isTransaction,
  };
  const note = (error: unknown): void => {
    if (error instanceof StoreError && (error.failure === 'fenced' || error.failure === 'corrupt')) brokenBy ??= error;
  };
  const group = createGroupCommit({
    engine,
    clock,
    groupMs: options.groupMs ?? 2,
    maxGroup: options.maxGroup ?? 256,
    onPhase: options.onPhase,
    refusal: () => brokenBy,
    onFailure: note,
  });
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      database.exec('BEGIN IMMEDIATE');
      const result = await work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw failureOf(error);
    }
  };
  const read = createReads(readers);
  return {
    engine: 'sqlite',
    migrate: (migrations) => alone(() => migrateRoom(tx, migrations)),
    claim: async (holder) => {
      epoch = await alone(() => claimFence(tx, holder));
      brokenBy = undefined;
      return epoch;
    },
    transact: async (work) => {
      try {
        return await group.transact(work);
      } catch (error) {
        note(error);
        throw error;
      }
    },
    read,
    broken: () => brokenBy,
    close: async () => {
      await group.close();
      await read(async () => undefined).catch(() => undefined);
      readers.close();
      database.close();
    },
  };
};

/** A ledger that is only looked at: its file must be there, and nothing is ever written. */
export const readSqliteStore = (file: string): { readonly read: Store['read']; readonly check: () => readonly string[]; close(): void } => {
  if (!existsSync(file)) throw new StoreError('failed', `there is no file ${file}`);
  try {
    const database = openDatabase(file, { readOnly: true, pragmas: READER_PRAGMAS });
    return {
      read: createReads(database),
      check: () => {
        const rows = database.prepare('PRAGMA integrity_check(10)').all();
        return rows.map((row) => String(row['integrity_check'])).filter((said) => said !== 'ok');
      },
      close: () => database.close(),
    };
  } catch (error) {
    throw failureOf(error);
  }
};
