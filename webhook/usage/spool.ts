// SPDX-License-Identifier: Apache-2.0
// Events that the ledger has not acknowledged yet, a file for each batch: written whole, then renamed, then taken away when a 2xx says
// that they are on the other disk. What an earlier process left behind is sent by the next one, under its own names. One that is refused
// is set aside under another name, out of the way of those after it.
import { open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFolderKeeper, syncFolder } from '../../process/kept-folder.ts';

export type Spool = {
  /** On disk when it resolves. */
  put(batch: string): Promise<void>;
  /** What the next process sends where this one does not come to its end, instead of what was left before; nothing takes that away. */
  leave(batches: readonly string[]): Promise<void>;
  /** The oldest that waits. */
  first(): Promise<{ readonly name: string; readonly batch: string } | undefined>;
  /** Of one that waits. */
  setAside(name: string): Promise<void>;
  /** Names of those that are set aside, oldest first. */
  aside(): readonly string[];
  /** Undefined where somebody took it away. */
  readAside(name: string): Promise<string | undefined>;
  remove(name: string): Promise<void>;
  readonly waiting: number;
};

const BATCH = /^\d{16}-(?:left-)?\d{6,}\.json$/;
const ASIDE = /^\d{16}-(?:left-)?\d{6,}\.json\.refused$/;
const BOOT_LENGTH = 16;

/** Of one process the shorter name is the earlier one: numbers grow beyond their six digits, and what was left comes after all of them. */
const earlier = (a: string, b: string): number => {
  const [bootA, bootB] = [a.slice(0, BOOT_LENGTH), b.slice(0, BOOT_LENGTH)];
  if (bootA !== bootB) return bootA < bootB ? -1 : 1;
  return a.length - b.length || (a < b ? -1 : 1);
};

/** `bootMs` orders the files of processes that followed each other. */
export const openSpool = async (folder: string, bootMs: number): Promise<Spool> => {
  await createFolderKeeper()(folder);
  const found = await readdir(folder);
  const names = found.filter((name) => BATCH.test(name)).toSorted(earlier);
  const aside = found.filter((name) => ASIDE.test(name)).toSorted(earlier);
  let next = 0;
  let left = 0;
  const boot = String(bootMs).padStart(BOOT_LENGTH, '0');
  const nameOf = (number: number): string => `${boot}-${String(number).padStart(6, '0')}.json`;
  /** Of no batch that is put, whatever its number. */
  const leftName = (index: number): string => `${boot}-left-${String(index).padStart(6, '0')}.json`;
  const forget = (name: string): void => {
    for (const list of [names, aside]) {
      const index = list.indexOf(name);
      if (index >= 0) list.splice(index, 1);
    }
  };
  return {
    put: async (batch) => {
      next += 1;
      const name = nameOf(next);
      const part = join(folder, `${name}.part`);
      const handle = await open(part, 'w', 0o600);
      await handle.writeFile(batch);
      await handle.sync();
      await handle.close();
      await rename(part, join(folder, name));
      await syncFolder(folder);
      names.push(name);
    },
    leave: async (batches) => {
      // It is for a process that is killed, not for a machine that is: what the disk does can wait.
      for (const [index, batch] of batches.entries()) {
        const name = join(folder, leftName(index));
        await writeFile(`${name}.part`, batch, { mode: 0o600 });
        await rename(`${name}.part`, name);
      }
      for (let index = batches.length; index < left; index += 1) await rm(join(folder, leftName(index)), { force: true });
      left = batches.length;
    },
    first: async () => {
      const [name] = names;
      return name === undefined ? undefined : { name, batch: await readFile(join(folder, name), 'utf8') };
    },
    setAside: async (name) => {
      await rename(join(folder, name), join(folder, `${name}.refused`));
      forget(name);
      aside.push(`${name}.refused`);
    },
    aside: () => [...aside],
    readAside: async (name) => {
      try {
        return await readFile(join(folder, name), 'utf8');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    remove: async (name) => {
      await rm(join(folder, name), { force: true });
      forget(name);
    },
    get waiting() {
      return names.length;
    },
  };
};
