// SPDX-License-Identifier: Apache-2.0
// The demo leaves nothing behind, however it ends: Ctrl-C in the middle of a step, a closed terminal, a closed pipe. What
// runs and what lies on disk at such a moment is known to many modules, or to none yet; so both are found here, from outside.
import { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { temporaryFolder } from '../../test/cluster/temporary-folder.ts';

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Ending = keyof typeof EXIT_CODES;

const RANDOM_LETTERS = 6; // that mkdtemp appends to the name of host and process
const DYING_MS = 20;

const kill = (child: ChildProcess): void => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // The leader of a group takes its group along; whoever leads none is in ours, and is killed alone.
  for (const pid of [-child.pid, child.pid]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ESRCH: there is no such group, or it has ended.
    }
  }
};

/** From here on nothing of this process outlives it; resolves with a folder to use, which goes with the rest. */
export const clearAwayAtExit = async (): Promise<string> => {
  const children = new Set<ChildProcess>();
  subscribe('child_process', (message) => {
    if (typeof message !== 'object' || message === null || !('process' in message) || !(message.process instanceof ChildProcess)) return;
    const child = message.process;
    children.add(child);
    child.once('exit', () => children.delete(child));
  });
  const { path } = await temporaryFolder();
  const root = dirname(path);
  const ours = basename(path).slice(0, -RANDOM_LETTERS);
  process.once('exit', () => {
    children.forEach(kill);
    // A process that is about to die must not write into a folder that is about to go.
    if (children.size > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DYING_MS);
    for (const name of readdirSync(root).filter((entry) => entry.startsWith(ours)))
      rmSync(join(root, name), { recursive: true, force: true, maxRetries: 5, retryDelay: DYING_MS });
  });
  return path;
};

/** Ends the process at once at a signal; whoever is in the middle of a step is not asked, so no step can be told as failed. */
export const endAtSignals = (exitCode: (usual: number, name: Ending) => number): void => {
  for (const [name, usual] of [
    ['SIGHUP', EXIT_CODES.SIGHUP],
    ['SIGINT', EXIT_CODES.SIGINT],
    ['SIGTERM', EXIT_CODES.SIGTERM],
  ] as const)
    process.on(name, () => process.exit(exitCode(usual, name)));
};
