// SPDX-License-Identifier: Apache-2.0
/**
 * What is kept of decisions: a line of the decision log for each, and, where a folder for them is named, signed receipts.
 *
 * In: records of decisions and of policy sets, handed on many at once (`recorder.ts`). Out: the log (`sink.ts`), the spool of receipts (`receipts.ts`, `spool.ts`) whose
 * leaves are the very lines of the log, and in the log a line for each batch of receipts that is on disk. Nothing here makes
 * a verdict wait, but where hundreds are made in one turn of the event loop. `webhook/wiring.ts` alone imports it.
 */
import { join } from 'node:path';
import type { ReceiptsHead } from '../../crds/replica.ts';
import { writeHeader } from '../../policies/receipts/lines.ts';
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/log.ts';
import type { WebhookConfig } from '../config.ts';
import type { WebhookMetrics } from '../metrics.ts';
import { createReceipts } from './receipts.ts';
import type { Receipts, SealedBatch } from './receipts.ts';
import type { DecisionRecord, SetRecord } from './record.ts';
import { createRecorder } from './recorder.ts';
import { replicaKey } from './replica-key.ts';
import type { ReplicaKey } from './replica-key.ts';
import { createDecisionSink } from './sink.ts';
import type { DecisionSink } from './sink.ts';
import { openSpool } from './spool.ts';

export type Decisions = {
  record(record: DecisionRecord | SetRecord): void;
  /** Public key in PEM that receipts are sealed with; undefined where none are made. */
  readonly receiptKey: string | undefined;
  /** The newest batch of receipts that is on disk. */
  readonly receiptsHead: () => ReceiptsHead | undefined;
  /** All that was recorded is on disk, or was counted as lost. */
  close(): Promise<void>;
};

export type DecisionsOptions = {
  readonly config: Pick<
    WebhookConfig,
    'decision-log' | 'receipts' | 'receipts-max-mebibytes' | 'receipt-key' | 'receipt-batch-time' | 'receipt-batch-size' | 'replica'
  >;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: WebhookMetrics;
};

type Sealing = { readonly receipts: Receipts; readonly key: ReplicaKey; readonly head: () => ReceiptsHead | undefined };

const startReceipts = async ({ config, clock, log, metrics }: DecisionsOptions, sink: DecisionSink): Promise<Sealing | undefined> => {
  if (config.receipts === undefined) {
    log.info('no receipts of decisions are made: --receipts names no folder');
    return undefined;
  }
  const { replica } = config;
  const key = await replicaKey(config['receipt-key']);
  const folder = join(config.receipts, replica);
  const spool = await openSpool({
    folder,
    header: writeHeader({ replica, key: key.publicKey }),
    maxBytes: config['receipts-max-mebibytes'] * 2 ** 20,
    onRemoved: (file) => {
      metrics.receiptFilesRemoved.inc({});
      log.info({ file }, 'the oldest receipts are removed, to make room for new ones');
    },
  });
  const { head, tornBytes } = spool.recovered;
  if (head !== undefined || tornBytes > 0)
    log.info({ batch: head?.batch ?? 0, tornBytes, crashed: head?.end !== true }, 'receipts go on where the process before ended');
  let sealed: ReceiptsHead | undefined;
  const onSealed = ({ claim: { batch, size, lost, to }, digest }: SealedBatch): void => {
    sealed = { batch, digest };
    metrics.receiptBatches.inc({});
    metrics.receiptsSealed.inc({}, size);
    sink.record({ msg: 'receipts', time: to, replica, batch, size, lost, digest });
  };
  const receipts = createReceipts({
    spool,
    key,
    replica,
    clock,
    batchMs: config['receipt-batch-time'],
    batchSize: config['receipt-batch-size'],
    onSealed,
    onLost: (records) => metrics.receiptsLost.inc({}, records),
    onError: (error) => {
      metrics.receiptErrors.inc({});
      log.error({ err: error }, 'receipts could not be written; it is tried again');
    },
  });
  metrics.receiptsPending.onCollect(() => metrics.receiptsPending.set({}, receipts.pendingBytes));
  log.info({ folder, keyHint: key.publicKey.hint }, 'receipts of decisions are sealed by this key');
  return { receipts, key, head: () => sealed };
};

export const startDecisions = async (options: DecisionsOptions): Promise<Decisions> => {
  const { config, clock, log, metrics } = options;
  const sink = await createDecisionSink({
    file: config['decision-log'],
    clock,
    // They come many at once.
    flushMs: 0,
    onDrop: () => metrics.recordsDropped.inc({}),
    onError: (error) => log.error({ err: error }, 'decision records could not be written'),
  });
  const sealing = await startReceipts(options, sink);
  const recorder = createRecorder({
    clock,
    handOn: (record) => {
      const text = sink.record(record);
      sealing?.receipts.add(text);
    },
    onBug: (error) => {
      metrics.recordsDropped.inc({});
      log.error({ err: error }, 'a decision record could not be made');
    },
  });
  return {
    record: (record) => recorder.record(record),
    receiptKey: sealing?.key.pem,
    receiptsHead: () => sealing?.head(),
    close: async () => {
      recorder.flush();
      await sealing?.receipts.close();
      await sink.close();
    },
  };
};
