// SPDX-License-Identifier: Apache-2.0
// Folders that are there after the power went: the sync of a file keeps what is in it, that of a folder the names in it, so the name of a
// new folder is kept by the sync of the one above it.
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

export const syncFolder = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Of a folder above all that is ours: not to be read by us, of a file system that keeps nothing, or of one that cannot sync it. */
const NOT_OURS = ['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOTSUP'];
const isNotOurs = (error: unknown): boolean => error instanceof Error && 'code' in error && NOT_OURS.includes(String(error.code));

/**
 * Whether anything had to be made. Node's own way of making those above too never ends below a folder that answers ENOENT to every new
 * name, as /proc does.
 */
const made = async (path: string, mode: number): Promise<boolean> => {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return false;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
  }
  await made(dirname(path), mode);
  await mkdir(path, { mode }).catch(async (error: unknown) => {
    // Somebody else may have been as quick.
    if (!(await stat(path)).isDirectory()) throw error;
  });
  return true;
};

/**
 * Makes a folder with all above it, unless they are there, and resolves when their names are on the disk. Those that are there are synced
 * too, the first time: who made them may have been killed before it did.
 */
export const createFolderKeeper = (): ((path: string, mode?: number) => Promise<void>) => {
  const kept = new Set<string>();
  return async (path, mode = 0o777) => {
    // One that was there before is not there any more where anything had to be made.
    if (await made(resolve(path), mode)) kept.clear();
    const names: string[] = [];
    for (let folder = resolve(path); !kept.has(folder) && folder !== dirname(folder); folder = dirname(folder)) names.push(folder);
    for (const folder of names.toReversed()) {
      await syncFolder(dirname(folder)).catch((error: unknown) => {
        if (!isNotOurs(error)) throw error;
      });
      kept.add(folder);
    }
  };
};
