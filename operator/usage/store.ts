// SPDX-License-Identifier: Apache-2.0
/**
 * The storage port of the ledger: usage, audit entries and billing's outbox rows are written by one transaction, or not at all.
 *
 * In: plain SQL that SQLite and PostgreSQL read alike (`?` for a parameter; BIGINT, TEXT and BYTEA; `ON CONFLICT`). Out: answers
 * that leave only after the commit is on disk. `sqlite-store.ts` and `postgres-store.ts` are the two engines; one suite
 * (`test/usage/store-suite.ts`) holds both to what is said here. Every room of the operator that keeps money or evidence may
 * import this file; nobody else opens a database.
 */

/** Whole numbers are written as number (safe) or bigint and always read as bigint. */
export type SqlInput = null | string | number | bigint | Uint8Array;
export type SqlValue = null | string | bigint | Uint8Array;
export type Row = Readonly<Record<string, SqlValue>>;

export type Reader = {
  all(sql: string, values?: readonly SqlInput[]): Promise<readonly Row[]>;
};

export type Insert = {
  readonly into: string;
  readonly columns: readonly string[];
  /** No two rows may meet the same conflict: PostgreSQL takes many of them in one statement. */
  readonly rows: readonly (readonly SqlInput[])[];
  /** For instance `ON CONFLICT (tenant, id) DO NOTHING`. */
  readonly onConflict?: string;
};

/** Good until the work that it was given to ends; a call after that throws. Await every call before the next one. */
export type Tx = Reader & {
  /** How many rows were changed. */
  run(sql: string, values?: readonly SqlInput[]): Promise<number>;
  /** How many rows were written; those that DO NOTHING skipped are not among them. */
  insert(insert: Insert): Promise<number>;
};

/** Steps that made a room's tables, oldest first. A step that was ever released is never changed: a new one is added. */
export type Migrations = {
  /** Name of the room: `usage`, `audit`, `billing`, `slo`. Its tables begin with that word and an underscore. */
  readonly room: string;
  /** Each step is a list of statements, run in one transaction. */
  readonly steps: readonly (readonly string[])[];
};

export type Store = {
  /** `sqlite` or `postgres`. */
  readonly engine: string;
  /**
   * Makes or upgrades the tables of a room, between two commits; refused with `newer` where a later version of Writ has been here,
   * with `fenced` where another process has claimed the ledger since this one did.
   */
  migrate(migrations: Migrations): Promise<void>;
  /**
   * Makes this process the only writer: whoever claimed before is refused from now on. The caller holds the Lease. Returns the
   * epoch, which rises with every claim.
   */
  claim(holder: string): Promise<bigint>;
  /**
   * Runs `work`, alone, and resolves once what it wrote is on disk. Works that wait at the same time share one commit; one that
   * throws is undone by itself and its error is thrown here. A failed commit rejects all that shared it: nothing of them is there.
   * `work` awaits nothing but its `tx`.
   */
  transact<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** One consistent view of what is committed. */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
  /** Gives a bounded piece of what deleted rows took back to the disk, where the engine does not do so by itself. */
  reclaim(): Promise<void>;
  /** Undefined while it works; else why it takes nothing in. */
  broken(): StoreError | undefined;
  /** Commits what waits, then closes. */
  close(): Promise<void>;
};

/**
 * full: no room on the disk; it is tried again with the next work. fenced: another process claimed the ledger. corrupt: what was
 * read is not what was written; nothing is taken in any more. busy: another process holds the database. newer: tables of a
 * later version. failed: anything else that the engine says, also a lost connection. closed: after close().
 */
export type StoreFailure = 'full' | 'fenced' | 'corrupt' | 'busy' | 'newer' | 'failed' | 'closed';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly failure: StoreFailure;

  constructor(failure: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** The text of a column that the table declares TEXT NOT NULL. */
export const textOf = (row: Row, column: string): string => {
  const value = row[column];
  if (typeof value === 'string') return value;
  throw new StoreError('corrupt', `column ${column} holds no text`);
};

/** The number of a column that the table declares BIGINT NOT NULL. */
export const bigintOf = (row: Row, column: string): bigint => {
  const value = row[column];
  if (typeof value === 'bigint') return value;
  throw new StoreError('corrupt', `column ${column} holds no whole number`);
};

/** As `bigintOf`, for what fits a number: times, counts, revisions. */
export const integerOf = (row: Row, column: string): number => {
  const value = Number(bigintOf(row, column));
  if (Number.isSafeInteger(value)) return value;
  throw new StoreError('corrupt', `column ${column} is out of range`);
};

/** The bytes of a column that the table declares BYTEA NOT NULL. */
export const bytesOf = (row: Row, column: string): Uint8Array => {
  const value = row[column];
  if (value instanceof Uint8Array) return value;
  throw new StoreError('corrupt', `column ${column} holds no bytes`);
};

/**
 * Orders rows by columns of text, by code units. For what a digest is made of: `ORDER BY` goes by the database's own collation, which
 * another server, or the same one after an update, need not share.
 */
export const byTexts =
  (...columns: readonly string[]) =>
  (a: Row, b: Row): number => {
    for (const column of columns) {
      const [one, other] = [textOf(a, column), textOf(b, column)];
      if (one !== other) return one < other ? -1 : 1;
    }
    return 0;
  };
