// SPDX-License-Identifier: Apache-2.0
// Where events go before they leave the ledger: files of a thousand at most, JSON lines under gzip, numbered as they left and named by what
// is in them. The ledger holds the digest of each, so what is there is what left, and with it everything can be made again from its events.
// A file that the ledger does not name was never counted: its writer was killed, or led no longer. It takes nobody's place.
import { hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { isRecord } from '../../crds/wire.ts';
import { createFolderKeeper, syncFolder } from '../../process/kept-folder.ts';
import { sameBytes } from './outcome.ts';
import type { Archive, ArchivedSlice, LeavingEvent } from './pruning.ts';

const SHOWN_BYTES = 8;

/** `000/000123-90c1f3a57be4d2a8.jsonl.gz`. */
export const archiveName = ({ position, digest }: Pick<ArchivedSlice, 'position' | 'digest'>): string => {
  const shown = Buffer.from(digest).toString('hex', 0, SHOWN_BYTES);
  return join(String(Math.floor(position / 1000)).padStart(3, '0'), `${String(position).padStart(6, '0')}-${shown}.jsonl.gz`);
};

const lineOf = ({ digest, ...event }: LeavingEvent): string =>
  `${JSON.stringify({ ...event, digest: Buffer.from(digest).toString('hex') })}\n`;

const digestOf = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

const writeSynced = (path: string, bytes: Uint8Array): void => {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
};

export const createArchive = (folder: string): Archive => {
  const keepFolder = createFolderKeeper();
  return {
    write: async (position, events) => {
      const bytes = gzipSync(events.map(lineOf).join(''));
      const digest = digestOf(bytes);
      const path = join(folder, archiveName({ position, digest }));
      await keepFolder(dirname(path), 0o700);
      // Of a writer that was killed, or of one that leads no longer and then finds its own gone: never one file that two write into.
      rmSync(`${path}.tmp`, { force: true });
      writeSynced(`${path}.tmp`, bytes);
      renameSync(`${path}.tmp`, path);
      await syncFolder(dirname(path));
      if (!sameBytes(digestOf(readFileSync(path)), digest)) throw new Error(`${path} is not what was written`);
      return digest;
    },
  };
};

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
};

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);
const isText = (value: unknown): value is string => typeof value === 'string';

const eventOf = (line: string): LeavingEvent | undefined => {
  const value = parsed(line);
  if (!isRecord(value)) return undefined;
  const { tenant, source, id, seq, meter, atMs, storedMs, value: amount, dims, digest } = value;
  if (!isText(tenant) || !isText(source) || !isText(id) || !isText(meter) || !isText(dims) || !isText(digest)) return undefined;
  if (!isNumber(seq) || !isNumber(atMs) || !isNumber(storedMs) || !isText(amount) || !/^\d{1,60}$/.test(amount)) return undefined;
  return { tenant, source, id, seq, meter, atMs, storedMs, value: amount, dims, digest: Buffer.from(digest, 'hex') };
};

/** Larger than any thousand events are. */
const MAX_BYTES = 256 * 1024 * 1024;

/** The events of a file that has this digest; else what is wrong. Total. */
export const readArchived = (
  bytes: Uint8Array,
  digest: Uint8Array,
): { readonly ok: true; readonly events: readonly LeavingEvent[] } | { readonly ok: false; readonly why: string } => {
  if (!sameBytes(digestOf(bytes), digest)) return { ok: false, why: 'is not the file whose digest the ledger holds' };
  try {
    const lines = gunzipSync(bytes, { maxOutputLength: MAX_BYTES }).toString().split('\n').slice(0, -1);
    const events = lines.map(eventOf);
    return events.every((event) => event !== undefined) ? { ok: true, events } : { ok: false, why: 'holds what is no event' };
  } catch {
    return { ok: false, why: 'cannot be unpacked' };
  }
};
