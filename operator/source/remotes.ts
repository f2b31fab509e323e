// SPDX-License-Identifier: Apache-2.0
// The remotes in use: one listing, one mirror and one private folder for each pair of URL and credential. Tenants that
// name the same repository with different credentials share nothing, so neither reads by the other's right.
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../process/clock.ts';
import { fingerprint, secretsOf, writeCredentialHome } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import type { Git } from './git.ts';
import { createHistory } from './history.ts';
import type { History } from './history.ts';
import type { SourceLimits } from './limits.ts';
import { createMirror } from './mirror.ts';
import type { Mirror } from './mirror.ts';
import { createLister } from './remote.ts';
import type { SourceUrl } from './url.ts';
import { makeWorkdir, removeWorkdir } from './workdir.ts';

export type Remote = {
  readonly id: string;
  readonly list: ReturnType<typeof createLister>;
  readonly mirror: Mirror;
  readonly history: History;
};

export type Remotes = {
  get(url: SourceUrl, credentials: Credentials): Promise<Remote>;
  close(): Promise<void>;
};

export type RemotesOptions = { readonly git: Git; readonly cacheDir: string; readonly limits: SourceLimits; readonly clock: Clock };

type Held = { readonly remote: Promise<Remote>; readonly dir: string; usedMs: number };

export const createRemotes = (options: RemotesOptions): Remotes => {
  const { git, limits, clock } = options;
  // Folder names tell nothing about a secret to someone who sees the disk: the key lives in memory only.
  const key = randomBytes(32);
  const held = new Map<string, Held>();
  let workdir: Promise<string> | undefined;

  const make = async (
    id: string,
    parts: { readonly dir: string; readonly url: SourceUrl; readonly credentials: Credentials },
  ): Promise<Remote> => {
    const { dir, url } = parts;
    const home = join(dir, 'home');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeCredentialHome(home, url, parts.credentials);
    const shared = { git, home, url, clock, secrets: secretsOf(parts.credentials) };
    return {
      id,
      list: createLister({ ...shared, cwd: dir, shareMs: limits.shareMs, outputBytes: limits.listingBytes }),
      mirror: createMirror({ ...shared, dir, limits }),
      history: createHistory({ ...shared, dir: join(dir, 'history'), limits }),
    };
  };

  const dropIdle = async (): Promise<void> => {
    const idle = [...held].filter(([, entry]) => clock.monotonicMs() - entry.usedMs > limits.idleMs);
    for (const [id] of idle) held.delete(id);
    await Promise.all(idle.map(([, entry]) => rm(entry.dir, { recursive: true, force: true })));
  };

  return {
    get: async (url, credentials) => {
      workdir ??= makeWorkdir(options.cacheDir);
      const root = await workdir.catch((error: unknown) => {
        workdir = undefined;
        throw error;
      });
      await dropIdle();
      const id = fingerprint(key, url, credentials);
      const known = held.get(id);
      if (known !== undefined) {
        known.usedMs = clock.monotonicMs();
        return known.remote;
      }
      const dir = join(root, id);
      const entry: Held = { dir, usedMs: clock.monotonicMs(), remote: make(id, { dir, url, credentials }) };
      held.set(id, entry);
      // A full disk while the files are written must not stick to this remote.
      entry.remote.catch(() => held.delete(id));
      return entry.remote;
    },
    close: async () => {
      held.clear();
      if (workdir !== undefined) await removeWorkdir(await workdir);
    },
  };
};
