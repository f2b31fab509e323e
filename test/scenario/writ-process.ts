// SPDX-License-Identifier: Apache-2.0
// Operator or webhook as a process of its own, as they run in a cluster: own credentials, own log, killed with us.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTethered } from '../cluster/tethered-process.ts';
import type { TetheredProcess } from '../cluster/tethered-process.ts';
import { until } from './until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export type WritProcess = TetheredProcess & {
  readonly logFile: string;
  /** `http://127.0.0.1:PORT` of /metrics, /healthz and /readyz. */
  readonly endpoint: string;
  /** Rejects with what is missing and the last lines of its log. */
  ready(withinMs?: number): Promise<void>;
  /** The text of /metrics. */
  metrics(): Promise<string>;
};

export type WritProcessOptions = {
  readonly program: 'operator' | 'webhook';
  readonly flags: Readonly<Record<string, string>>;
  readonly metricsPort: number;
  readonly logFile: string;
};

/** As the images start them: deploy/images.test.ts holds the two equal. */
export const NODE_FLAGS: Readonly<Record<WritProcessOptions['program'], readonly string[]>> = {
  operator: ['--disallow-code-generation-from-strings'],
  webhook: ['--min-semi-space-size=32', '--disallow-code-generation-from-strings'],
};

const SHOWN_LINES = 15;

/** Of a log, under its name. */
export const lastLines = async (logFile: string): Promise<string> => {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  return [`${basename(logFile)}:`, ...log.trimEnd().split('\n').slice(-SHOWN_LINES)].join('\n');
};

export const startWrit = async ({ program, flags, metricsPort, logFile }: WritProcessOptions): Promise<WritProcess> => {
  const all = { ...flags, 'metrics-address': `127.0.0.1:${metricsPort}` };
  const child = await startTethered({
    command: [
      process.execPath,
      ...NODE_FLAGS[program],
      `${program}/main.ts`,
      ...Object.entries(all).map(([name, value]) => `--${name}=${value}`),
    ],
    cwd: root,
    // Reading and compiling the sources takes a second of processor time, and processes are started over and over here.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'build/compile-cache') },
    logFile,
  });
  const endpoint = `http://127.0.0.1:${metricsPort}`;
  const ready = async (withinMs = 30_000): Promise<void> => {
    let missing = 'it did not answer';
    const isReady = await until(
      async () => {
        if (!child.running) return 'ended';
        const response = await fetch(`${endpoint}/readyz`);
        missing = await response.text();
        return response.ok ? 'ready' : undefined;
      },
      { what: `the ${program} to be ready`, everyMs: 20, withinMs },
    ).catch((error: unknown) => error);
    if (isReady === 'ready') return;
    const why = isReady === 'ended' ? `it ended by itself: ${await child.exited}` : missing.trim();
    throw new Error(`the ${program} is not ready: ${why}\n${await lastLines(logFile)}`, { cause: isReady });
  };
  // Getters of the child must stay getters.
  return Object.assign(Object.create(child), {
    logFile,
    endpoint,
    ready,
    metrics: async () => (await fetch(`${endpoint}/metrics`)).text(),
  });
};
