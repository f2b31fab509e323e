// SPDX-License-Identifier: Apache-2.0
/**
 * What a process did to the files below a folder, in its order, as strace saw it: the writes with their bytes, the changes of names, and
 * what it waited for the disk to have. In: a program, the folder. Out: steps. What it wrote to its standard output is among them: by then
 * it had said so. Whatever reaches these files in a way that is not known here is an error, never left out.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

export type Step =
  | { readonly kind: 'opened'; readonly path: string; readonly create: boolean; readonly truncate: boolean }
  | { readonly kind: 'written'; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'sized'; readonly path: string; readonly size: number }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'removed'; readonly path: string }
  | { readonly kind: 'renamed'; readonly path: string; readonly to: string }
  /** A sync covers what was there when it began, and holds once it has ended. */
  | { readonly kind: 'sync-begun' | 'synced'; readonly path: string }
  | { readonly kind: 'said'; readonly line: string };

const WRITES = ['write', 'pwrite64', 'writev', 'pwritev'];
const NAMES = ['openat', 'mkdirat', 'unlinkat', 'renameat', 'renameat2', '?open', '?mkdir', '?unlink', '?rmdir', '?rename'];
const SYNCS = ['fsync', 'fdatasync'];
const UNKNOWN = ['creat', 'truncate', 'link', 'linkat', 'symlink', 'symlinkat', 'fallocate', 'pwritev2', 'copy_file_range', 'sendfile'];
const TRACED = [...WRITES, ...NAMES, ...SYNCS, ...UNKNOWN.map((name) => `?${name}`), 'ftruncate', 'lseek', 'mmap'];

/** Why nothing can be recorded on this machine; false where it can. */
export const cannotRecord = (): string | false => {
  const tried = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fsync', process.execPath, '-e', '0']);
  if (tried.error !== undefined) return 'this machine has no strace';
  return tried.status === 0 ? false : 'this machine lets no process trace another';
};

const bytesOf = (quoted: string): Buffer => Buffer.from(quoted.replaceAll('\\x', ''), 'hex');
const textOf = (quoted: string): string => bytesOf(quoted).toString();
/** All strings of a call, one after the other. */
const strings = (call: string): readonly string[] => [...call.matchAll(/"([^"]*)"/g)].map(([, quoted = '']) => quoted);

type Call = { readonly name: string; readonly args: string; readonly result: number; readonly phase: 'begun' | 'ended' };

/** The lines of one process: a call that others come in between of stands on two. */
const createCalls = (): ((line: string) => readonly Call[]) => {
  const begun = new Map<string, string>();
  return (line) => {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const open = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest);
    if (open !== null) {
      const [, name = '', args = ''] = open;
      begun.set(pid, args);
      return [{ name, args, result: 0, phase: 'begun' }];
    }
    const resumed = /^<\.\.\. (\w+) resumed>(.*)\) += (-?\w+)/.exec(rest);
    const [, name = '', args = '', result = ''] = resumed ?? /^(\w+)\((.*)\) += (-?\w+)/.exec(rest) ?? [];
    if (name === '') return [];
    const call = { name, args: resumed === null ? args : `${begun.get(pid) ?? ''}${args}`, result: Number(result) };
    return resumed === null ? [{ ...call, phase: 'begun' } as const, { ...call, phase: 'ended' } as const] : [{ ...call, phase: 'ended' }];
  };
};

const createReader = (root: string): ((line: string) => readonly Step[]) => {
  const calls = createCalls();
  /** Where the next write goes that names no place, by the number of the open file. */
  const places = new Map<number, number>();
  const isOurs = (path: string): boolean =>
    (path === root || path.startsWith(`${root}/`)) && !path.endsWith('-shm') && !path.endsWith('(deleted)');

  const stepsOf = ({ name, args, result, phase }: Call): readonly Step[] => {
    const [, fdText = '', opened = ''] = /^(\d+)<([^>]*)>/.exec(args) ?? [];
    const [fd, path] = [Number(fdText), textOf(opened)];
    const [first = '', second = ''] = strings(args).map(textOf);
    if (SYNCS.includes(name)) {
      if (phase === 'ended' && result !== 0) throw new Error(`${name} of ${path} failed`);
      return isOurs(path) ? [{ kind: phase === 'begun' ? 'sync-begun' : 'synced', path }] : [];
    }
    if (phase === 'begun' || result < 0) return [];
    if (WRITES.includes(name)) {
      const bytes = Buffer.concat(strings(args).map(bytesOf)).subarray(0, result);
      const place = name.startsWith('p') ? Number(args.slice(args.lastIndexOf(',') + 1)) : places.get(fd);
      if (!name.startsWith('p')) places.set(fd, (place ?? 0) + result);
      if (fd === 1)
        return bytes
          .toString()
          .split('\n')
          .slice(0, -1)
          .map((line) => ({ kind: 'said', line }));
      if (!isOurs(path)) return [];
      return [{ kind: 'written', path, offset: place ?? Number.NaN, bytes }];
    }
    if (name === 'lseek') places.set(fd, result);
    if (name === 'ftruncate' && isOurs(path)) return [{ kind: 'sized', path, size: Number(args.slice(args.lastIndexOf(',') + 1)) }];
    if (name === 'open' || name === 'openat') {
      places.set(result, 0);
      if (args.includes('O_APPEND') && isOurs(first)) throw new Error(`${first} was opened to append`);
      return isOurs(first) ? [{ kind: 'opened', path: first, create: args.includes('O_CREAT'), truncate: args.includes('O_TRUNC') }] : [];
    }
    if (name.startsWith('mkdir') && isOurs(first)) return [{ kind: 'folder', path: first }];
    if (/^(unlink|rmdir)/.test(name) && isOurs(first)) return [{ kind: 'removed', path: first }];
    if (name.startsWith('rename') && isOurs(first)) return [{ kind: 'renamed', path: first, to: second }];
    const mapped = name === 'mmap' && /PROT_WRITE.*MAP_SHARED/.test(args) ? textOf(/<([^>]*)>/.exec(args)?.[1] ?? '') : '';
    if (isOurs(mapped) || (UNKNOWN.includes(name) && [path, first, second].some(isOurs))) throw new Error(`${name}(${args.slice(0, 500)})`);
    return [];
  };
  return (line) => calls(line).flatMap(stepsOf);
};

/** Runs a program of this folder until its end, whatever that is. `root` and what it is given are absolute paths. */
export const record = async (
  program: string,
  options: { readonly root: string; readonly args: readonly string[] },
): Promise<readonly Step[]> => {
  const output = join(options.root, '..', `trace-${options.args.at(-1)}`);
  const traced = [process.execPath, program, ...options.args];
  const child = spawn(
    'strace',
    [
      '-f',
      '-y',
      '-xx',
      '-s',
      String(2 ** 24),
      '--seccomp-bpf',
      '-qq',
      '-o',
      output,
      '-e',
      `trace=${TRACED.join(',')}`,
      '-e',
      'signal=none',
      ...traced,
    ],
    // Of libuv: calls that a ring of io_uring makes are seen by nobody. In the root folder, so that no path is relative to anything else.
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/', env: { ...process.env, UV_USE_IO_URING: '0' } },
  );
  child.stdout.resume();
  await new Promise((resolve) => child.once('close', resolve));
  const read = createReader(options.root);
  const steps: Step[] = [];
  for await (const line of createInterface({ input: createReadStream(output) })) steps.push(...read(line));
  return steps;
};
