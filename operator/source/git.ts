// SPDX-License-Identifier: Apache-2.0
// The one place where git runs. simple-git builds the call and refuses options and variables that run programs; the walls
// are ours: a URL from the allow-list, fixed arguments, an environment from scratch, a session of its own for each call so
// that an abort ends git with all its children (ssh, remote-https, index-pack), and a bound on what it may print.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { simpleGit } from 'simple-git';

export type GitCommand = {
  readonly args: readonly string[];
  /** A bare repository, or any folder for `ls-remote` and `init`. */
  readonly cwd: string;
  /** HOME of the child: holds the configuration of this remote and nothing else. */
  readonly home: string;
  /** The one transport that may be used; `none` for local commands. */
  readonly protocol: 'https' | 'http' | 'ssh' | 'file' | 'none';
  /** Read objects from this folder instead of the repository's own. */
  readonly objectsDir?: string | undefined;
  readonly input?: string | undefined;
  readonly outputBytes: number;
  readonly signal: AbortSignal;
};

export type GitRun = {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  /** Its last 64 KiB. */
  readonly stderr: string;
  readonly stopped: 'aborted' | 'overflow' | 'not started' | undefined;
};

export type Git = (command: GitCommand) => Promise<GitRun>;

const STDERR_BYTES = 64 * 1024;

const isOnPath = (program: string, path: string): boolean =>
  path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });

const environment = (command: GitCommand, path: string): Record<string, string> => ({
  PATH: path,
  HOME: command.home,
  // Messages are read by `failure.ts`, so they must be English.
  LANG: 'C.UTF-8',
  LC_ALL: 'C.UTF-8',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ALLOW_PROTOCOL: command.protocol,
  ...(command.objectsDir === undefined ? {} : { GIT_OBJECT_DIRECTORY: command.objectsDir }),
});

const ALLOWED = ['GIT_CONFIG_NOSYSTEM', 'GIT_TERMINAL_PROMPT', 'GIT_ALLOW_PROTOCOL', 'GIT_OBJECT_DIRECTORY'];

const newestChild = (): { readonly take: () => ChildProcess | undefined; readonly stop: () => void } => {
  let newest: ChildProcess | undefined;
  const remember = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('process' in message)) return;
    if (message.process instanceof ChildProcess) newest = message.process;
  };
  subscribe('child_process', remember);
  return { take: () => newest, stop: () => unsubscribe('child_process', remember) };
};

// SIGKILL at once: whatever git leaves behind is swept by the mirror, and a child that ignores SIGTERM gains nothing.
const killSession = (child: ChildProcess | undefined, ownSession: boolean): void => {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (ownSession) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The child is so young that `setsid` has not run yet, and then it has no children either.
  }
  child.kill('SIGKILL');
};

/** A runner of git; `path` is where programs are looked for. It resolves however git ends, and throws for bugs only. */
export const createGit = (options: { readonly path: string }): Git => {
  // Where `setsid` is missing (macOS) git alone is killed, and its children end by their closed pipes.
  const ownSession = isOnPath('setsid', options.path);
  return async (command) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let stdoutBytes = 0;
    let stopped: GitRun['stopped'];
    let exitCode: number | null = null;
    let child: ChildProcess | undefined;
    // simple-git does not hand out the process that it starts. Node announces each one, and simple-git calls
    // `outputHandler` before anything else can run, so the newest one is ours.
    const children = newestChild();
    const stop = (why: NonNullable<GitRun['stopped']>): void => {
      stopped ??= why;
      killSession(child, ownSession);
    };
    const abort = (): void => stop('aborted');
    command.signal.addEventListener('abort', abort, { once: true });
    try {
      if (command.signal.aborted) return { exitCode, stdout: Buffer.alloc(0), stderr: '', stopped: 'aborted' };
      const git = simpleGit({
        baseDir: command.cwd,
        binary: ownSession ? ['setsid', 'git'] : 'git',
        allowEnvironment: ALLOWED,
        completion: { onClose: true, onExit: false },
        trimmed: false,
        input: () => command.input,
        // A failed command is an outcome here; `failure.ts` says what it means.
        errors: (_error, result) => {
          exitCode = result.exitCode;
          return undefined;
        },
      })
        .env(environment(command, options.path))
        .outputHandler((_binary, out, err) => {
          child = children.take();
          children.stop();
          if (child?.pid === undefined) stopped = 'not started';
          if (command.signal.aborted) abort();
          out.on('data', (chunk: Buffer) => {
            stdoutBytes += chunk.length;
            if (stdoutBytes > command.outputBytes) stop('overflow');
            else stdout.push(chunk);
          });
          err.on('data', (chunk: Buffer) => {
            stderr.push(chunk);
            if (stderr.length > 64) stderr.splice(0, stderr.length, Buffer.concat(stderr).subarray(-STDERR_BYTES));
          });
        });
      await git.raw([...command.args]);
    } finally {
      children.stop();
      command.signal.removeEventListener('abort', abort);
    }
    return { exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).subarray(-STDERR_BYTES).toString('utf8'), stopped };
  };
};
