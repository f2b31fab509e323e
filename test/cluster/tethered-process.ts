// SPDX-License-Identifier: Apache-2.0
// A child process that cannot outlive this one, not even when this one is killed with SIGKILL.
//
// Its standard input is a pipe that only we hold. A shell starts a watcher that waits for the end of that pipe and then
// kills the group, and replaces itself by the program: the program's pid is the pid we know. Linux has
// PR_SET_PDEATHSIG for this, but Node cannot set it, macOS lacks it, and it would need a program of ours in between
// also for the binaries that are not ours. The child leads a session of its own: Ctrl-C in a terminal reaches only us,
// so that what we do on the way out still finds its API server.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { sleep, systemClock } from '../../process/clock.ts';

export type TetheredProcess = {
  readonly pid: number;
  /** Settles with what ended the process; never rejects. */
  readonly exited: Promise<string>;
  readonly running: boolean;
  /** Present when the output does not go to a log file: standard output and standard error as they come. */
  readonly output: readonly Readable[];
  /** Sends the signal, waits; after `graceMs` SIGKILL. */
  stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL', graceMs?: number): Promise<void>;
  /** SIGKILL at once, without waiting: for exit handlers. */
  readonly killNow: () => void;
};

export type TetheredCommand = {
  readonly command: readonly string[];
  /** Both outputs are appended here; without it they are piped to us. */
  readonly logFile?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
};

// In the background a shell without job control gives a command /dev/null as its input, hence the copy as 3. The group's
// id cannot be given to another process while the watcher is in it, so the late kill can only hit what is meant.
const TETHER = 'exec 3<&0; (read -r _ <&3; kill -9 -$$) >/dev/null 2>&1 & exec 3<&- </dev/null; exec "$@"';

const startFailed = (child: ChildProcess, name: string): Promise<never> =>
  once(child, 'error').then(([error]) => Promise.reject(new Error(`${name} could not be started: ${String(error)}`)));

/** Starts the program; rejects when there is no shell to start it with. A missing program shows as exit code 127. */
export const startTethered = async (options: TetheredCommand): Promise<TetheredProcess> => {
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a');
  const child = spawn('/bin/sh', ['-c', TETHER, 'tether', ...options.command], {
    detached: true,
    stdio: ['pipe', log ?? 'pipe', log ?? 'pipe'],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  if (log !== undefined) closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  await Promise.race([once(child, 'spawn'), startFailed(child, options.command[0] ?? 'nothing')]);
  const pid = child.pid;
  if (pid === undefined) throw new Error('a started process has no pid');
  const killNow = (): void => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // ESRCH: the group is empty already.
    }
  };
  let running = true;
  const ended = exited.then((how) => {
    running = false;
    killNow(); // the watcher
    return how;
  });
  child.stdin?.on('error', () => undefined);
  // A program that forgets to stop its children may still end; the tether then does its work.
  child.unref();
  if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  return {
    pid,
    exited: ended,
    get running() {
      return running;
    },
    output: [child.stdout, child.stderr].filter((stream) => stream !== null),
    stop: async (signal, graceMs = 10_000) => {
      if (!running) return;
      child.ref();
      if (signal === 'SIGKILL') killNow();
      else child.kill(signal);
      const patience = new AbortController();
      await Promise.race([ended, sleep(systemClock, graceMs, patience.signal)]);
      patience.abort();
      if (running) killNow();
      await ended;
    },
    killNow,
  };
};
