// SPDX-License-Identifier: Apache-2.0
// Runs work again whenever one of the files changes that it read.
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../process/clock.ts';

/** An editor writes a file in several steps; they are one change. */
const QUIET_MS = 80;

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Never resolves: a person ends it with Ctrl-C. `work` gives the files and folders to look at until the next run. */
export const repeatOnChange = async (work: () => Iterable<string>, clock: Clock): Promise<never> => {
  const watchers = new Map<string, FSWatcher>();
  let cancel: (() => void) | undefined;
  const again = (): void => {
    cancel?.();
    cancel = clock.schedule(QUIET_MS, run);
  };
  const run = (): void => {
    for (const path of work()) {
      const folder = isFolder(path) ? path : dirname(path);
      if (watchers.has(folder)) continue;
      try {
        watchers.set(folder, watch(folder, { recursive: isFolder(path) }, again));
      } catch {
        // A folder that is not there is told by the work itself.
      }
    }
  };
  run();
  return new Promise<never>(() => {});
};
