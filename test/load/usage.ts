// SPDX-License-Identifier: Apache-2.0
/**
 * What the ledger takes in and how fast it closes: events in batches of 100 over HTTP against a process of its own, each answer
 * after its commit is on disk; and the close of a month of 10,000 tenants with five meters each.
 *
 * In: how long, how many tenants. Out: rows `usage/…`. The senders share the processors with the ledger.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { digestOf } from '../../operator/usage/event.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { SHIPPED_METERS, readMeters } from '../../operator/usage/meters.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { systemClock } from '../../process/clock.ts';
import { CHILD } from '../usage/crash-run.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

const BATCH = 100;
const CONNECTIONS = 8;

const post = (url: string, agent: Agent, body: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const call = request(`${url}/v1/events`, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/cloudevents-batch+json',
        'content-length': Buffer.byteLength(body),
        authorization: 'Bearer x',
      },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.end(body);
  });

const bodyOf = (source: string, first: number, time: string): string => {
  const events = Array.from(
    { length: BATCH },
    (_, index) =>
      `{"specversion":"1.0","type":"dev.writ.usage.v1","source":"${source}","id":"${first + index}","subject":"acme","time":"${time}","seq":${first + index},"data":{"meter":"reasoning_units","value":"12.5","dims":{"model":"m-large"}}}`,
  );
  return `[${events.join(',')}]`;
};

const measureIntake = async (folder: string, durationMs: number): Promise<readonly BenchRow[]> => {
  const file = join(folder, 'intake.db');
  const child = spawn(process.execPath, [CHILD, file, '', String(systemClock.now())], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const line = await new Promise<string>((resolve) => {
      createInterface({ input: child.stdout }).once('line', resolve);
    });
    const [url = ''] = line.split(' ');
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const time = new Date(systemClock.now()).toISOString();
    const latenciesMs: number[] = [];
    const run = async (source: string, untilMs: number, kept: number[]): Promise<void> => {
      for (let first = 1; systemClock.monotonicMs() < untilMs; first += BATCH) {
        const body = bodyOf(source, first, time);
        const sentMs = systemClock.monotonicMs();
        const status = await post(url, agent, body);
        if (status !== 200) throw new Error(`status ${status}`);
        kept.push(systemClock.monotonicMs() - sentMs);
      }
    };
    const all = (round: string, ms: number, kept: number[]): Promise<unknown> =>
      Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => run(`/bench/${round}/${index}`, systemClock.monotonicMs() + ms, kept)));
    await all('warm', Math.min(1000, durationMs), []);
    const startedMs = systemClock.monotonicMs();
    await all('measured', durationMs, latenciesMs);
    const seconds = (systemClock.monotonicMs() - startedMs) / 1000;
    agent.destroy();
    const events = latenciesMs.length * BATCH;
    const how = `${CONNECTIONS} connections, batches of ${BATCH}, ${Math.round(seconds)} s, each answer after its commit (WAL, synchronous=FULL), plain HTTP, senders on the same machine`;
    return [
      { name: 'usage/intake', unit: 'events/s', value: rounded(events / seconds), how },
      { name: 'usage/intake/p50', unit: 'ms', value: rounded(quantile(latenciesMs, 0.5)), how },
      { name: 'usage/intake/p99', unit: 'ms', value: rounded(quantile(latenciesMs, 0.99)), how },
    ];
  } finally {
    child.kill('SIGTERM');
  }
};

const OCTOBER = Date.UTC(2026, 9, 10);
const AT_ONCE = 1000;

const measureClose = async (folder: string, tenants: number): Promise<readonly BenchRow[]> => {
  let nowMs = OCTOBER;
  const clock = { ...systemClock, now: () => nowMs };
  const store = await openSqliteStore({ file: join(folder, 'close.db'), clock, groupMs: 0 });
  let statements = 0;
  const ledger = createLedger({
    store,
    clock,
    hasTenant: () => true,
    hooks: { onStatements: async (_tx, made) => void (statements += made.length) },
  });
  await ledger.open('bench');
  await ledger.declare(readMeters(undefined).meters);
  const meters = SHIPPED_METERS.slice(0, 5).map(({ name }) => name);
  const events = Array.from({ length: tenants * meters.length }, (_, index) => {
    const facts = {
      tenant: `tenant-${Math.floor(index / meters.length)}`,
      source: '/bench',
      id: String(index),
      seq: (index % meters.length) + 1,
      atMs: OCTOBER - (index % 200) * 3_600_000,
      meter: meters[index % meters.length] ?? '',
      value: BigInt(index) * 1_000_000n,
      dims: '{}',
    };
    return { ...facts, digest: digestOf(facts) };
  });
  for (let start = 0; start < events.length; start += AT_ONCE) await ledger.accept(events.slice(start, start + AT_ONCE));
  await ledger.settle(new AbortController().signal);
  nowMs = Date.UTC(2026, 10, 3);
  const startedMs = systemClock.monotonicMs();
  await ledger.settle(new AbortController().signal);
  const seconds = (systemClock.monotonicMs() - startedMs) / 1000;
  await store.close();
  if (statements !== tenants) throw new Error(`${statements} statements of ${tenants}`);
  const how = `freeze and statements of ${tenants} tenants with ${meters.length} meters each, until the last is on disk`;
  return [{ name: 'usage/close', unit: 's', value: rounded(seconds), how }];
};

export const measureUsage = async (options: { readonly durationMs: number; readonly tenants: number }): Promise<readonly BenchRow[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'writ-bench-usage-'));
  try {
    return [...(await measureIntake(folder, options.durationMs)), ...(await measureClose(folder, options.tenants))];
  } finally {
    rmSync(folder, { recursive: true });
  }
};
