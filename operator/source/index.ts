// SPDX-License-Identifier: Apache-2.0
/**
 * Git remotes as the operator sees them: a request (URL, ref, path, credential) becomes the tree of one commit, "nothing
 * new", or a coded problem.
 *
 * In: what a GitSource's spec says and the Secret it names. Out: `FetchResult`; names first, bytes on demand, nothing
 * parsed and nothing trusted: seals are the business of `operator/manifest`. The remote is hostile by assumption: URLs
 * pass an allow-list before a process starts, git runs without configuration, prompts, hooks or work tree, everything is
 * bounded in time, bytes, files and disk, and credentials live in files of a private folder. Mirrors are disposable: the
 * folder belongs to this process and is made anew after a restart.
 *
 * `operator/controllers` imports this; git itself is run in `git.ts` alone.
 */
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { createBlobCache } from './blobs.ts';
import { checkCredentials } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import { failure, failureOfError } from './failure.ts';
import type { Failure } from './failure.ts';
import { createGit } from './git.ts';
import { folderOf, ignoreMatcher } from './ignore.ts';
import { defaultSourceLimits } from './limits.ts';
import type { SourceLimits } from './limits.ts';
import type { Fetched } from './mirror.ts';
import { checkRef, chooseRef, needsEveryRef, revisionOf } from './ref.ts';
import type { ChosenRef, GitRef } from './ref.ts';
import { createRemotes } from './remotes.ts';
import type { Remote } from './remotes.ts';
import { shown } from './shown.ts';
import { openSnapshot } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';
import { listTree } from './tree.ts';
import { parseSourceUrl } from './url.ts';
import type { SourceUrl } from './url.ts';

export type FetchRequest = {
  readonly url: string;
  readonly ref: GitRef;
  /** A folder of the repository, `./` by default. */
  readonly path?: string | undefined;
  /** Lines in gitignore syntax, relative to `path`. */
  readonly ignore?: string | undefined;
  readonly credentials: Credentials;
  readonly timeoutMs: number;
  /** The commit that the caller holds; the same one again is answered with `unchanged`. */
  readonly knownCommit?: string | undefined;
  /** What a branch stood at before: its commit has to be among the ancestors of the new one. Any commit will do without it. */
  readonly follows?: { readonly label: string; readonly commit: string } | undefined;
  /** Epoch ms of the push that asks for this: a list of refs begun before is not used, however fresh. */
  readonly since?: number | undefined;
  /** Accept a tree without files under `path` (`spec.prune.allowEmpty`). */
  readonly allowEmpty?: boolean | undefined;
};

export type FetchResult =
  | { readonly kind: 'unchanged'; readonly commit: string; readonly revision: string }
  | { readonly kind: 'changed'; readonly snapshot: Snapshot }
  | Failure;

export type Sources = {
  /** Total on data: throws only for bugs. An abort is answered with a transient problem. */
  fetch(request: FetchRequest, signal: AbortSignal): Promise<FetchResult>;
  /** Ends what runs and removes mirrors and credential files. */
  close(): Promise<void>;
};

export type SourcesOptions = {
  /** A folder for mirrors; this process makes a folder of its own in it. */
  readonly cacheDir: string;
  readonly allowFileUrls: boolean;
  /** Unencrypted HTTP, for a demonstration on one machine. */
  readonly allowPlainHttp?: boolean;
  readonly clock: Clock;
  readonly limits?: Partial<SourceLimits>;
  /** Where git and ssh are looked for; PATH of this process by default. */
  readonly programPath?: string;
};

type Checked = { readonly url: SourceUrl; readonly folder: string; readonly ignored: (path: string) => boolean };

const refused = (problem: Problem): Failure => ({ kind: 'problem', problem, transient: false });

const check = (request: FetchRequest, options: SourcesOptions): Checked | Failure => {
  const url = parseSourceUrl(request.url, { allowFileUrls: options.allowFileUrls, allowPlainHttp: options.allowPlainHttp ?? false });
  if (!url.ok) return refused(url.problem);
  const ref = checkRef(request.ref);
  if (ref !== undefined) return refused(ref);
  const credentials = checkCredentials(url.value, request.credentials);
  if (!credentials.ok) return refused(credentials.problem);
  const folder = folderOf(request.path);
  if (!folder.ok) return refused(folder.problem);
  const ignored = ignoreMatcher(request.ignore);
  return ignored.ok ? { url: url.value, folder: folder.value, ignored: ignored.value } : refused(ignored.problem);
};

/** Sources over the mirrors of one folder. Nothing is touched before the first fetch. */
export const createSources = (options: SourcesOptions): Sources => {
  const limits = { ...defaultSourceLimits, ...options.limits };
  const git = createGit({ path: options.programPath ?? process.env['PATH'] ?? '/usr/bin:/bin' });
  const remotes = createRemotes({ git, cacheDir: options.cacheDir, limits, clock: options.clock });
  const blobs = createBlobCache(limits.blobCacheBytes);
  const closing = new AbortController();

  const choose = async (remote: Remote, request: FetchRequest, signal: AbortSignal): Promise<ChosenRef | Failure> => {
    if (request.ref.commit !== undefined) {
      const chosen = chooseRef({ refs: new Map(), head: undefined }, request.ref);
      return chosen.ok ? chosen.value : refused(chosen.problem);
    }
    const listing = await remote.list({ every: needsEveryRef(request.ref), since: request.since, signal });
    if (listing === undefined) return failure('SOURCE_CANCELLED', 'listing the refs of the remote was ended', { transient: true });
    if (listing.kind === 'problem') return listing;
    const chosen = chooseRef(listing, request.ref);
    return chosen.ok ? chosen.value : refused(chosen.problem);
  };

  const open = async (
    found: { readonly remote: Remote; readonly checked: Checked; readonly chosen: ChosenRef; readonly fetched: Fetched },
    request: FetchRequest,
    signal: AbortSignal,
  ): Promise<FetchResult> => {
    const { remote, checked, chosen, fetched } = found;
    const files = await listTree(fetched.store, {
      commit: fetched.commit,
      folder: checked.folder,
      ignored: checked.ignored,
      limits,
      signal,
    });
    if ('kind' in files) return files;
    if (files.length === 0 && request.allowEmpty !== true)
      return failure('SOURCE_TREE_EMPTY', 'the commit has no file there that is not ignored', { path: 'spec.path' });
    const { commit, facts, store } = fetched;
    const revision = revisionOf(chosen.label, commit);
    return {
      kind: 'changed',
      snapshot: openSnapshot({ commit, revision, committedAt: facts.committedAt, files, store, blobs, scope: remote.id, limits }),
    };
  };

  /** Branches only: a tag or a commit is chosen by whoever names it. */
  const checkHistory = async (
    { remote, chosen, fetched }: { readonly remote: Remote; readonly chosen: ChosenRef; readonly fetched: Fetched },
    { ref, follows }: FetchRequest,
    signal: AbortSignal,
  ): Promise<Failure | undefined> => {
    const { refName, label } = chosen;
    if (follows === undefined || ref.commit !== undefined) return undefined;
    if (refName?.startsWith('refs/heads/') !== true || label !== follows.label) return undefined;
    const followed = await remote.history.follows({ fetched, refName, before: follows.commit }, signal);
    if (typeof followed !== 'boolean') return followed;
    const message = `commit ${fetched.commit} of ${shown(label)} does not follow ${follows.commit}, which was applied before`;
    return followed ? undefined : failure('SOURCE_HISTORY_REWRITTEN', message, { path: 'spec.history' });
  };

  const run = async (request: FetchRequest, checked: Checked, signal: AbortSignal): Promise<FetchResult> => {
    const remote = await remotes.get(checked.url, request.credentials);
    const chosen = await choose(remote, request, signal);
    if ('kind' in chosen) return chosen;
    if (chosen.commit === request.knownCommit)
      return { kind: 'unchanged', commit: chosen.commit, revision: revisionOf(chosen.label, chosen.commit) };
    const fetched = await remote.mirror.fetch(
      { refName: chosen.refName, commit: chosen.commit, exact: request.ref.commit !== undefined },
      signal,
    );
    if (fetched.kind === 'problem') return fetched;
    const rewritten = await checkHistory({ remote, chosen, fetched }, request, signal);
    return rewritten ?? open({ remote, checked, chosen, fetched }, request, signal);
  };

  const running = new Set<Promise<FetchResult>>();
  const fetch = async (request: FetchRequest, signal: AbortSignal): Promise<FetchResult> => {
    const checked = check(request, options);
    if ('kind' in checked) return checked;
    const deadline = new AbortController();
    const cancel = options.clock.schedule(request.timeoutMs, () => deadline.abort());
    try {
      const result = await run(request, checked, AbortSignal.any([signal, deadline.signal, closing.signal]));
      const timedOut = result.kind === 'problem' && result.problem.code === 'SOURCE_CANCELLED' && deadline.signal.aborted;
      return timedOut
        ? failure('SOURCE_TIMEOUT', `the remote did not answer within ${request.timeoutMs / 1000} s`, { transient: true })
        : result;
    } catch (error) {
      return failureOfError(error);
    } finally {
      cancel();
    }
  };

  return {
    fetch: (request, signal) => {
      const result = fetch(request, signal);
      running.add(result);
      const finished = (): boolean => running.delete(result);
      result.then(finished, finished);
      return result;
    },
    close: async () => {
      closing.abort();
      await Promise.allSettled(running);
      await remotes.close();
    },
  };
};
