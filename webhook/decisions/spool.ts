// SPDX-License-Identifier: Apache-2.0
// The folder that receipts are kept in: files of whole batches, each on disk before it counts. When it opens, what a crash
// left behind the last whole batch is cut off and told; when it is full, the oldest file goes.
import { Buffer } from 'node:buffer';
import { open, readFile, readdir, stat, truncate, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createFolderKeeper, syncFolder } from '../../process/kept-folder.ts';
import { batchDigest } from '../../policies/receipts/batch.ts';
import { readSpoolFile } from '../../policies/receipts/spool-file.ts';

export type ChainHead = {
  readonly batch: number;
  readonly digest: string;
  /** The process that wrote it ended in order. */ readonly end: boolean;
};

export type Spool = {
  /** The last whole batch when the spool was opened, and how many bytes were cut off behind it. */
  readonly recovered: { readonly head: ChainHead | undefined; readonly tornBytes: number };
  /** Makes room for so many bytes; whether they will be the first of a file. */
  prepare(bytes: number): Promise<boolean>;
  /** Resolves when the batch is on disk. After an error it may be called again with the same bytes. */
  append(batch: number, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
};

export type SpoolOptions = {
  readonly folder: string;
  /** First line of each file, with its end. */
  readonly header: string;
  /** All files together. */
  readonly maxBytes: number;
  /** Where the next file begins; the default suits `maxBytes`. */
  readonly fileBytes?: number;
  readonly onRemoved: (file: string) => void;
};

const MAX_FILE_BYTES = 8 * 2 ** 20;
/** Of what the folder may hold: at most so much is lost when the oldest file goes. */
const FILES = 8;

const SPOOL_FILE = /^receipts-\d{12}\.jsonl$/;
const fileName = (batch: number): string => `receipts-${String(batch).padStart(12, '0')}.jsonl`;

type Kept = { readonly path: string; bytes: number };

/** Cuts what follows the last whole batch; files without one go. */
const recover = async (files: Kept[]): Promise<Spool['recovered']> => {
  let tornBytes = 0;
  for (let last = files.at(-1); last !== undefined; last = files.at(-1)) {
    const content = await readFile(last.path);
    const { batches, sealedBytes } = readSpoolFile(content);
    const head = batches.at(-1)?.batch;
    tornBytes += content.length - sealedBytes;
    if (head !== undefined) {
      if (sealedBytes < content.length) await truncate(last.path, sealedBytes);
      last.bytes = sealedBytes;
      return { head: { batch: head.claim.batch, digest: batchDigest(head.payload), end: head.claim.end === true }, tornBytes };
    }
    await unlink(last.path);
    files.pop();
  }
  return { head: undefined, tornBytes };
};

export const openSpool = async (options: SpoolOptions): Promise<Spool> => {
  const { folder, maxBytes, fileBytes = Math.min(MAX_FILE_BYTES, Math.floor(maxBytes / FILES)), onRemoved } = options;
  const header = Buffer.from(options.header);
  await createFolderKeeper()(folder, 0o750);
  const names = (await readdir(folder)).filter((name) => SPOOL_FILE.test(name)).toSorted();
  const files = await Promise.all(
    names.map(async (name): Promise<Kept> => {
      const path = join(folder, name);
      return { path, bytes: (await stat(path)).size };
    }),
  );
  const recovered = await recover(files);
  // A file is of one key, and each process may have its own: never the file of the one before.
  let current: { readonly kept: Kept; readonly handle: FileHandle } | undefined;

  const closeFile = async (): Promise<void> => {
    const { handle } = current ?? {};
    current = undefined;
    await handle?.close();
  };

  const makeRoom = async (bytes: number): Promise<void> => {
    let total = files.reduce((sum, file) => sum + file.bytes, 0);
    while (total + bytes > maxBytes && files[0] !== undefined && files[0] !== current?.kept) {
      const [oldest] = files;
      await unlink(oldest.path);
      files.shift();
      total -= oldest.bytes;
      onRemoved(oldest.path);
    }
  };

  return {
    recovered,
    prepare: async (bytes) => {
      if (current !== undefined && current.kept.bytes + bytes > fileBytes) await closeFile();
      await makeRoom(bytes);
      return current === undefined;
    },
    append: async (batch, bytes) => {
      if (current === undefined) {
        const kept = { path: join(folder, fileName(batch)), bytes: 0 };
        const handle = await open(kept.path, 'wx', 0o640);
        current = { kept, handle };
        files.push(kept);
      }
      const { kept, handle } = current;
      const isNew = kept.bytes === 0;
      const all = isNew ? Buffer.concat([header, bytes]) : bytes;
      // A try before this one may have written a part, and what a failed fsync left in the cache would count as clean.
      await handle.truncate(kept.bytes);
      for (let at = 0; at < all.length;) at += (await handle.write(all, at, all.length - at, kept.bytes + at)).bytesWritten;
      await handle.datasync();
      if (isNew) await syncFolder(folder);
      kept.bytes += all.length;
    },
    close: closeFile,
  };
};
