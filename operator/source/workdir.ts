// SPDX-License-Identifier: Apache-2.0
// The folder of this process under `cacheDir`. Mirrors need not outlive the process, so what a crash left is removed by
// the next start rather than trusted.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const OURS = /^writ-git-(\d+)-/;
// In a container every start has the same process id, so an id alone does not tell whether a folder is in use.
const inUse = new Set<string>();

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/** Makes the folder (0700) and removes those of processes that are gone. */
export const makeWorkdir = async (cacheDir: string): Promise<string> => {
  await mkdir(cacheDir, { recursive: true });
  const left = (await readdir(cacheDir)).filter((name) => {
    const pid = Number(OURS.exec(name)?.[1] ?? NaN);
    return !Number.isNaN(pid) && !inUse.has(join(cacheDir, name)) && (pid === process.pid || !isAlive(pid));
  });
  await Promise.all(left.map((name) => rm(join(cacheDir, name), { recursive: true, force: true })));
  const dir = await mkdtemp(join(cacheDir, `writ-git-${process.pid}-`));
  inUse.add(dir);
  return dir;
};

export const removeWorkdir = async (dir: string): Promise<void> => {
  await rm(dir, { recursive: true, force: true });
  inUse.delete(dir);
};
