// SPDX-License-Identifier: Apache-2.0
// Where a ledger is kept, as the flag spells it: a file, or a URL of PostgreSQL.
import { dirname } from 'node:path';
import { createFolderKeeper } from '../../process/kept-folder.ts';
import { openPostgresStore } from './postgres-store.ts';
import type { PostgresOptions } from './postgres-store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

export const isPostgresUrl = (location: string): boolean => /^postgres(ql)?:\/\//.test(location);

export const openLedgerStore = async (
  location: string,
  options: Omit<PostgresOptions, 'url' | 'connectTimeoutMs' | 'readOnly'>,
): Promise<Store> => {
  if (isPostgresUrl(location)) return await openPostgresStore({ ...options, url: location });
  await createFolderKeeper()(dirname(location));
  return await openSqliteStore({ ...options, file: location });
};
