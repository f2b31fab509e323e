// SPDX-License-Identifier: Apache-2.0
/**
 * Receipts of what is decided: each record is a leaf of a batch, the batch is signed and on disk within a second or so.
 *
 * In: the text of each record, once it is made for the decision log. Out: batches in the spool, chained, and word of each
 * that is on disk. A verdict never waits: the way there hashes the record once; signing, writing and fsync are done behind.
 * At most so many bytes wait; a record that does not fit gets no receipt, is counted, and the next batch tells it under its
 * signature. What can not be written is tried again until the process ends. `webhook/wiring.ts` calls it.
 */
import { Buffer } from 'node:buffer';
import { NO_BATCH, batchDigest, encodeClaim, signedBytes } from '../../policies/receipts/batch.ts';
import type { BatchClaim, Restart } from '../../policies/receipts/batch.ts';
import { writeSeal } from '../../policies/receipts/lines.ts';
import { growTree, leafOfText } from '../../policies/transparency/merkle.ts';
import type { GrowingTree } from '../../policies/transparency/merkle.ts';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { ReplicaKey } from './replica-key.ts';
import type { Spool } from './spool.ts';

export type SealedBatch = { readonly claim: BatchClaim; readonly digest: string };

export type Receipts = {
  /** Takes a record's text, a line without its end. Never waits, never throws. */
  add(line: string): void;
  /** Seals what waits, says in the chain that the process ends, and closes the spool. Nothing more is taken. */
  close(): Promise<void>;
  readonly pendingBytes: number;
};

export type ReceiptsOptions = {
  readonly spool: Spool;
  readonly key: Pick<ReplicaKey, 'publicKey' | 'sign'>;
  readonly replica: string;
  readonly clock: Clock;
  /** The longest that a record waits for its seal. */
  readonly batchMs: number;
  /** The most records under one seal. */
  readonly batchSize: number;
  readonly maxPendingBytes?: number;
  /** The batch is on disk. */
  readonly onSealed: (batch: SealedBatch) => void;
  readonly onLost: (records: number) => void;
  readonly onError: (error: unknown) => void;
};

const MAX_PENDING_BYTES = 16 * 2 ** 20;
/** A file of the spool must stay readable in one piece. */
const MAX_BATCH_BYTES = 2 * 2 ** 20;
const MAX_RECORD_BYTES = 4 * 2 ** 20;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 15_000;
const SET_RECORD = '{"msg":"policy set"';

type Gathering = { readonly lines: string[]; readonly tree: GrowingTree; bytes: number; readonly fromMs: number; hasSet: boolean };

export const createReceipts = (options: ReceiptsOptions): Receipts => {
  const { spool, key, replica, clock, batchMs, batchSize, maxPendingBytes = MAX_PENDING_BYTES, onSealed, onLost, onError } = options;
  const { head: foundHead, tornBytes } = spool.recovered;
  let head: { readonly batch: number; readonly digest: string } = foundHead ?? { batch: 0, digest: NO_BATCH };
  let restart: Restart | undefined =
    foundHead === undefined && tornBytes === 0 ? undefined : { clean: foundHead?.end === true && tornBytes === 0, tornBytes };
  let gathering: Gathering | undefined;
  let cancelTimer: () => void = () => undefined;
  /** What is gathered has waited long enough. While a write takes longer it goes on gathering. */
  let isDue = false;
  /** The record of the set in force: each file of the spool has it, so that each can be read by itself. */
  let setLine: string | undefined;
  let pendingBytes = 0;
  let lost = 0;
  let closed = false;
  const closing = new AbortController();
  const full: Gathering[] = [];
  let writing: Promise<void> | undefined;

  const begin = (): Gathering => {
    gathering = { lines: [], tree: growTree(), bytes: 0, fromMs: clock.now(), hasSet: false };
    cancelTimer = clock.schedule(batchMs, () => {
      isDue = true;
      start();
    });
    return gathering;
  };

  const takeGathering = (): Gathering | undefined => {
    const batch = gathering;
    cancelTimer();
    gathering = undefined;
    isDue = false;
    return batch;
  };

  const put = (batch: Gathering, line: string): void => {
    batch.lines.push(line);
    batch.tree.add(leafOfText(line));
    batch.bytes += line.length + 1;
    pendingBytes += line.length + 1;
    batch.hasSet ||= line === setLine;
  };

  const lose = (records: number): void => {
    lost += records;
    onLost(records);
  };

  /** Until it is done; false: the process ends, and the last try failed. */
  const persist = async (step: () => Promise<unknown>): Promise<boolean> => {
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)) {
      try {
        await step();
        return true;
      } catch (error) {
        onError(error);
        if (closing.signal.aborted) return false;
        await sleep(clock, delayMs, closing.signal);
      }
    }
  };

  const seal = async (batch: Gathering, isEnd: boolean): Promise<void> => {
    let isFirstOfFile = false;
    const prepared = await persist(async () => {
      isFirstOfFile = await spool.prepare(batch.bytes);
    });
    if (isFirstOfFile && setLine !== undefined && !batch.hasSet) put(batch, setLine);
    const told = lost;
    const claim: BatchClaim = {
      replica,
      batch: head.batch + 1,
      size: batch.tree.size,
      root: batch.tree.root().toString('hex'),
      prev: head.digest,
      lost: told,
      from: new Date(batch.fromMs).toISOString(),
      to: new Date(clock.now()).toISOString(),
      ...(restart === undefined ? {} : { restart }),
      ...(isEnd ? { end: true } : {}),
    };
    const payload = encodeClaim(claim);
    const written =
      prepared &&
      (await persist(async () => {
        const signature = await key.sign(signedBytes(payload));
        const records = batch.lines.map((line) => `${line}\n`).join('');
        await spool.append(claim.batch, Buffer.from(records + writeSeal({ payload, signature, hint: key.publicKey.hint })));
      }));
    pendingBytes -= batch.bytes;
    if (!written) return lose(batch.lines.length);
    lost -= told;
    restart = undefined;
    head = { batch: claim.batch, digest: batchDigest(payload) };
    onSealed({ claim, digest: head.digest });
  };

  const drain = async (): Promise<void> => {
    for (let batch = next(); batch !== undefined; batch = next()) await seal(batch, closed && full.length === 0 && gathering === undefined);
    writing = undefined;
  };

  const next = (): Gathering | undefined => full.shift() ?? (isDue ? takeGathering() : undefined);

  function start(): void {
    writing ??= drain();
  }

  return {
    add: (line) => {
      if (closed) return onLost(1);
      if (line.startsWith(SET_RECORD)) setLine = line;
      // Also with nothing in it a batch tells what was lost.
      const batch = gathering ?? begin();
      if (line.length > MAX_RECORD_BYTES || pendingBytes + line.length > maxPendingBytes) return lose(1);
      put(batch, line);
      if (batch.lines.length < batchSize && batch.bytes < MAX_BATCH_BYTES) return;
      takeGathering();
      full.push(batch);
      start();
    },
    close: async () => {
      if (closed) return;
      closed = true;
      if (gathering === undefined) begin();
      isDue = true;
      closing.abort();
      start();
      await writing;
      await spool.close();
    },
    get pendingBytes() {
      return pendingBytes;
    },
  };
};
