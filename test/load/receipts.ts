// SPDX-License-Identifier: Apache-2.0
/**
 * What receipts cost a decision: the webhook's handler with 12 policies, with and without them, in short rounds that take
 * turns within one process. A round with receipts ends when all of them are signed and on disk.
 *
 * In: nothing. Out: rows `receipts/…`. Without server and TLS, the work that receipts are compared with is the smallest.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../../process/clock.ts';
import type { Receipts } from '../../webhook/decisions/receipts.ts';
import { median, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { reviewText } from './decide.ts';
import { createHandler, receiptsInFolder } from './webhook-handler.ts';

type Handle = Awaited<ReturnType<typeof createHandler>>;
type Cost = { readonly wallUs: number; readonly cpuUs: number };

const POLICIES = 12;
const REVIEW = reviewText();
/** As many as a batch holds, so that each round ends with whole batches. */
const BATCH = 1024;
/** Between two turns of the event loop: as many requests as connections of the API server bring at once. */
const TURN = 16;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const round = async (handle: Handle, receipts: Receipts | undefined, decisions: number): Promise<Cost> => {
  const before = process.cpuUsage();
  const fromMs = systemClock.monotonicMs();
  for (let done = 0; done < decisions; done += 1) {
    await handle(REVIEW, () => true);
    if (done % TURN === 0) await turn();
  }
  const waiting = (): boolean => receipts !== undefined && receipts.pendingBytes > 0;
  while (waiting()) await sleep(systemClock, 1);
  const { user, system } = process.cpuUsage(before);
  return { wallUs: ((systemClock.monotonicMs() - fromMs) * 1000) / decisions, cpuUs: (user + system) / decisions };
};

export const measureReceipts = async (options: { readonly rounds: number; readonly batches: number }): Promise<readonly BenchRow[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'writ-bench-receipts-'));
  try {
    const receipts = await receiptsInFolder(folder);
    const plain = await createHandler(POLICIES);
    const sealing = await createHandler(POLICIES, receipts);
    const decisions = options.batches * BATCH;
    const pairs: { readonly without: Cost; readonly having: Cost }[] = [];
    for (let at = -1; at < options.rounds; at += 1) {
      const first = at % 2 === 0 ? await round(sealing, receipts, decisions) : undefined;
      const without = await round(plain, undefined, decisions);
      const having = first ?? (await round(sealing, receipts, decisions));
      // The first pair warms up.
      if (at >= 0) pairs.push({ without, having });
    }
    await receipts.close();
    const how = `median of ${options.rounds} pairs of rounds of ${decisions} decisions under ${POLICIES} policies, with receipts until they are on disk`;
    const row = (name: string, unit: string, of: (pair: { readonly without: Cost; readonly having: Cost }) => number): BenchRow => ({
      name: `receipts/${name}`,
      unit,
      value: rounded(median(pairs.map(of))),
      how,
    });
    return [
      row('decision/without', 'µs', ({ without }) => without.wallUs),
      row('decision/with', 'µs', ({ having }) => having.wallUs),
      row('throughput-lost', '%', ({ without, having }) => 100 * (1 - without.wallUs / having.wallUs)),
      row('cpu-added', '%', ({ without, having }) => 100 * (having.cpuUs / without.cpuUs - 1)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
