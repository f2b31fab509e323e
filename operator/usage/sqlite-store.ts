// SPDX-License-Identifier: Apache-2.0
// The ledger in one file, by the SQLite that Node brings: WAL with synchronous=FULL, so that a commit is on the disk before it is
// answered. Calls block this thread while the disk works; groups keep that to a few hundred times a second. The file belongs on
// a local or block volume: locks and shared memory do not work over NFS.
import { DatabaseSync } from 'node:sqlite';
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import { createClaimedStore } from './claimed-store.ts';
import type { WriterOptions } from './claimed-store.ts';
import { lookAt } from './ledger-file.ts';
import { STORE_TABLES } from './store-tables.ts';
import { StoreError } from './store.ts';
import type { Insert, Reader, Row, SqlValue, Store, StoreFailure, Tx } from './store.ts';

export type SqliteOptions = WriterOptions & { readonly file: string };

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
  // Of a file without tables: so that its pages can be given back one by one. Another one keeps what it was made with.
  'PRAGMA auto_vacuum = INCREMENTAL',
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA foreign_keys = ON',
  'PRAGMA cell_size_check = ON',
  'PRAGMA wal_autocheckpoint = 4000',
];

/** Of 4 KiB: more than what a step of pruning leaves. */
const PAGES_AT_ONCE = 512;

const valueOf = (value: SQLOutputValue): SqlValue => {
  // REAL columns are in none of our tables; every whole number is read as bigint.
  if (typeof value === 'number') throw new StoreError('corrupt', 'a column holds a fraction');
  return value;
};

export const rowOf = (row: Readonly<Record<string, SQLOutputValue>>): Row =>
  Object.fromEntries(Object.entries(row).map(([column, value]) => [column, valueOf(value)]));

/** The statements of one connection, each prepared once. */
const createConnection = (database: DatabaseSync): Tx => {
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const made = database.prepare(sql);
    // Of an INSERT only `changes` is read, which is cheaper to make as a number.
    made.setReadBigInts(!sql.startsWith('INSERT'));
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
      let written = 0;
      for (const row of insert.rows) written += Number(once.run(...row).changes);
      return written;
    },
  };
};

const insertText = ({ into, columns, onConflict = '' }: Insert): string =>
  `INSERT INTO ${into} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) ${onConflict}`;

const openDatabase = (file: string | URL, { readOnly, pragmas }: { readonly readOnly: boolean; readonly pragmas: readonly string[] }) => {
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
  const { alone, ...claimed } = createClaimedStore(
    {
      tx,
      // IMMEDIATE: whoever else has the file open for writing is met here and not in the middle.
      begin: async () => database.exec('BEGIN IMMEDIATE'),
      commit: async () => database.exec('COMMIT'),
      rollback: async () => {
        if (database.isTransaction) database.exec('ROLLBACK');
      },
      savepoint: async () => void (await tx.run('SAVEPOINT work')),
      release: async () => void (await tx.run('RELEASE work')),
      undo: async () => database.exec('ROLLBACK TO work; RELEASE work'),
      failure: failureOf,
      // After SQLITE_FULL, IOERR, NOMEM the engine may have rolled all back by itself.
      lost: () => !database.isTransaction,
    },
    options,
  );
  const read = createReads(readers);
  return {
    ...claimed,
    engine: 'sqlite',
    reclaim: () => alone(async () => database.exec(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`)),
    read,
    close: async () => {
      await claimed.close();
      await read(async () => undefined).catch(() => undefined);
      readers.close();
      database.close();
    },
  };
};

export type ReadStore = {
  readonly read: Store['read'];
  /** What the engine finds wrong with the pages. Throws StoreError where it cannot even look. */
  readonly check: () => readonly string[];
  close(): void;
};

/** The tables were there when it was opened: what is missing of them since, or in them, has been lost. */
const lookedAtFailure = (error: unknown): unknown => {
  const failure = failureOf(error);
  const isLost = failure instanceof StoreError && failure.failure === 'failed' && /no such (table|column)/.test(failure.message);
  return isLost ? new StoreError('corrupt', failure.message, { cause: error }) : failure;
};

/** A ledger that is only looked at: its file must be there, and nothing is ever written, neither into it nor beside it. */
export const readSqliteStore = (file: string): ReadStore => {
  const { path, stillSo, release } = lookAt(file);
  let database: DatabaseSync | undefined;
  try {
    const opened = openDatabase(path, { readOnly: true, pragmas: READER_PRAGMAS });
    database = opened;
    if (opened.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'store_room'").get() === undefined)
      throw new StoreError(
        'failed',
        'it is no ledger of Writ: a database of something else, or a copy without the file beside it that ends in -wal (take a copy by .backup)',
      );
    const read = createReads(opened);
    const looked = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        throw lookedAtFailure(error);
      } finally {
        stillSo();
      }
    };
    return {
      read: (work) => looked(() => read(work)),
      check: () => {
        try {
          const rows = opened.prepare('PRAGMA integrity_check(10)').all();
          return rows.map((row) => String(row['integrity_check'])).filter((said) => said !== 'ok');
        } catch (error) {
          throw failureOf(error);
        }
      },
      close: () => {
        opened.close();
        release();
      },
    };
  } catch (error) {
    database?.close();
    release();
    throw failureOf(error);
  }
};
