// SPDX-License-Identifier: Apache-2.0
// The second reader as a process: built by Go from `reader/`, asked by lines of JSON.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ExportChange } from '../../policies/transparency/test-forgeries.ts';

/** `change`: to a copy in the reader's memory. `since`: signed checkpoints that somebody kept. */
export type ReaderRequest = {
  readonly dir: string;
  readonly vkey: string;
  readonly change?: ExportChange;
  readonly since?: readonly string[];
};
export type ReaderAnswer = { readonly good: boolean; readonly why?: string; readonly sizes?: Readonly<Record<string, number>> };

const SOURCE = join(import.meta.dirname, 'reader');

/** Why it can not be built here; undefined where it can. */
export const readerIsMissing = (): string | undefined => {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no Go on this machine to build the second reader with';
  }
};

/** A minute at the first time, when Go compiles its own library; then Go's cache has it. */
export const buildReader = (folder: string): string => {
  const binary = join(folder, 'audit-reader');
  const env = { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' };
  execFileSync('go', ['build', '-trimpath', '-buildvcs=false', '-o', binary, '.'], {
    cwd: SOURCE,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return binary;
};

/** An answer for each request, in their order. */
export const askReader = async (binary: string, requests: readonly ReaderRequest[]): Promise<readonly ReaderAnswer[]> => {
  const child = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the second reader ended with ${String(code)}`);
  return output
    .trimEnd()
    .split('\n')
    .map((line): ReaderAnswer => JSON.parse(line));
};
