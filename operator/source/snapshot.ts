// SPDX-License-Identifier: Apache-2.0
// The tree of one commit as the rest of the operator sees it: names first, bytes on demand.
import type { Problem } from '../../policies/problem.ts';
import type { BlobCache } from './blobs.ts';
import type { SourceLimits } from './limits.ts';
import { shown } from './shown.ts';
import { readObjects } from './store.ts';
import type { ObjectStore } from './store.ts';

export type SourceFile = {
  /** Relative to `spec.path`, with `/`. */
  readonly path: string;
  /** The blob's id. */
  readonly oid: string;
  /** Bytes; undefined where the blob is over the limit for one file and was therefore not downloaded. */
  readonly size: number | undefined;
  /** Git's file mode: `100644` or `100755`. */
  readonly mode: string;
};

export type FileBytes = { readonly path: string; readonly bytes: Uint8Array };

export type ReadResult =
  | { readonly ok: true; readonly files: readonly FileBytes[] }
  | { readonly ok: false; readonly problem: Problem; readonly transient: boolean };

export type Snapshot = {
  /** The full commit id. */
  readonly commit: string;
  /** As Flux writes it: `main@sha1:…`, or `sha1:…` for a commit without a branch. */
  readonly revision: string;
  /** Committer date, epoch milliseconds. */
  readonly committedAt: number;
  /** Sorted by path. */
  files(): readonly SourceFile[];
  /** The bytes of these files, in the order asked, read by one process. A path that `files()` lacks is a bug: it throws. */
  read(paths: readonly string[], signal: AbortSignal): Promise<ReadResult>;
};

export type SnapshotParts = {
  readonly commit: string;
  readonly revision: string;
  readonly committedAt: number;
  readonly files: readonly SourceFile[];
  readonly store: ObjectStore;
  readonly blobs: BlobCache;
  /** Keeps the cached blobs of one remote and credential from those of another. */
  readonly scope: string;
  readonly limits: SourceLimits;
};

const refuse = (code: Problem['code'], message: string, transient = false): ReadResult => ({
  ok: false,
  problem: { code, message },
  transient,
});

// Sizes are known from the tree, so what is too large is refused before a byte of it is read.
const sizeProblem = (wanted: readonly SourceFile[], limits: SourceLimits): ReadResult | undefined => {
  const large = wanted.find((file) => file.size === undefined || file.size > limits.fileBytes);
  if (large !== undefined) return refuse('SOURCE_FILE_TOO_LARGE', `${shown(large.path)} is larger than ${limits.fileBytes} bytes`);
  const total = wanted.reduce((sum, file) => sum + (file.size ?? 0), 0);
  return total > limits.totalBytes
    ? refuse('SOURCE_TOO_LARGE', `the files asked for hold ${total} bytes, and ${limits.totalBytes} are allowed`)
    : undefined;
};

export const openSnapshot = (parts: SnapshotParts): Snapshot => {
  const { commit, revision, committedAt, files, blobs, limits } = parts;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const find = (path: string): SourceFile => {
    const file = byPath.get(path);
    if (file === undefined) throw new RangeError(`${path} is not a file of this snapshot`);
    return file;
  };
  const key = (file: SourceFile): string => `${parts.scope} ${file.oid}`;
  return {
    commit,
    revision,
    committedAt,
    files: () => files,
    read: async (paths, signal) => {
      const wanted = paths.map(find);
      const tooLarge = sizeProblem(wanted, limits);
      if (tooLarge !== undefined) return tooLarge;
      const bytes = new Map(wanted.flatMap((file) => [[file.oid, blobs.get(key(file))] as const]).filter(([, held]) => held !== undefined));
      const missing = [...new Map(wanted.filter((file) => !bytes.has(file.oid)).map((file) => [file.oid, file])).values()];
      const outputBytes = missing.reduce((sum, file) => sum + (file.size ?? 0), 0);
      const read = await readObjects(parts.store, { oids: missing.map((file) => file.oid), outputBytes, signal });
      if ('kind' in read) return { ok: false, problem: read.problem, transient: read.transient };
      for (const file of missing) {
        const object = read.get(file.oid);
        // The mirror was made anew twice while this snapshot was held.
        if (object?.type !== 'blob') return refuse('SOURCE_FAILED', `the mirror no longer has ${shown(file.path)}`, true);
        bytes.set(file.oid, object.bytes);
        blobs.set(key(file), object.bytes);
      }
      return { ok: true, files: wanted.map((file) => ({ path: file.path, bytes: bytes.get(file.oid) ?? new Uint8Array() })) };
    },
  };
};
