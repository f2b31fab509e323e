// SPDX-License-Identifier: Apache-2.0
/**
 * Reviews per second straight at the webhook's server, without an API server: keep-alive TLS connections, one request
 * each at a time, an 8 KB review of a pod. Five servers take turns, so that whatever else the machine does strikes all.
 *
 * In: nothing. Out: rows as `build/bench.json` has them; run by hand it prints them. `ROUNDS` and `ROUND_MS` in the
 * environment change how long it takes.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { CpuMessage, ServerMessage } from './webhook-server.ts';

export type BenchRow = { readonly name: string; readonly unit: string; readonly value: number; readonly how: string };

const CONNECTIONS = 16;

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const container = (index: number): object => ({
  name: `c-${index}`,
  image: `registry.example/team/app-${index}@${DIGEST}`,
  env: Array.from({ length: 24 }, (_, at) => ({ name: `VARIABLE_${at}`, value: `value-${at}-${'x'.repeat(20)}` })),
  resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
  securityContext: { privileged: false, runAsNonRoot: true },
});

const REVIEW = JSON.stringify({
  kind: 'AdmissionReview',
  apiVersion: 'admission.k8s.io/v1',
  request: {
    uid: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    requestKind: { group: '', version: 'v1', kind: 'Pod' },
    requestResource: { group: '', version: 'v1', resource: 'pods' },
    name: 'pod',
    namespace: 'team',
    operation: 'CREATE',
    userInfo: { username: 'ann', groups: ['devs', 'system:authenticated'] },
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'pod', namespace: 'team', labels: { app: 'agent' } },
      spec: { containers: Array.from({ length: 4 }, (_, index) => container(index)) },
    },
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  },
});
const REQUEST = Buffer.from(
  `POST /validate?timeout=5s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json, */*\r\ncontent-length: ${Buffer.byteLength(REVIEW)}\r\n\r\n${REVIEW}`,
);

type Round = { readonly perSecond: number; readonly latenciesMs: readonly number[]; readonly cpuUs: number };

const cpuOf = async (server: ChildProcess): Promise<number> => {
  const reply = once(server, 'message');
  server.send('cpu');
  const [{ cpuUs }] = (await reply) as [CpuMessage];
  return cpuUs;
};

const open = (port: number): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(socket));
    socket.on('error', reject);
  });

/** A client that costs little: the request is made once, and an answer is known to be whole by its length. */
const load = async (socket: TLSSocket, untilMs: number): Promise<readonly number[]> =>
  new Promise((resolve, reject) => {
    const latencies: number[] = [];
    let text = '';
    let sentMs = performance.now();
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd === -1 || text.length < headEnd + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1])) return;
      if (!text.startsWith('HTTP/1.1 200') || !text.includes('"allowed":true')) return reject(new Error(text.slice(0, 2000)));
      text = '';
      const nowMs = performance.now();
      latencies.push(nowMs - sentMs);
      if (nowMs > untilMs) return resolve(latencies);
      sentMs = nowMs;
      socket.write(REQUEST);
    });
    socket.write(REQUEST);
  });

const round = async (server: ChildProcess, port: number, durationMs: number): Promise<Round> => {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)));
  const cpuBeforeUs = await cpuOf(server);
  const startedMs = performance.now();
  const latencies = (await Promise.all(sockets.map((socket) => load(socket, startedMs + durationMs)))).flat();
  const tookMs = performance.now() - startedMs;
  const cpuUs = ((await cpuOf(server)) - cpuBeforeUs) / latencies.length;
  for (const socket of sockets) socket.destroy();
  return { perSecond: (latencies.length / tookMs) * 1000, latenciesMs: latencies, cpuUs };
};

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const median = (values: readonly number[]): number =>
  at(
    values.toSorted((a, b) => a - b),
    0.5,
  );
const rounded = (value: number): number => Number(value.toPrecision(4));

export const measureWebhook = async (
  options: { readonly rounds?: number; readonly roundMs?: number } = {},
): Promise<readonly BenchRow[]> => {
  const { rounds = 5, roundMs = 2000 } = options;
  const server = fork(fileURLToPath(new URL('webhook-server.ts', import.meta.url)), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    const [message] = (await once(server, 'message')) as [ServerMessage];
    const names = Object.keys(message.ports);
    const results = new Map<string, Round[]>(names.map((name) => [name, []]));
    for (const name of names) await round(server, message.ports[name] ?? 0, roundMs / 2);
    for (let turn = 0; turn < rounds; turn += 1) {
      for (const name of names) results.get(name)?.push(await round(server, message.ports[name] ?? 0, roundMs));
    }
    const how = `median of ${rounds} rounds of ${roundMs} ms, ${CONNECTIONS} keep-alive TLS connections, review of ${REVIEW.length} bytes, client on the same machine`;
    return names.flatMap((name) => {
      const all = results.get(name) ?? [];
      const latencies = all.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b);
      return [
        { name: `webhook/reviews/${name}`, unit: 'req/s', value: Math.round(median(all.map(({ perSecond }) => perSecond))), how },
        // What a busy machine does not change: processor time of the server's process.
        { name: `webhook/reviews/${name}/cpu`, unit: 'µs', value: Math.round(median(all.map(({ cpuUs }) => cpuUs))), how },
        { name: `webhook/reviews/${name}/p50`, unit: 'ms', value: rounded(at(latencies, 0.5)), how },
        { name: `webhook/reviews/${name}/p99`, unit: 'ms', value: rounded(at(latencies, 0.99)), how },
      ];
    });
  } finally {
    server.disconnect();
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rows = await measureWebhook({ rounds: Number(process.env['ROUNDS'] ?? 5), roundMs: Number(process.env['ROUND_MS'] ?? 2000) });
  for (const { name, value, unit } of rows) console.log(`${name.padEnd(30)} ${String(value).padStart(9)} ${unit}`);
  console.log(rows[0]?.how);
}
