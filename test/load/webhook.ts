// SPDX-License-Identifier: Apache-2.0
/**
 * Reviews per second straight at the webhook's server, without an API server: keep-alive TLS connections, one request
 * each at a time, a 9 KB review of a pod. Five servers take turns, so that whatever else the machine does strikes all.
 *
 * In: nothing. Out: rows `webhook/…`.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median, quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { reviewText } from './decide.ts';
import { startLoadGenerator } from './load-generator.ts';
import type { LoadGenerator, LoadRound } from './load-generator.ts';
import type { CpuMessage, ServerMessage } from './webhook-server.ts';
import { nextMessage } from './next-message.ts';

const CONNECTIONS = 16;

const REVIEW = reviewText();

type Round = LoadRound & { readonly cpuUs: number };

const cpuOf = async (server: ChildProcess): Promise<number> => {
  const reply = nextMessage<CpuMessage>(server);
  server.send('cpu');
  return (await reply).cpuUs;
};

type Server = { readonly process: ChildProcess; readonly port: number; readonly ca: string };

const round = async (generator: LoadGenerator, server: Server, durationMs: number): Promise<Round> => {
  let before: Promise<number> | undefined;
  const measured = await generator.run(
    {
      target: { url: `https://127.0.0.1:${server.port}/validate?timeout=5s`, ca: server.ca },
      body: REVIEW,
      status: 200,
      connections: CONNECTIONS,
      warmUpMs: durationMs / 4,
      durationMs,
    },
    () => {
      before = cpuOf(server.process);
    },
  );
  const cpuUs = ((await cpuOf(server.process)) - ((await before) ?? Number.NaN)) / measured.latenciesMs.length;
  return { ...measured, cpuUs };
};

export const measureWebhook = async (options: { readonly rounds: number; readonly roundMs: number }): Promise<readonly BenchRow[]> => {
  const { rounds, roundMs } = options;
  const generator = startLoadGenerator();
  const child = fork(fileURLToPath(new URL('webhook-server.ts', import.meta.url)), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    const { ports, caPem: ca } = await nextMessage<ServerMessage>(child);
    const results = new Map<string, Round[]>(Object.keys(ports).map((name) => [name, []]));
    const measure = (name: string, durationMs: number): Promise<Round> =>
      round(generator, { process: child, port: ports[name] ?? 0, ca }, durationMs);
    for (const name of results.keys()) await measure(name, roundMs / 2);
    for (let turn = 0; turn < rounds; turn += 1) {
      for (const [name, all] of results) all.push(await measure(name, roundMs));
    }
    const how = `median of ${rounds} interleaved rounds of ${roundMs} ms, ${CONNECTIONS} keep-alive TLS connections, review of ${REVIEW.length} bytes, client on the same machine`;
    return [...results].flatMap(([name, all]) => rowsOf(name, all, how));
  } finally {
    generator.close();
    child.disconnect();
  }
};

const rowsOf = (name: string, rounds: readonly Round[], how: string): readonly BenchRow[] => {
  const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs);
  return [
    { name: `webhook/reviews/${name}`, unit: 'req/s', value: rounded(median(rounds.map(({ perSecond }) => perSecond))), how },
    { name: `webhook/reviews/${name}/p50`, unit: 'ms', value: rounded(quantile(latencies, 0.5)), how },
    { name: `webhook/reviews/${name}/p99`, unit: 'ms', value: rounded(quantile(latencies, 0.99)), how },
    // What a busy machine hardly changes: processor time of the server's process.
    { name: `webhook/reviews/${name}/cpu`, unit: 'µs/req', value: rounded(median(rounds.map(({ cpuUs }) => cpuUs))), how },
  ];
};
