// SPDX-License-Identifier: Apache-2.0
// The ledger in PostgreSQL, for when one machine's disk is not enough: the same port, the same single writer, fenced by the same
// row. One connection writes; another one reads. A connection that breaks is made anew by the next work: what was not
// acknowledged is sent again by its source, and its identity says whether it had been stored.
import pg from 'pg';
import { createClaimedStore } from './claimed-store.ts';
import type { WriterOptions } from './claimed-store.ts';
import { STORE_TABLES } from './store-tables.ts';
import { StoreError } from './store.ts';
import type { Insert, Reader, Row, SqlInput, SqlValue, Store, StoreFailure, Tx } from './store.ts';

export type PostgresOptions = WriterOptions & {
  /** `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full…`, as libpq reads it. */
  readonly url: string;
  readonly connectTimeoutMs?: number;
  /** Only looked at: no table is made. */
  readonly readOnly?: boolean;
};

// postgresql.org/docs/current/errcodes-appendix.html
const FAILURES: ReadonlyMap<string, StoreFailure> = new Map([
  ['53100', 'full'],
  ['55P03', 'busy'],
  ['XX001', 'corrupt'],
  ['XX002', 'corrupt'],
]);

const failureOf = (error: unknown): unknown => {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isOurs = error instanceof pg.DatabaseError || code !== undefined || /connection|terminated|timeout/i.test(error.message);
  if (!isOurs) return error;
  return new StoreError(FAILURES.get(code ?? '') ?? 'failed', `the ledger's database says: ${error.message}`, { cause: error });
};

const { builtins } = pg.types;
const WHOLE_NUMBERS: ReadonlySet<number> = new Set([builtins.INT8, builtins.INT4, builtins.NUMERIC]);
const BYTES: ReadonlySet<number> = new Set([builtins.BYTEA]);
const bytesParser = pg.types.getTypeParser(builtins.BYTEA);

/** Whole numbers as bigint, bytes as bytes, and all else as the text it is: we ask for nothing in binary. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (id: number) => {
    if (WHOLE_NUMBERS.has(id)) return (text: string) => BigInt(text);
    return BYTES.has(id) ? bytesParser : (text: string) => text;
  },
};

const valueOf = (value: unknown): SqlValue => {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  throw new StoreError('corrupt', 'a column holds what no column of the ledger can');
};

/** `?` → `$1`, `$2`… No statement of ours has a question mark in a text. */
const numbered = (sql: string): string => {
  let next = 0;
  return sql.replaceAll('?', () => `$${(next += 1)}`);
};

const MAX_PARAMETERS = 60_000;

const insertText = ({ into, columns, onConflict = '' }: Insert, rows: number): string => {
  const tuple = `(${columns.map(() => '?').join(', ')})`;
  return `INSERT INTO ${into} (${columns.join(', ')}) VALUES ${Array.from({ length: rows }, () => tuple).join(', ')} ${onConflict}`;
};

type Query = (sql: string, values?: readonly SqlInput[]) => Promise<{ readonly rows: readonly Row[]; readonly count: number }>;

const createTx = (query: Query): Tx => ({
  all: async (sql, values) => (await query(sql, values)).rows,
  run: async (sql, values) => (await query(sql, values)).count,
  insert: async (insert) => {
    let written = 0;
    const size = Math.max(1, Math.floor(MAX_PARAMETERS / Math.max(insert.columns.length, 1)));
    for (let start = 0; start < insert.rows.length; start += size) {
      const rows = insert.rows.slice(start, start + size);
      written += (await query(insertText(insert, rows.length), rows.flat())).count;
    }
    return written;
  },
});

type Connection = { readonly query: Query; close(): Promise<void> };

/** A connection that is opened when it is first needed, and again after it broke. */
const createConnection = ({ url, connectTimeoutMs = 5000 }: PostgresOptions): Connection => {
  let client: Promise<pg.Client> | undefined;
  const open = async (): Promise<pg.Client> => {
    const made = new pg.Client({
      connectionString: url,
      types,
      connectionTimeoutMillis: connectTimeoutMs,
      application_name: 'writ-ledger',
    });
    made.on('error', () => {
      client = undefined;
    });
    await made.connect();
    // Whatever the server's default is: a commit is answered when it is on the disk.
    await made.query('SET synchronous_commit = on');
    return made;
  };
  return {
    query: async (sql, values = []) => {
      client ??= open();
      const mine = client;
      try {
        const result: pg.QueryResult<Record<string, unknown>> = await (await mine).query(numbered(sql), [...values]);
        const rows = result.rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, valueOf(value)])));
        return { rows, count: result.rowCount ?? 0 };
      } catch (error) {
        // What the server refuses leaves the connection as good as it was.
        if (!(error instanceof pg.DatabaseError) && client === mine) client = undefined;
        throw error;
      }
    },
    close: async () => {
      const open = await client?.catch(() => undefined);
      await open?.end().catch(() => undefined);
    },
  };
};

/** Throws StoreError where the server cannot be reached. */
export const openPostgresStore = async (options: PostgresOptions): Promise<Store> => {
  const writer = createConnection(options);
  const readers = createConnection(options);
  const { query } = writer;
  const tx = createTx(query);
  const { alone, ...claimed } = createClaimedStore(
    {
      tx,
      begin: async () => void (await query('BEGIN')),
      commit: async () => void (await query('COMMIT')),
      rollback: async () => void (await query('ROLLBACK')),
      savepoint: async () => void (await query('SAVEPOINT work')),
      release: async () => void (await query('RELEASE SAVEPOINT work')),
      undo: async () => void (await query('ROLLBACK TO SAVEPOINT work')),
      failure: failureOf,
      lost: (error) => {
        const failure = failureOf(error);
        return failure instanceof StoreError && failure.cause !== undefined && !(failure.cause instanceof pg.DatabaseError);
      },
    },
    { ...options, lock: ' FOR SHARE' },
  );
  let lastRead: Promise<unknown> = Promise.resolve();
  const reader: Reader = createTx(readers.query);
  if (options.readOnly === true) await readers.query('SELECT 1').catch((error: unknown) => Promise.reject(failureOf(error)));
  else
    await alone(async () => {
      for (const table of STORE_TABLES) await query(table);
    });
  return {
    ...claimed,
    engine: 'postgres',
    // Its own autovacuum makes room for rows that come.
    reclaim: async () => undefined,
    read: (work) => {
      const turn = lastRead.then(async () => {
        try {
          await readers.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
          return await work(reader);
        } catch (error) {
          throw failureOf(error);
        } finally {
          await readers.query('ROLLBACK').catch(() => undefined);
        }
      });
      lastRead = turn.catch(() => undefined);
      return turn;
    },
    close: async () => {
      await claimed.close();
      await lastRead;
      await Promise.all([writer.close(), readers.close()]);
    },
  };
};
