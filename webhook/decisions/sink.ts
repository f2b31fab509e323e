// SPDX-License-Identifier: Apache-2.0
// Where decision records go: a file, or standard output. A verdict never waits for it: lines are gathered and written
// behind, at most so many bytes are held, and what does not fit any more is counted, not kept.
import { close, open, write } from 'node:fs';
import { promisify } from 'node:util';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { DecisionRecord, ReceiptsRecord, SetRecord } from './record.ts';

export type DecisionSink = {
  /** The record's text: the line, without its end. */
  record(record: DecisionRecord | SetRecord | ReceiptsRecord): string;
  /** Writes what is held; then nothing more is taken. */
  close(): Promise<void>;
  readonly dropped: number;
  readonly pendingBytes: number;
};

export type SinkOptions = {
  /** Standard output when undefined. */
  readonly file: string | undefined;
  readonly clock: Clock;
  /** How long lines are gathered before they are written. */
  readonly flushMs?: number;
  readonly maxPendingBytes?: number;
  readonly onDrop?: () => void;
  readonly onError: (error: unknown) => void;
  /** For tests: writes a piece of text somewhere. */
  readonly writeChunk?: (chunk: string) => Promise<void>;
};

// Other lines of the process go to standard output too. A write of at most PIPE_BUF bytes to a pipe is atomic (pipe(7)).
const PIPE_BUF = 4096;
const FILE_CHUNK = 65_536;
const FLUSH_MS = 20;
const MAX_PENDING_BYTES = 16 * 2 ** 20;
const STDOUT = 1;

const openFile = promisify(open);
const closeFile = promisify(close);
const writeFile = promisify(write);

const writeAll = async (fd: number, chunk: string): Promise<void> => {
  const bytes = Buffer.from(chunk);
  let at = 0;
  while (at < bytes.length) at += (await writeFile(fd, bytes, at)).bytesWritten;
};

export const createDecisionSink = async (options: SinkOptions): Promise<DecisionSink> => {
  const { file, clock, flushMs = FLUSH_MS, maxPendingBytes = MAX_PENDING_BYTES, onDrop, onError } = options;
  const fd = file === undefined ? STDOUT : await openFile(file, 'a', 0o640);
  const chunkMax = file === undefined ? PIPE_BUF : FILE_CHUNK;
  const writeChunk = options.writeChunk ?? ((chunk: string) => writeAll(fd, chunk));
  let lines: string[] = [];
  let pendingBytes = 0;
  let dropped = 0;
  let closed = false;
  const closing = new AbortController();
  let writing: Promise<void> | undefined;

  /** As many lines as fit into one write; at least one. */
  const takeChunk = (from: readonly string[], start: number): { readonly chunk: string; readonly next: number } => {
    let chunk = '';
    let next = start;
    for (; next < from.length; next += 1) {
      const line = from[next] ?? '';
      if (chunk !== '' && chunk.length + line.length > chunkMax) break;
      chunk += line;
    }
    return { chunk, next };
  };

  const drain = async (): Promise<void> => {
    while (lines.length > 0) {
      const batch = lines;
      lines = [];
      for (let at = 0; at < batch.length;) {
        const { chunk, next } = takeChunk(batch, at);
        try {
          await writeChunk(chunk);
        } catch (error) {
          dropped += next - at;
          for (let lost = at; lost < next; lost += 1) onDrop?.();
          onError(error);
        }
        pendingBytes -= chunk.length;
        at = next;
      }
    }
    writing = undefined;
  };

  return {
    record: (record) => {
      const text = JSON.stringify(record);
      const line = `${text}\n`;
      if (closed || pendingBytes + line.length > maxPendingBytes) {
        dropped += 1;
        onDrop?.();
        return text;
      }
      lines.push(line);
      pendingBytes += line.length;
      // Many lines are one write: each costs a thread of the pool more than the line is worth.
      writing ??= sleep(clock, flushMs, closing.signal).then(drain);
      return text;
    },
    close: async () => {
      closed = true;
      closing.abort();
      await writing;
      if (file !== undefined) await closeFile(fd);
    },
    get dropped() {
      return dropped;
    },
    get pendingBytes() {
      return pendingBytes;
    },
  };
};
