// SPDX-License-Identifier: Apache-2.0
// A Prometheus for tests: the machine's own binary, a folder of its own, a port of its own on loopback. It scrapes and evaluates each
// second, so that a test has not long to wait.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { stringify } from 'yaml';
import { startTethered } from '../cluster/tethered-process.ts';
import { freePort } from '../scenario/free-port.ts';
import { until } from '../scenario/until.ts';

export const prometheusBinary = (): string | undefined =>
  ['/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)]
    .map((folder) => join(folder, 'prometheus'))
    .find((file) => existsSync(file));

export type Prometheus = {
  /** `data` of the answer of its API, whose shape the asker knows: `targets`, `rules`, `query?query=…`. */
  ask<T>(path: string): Promise<T>;
  stop(): Promise<void>;
};

const TRIES = 5;

/** `targets`: HOST:PORT by name of the job. `rules`: the text of a rule file. */
export const startPrometheus = async (
  binary: string,
  { targets, rules }: { readonly targets: Readonly<Record<string, string>>; readonly rules: string },
): Promise<Prometheus> => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-prometheus-'));
  const logFile = join(folder, 'log');
  await writeFile(join(folder, 'rules.yaml'), rules.replaceAll(/interval: \d+s/g, 'interval: 1s'));
  await writeFile(
    join(folder, 'prometheus.yaml'),
    stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yaml'],
      scrape_configs: Object.entries(targets).map(([job, target]) => ({ job_name: job, static_configs: [{ targets: [target] }] })),
    }),
  );
  for (let tried = 1; ; tried += 1) {
    const url = `http://127.0.0.1:${await freePort()}`;
    const server = await startTethered({
      command: [
        binary,
        `--config.file=${join(folder, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${url.slice('http://'.length)}`,
      ],
      logFile,
    });
    const state = await until(async () => (server.running ? (await fetch(`${url}/-/ready`)).ok && 'ready' : 'ended'), {
      what: 'Prometheus',
      withinMs: 60_000,
    });
    if (state === 'ready') {
      return {
        ask: async (path) => {
          const answer = JSON.parse(await (await fetch(`${url}/api/v1/${path}`)).text());
          if (answer?.data === undefined) throw new Error(`${path}: ${JSON.stringify(answer)}`);
          return answer.data;
        },
        stop: async () => {
          await server.stop('SIGTERM');
          await rm(folder, { recursive: true, force: true });
        },
      };
    }
    // Somebody else may have taken the port meanwhile.
    const log = await readFile(logFile, 'utf8');
    if (tried === TRIES || !log.includes('address already in use')) throw new Error(log.slice(-2000));
  }
};
