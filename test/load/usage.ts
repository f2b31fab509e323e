// SPDX-License-Identifier: Apache-2.0
/**
 * What the ledger takes in and how fast it closes: events in batches of 100 over HTTP against a process of its own, each answer
 * after its commit is on disk; and the close of a month of 10,000 tenants with five meters each.
 *
 * In: how long, how many tenants. Out: rows `usage/…`. The senders share the processors with the ledger.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../../operator/usage/event.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { SHIPPED_METERS, readMeters } from '../../operator/usage/meters.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { systemClock } from '../../process/clock.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import type { LedgerMessage } from './usage-ledger.ts';
import type { SendOrder, SendReply, SendReport } from './usage-senders.ts';
import { nextMessage } from './next-message.ts';

const BATCH = 100;
const CONNECTIONS = 8;

const processorUs = async (ledger: ChildProcess): Promise<number> => {
  const reply = nextMessage<{ readonly cpuUs: number }>(ledger);
  ledger.send('cpu');
  return (await reply).cpuUs;
};

const startChild = (file: string, args: readonly string[]): ChildProcess =>
  fork(fileURLToPath(new URL(file, import.meta.url)), [...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });

const measureIntake = async (folder: string, durationMs: number): Promise<readonly BenchRow[]> => {
  const senders = startChild('usage-senders.ts', []);
  const ledger = startChild('usage-ledger.ts', [join(folder, 'intake.db')]);
  try {
    const { url, ca } = await nextMessage<LedgerMessage>(ledger);
    const send = async (round: string, ms: number): Promise<SendReport> => {
      const reply = nextMessage<SendReply>(senders);
      senders.send({ url, ca, round, connections: CONNECTIONS, batch: BATCH, durationMs: ms } satisfies SendOrder);
      const said = await reply;
      if ('error' in said) throw new Error(said.error);
      return said.report;
    };
    await send('warm', Math.min(2000, durationMs));
    const before = await processorUs(ledger);
    const { latenciesMs, seconds, cpuUs } = await send('measured', durationMs);
    const after = await processorUs(ledger);
    const events = latenciesMs.length * BATCH;
    const how = `${CONNECTIONS} connections over TLS, batches of ${BATCH}, ${Math.round(seconds)} s, each answer after its commit (WAL, synchronous=FULL); tokens, metrics and a limit as in the operator; senders in another process on the same machine`;
    const row = (name: string, unit: string, value: number): BenchRow => ({
      name: `usage/intake${name}`,
      unit,
      value: rounded(value),
      how,
    });
    return [
      row('', 'events/s', events / seconds),
      row('/p50', 'ms', quantile(latenciesMs, 0.5)),
      row('/p99', 'ms', quantile(latenciesMs, 0.99)),
      row('/processor', 'µs/event', (after - before) / events),
      row('/processor/senders', 'µs/event', cpuUs / events),
      // What the ledger takes in a second in which one processor is its own.
      row('/processor-second', 'events', (events * 1e6) / (after - before)),
    ];
  } finally {
    senders.disconnect();
    ledger.disconnect();
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
