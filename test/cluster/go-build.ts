// SPDX-License-Identifier: Apache-2.0
// Builds `control-plane/` once and keeps the result outside the work tree, named by what it was made from. A clone, a
// branch or a `make clean` costs nothing while go.mod, go.sum, the .go files and the Go version stay the same.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { systemClock, type Clock } from '../../process/clock.ts';
import { withLock } from './build-lock.ts';
import { startTethered } from './tethered-process.ts';

const SOURCE = join(import.meta.dirname, 'control-plane');
const PROGRESS_EVERY_MS = 5000;
const UNUSED_FOR_MS = 14 * 24 * 60 * 60 * 1000;

export type BuildOptions = {
  /** A line for a person; the default is standard error. */
  readonly onProgress?: (line: string) => void;
  readonly clock?: Clock;
};

const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'writ', 'control-plane');

const kubernetesVersion = (goMod: string): string => {
  const version = /^\s*k8s\.io\/kubernetes (v\S+)$/m.exec(goMod)?.[1];
  if (version === undefined) throw new Error(`${SOURCE}/go.mod names no version of k8s.io/kubernetes`);
  return version;
};

/** Without these `kubectl version` and the API server's /version say v0.0.0-master, and clients that look refuse to work. */
const linkerFlags = (version: string): string => {
  const [major = '', minor = ''] = version.slice(1).split('.');
  const base = 'k8s.io/component-base/version';
  const values = [`gitVersion=${version}`, `gitMajor=${major}`, `gitMinor=${minor}`, 'gitTreeState=clean'];
  return ['-s -w', ...values.map((value) => `-X ${base}.${value}`), `-X k8s.io/client-go/pkg/version.gitVersion=${version}`].join(' ');
};

/** Everything that the program is made of, by name: a new file is a new program. */
const sourceFiles = async (): Promise<ReadonlyMap<string, string>> => {
  const names = (await readdir(SOURCE)).filter((name) => name === 'go.mod' || name === 'go.sum' || name.endsWith('.go')).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(SOURCE, name), 'utf8')] as const)));
};

const goEnvironment = async (): Promise<string> => {
  const { stdout } = await promisify(execFile)('go', ['env', 'GOVERSION', 'GOOS', 'GOARCH'], { cwd: SOURCE });
  return stdout.trim().replaceAll('\n', ' ');
};

const showProgress = (report: (line: string) => void, clock: Clock) => {
  const startedMs = clock.monotonicMs();
  const seconds = (): string => `${Math.round((clock.monotonicMs() - startedMs) / 1000)} s`;
  const tail: string[] = [];
  let doing = 'starting';
  let compiled = 0;
  let fetched = 0;
  let lastShownMs = startedMs;
  return {
    seconds,
    tail,
    /** A line of `go build -v`: "go: downloading MODULE VERSION", or the name of a package that is compiled now. */
    onLine: (line: string): void => {
      tail.push(line);
      if (tail.length > 40) tail.shift();
      if (line.startsWith('go: ')) fetched += 1;
      else compiled += 1;
      doing = line.startsWith('go: ') ? line.slice(4) : `compiling ${line}`;
    },
    tick: (): void => {
      if (clock.monotonicMs() - lastShownMs < PROGRESS_EVERY_MS) return;
      lastShownMs = clock.monotonicMs();
      report(`  ${seconds()}: ${compiled} packages compiled, ${fetched} modules fetched; ${doing}`);
    },
  };
};

const build = async (binary: string, version: string, options: Required<BuildOptions>): Promise<void> => {
  const { onProgress, clock } = options;
  onProgress(`building the control plane (etcd, kube-apiserver, kube-controller-manager and kubectl ${version}) from its Go modules`);
  onProgress(`this happens once and takes five to ten minutes on two cores; it is kept in ${binary}`);
  const progress = showProgress(onProgress, clock);
  const unfinished = `${binary}.${process.pid}.unfinished`;
  const go = await startTethered({
    command: ['go', 'build', '-v', '-trimpath', '-buildvcs=false', '-ldflags', linkerFlags(version), '-o', unfinished, '.'],
    cwd: SOURCE,
    // A person's own Go settings must not change what is built, nor may the build edit go.mod.
    env: { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' },
  });
  for (const stream of go.output) createInterface({ input: stream }).on('line', progress.onLine);
  const ticker = setInterval(progress.tick, 500);
  const how = await go.exited.finally(() => clearInterval(ticker));
  if (how !== 'exit code 0') {
    await rm(unfinished, { force: true });
    throw new Error(`go build ended with ${how} after ${progress.seconds()}; its last lines:\n${progress.tail.join('\n')}`);
  }
  // Whoever finds the file under its own name finds all of it.
  await rename(unfinished, binary);
  onProgress(`built in ${progress.seconds()}`);
};

const removeUnused = async (folder: string, nowMs: number): Promise<void> => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const about = await stat(path).catch(() => undefined);
    if (about?.isFile() === true && name !== 'lock' && nowMs - about.mtimeMs > UNUSED_FOR_MS) await rm(path, { force: true });
  }
};

/** The path of the built program; builds it first where that has not been done. Throws with go's last lines. */
export const ensureBuilt = async (options: BuildOptions = {}): Promise<string> => {
  const clock = options.clock ?? systemClock;
  const onProgress = options.onProgress ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const sources = await sourceFiles();
  const version = kubernetesVersion(sources.get('go.mod') ?? '');
  const hash = createHash('sha256').update(JSON.stringify([[...sources], linkerFlags(version), await goEnvironment()]));
  const folder = cacheFolder();
  const binary = join(folder, `${version}-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(binary)) {
    await mkdir(folder, { recursive: true });
    let told = false;
    const onWait = (waitedMs: number): void => {
      if (!told) onProgress('another process builds the control plane; waiting for it');
      else if (Math.round(waitedMs / 1000) % 10 === 0) onProgress(`  waiting for that build: ${Math.round(waitedMs / 1000)} s`);
      told = true;
    };
    await withLock({ file: join(folder, 'lock'), clock, onWait }, async () => {
      if (existsSync(binary)) return;
      await build(binary, version, { onProgress, clock });
      await removeUnused(folder, clock.now());
    });
  }
  const now = new Date(clock.now());
  await utimes(binary, now, now); // in use: see removeUnused
  return binary;
};
