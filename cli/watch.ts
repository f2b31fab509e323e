// SPDX-License-Identifier: Apache-2.0
// Runs work again whenever one of the files changes that it read.
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../process/clock.ts';

/** An editor writes a file in several steps; they are one change. */
const QUIET_MS = 80;

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

export type Repeated = {
  /** Looked at from before the first run on, so that no change is missed. */
  readonly paths: readonly string[];
  /** Gives what else to look at, now that it was read. */
  readonly work: () => Iterable<string>;
  readonly signal: AbortSignal;
};

/** Until the signal. */
export const repeatOnChange = async ({ paths, work, signal }: Repeated, clock: Clock): Promise<void> => {
  const watchers = new Map<string, FSWatcher>();
  let cancel: (() => void) | undefined;
  const again = (): void => {
    cancel?.();
    cancel = clock.schedule(QUIET_MS, run);
  };
  const look = (path: string): void => {
    const folder = isFolder(path) ? path : dirname(path);
    if (watchers.has(folder)) return;
    try {
      watchers.set(folder, watch(folder, { recursive: isFolder(path) }, again));
    } catch {
      // A folder that is not there is told by the work itself.
    }
  };
  const run = (): void => {
    for (const path of work()) look(path);
  };
  paths.forEach(look);
  run();
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  cancel?.();
  for (const watcher of watchers.values()) watcher.close();
};
