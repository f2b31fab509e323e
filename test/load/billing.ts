// SPDX-License-Identifier: Apache-2.0
/**
 * What reporting use to a payment provider costs: hours of thousands of customers on a real ledger, through the outbox and the `stripe` package,
 * to a process of its own on loopback that counts them.
 *
 * In: how many customers, meters and hours. Out: rows `billing/…`, processor time beside wall time; that of the provider is not in it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBilling } from '../../operator/billing/index.ts';
import { countStates } from '../../operator/billing/outbox/tables.ts';
import { billingMigrations } from '../../operator/billing/outbox/tables.ts';
import { createStripe } from '../../operator/billing/stripe.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import type { Store } from '../../operator/usage/store.ts';
import { USAGE_TABLES } from '../../operator/usage/tables.ts';
import { systemClock } from '../../process/clock.ts';
import { rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { residentMegabytes } from './processor-time.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 9, 20);
const METERS = ['api_calls', 'reasoning_units', 'transfer_bytes', 'storage_bytes', 'agent_hours'] as const;

type Size = { readonly customers: number; readonly hours: number; readonly say: (step: string) => void };
type Cost = { readonly wallMs: number; readonly cpuMs: number };

const fill = async (store: Store, { customers, hours }: Size): Promise<void> => {
  for (let hour = 0; hour < hours; hour += 1) {
    const hourMs = START + hour * HOUR_MS;
    const rows = Array.from({ length: customers }, (_, index) =>
      METERS.map((meter) => [hourMs, `t${index}`, meter, 1, String(1_000_000n * BigInt(index + hour + 1)), '0']),
    ).flat();
    await store.transact(async (tx) => {
      await tx.insert({ into: 'usage_bucket', columns: ['hour_ms', 'tenant', 'meter', 'count', 'sum', 'peak'], rows });
      await tx.run('INSERT INTO usage_seal (position, hour_ms, revision, root, sealed_ms) VALUES (?, ?, 1, ?, ?)', [
        hour + 1,
        hourMs,
        Buffer.alloc(32),
        hourMs,
      ]);
    });
  }
};

const costOf = async (work: () => Promise<unknown>): Promise<Cost> => {
  const before = process.cpuUsage();
  const fromMs = systemClock.monotonicMs();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wallMs: systemClock.monotonicMs() - fromMs, cpuMs: (user + system) / 1000 };
};

export const measureBilling = async (size: Size): Promise<readonly BenchRow[]> => {
  const { customers: count, hours, say } = size;
  const folder = mkdtempSync(join(tmpdir(), 'writ-bench-billing-'));
  const provider = fork(new URL('counting-stripe.ts', import.meta.url));
  const [port]: unknown[] = await once(provider, 'message');
  const store = await openSqliteStore({ file: join(folder, 'ledger.db'), clock: systemClock });
  try {
    for (const room of [USAGE_TABLES, billingMigrations]) await store.migrate(room);
    await store.claim('bench');
    await fill(store, size);
    let nowMs = START + hours * HOUR_MS + 20 * MINUTE_MS;
    const start = () =>
      createBilling({
        store,
        provider: createStripe({
          secretKey: 'sk_test_benchmark0',
          mode: 'test',
          nowMs: () => nowMs,
          fetch: (url, init) => fetch(`http://127.0.0.1:${String(port)}${url.replace('https://api.stripe.com', '')}`, init),
        }),
        clock: { now: () => nowMs, monotonicMs: () => nowMs, schedule: () => () => undefined },
        random: () => 0.5,
        installation: 'bench',
        record: undefined,
        onHeld: () => undefined,
        onUnseen: () => undefined,
        onUnpriced: () => undefined,
        onLateErrors: () => undefined,
        onShared: () => undefined,
      });
    const scope = {
      customers: Array.from({ length: count }, (_, index) => ({ tenant: `t${index}`, customer: `cus_${index}` })),
      reporting: { meters: new Map(METERS.map((meter) => [meter, 'Absolute'] as const)), effectiveFromMs: 0 },
    };
    const total = count * hours * METERS.length;
    let billing = start();
    let peak = 0;
    const until = (state: 'accepted' | 'verified') => async (): Promise<void> => {
      for (;;) {
        await billing.turn(scope);
        peak = Math.max(peak, residentMegabytes(process.pid) ?? 0);
        const states = await store.read(countStates);
        say(`billing: ${states.get(state) ?? 0} of ${total} reports ${state}`);
        if ((states.get('verified') ?? 0) + (state === 'accepted' ? (states.get('accepted') ?? 0) : 0) >= total) return;
        nowMs += MINUTE_MS;
      }
    };
    const reported = await costOf(until('accepted'));
    nowMs += 30 * MINUTE_MS;
    const readBack = await costOf(until('verified'));
    nowMs += MINUTE_MS;
    const idle = await costOf(() => billing.turn(scope));
    nowMs += MINUTE_MS;
    billing = start();
    const again = await costOf(() => billing.turn(scope));
    const how = `${count} customers, ${METERS.length} meters, ${hours} hours: ${total} reports; SQLite on disk, synchronous=FULL; the provider is a process of its own on loopback`;
    const row = (name: string, unit: string, value: number): BenchRow => ({ name: `billing/${name}`, unit, value: rounded(value), how });
    return [
      row('reports accepted', 'reports/s', (total * 1000) / reported.wallMs),
      row('processor time of a report', 'ms', reported.cpuMs / total),
      row('reports read back', 'reports/s', (total * 1000) / readBack.wallMs),
      row('processor time of reading one back', 'ms', readBack.cpuMs / total),
      row('a look with nothing to do', 'ms', idle.wallMs),
      row('processor time of such a look', 'ms', idle.cpuMs),
      row('first look of another leader', 'ms', again.wallMs),
      row('processor time of the first look', 'ms', again.cpuMs),
      row('resident, at most', 'MB', peak),
    ];
  } finally {
    await store.close();
    provider.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
};
