// SPDX-License-Identifier: Apache-2.0
// A folder and those above it, one at a time. Node's own way of doing that never ends below a folder that answers ENOENT to every
// new name, as /proc does.
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const found = (path: string): ReturnType<typeof statSync> => statSync(path, { throwIfNoEntry: false });

/** Does nothing where it is there. Throws as `mkdirSync` does. */
export const makeFolder = (path: string): void => {
  const missing: string[] = [];
  for (let at = resolve(path); found(at) === undefined && dirname(at) !== at; at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder);
    } catch (error) {
      // Somebody else may have been as quick.
      if (found(folder)?.isDirectory() !== true) throw error;
    }
  }
};
