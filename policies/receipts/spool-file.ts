// SPDX-License-Identifier: Apache-2.0
// One file of a spool → its batches, each with its records. Nothing is believed yet: `index.ts` holds seals and records together.
import type { Buffer } from 'node:buffer';
import type { SignedBatch } from './batch.ts';
import { isSealLine, linesOf, readHeader, readSeal } from './lines.ts';
import type { SpoolHeader } from './lines.ts';

export type FoundBatch = {
  readonly batch: SignedBatch;
  /** The leaves, in order. */
  readonly records: readonly Buffer[];
  /** Line of the seal, from 1. */
  readonly line: number;
};

export type SpoolFile = {
  readonly header: SpoolHeader | undefined;
  readonly batches: readonly FoundBatch[];
  /** Lines that begin like a seal and are none. */
  readonly malformed: readonly number[];
  /** Where the last whole batch ends, in bytes. */
  readonly sealedBytes: number;
  readonly lines: number;
};

/** Total. */
export const readSpoolFile = (content: Buffer): SpoolFile => {
  let header: SpoolHeader | undefined;
  let records: Buffer[] = [];
  let sealedBytes = 0;
  let line = 0;
  const batches: FoundBatch[] = [];
  const malformed: number[] = [];
  for (const { bytes, end } of linesOf(content)) {
    line += 1;
    if (line === 1) {
      header = readHeader(bytes);
      continue;
    }
    if (!isSealLine(bytes)) {
      records.push(bytes);
      continue;
    }
    const batch = readSeal(bytes);
    if (batch === undefined) malformed.push(line);
    else {
      batches.push({ batch, records, line });
      sealedBytes = end;
    }
    records = [];
  }
  return { header, batches, malformed, sealedBytes, lines: line };
};
