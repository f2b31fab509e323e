// SPDX-License-Identifier: Apache-2.0
// The webhook as a process of its own, as its image starts it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../webhook/main.ts', import.meta.url));

export type LogLine = Readonly<Record<string, unknown>>;

export type WebhookProcess = {
  readonly url: string;
  readonly endpointUrl: string;
  readonly lines: readonly LogLine[];
  /** The first line, earlier or later, that fits. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>;
  ready(): Promise<{ readonly ok: boolean; readonly text: string }>;
  /** Resolves with the exit code, or the signal's name. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string>;
};

export const startWebhookProcess = async (flags: readonly string[]): Promise<WebhookProcess> => {
  const child: ChildProcess = spawn(process.execPath, ['--disallow-code-generation-from-strings', MAIN, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = (): boolean => child.kill('SIGKILL');
  process.once('exit', stop);
  const exited = once(child, 'exit').then(([code, signal]): number | string => (process.off('exit', stop), code ?? signal));
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  if (child.stdout === null) throw new Error('no output');
  createInterface(child.stdout).on('line', (text) => {
    lines.push(JSON.parse(text));
    for (const wake of waiting) wake();
  });
  const line = (fits: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      void exited.then((how) => reject(new Error(`the webhook ended (${how}): ${JSON.stringify(lines.slice(-3))}`)));
      look();
    });
  const listening = await line((one) => one['msg'] === 'listening');
  const [url, endpointUrl] = [String(listening['url']), String(listening['endpointUrl'])];
  return {
    url,
    endpointUrl,
    lines,
    line,
    ready: async () => {
      const response = await fetch(`${endpointUrl}/readyz`);
      return { ok: response.ok, text: await response.text() };
    },
    end: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
};
