// SPDX-License-Identifier: Apache-2.0
// Operator or webhook as a process of its own, as they run in a cluster: own credentials, own log, killed with us.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTethered } from '../cluster/tethered-process.ts';
import type { TetheredProcess } from '../cluster/tethered-process.ts';
import { until } from './until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export type WritProcess = TetheredProcess & {
  readonly logFile: string;
  /** `http://127.0.0.1:PORT` of /metrics, /healthz and /readyz. */
  readonly endpoint: string;
  ready(): Promise<void>;
  /** The text of /metrics. */
  metrics(): Promise<string>;
};

export type WritProcessOptions = {
  readonly program: 'operator' | 'webhook';
  readonly flags: Readonly<Record<string, string>>;
  readonly metricsPort: number;
  readonly logFile: string;
};

export const startWrit = async ({ program, flags, metricsPort, logFile }: WritProcessOptions): Promise<WritProcess> => {
  const all = { ...flags, 'metrics-address': `127.0.0.1:${metricsPort}` };
  const child = await startTethered({
    command: [
      process.execPath,
      '--disallow-code-generation-from-strings',
      `${program}/main.ts`,
      ...Object.entries(all).map(([name, value]) => `--${name}=${value}`),
    ],
    cwd: root,
    // Reading and compiling the sources takes a second of processor time, and processes are started over and over here.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'build/compile-cache') },
    logFile,
  });
  const endpoint = `http://127.0.0.1:${metricsPort}`;
  const ready = async (): Promise<void> => {
    let missing = '';
    await until(
      async () => {
        if (!child.running) throw new Error(`the ${program} ended`);
        const response = await fetch(`${endpoint}/readyz`);
        missing = await response.text();
        return response.ok;
      },
      { what: `the ${program} to be ready`, withinMs: 30_000 },
    ).catch(async (error: unknown) => {
      const log = await readFile(logFile, 'utf8').catch(() => '');
      throw new Error(`the ${program} is not ready: ${missing}\n${log.split('\n').slice(-15).join('\n')}`, { cause: error });
    });
  };
  // Getters of the child must stay getters.
  return Object.assign(Object.create(child), {
    logFile,
    endpoint,
    ready,
    metrics: async () => (await fetch(`${endpoint}/metrics`)).text(),
  });
};
