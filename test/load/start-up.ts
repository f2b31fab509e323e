// SPDX-License-Identifier: Apache-2.0
/**
 * How long a webhook takes from its start until it is ready, and how much memory operator and webhook hold when idle.
 *
 * In: an installation whose webhook may be stopped. Out: rows `start-up/…`, from the sources as they are and from the one
 * file that an image carries (`make bundle`). Ready means: every one of the 101 policies is fetched, verified, compiled.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SYSTEM_NAMESPACE } from '../../crds/kinds.ts';
import { sleep, systemClock } from '../../process/clock.ts';
import { startTethered } from '../cluster/tethered-process.ts';
import { freePort } from '../scenario/free-port.ts';
import { until } from '../scenario/until.ts';
import { NODE_FLAGS } from '../scenario/writ-process.ts';
import { median, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import type { LoadInstallation } from './load-installation.ts';
import { residentMegabytes } from './processor-time.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Long enough for the garbage of the start to be collected or not: what a node sees. */
const IDLE_MS = 3000;

type Started = { readonly readyMs: number; readonly idleMegabytes: number | undefined };

const memory = (name: string, megabytes: number | undefined, how: string): readonly BenchRow[] =>
  megabytes === undefined ? [] : [{ name, unit: 'MB', value: rounded(megabytes), how }];

export const measureStartUp = async (
  { writ }: LoadInstallation,
  { rounds, say }: { readonly rounds: number; readonly say: (step: string) => void },
): Promise<readonly BenchRow[]> => {
  const operatorMegabytes = residentMegabytes(writ.operator.pid);
  const fromSource = async (): Promise<Started> => {
    const startedMs = performance.now();
    writ.webhook = await writ.startWebhook();
    await writ.webhook.ready();
    const readyMs = performance.now() - startedMs;
    await sleep(systemClock, IDLE_MS);
    return { readyMs, idleMegabytes: residentMegabytes(writ.webhook.pid) };
  };
  const fromBundle = (program: 'operator' | 'webhook') => startBundle(writ, program);
  const sources: Started[] = [];
  const bundles: Started[] = [];
  const bundled = existsSync(join(root, 'build/bundle/webhook.mjs')) && existsSync(join(root, 'build/bundle/operator.mjs'));
  for (let turn = 0; turn < rounds; turn += 1) {
    say(`start ${turn + 1} of ${rounds}`);
    await writ.webhook.stop('SIGTERM', 5000);
    if (bundled) bundles.push(await fromBundle('webhook'));
    sources.push(await fromSource());
  }
  const how = `median of ${rounds} starts, 101 policies, until /readyz says so`;
  const idle = `resident ${IDLE_MS / 1000} s after it was ready, 101 policies`;
  const rows = (name: string, all: readonly Started[], what: string): readonly BenchRow[] =>
    all.length === 0
      ? []
      : [
          { name: `start-up/${name}/ready`, unit: 'ms', value: rounded(median(all.map(({ readyMs }) => readyMs))), how: `${how}; ${what}` },
          ...memory(`start-up/${name}/memory`, median(all.flatMap(({ idleMegabytes }) => idleMegabytes ?? [])), `${idle}; ${what}`),
        ];
  return [
    ...rows('webhook', bundles, 'build/bundle/webhook.mjs'),
    ...rows('webhook/from-source', sources, 'webhook/main.ts, types stripped by Node'),
    ...memory('start-up/operator/from-source/memory', operatorMegabytes, 'resident when the benchmarks before were done; operator/main.ts'),
    ...(bundled ? await operatorRows(writ) : []),
  ];
};

const operatorRows = async (writ: LoadInstallation['writ']): Promise<readonly BenchRow[]> => {
  await writ.operator.stop('SIGTERM', 5000);
  const { readyMs, idleMegabytes } = await startBundle(writ, 'operator');
  writ.operator = await writ.startOperator();
  await writ.operator.ready();
  return [
    {
      name: 'start-up/operator/ready',
      unit: 'ms',
      value: rounded(readyMs),
      how: 'one start until /readyz says so; build/bundle/operator.mjs',
    },
    ...memory('start-up/operator/memory', idleMegabytes, `resident ${IDLE_MS / 1000} s after it was ready; build/bundle/operator.mjs`),
  ];
};

const startBundle = async (writ: LoadInstallation['writ'], program: 'operator' | 'webhook'): Promise<Started> => {
  const account = await writ.plane.kubectl(['create', 'token', `writ-${program}`, '-n', SYSTEM_NAMESPACE]);
  const metricsPort = await freePort();
  const flags = {
    kubeconfig: await writ.plane.kubeconfigFor({ token: account.stdout.trim() }),
    'trust-digest': writ.trustDigest,
    'metrics-address': `127.0.0.1:${metricsPort}`,
    ...(program === 'webhook'
      ? {
          address: new URL(writ.webhookUrl).host,
          'replica-id': 'one',
          'decision-log': join(writ.folder, 'decisions.jsonl'),
          'drain-delay': '0',
        }
      : { 'webhook-url': writ.webhookUrl, 'cache-dir': join(writ.folder, 'mirrors'), 'receiver-address': '127.0.0.1:0' }),
  };
  const command = [
    process.execPath,
    ...NODE_FLAGS[program],
    join(root, `build/bundle/${program}.mjs`),
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
  ];
  const startedMs = performance.now();
  const child = await startTethered({ command, logFile: join(writ.folder, `${program}-bundle.log`) });
  try {
    await until(async () => (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).ok, {
      what: `the bundled ${program} to be ready`,
      everyMs: 20,
    });
    const readyMs = performance.now() - startedMs;
    await sleep(systemClock, IDLE_MS);
    return { readyMs, idleMegabytes: residentMegabytes(child.pid) };
  } finally {
    await child.stop('SIGTERM', 5000);
  }
};
