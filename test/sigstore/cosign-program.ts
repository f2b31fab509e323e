// SPDX-License-Identifier: Apache-2.0
// The real cosign, built once from its published Go module and kept outside the work tree. It is the other side of the
// bundle format: what it writes we must read, and what we write it must read.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../process/clock.ts';
import { withLock } from '../cluster/build-lock.ts';

const VERSION = 'v3.1.3';
const MODULE = `github.com/sigstore/cosign/v3/cmd/cosign@${VERSION}`;
const BUILD_TIMEOUT_MS = 20 * 60_000;

export type Cosign = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly why: string };

const build = async (folder: string, path: string): Promise<void> => {
  const unfinished = await mkdtemp(join(folder, 'unfinished-'));
  try {
    process.stderr.write(`building cosign ${VERSION} from its Go module; this happens once and takes some minutes\n`);
    const env = { ...process.env, GOBIN: unfinished, GOFLAGS: '-trimpath', GOWORK: 'off', CGO_ENABLED: '0' };
    // Others work on this machine too.
    await promisify(execFile)('nice', ['-n', '19', 'go', 'install', '-ldflags', '-s -w', MODULE], {
      env,
      timeout: BUILD_TIMEOUT_MS,
      maxBuffer: 2 ** 24,
    });
    await rename(join(unfinished, 'cosign'), path);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
};

/** Builds it where that has not been done; says why where it cannot be had. */
export const findCosign = async (): Promise<Cosign> => {
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'writ', 'cosign', VERSION);
  const path = join(folder, 'cosign');
  if (existsSync(path)) return { ok: true, path };
  try {
    await promisify(execFile)('go', ['version']);
  } catch {
    return { ok: false, why: 'cosign cannot be built: Go is missing' };
  }
  try {
    await mkdir(folder, { recursive: true });
    await withLock({ file: join(folder, 'lock'), clock: systemClock, onWait: () => undefined }, async () => {
      if (!existsSync(path)) await build(folder, path);
    });
    return { ok: true, path };
  } catch (error) {
    return {
      ok: false,
      why: `cosign cannot be built from ${MODULE}: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`,
    };
  }
};
