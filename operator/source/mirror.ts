// SPDX-License-Identifier: Apache-2.0
// The bare mirror of one remote for one credential: one commit deep, without large blobs, never a work tree, so there is
// nothing to check out, follow or execute. It is disposable: when it grew too large or old it is made anew, and the one
// before is kept so long that whoever still reads from it can finish.
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../process/clock.ts';
import { failure, failureOf } from './failure.ts';
import type { Failure } from './failure.ts';
import type { Git, GitRun } from './git.ts';
import type { SourceLimits } from './limits.ts';
import { createStore, readCommit } from './store.ts';
import type { CommitFacts, ObjectStore } from './store.ts';
import type { SourceUrl } from './url.ts';
import { runWatched } from './watched.ts';

export type MirrorOptions = {
  readonly git: Git;
  /** A folder of its own. */
  readonly dir: string;
  readonly home: string;
  readonly url: SourceUrl;
  readonly secrets: readonly string[];
  readonly limits: SourceLimits;
  readonly clock: Clock;
};

export type Wanted = {
  /** The ref to fetch; undefined where only the commit is known. */
  readonly refName: string | undefined;
  /** The commit that the ref stood for when it was listed. */
  readonly commit: string;
  /** Whether exactly this commit is meant, even if the ref has moved on. */
  readonly exact: boolean;
};

export type Fetched = {
  readonly kind: 'fetched';
  readonly commit: string;
  readonly facts: CommitFacts;
  readonly store: ObjectStore;
};

export type Mirror = { fetch(wanted: Wanted, signal: AbortSignal): Promise<Fetched | Failure> };

type Generation = {
  readonly dir: string;
  readonly store: ObjectStore;
  readonly format: 'sha1' | 'sha256';
  fetches: number;
};

// What a killed or starved git leaves behind; nothing of ours runs while the mirror's turn is held.
const sweep = async (dir: string): Promise<void> => {
  const pack = join(dir, 'objects', 'pack');
  const partial = (await readdir(pack).catch(() => [])).filter((name) => name.startsWith('tmp_') || name.startsWith('.tmp'));
  const locks = (await readdir(dir, { recursive: true }).catch(() => [])).filter((name) => name.endsWith('.lock'));
  await Promise.all(
    [...partial.map((name) => join(pack, name)), ...locks.map((name) => join(dir, name))].map((path) => rm(path, { force: true })),
  );
};

const localRef = (name: string): string => `refs/writ/${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
const refusedById = (stderr: string): boolean =>
  /not our ref|unadvertised object|no such remote ref|couldn't find remote ref/i.test(stderr);

export const createMirror = (options: MirrorOptions): Mirror => {
  const { git, home, url, limits } = options;
  let turn: Promise<unknown> = Promise.resolve();
  let made = 0;
  let current: Generation | undefined;
  let previous: Generation | undefined;

  const local = (args: readonly string[], cwd: string, signal: AbortSignal): Promise<GitRun> =>
    git({ args, cwd, home, protocol: 'none', outputBytes: 65_536, signal });

  const renew = async (commit: string, signal: AbortSignal): Promise<Generation | Failure> => {
    const format = commit.length === 64 ? 'sha256' : 'sha1';
    const dir = join(options.dir, `mirror-${(made += 1)}`);
    const readerDir = join(dir, 'reader');
    await mkdir(readerDir, { recursive: true, mode: 0o700 });
    for (const cwd of [dir, readerDir]) {
      const run = await local(['init', '--bare', '--quiet', `--object-format=${format}`], cwd, signal);
      if (run.exitCode !== 0) return failureOf(run, { doing: 'making the mirror', secrets: options.secrets });
    }
    if (previous !== undefined) await rm(previous.dir, { recursive: true, force: true });
    previous = current;
    current = { dir, format, fetches: 0, store: createStore({ git, home, readerDir, objectsDir: join(dir, 'objects') }) };
    return current;
  };

  const watched = async (generation: Generation, args: readonly string[], signal: AbortSignal): Promise<GitRun | 'too large'> => {
    const bounds = { git, home, url, clock: options.clock, maxBytes: limits.mirrorBytes };
    const run = await runWatched(bounds, { dir: generation.dir, args, signal });
    generation.fetches += 1;
    if (run === 'too large') return run;
    if (run.exitCode !== 0) await sweep(generation.dir);
    return run;
  };

  const fetchArgs = (depth: readonly string[], refspec: string): readonly string[] => [
    'fetch',
    ...depth,
    '--no-tags',
    '--no-write-fetch-head',
    '--no-auto-gc',
    `--filter=blob:limit=${limits.fileBytes + 1}`,
    '--',
    url.href,
    refspec,
  ];

  const resolve = async (generation: Generation, name: string, signal: AbortSignal): Promise<string | undefined> => {
    const run = await local(['rev-parse', '--verify', '--quiet', `${name}^{commit}`], generation.dir, signal);
    return run.exitCode === 0 ? run.stdout.toString('latin1').trim() : undefined;
  };

  const tooLarge = (): Failure =>
    failure('SOURCE_REPOSITORY_TOO_LARGE', `one commit of the repository takes more than ${limits.mirrorBytes} bytes`);
  const about = (doing: string): { doing: string; secrets: readonly string[] } => ({ doing, secrets: options.secrets });

  // A server that does not hand out commits by id still has them behind its branches.
  const fetchBehindBranches = async (generation: Generation, wanted: Wanted, signal: AbortSignal): Promise<string | Failure> => {
    const refspec = wanted.refName === undefined ? '+refs/heads/*:refs/writ/heads/*' : `+${wanted.refName}:${localRef(wanted.refName)}`;
    const depth = (await stat(join(generation.dir, 'shallow')).catch(() => undefined)) === undefined ? [] : ['--unshallow'];
    const run = await watched(generation, fetchArgs(depth, refspec), signal);
    if (run === 'too large') return tooLarge();
    if (run.exitCode !== 0) return failureOf(run, about('fetching'));
    return (
      (await resolve(generation, wanted.commit, signal)) ??
      failure('SOURCE_REF_NOT_FOUND', `the remote has no commit ${wanted.commit}`, { path: 'spec.ref.commit' })
    );
  };

  const fetchInto = async (generation: Generation, wanted: Wanted, signal: AbortSignal): Promise<string | Failure> => {
    const name = wanted.exact || wanted.refName === undefined ? wanted.commit : wanted.refName;
    const run = await watched(generation, fetchArgs(['--depth=1'], `+${name}:${localRef(name)}`), signal);
    if (run === 'too large') return tooLarge();
    if (run.exitCode === 0)
      return (
        (await resolve(generation, localRef(name), signal)) ??
        failure('SOURCE_REF_NOT_FOUND', 'the ref does not name a commit', { path: 'spec.ref' })
      );
    if (name === wanted.commit && refusedById(run.stderr)) return fetchBehindBranches(generation, wanted, signal);
    return failureOf(run, about('fetching'));
  };

  const finish = async (generation: Generation, commit: string, signal: AbortSignal): Promise<Fetched | Failure> => {
    const facts = await readCommit(generation.store, commit, signal);
    if (facts === undefined) return failure('SOURCE_FAILED', 'the mirror lost the commit', { transient: true });
    return 'kind' in facts ? facts : { kind: 'fetched', commit, facts, store: generation.store };
  };

  const attempt = async (wanted: Wanted, signal: AbortSignal): Promise<Fetched | Failure> => {
    const held =
      current !== undefined &&
      current.format === (wanted.commit.length === 64 ? 'sha256' : 'sha1') &&
      current.fetches < limits.fetchesPerMirror;
    const generation = held && current !== undefined ? current : await renew(wanted.commit, signal);
    if ('kind' in generation) return generation;
    const facts = generation.fetches === 0 ? undefined : await readCommit(generation.store, wanted.commit, signal);
    if (facts !== undefined) return finish(generation, wanted.commit, signal);
    const wasEmpty = generation.fetches === 0;
    const commit = await fetchInto(generation, wanted, signal);
    if (typeof commit === 'string') return finish(generation, commit, signal);
    if (commit.problem.code !== 'SOURCE_REPOSITORY_TOO_LARGE') return commit;
    current = undefined;
    await rm(generation.dir, { recursive: true, force: true });
    // What fills the mirror may be the packs of earlier commits: that is judged on an empty one.
    return wasEmpty ? commit : attempt(wanted, signal);
  };

  return {
    fetch: (wanted, signal) => {
      const mine = turn.then(() => attempt(wanted, signal));
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
};
