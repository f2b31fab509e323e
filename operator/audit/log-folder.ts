// SPDX-License-Identifier: Apache-2.0
// The files of the logs in a folder on a disk: whole or not there, and on the disk before anything is said of them.
import { existsSync, readFileSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createFolderKeeper, syncFolder } from '../../process/kept-folder.ts';

export type LogFolder = {
  /** By its path under the folder; undefined where there is none. */
  read(path: string): Uint8Array | undefined;
  write(path: string, bytes: Uint8Array | string): Promise<void>;
  /** Removes partial tiles of `folder` that a later one or a full one replaces; `keep` are the sizes still wanted. */
  dropPartials(folder: string, keep: readonly number[]): Promise<void>;
};

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

const TILE_WIDTH = 256;
/** `tile/0/000.p/17` is of any size whose last tile of that level and number has 17 rows. */
const isWanted = (level: string, width: number, sizes: readonly number[]): boolean =>
  sizes.some((size) => Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : Number(level))) % TILE_WIDTH === width);

export const createLogFolder = (root: string): LogFolder => {
  const keepFolder = createFolderKeeper();
  return {
    read: (path) => {
      try {
        return readFileSync(join(root, path));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    write: async (path, bytes) => {
      const file = join(root, path);
      await keepFolder(dirname(file));
      const unfinished = `${file}.unfinished`;
      const handle = await open(unfinished, 'w', 0o644);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(unfinished, file);
      await syncFolder(dirname(file));
    },
    dropPartials: async (folder, keep) => {
      const tiles = join(root, folder, 'tile');
      if (!existsSync(tiles)) return;
      for (const level of await readdir(tiles)) {
        for (const entry of await readdir(join(tiles, level), { withFileTypes: true, recursive: true })) {
          if (!entry.isFile() || !entry.parentPath.endsWith('.p')) continue;
          const isReplaced = existsSync(entry.parentPath.slice(0, -'.p'.length)) || !isWanted(level, Number(entry.name), keep);
          if (isReplaced) await rm(join(entry.parentPath, entry.name), { force: true });
        }
      }
    },
  };
};
