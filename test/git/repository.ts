// SPDX-License-Identifier: Apache-2.0
// A bare repository to serve, and a second one beside it in which commits are made and pushed from. No work tree: files go
// in by `git fast-import`, so that links, submodules and 100,000 files cost the same as one.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runGit } from './run-git.ts';

export type Content = string | Uint8Array | { readonly link: string } | { readonly submodule: string } | null;

export type CommitOptions = {
  /** `main` by default. */
  readonly branch?: string;
  /** Begin a history of its own instead of going on from the branch. */
  readonly root?: boolean;
  /** Go on from this commit instead of the branch. */
  readonly from?: string;
};

export type Repository = {
  /** The bare repository that servers serve. */
  readonly dir: string;
  /** Commits and returns the id; null removes a file. Nothing is visible before `push`. */
  commit(files: Readonly<Record<string, Content>>, options?: CommitOptions): Promise<string>;
  /** Pushes refspecs (`main` by default) with the real git. */
  push(refspecs?: readonly string[], options?: { readonly force?: boolean; readonly url?: string }): Promise<void>;
  /** `commit`, then `push` of its branch. */
  publish(files: Readonly<Record<string, Content>>, options?: CommitOptions & { readonly force?: boolean }): Promise<string>;
  /** Any git command where commits are made. */
  git(args: readonly string[], input?: string | Uint8Array): Promise<string>;
};

const quotedPath = (path: string): string => `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;

const change = (path: string, content: Content): readonly (string | Uint8Array)[] => {
  if (content === null) return [`D ${quotedPath(path)}\n`];
  if (typeof content === 'object' && 'submodule' in content) return [`M 160000 ${content.submodule} ${quotedPath(path)}\n`];
  const isLink = typeof content === 'object' && 'link' in content;
  const bytes = Buffer.from(isLink ? content.link : content);
  return [`M ${isLink ? '120000' : '100644'} inline ${quotedPath(path)}\ndata ${bytes.length}\n`, bytes, '\n'];
};

let seconds = Math.floor(Date.UTC(2026, 0, 1) / 1000);

export const createRepository = async (
  root: string,
  options: { readonly name?: string; readonly allowFilter?: boolean } = {},
): Promise<Repository> => {
  const dir = join(root, `${options.name ?? 'policies'}.git`);
  const work = join(root, `${options.name ?? 'policies'}-work.git`);
  for (const path of [dir, work]) {
    await mkdir(path, { recursive: true });
    await runGit(['init', '--quiet', '--bare', '--initial-branch=main'], { cwd: path });
    // Large files in tests are noise: trying to compress them only takes time.
    await runGit(['config', 'core.compression', '0'], { cwd: path });
  }
  await runGit(['config', 'uploadpack.allowFilter', String(options.allowFilter ?? true)], { cwd: dir });
  await runGit(['config', 'http.receivepack', 'true'], { cwd: dir });

  const commit: Repository['commit'] = async (files, { branch = 'main', root: isRoot = false, from } = {}) => {
    const base = from ?? (await runGit(['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`], { cwd: work }).catch(() => '')).trim();
    const parts: (string | Uint8Array)[] = [
      `commit refs/heads/${branch}\ncommitter Ada <ada@example.com> ${(seconds += 1)} +0000\ndata 1\nx\n`,
      isRoot || base === '' ? '' : `from ${base}\n`,
      ...Object.entries(files).flatMap(([path, content]) => change(path, content)),
      '\n',
    ];
    if (isRoot) await runGit(['update-ref', '-d', `refs/heads/${branch}`], { cwd: work });
    await runGit(['fast-import', '--quiet', '--force'], { cwd: work, input: Buffer.concat(parts.map((part) => Buffer.from(part))) });
    return (await runGit(['rev-parse', `refs/heads/${branch}`], { cwd: work })).trim();
  };

  const push: Repository['push'] = async (refspecs = ['main'], { force = false, url = dir } = {}) => {
    await runGit(['push', '--quiet', ...(force ? ['--force'] : []), url, ...refspecs], { cwd: work });
  };

  return {
    dir,
    commit,
    push,
    publish: async (files, publishing = {}) => {
      const id = await commit(files, publishing);
      await push([publishing.branch ?? 'main'], { force: publishing.force ?? false });
      return id;
    },
    git: (args, input) => runGit(args, { cwd: work, ...(input === undefined ? {} : { input }) }),
  };
};
