// SPDX-License-Identifier: Apache-2.0
// A run of git that writes into a repository of ours, ended when that grows over its bound: not every server can filter what
// it sends, and none is trusted to.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../process/clock.ts';
import type { Git, GitRun } from './git.ts';
import type { SourceUrl } from './url.ts';

export type WatchedOptions = {
  readonly git: Git;
  readonly home: string;
  readonly url: SourceUrl;
  readonly clock: Clock;
  /** What the packs of one repository may take on disk. */
  readonly maxBytes: number;
};

export type WatchedRun = {
  /** The repository. */
  readonly dir: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
};

const WATCH_MS = 200;

const bytesIn = async (dir: string): Promise<number> => {
  const names = await readdir(dir).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(dir, name)).then(
        (entry) => entry.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};

export const runWatched = async (options: WatchedOptions, { dir, args, signal }: WatchedRun): Promise<GitRun | 'too large'> => {
  const pack = join(dir, 'objects', 'pack');
  const growth = new AbortController();
  let done = false;
  let cancel = (): void => {};
  const watch = (): void => {
    cancel = options.clock.schedule(WATCH_MS, () => {
      void bytesIn(pack).then((bytes) => {
        if (bytes > options.maxBytes) growth.abort();
        else if (!done) watch();
      });
    });
  };
  watch();
  const run = await options.git({
    args,
    cwd: dir,
    home: options.home,
    protocol: options.url.scheme,
    outputBytes: 1_048_576,
    signal: AbortSignal.any([signal, growth.signal]),
  });
  done = true;
  cancel();
  return growth.signal.aborted || (run.exitCode === 0 && (await bytesIn(pack)) > options.maxBytes) ? 'too large' : run;
};
