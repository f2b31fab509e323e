// SPDX-License-Identifier: Apache-2.0
// How the file of a ledger is opened by somebody who only looks at it. SQLite itself makes a -wal and a -shm file beside whatever it
// opens in this journal mode, and leaves them there; that takes a folder that can be written, and shows in a copy that is evidence.
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StoreError } from './store.ts';

export type LookedAt = {
  readonly path: string | URL;
  /** Throws where what was read may be half of what somebody began to write meanwhile. */
  readonly stillSo: () => void;
  readonly release: () => void;
};

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;

/** Throws StoreError where there is no file that could be a ledger. */
const checkFile = (file: string): void => {
  let found;
  try {
    found = statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw new StoreError('failed', 'it cannot be reached', { cause: error });
  }
  if (found === undefined) throw new StoreError('failed', 'there is no such file');
  if (found.isDirectory()) throw new StoreError('failed', 'it is a folder');
  if (!found.isFile()) throw new StoreError('failed', 'it is no file');
  if (found.size === 0) throw new StoreError('failed', 'it is no ledger of Writ: it is empty');
};

/** What was committed last may be in the -wal alone, and nobody has the file open: both are read from a copy. */
const copied = (file: string): LookedAt => {
  const folder = mkdtempSync(join(tmpdir(), 'writ-ledger-'));
  const release = (): void => rmSync(folder, { recursive: true, force: true });
  const path = join(folder, 'ledger.db');
  try {
    copyFileSync(file, path);
    copyFileSync(`${file}-wal`, `${path}-wal`);
  } catch (error) {
    release();
    throw new StoreError('failed', `it has a -wal file beside it, so it is read from a copy in ${tmpdir()}, which could not be made`, {
      cause: error,
    });
  }
  return { path, stillSo: () => undefined, release };
};

export const lookAt = (file: string): LookedAt => {
  checkFile(file);
  const [log, index] = [sizeOf(`${file}-wal`), sizeOf(`${file}-shm`)];
  // Both are there as long as anybody has it open: then they are shared, and none is made.
  if (log !== undefined && index !== undefined) return { path: file, stillSo: () => undefined, release: () => undefined };
  if (log !== undefined && log > 0) return copied(file);
  const path = pathToFileURL(file);
  path.searchParams.set('immutable', '1');
  const stillSo = (): void => {
    if (sizeOf(`${file}-wal`) !== log) throw new StoreError('busy', 'somebody has begun to write it; look again');
  };
  return { path, stillSo, release: () => undefined };
};
