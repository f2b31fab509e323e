// SPDX-License-Identifier: Apache-2.0
// Runs another program without a shell, for so long and with so much output.
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';

const MAX_ERROR_BYTES = 4096;

export type BoundedRun = {
  readonly command: readonly [program: string, ...args: string[]];
  readonly input: Uint8Array;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
};

export type RunOutcome = { readonly ok: true; readonly output: Buffer } | { readonly ok: false; readonly why: string };

const tail = (text: string): string => {
  const last = text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  return last === '' ? '' : `: ${last}`;
};

/** Never rejects; the program and what it started are gone when it is done. */
export const runBounded = ({ command: [program, ...args], input, env, timeoutMs, maxOutputBytes }: BoundedRun): Promise<RunOutcome> =>
  new Promise((resolve) => {
    // A group of its own, so that what a wrapper script started ends with it.
    const child = spawn(program, args, { env, shell: false, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    let outputBytes = 0;
    let told = '';
    let problem: string | undefined;
    const stop = (why: string): void => {
      problem ??= why;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    };
    const timer = setTimeout(() => stop(`it did not end within ${timeoutMs / 1000} seconds`), timeoutMs);
    const done = (outcome: RunOutcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    child.on('error', (error: NodeJS.ErrnoException) =>
      done({ ok: false, why: error.code === 'ENOENT' ? 'there is no such program' : (error.code ?? error.message) }),
    );
    child.stdout.on('data', (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > maxOutputBytes) stop(`it wrote more than ${maxOutputBytes} bytes`);
      else output.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      told = `${told}${chunk.toString('utf8')}`.slice(-MAX_ERROR_BYTES);
    });
    child.on('close', (code, signal) => {
      if (problem !== undefined) return done({ ok: false, why: problem });
      if (code === 0) return done({ ok: true, output: Buffer.concat(output) });
      done({ ok: false, why: `it ended with ${code === null ? String(signal) : `exit code ${code}`}${tail(told)}` });
    });
    // A program that does not read its input closes it; what it answers is judged all the same.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
