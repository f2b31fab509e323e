// SPDX-License-Identifier: Apache-2.0
// What a remote may cost us. A policy repository is small; whatever is larger than this is a mistake or an attack, and
// is refused by name instead of filling memory or disk.

export type SourceLimits = {
  /** Files under `spec.path` that are not ignored. */
  readonly files: number;
  /** One file that is read (a document or a seal). Larger blobs are not even downloaded where the server can filter. */
  readonly fileBytes: number;
  /** All bytes that one commit's `read` calls may return. */
  readonly totalBytes: number;
  /** Folders in one path. */
  readonly pathDepth: number;
  /** Bytes in one path, as Linux' PATH_MAX. */
  readonly pathBytes: number;
  /** What the mirror of one remote may occupy on disk. */
  readonly mirrorBytes: number;
  /** What `ls-remote` or `ls-tree` may print. */
  readonly listingBytes: number;
  /** How long a listing of a remote's refs serves other sources with the same URL and credential. */
  readonly shareMs: number;
  /** Bytes of blobs kept in memory, over all remotes. */
  readonly blobCacheBytes: number;
  /** A mirror is made anew after so many fetches: shallow packs pile up and nothing else removes them. */
  readonly fetchesPerMirror: number;
  /** A mirror and its credential files go when no source has asked for them for so long. */
  readonly idleMs: number;
};

const MIB = 1024 * 1024;

export const defaultSourceLimits: SourceLimits = {
  files: 10_000,
  fileBytes: MIB,
  totalBytes: 64 * MIB,
  pathDepth: 32,
  pathBytes: 4096,
  mirrorBytes: 256 * MIB,
  listingBytes: 32 * MIB,
  shareMs: 2_000,
  blobCacheBytes: 64 * MIB,
  fetchesPerMirror: 200,
  idleMs: 60 * 60 * 1000,
};
