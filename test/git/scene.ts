// SPDX-License-Identifier: Apache-2.0
// What most tests of remotes need: a folder, a repository, a server and the sources under test, all gone afterwards.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createSources } from '../../operator/source/index.ts';
import type { FetchRequest, FetchResult, Sources, SourcesOptions } from '../../operator/source/index.ts';
import type { Snapshot } from '../../operator/source/snapshot.ts';
import { systemClock } from '../../process/clock.ts';
import { createRepository } from './repository.ts';
import type { Repository } from './repository.ts';
import { startGitServer } from './server.ts';
import type { GitServer, GitServerOptions } from './server.ts';

export type Scene = {
  readonly root: string;
  readonly repository: Repository;
  readonly server: GitServer;
  readonly url: string;
  readonly sources: Sources;
  /** Fetches `main` of the repository unless told otherwise. */
  readonly fetch: (request?: Partial<FetchRequest>, signal?: AbortSignal) => Promise<FetchResult>;
};

export type SceneOptions = {
  readonly server?: Omit<GitServerOptions, 'root'>;
  readonly sources?: Partial<SourcesOptions>;
  readonly allowFilter?: boolean;
};

export const forever = (): AbortSignal => new AbortController().signal;

export const openScene = async (t: TestContext, options: SceneOptions = {}): Promise<Scene> => {
  const root = await mkdtemp(join(tmpdir(), 'writ-scene-'));
  const repository = await createRepository(root, { allowFilter: options.allowFilter ?? true });
  const server = await startGitServer({ root, ...options.server });
  const sources = createSources({
    cacheDir: join(root, 'cache'),
    allowFileUrls: true,
    allowPlainHttp: true,
    clock: systemClock,
    ...options.sources,
    limits: { shareMs: 0, ...options.sources?.limits },
  });
  t.after(async () => {
    await sources.close();
    await server.close();
    await rm(root, { recursive: true, force: true });
  });
  const url = `${server.url}/policies.git`;
  const request: FetchRequest = { url, ref: { branch: 'main' }, credentials: {}, timeoutMs: 60_000 };
  return {
    root,
    repository,
    server,
    url,
    sources,
    fetch: (changes, signal) => sources.fetch({ ...request, ...changes }, signal ?? forever()),
  };
};

/** The snapshot of a fetch that brought one; fails with what it brought instead. */
export const snapshotOf = (result: FetchResult): Snapshot => {
  if (result.kind !== 'changed') throw new Error(`expected a snapshot, got ${JSON.stringify(result)}`);
  return result.snapshot;
};

/** The code of a refusal, or what came instead. */
export const codeOf = (result: FetchResult): string => (result.kind === 'problem' ? result.problem.code : result.kind);

export const textsOf = async (snapshot: Snapshot): Promise<Record<string, string>> => {
  const read = await snapshot.read(
    snapshot.files().map((file) => file.path),
    forever(),
  );
  if (!read.ok) throw new Error(read.problem.message);
  return Object.fromEntries(read.files.map((file) => [file.path, Buffer.from(file.bytes).toString('utf8')]));
};
