// SPDX-License-Identifier: Apache-2.0
/**
 * What policies ran for each tenant, told to the ledger: the meter policy_executions.
 *
 * In: records of decisions. Out: CloudEvents, one for each tenant and interval, spooled on disk and sent until the ledger says
 * that it has them. Dry runs are not metered. No verdict waits for any of it. What a process that is killed has counted and not
 * yet spooled, an interval's at most, is not billed. `webhook/wiring.ts` imports it.
 */
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { DecisionRecord } from '../decisions/record.ts';
import { openSpool } from './spool.ts';

export type ExecutionMeter = {
  /** Undefined for what nobody's policies decided. */
  count(record: DecisionRecord | undefined): void;
  /** Spools and sends until the signal aborts, then once more. */
  run(signal: AbortSignal): Promise<void>;
  /** Batches that the ledger has not acknowledged. */
  readonly waiting: number;
};

/** The HTTP status; throws where there is no answer. */
export type SendBatch = (batch: string, signal: AbortSignal) => Promise<number>;

/** The ledger takes as many at once. */
const MAX_EVENTS = 1000;
/** On disk at most; beyond that counts gather in memory, a number for each tenant, and lose nothing while the process lives. */
const MAX_WAITING = 5000;
const LAST_SEND_MS = 2_000;
/** In the ledger (200), kept aside there (202), or there already under another content, which no repetition will change (409). */
const SETTLED: ReadonlySet<number> = new Set([200, 202, 409]);

export const createExecutionMeter = async (options: {
  readonly folder: string;
  readonly replica: string;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly send: SendBatch;
  readonly onRefused: (status: number) => void;
  readonly onError: (error: unknown) => void;
}): Promise<ExecutionMeter> => {
  const { clock, send, onError } = options;
  const bootMs = clock.now();
  const source = `/writ/webhook/${options.replica}/boots/${bootMs}`;
  const spool = await openSpool(options.folder, bootMs);
  const counts = new Map<string, number>();
  const seqs = new Map<string, number>();

  const flush = async (): Promise<void> => {
    if (counts.size === 0 || spool.waiting >= MAX_WAITING) return;
    const taken = [...counts].slice(0, MAX_EVENTS);
    const time = new Date(clock.now()).toISOString();
    const events = taken.map(([subject, count]) => {
      const seq = (seqs.get(subject) ?? 0) + 1;
      const data = { meter: 'policy_executions', value: String(count) };
      return { specversion: '1.0', type: 'dev.writ.usage.v1', source, id: String(seq), subject, time, seq: String(seq), data };
    });
    await spool.put(JSON.stringify(events));
    // What was counted meanwhile stays.
    for (const [tenant, count] of taken) {
      seqs.set(tenant, (seqs.get(tenant) ?? 0) + 1);
      const left = (counts.get(tenant) ?? 0) - count;
      if (left > 0) counts.set(tenant, left);
      else counts.delete(tenant);
    }
  };
  const sendAll = async (signal: AbortSignal): Promise<void> => {
    for (let batch = await spool.first(); batch !== undefined && !signal.aborted; batch = await spool.first()) {
      const status = await send(batch.batch, signal);
      if (!SETTLED.has(status)) return options.onRefused(status);
      if (status === 409) options.onRefused(status);
      await spool.remove(batch.name);
    }
  };
  const step = async (signal: AbortSignal): Promise<void> => {
    try {
      await flush();
      await sendAll(signal);
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  };
  return {
    count: (record) => {
      if (record === undefined) return;
      const { metered, tenant, allowed, spoke } = record;
      const ran = allowed.length + spoke.length;
      if (!metered || tenant === '' || ran === 0) return;
      counts.set(tenant, (counts.get(tenant) ?? 0) + ran);
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await step(signal);
        await sleep(clock, options.intervalMs, signal);
      }
      const last = new AbortController();
      const cancel = clock.schedule(LAST_SEND_MS, () => last.abort());
      await step(last.signal);
      cancel();
    },
    get waiting() {
      return spool.waiting;
    },
  };
};
