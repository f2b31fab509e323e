// SPDX-License-Identifier: Apache-2.0
// A folder that belongs to this process. Its name carries host and pid, so that the next run can tell a folder whose
// owner crashed from one in use, and remove it.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { readlinkSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

// A pid means something only on its host and in its namespace, and containers may share /tmp.
const pidNamespace = (): string => {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return ''; // not Linux
  }
};
// Short, because a Unix socket's path inside must stay below 104 bytes.
const host = createHash('sha256').update(`${hostname()} ${pidNamespace()}`).digest('hex').slice(0, 6);
const NAME = new RegExp(String.raw`^writ-${host}-(\d+)-`);

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });

const sweep = async (root: string): Promise<void> => {
  for (const name of await readdir(root)) {
    const owner = NAME.exec(name)?.[1];
    // Another process may sweep at the same time, and a folder of another user cannot be removed: both are fine.
    if (owner !== undefined && !isAlive(Number(owner))) await remove(join(root, name)).catch(() => undefined);
  }
};

export type TemporaryFolder = { readonly path: string; readonly remove: () => Promise<void>; readonly removeNow: () => void };

export const temporaryFolder = async (): Promise<TemporaryFolder> => {
  const root = tmpdir();
  await sweep(root);
  const path = await mkdtemp(join(root, `writ-${host}-${process.pid}-`));
  return {
    path,
    remove: () => remove(path),
    removeNow: () => rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 }),
  };
};
