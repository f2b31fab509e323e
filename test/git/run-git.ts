// SPDX-License-Identifier: Apache-2.0
// Git as a person runs it, apart from the machine's own configuration.
import { spawn } from 'node:child_process';

export type RunOptions = { readonly cwd: string; readonly input?: string | Uint8Array; readonly env?: Readonly<Record<string, string>> };

const environment = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LANG: 'C.UTF-8',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

export const runProgram = (program: string, args: readonly string[], options: RunOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, env: { ...environment, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0
        ? resolve(Buffer.concat(out).toString('utf8'))
        : reject(new Error(`${program} ${args.join(' ')}: ${code}: ${Buffer.concat(err).toString('utf8')}`)),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });

export const runGit = (args: readonly string[], options: RunOptions): Promise<string> => runProgram('git', args, options);
