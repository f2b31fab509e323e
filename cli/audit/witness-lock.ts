// SPDX-License-Identifier: Apache-2.0
// One witness at a time in its folder: two that remember apart could cosign two histories. The lock is one of the system, on a database
// file without tables, so that it ends with the process that holds it, however that ends.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileError } from '../files.ts';
import { makeFolder } from '../make-folder.ts';
import { UsageError, UserError } from '../output.ts';
import { EXIT_AUDIT_USAGE } from './exit-codes.ts';

const LOCK_FILE = 'lock.db';
const SQLITE_BUSY = 5;

const isBusy = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === SQLITE_BUSY;

/** Held until it is let go; the folder is made where it is not there. */
export const lockFolder = (folder: string): (() => void) => {
  const path = join(folder, LOCK_FILE);
  let database: DatabaseSync | undefined;
  try {
    makeFolder(folder);
    database = new DatabaseSync(path, { timeout: 0 });
    const held = database;
    held.exec('BEGIN EXCLUSIVE');
    return () => held.close();
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw new UsageError(`--state ${folder}: another witness runs in this folder; one process at a time`);
    throw new UserError(fileError(path, error).problems, EXIT_AUDIT_USAGE);
  }
};
