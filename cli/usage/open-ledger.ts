// SPDX-License-Identifier: Apache-2.0
// The ledger that a command looks at.
import { isPostgresUrl } from '../../operator/usage/open-store.ts';
import { openPostgresStore } from '../../operator/usage/postgres-store.ts';
import { readSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { StoreError } from '../../operator/usage/store.ts';
import type { Store } from '../../operator/usage/store.ts';
import { UsageError, UserError } from '../output.ts';
import type { Terminal } from '../output.ts';

export type OpenLedger = {
  readonly read: Store['read'];
  /** What the engine itself finds wrong with its pages. */
  readonly check: () => readonly string[];
  close(): Promise<void>;
};

// The fix of the code speaks to those who send events.
const FILE_HINT = 'name the file that --ledger of the operator names, or a copy of it, which you can read; or WRIT_LEDGER says which';
const URL_HINT = 'see that the server is up and that WRIT_LEDGER names the database, and a user who may read it';

const NO_DATABASE_HINT = `${FILE_HINT}; if it is that one its first page is lost: stop the operator and restore the last good copy`;

// SQLITE_NOTADB: sqlite.org/rescode.html
const isNoDatabase = ({ cause }: StoreError): boolean =>
  typeof cause === 'object' && cause !== null && 'errcode' in cause && cause.errcode === 26;

/** What an engine says, as a problem. */
export const asProblem = (location: string, error: unknown): unknown => {
  if (!(error instanceof StoreError)) return error;
  const isUrl = isPostgresUrl(location);
  const message = `${isUrl ? 'the ledger' : location}: ${error.message}`;
  if (error.failure === 'corrupt')
    return new UserError([{ code: 'USAGE_LEDGER_DAMAGED', message, ...(isNoDatabase(error) ? { hint: NO_DATABASE_HINT } : {}) }]);
  return new UserError([{ code: 'USAGE_LEDGER_UNAVAILABLE', message, hint: isUrl ? URL_HINT : FILE_HINT }]);
};

export const openLedger = async (given: string | undefined, terminal: Terminal): Promise<OpenLedger & { readonly location: string }> => {
  const location = given ?? terminal.env['WRIT_LEDGER'];
  if (location === undefined || location === '') throw new UsageError('--ledger FILE or WRIT_LEDGER says which ledger');
  try {
    if (isPostgresUrl(location)) {
      const store = await openPostgresStore({ url: location, clock: terminal.clock, readOnly: true });
      return { location, read: (work) => store.read(work), check: () => [], close: () => store.close() };
    }
    const file = readSqliteStore(location);
    return { location, read: (work) => file.read(work), check: () => file.check(), close: async () => file.close() };
  } catch (error) {
    throw asProblem(location, error);
  }
};
