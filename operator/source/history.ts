// SPDX-License-Identifier: Apache-2.0
// Whether one commit of a branch follows another. Mostly its parents say so, and nothing is fetched; else the commits of the
// branch, without trees and files where the server can leave them out, in a repository of their own beside the mirror.
import { mkdir, rm } from 'node:fs/promises';
import { failure, failureOf } from './failure.ts';
import type { Failure } from './failure.ts';
import type { Fetched, MirrorOptions } from './mirror.ts';
import { runWatched } from './watched.ts';

export type Succession = {
  readonly fetched: Fetched;
  /** The branch's full ref name. */
  readonly refName: string;
  /** The commit that is to be among the ancestors. */
  readonly before: string;
};

export type History = { follows(succession: Succession, signal: AbortSignal): Promise<boolean | Failure> };

export const createHistory = (options: MirrorOptions): History => {
  const { git, dir, home, url, limits, secrets } = options;
  let turn: Promise<unknown> = Promise.resolve();

  const local = (args: readonly string[], signal: AbortSignal) =>
    git({ args, cwd: dir, home, protocol: 'none', outputBytes: 65_536, signal });

  const isAncestor = async (before: string, commit: string, signal: AbortSignal): Promise<boolean> =>
    // A commit that the branch does not reach is not even known here.
    (await local(['merge-base', '--is-ancestor', before, commit], signal)).exitCode === 0;

  const look = async ({ fetched, refName, before }: Succession, signal: AbortSignal): Promise<boolean | Failure> => {
    const format = fetched.commit.length === 64 ? 'sha256' : 'sha1';
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const made = await local(['init', '--bare', '--quiet', `--object-format=${format}`], signal);
    if (made.exitCode !== 0) return failureOf(made, { doing: 'making the repository of commits', secrets });
    // By the branch: not every server hands out a commit by its id. What was pushed since then has the commit behind it, or
    // has been rewritten itself.
    const args = [
      'fetch',
      '--no-tags',
      '--no-write-fetch-head',
      '--no-auto-gc',
      '--filter=tree:0',
      '--',
      url.href,
      `+${refName}:refs/writ/branch`,
    ];
    const run = await runWatched({ git, home, url, clock: options.clock, maxBytes: limits.mirrorBytes }, { dir, args, signal });
    if (run === 'too large') {
      await rm(dir, { recursive: true, force: true });
      return failure('SOURCE_REPOSITORY_TOO_LARGE', `the commits of the branch take more than ${limits.mirrorBytes} bytes`);
    }
    if (run.exitCode !== 0) return failureOf(run, { doing: 'fetching the commits of the branch', secrets });
    return isAncestor(before, fetched.commit, signal);
  };

  return {
    follows: async (succession, signal) => {
      const { fetched, before } = succession;
      if (fetched.commit === before || fetched.facts.parents.includes(before)) return true;
      if (fetched.commit.length !== before.length) return false;
      const mine = turn.then(() => look(succession, signal));
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
};
