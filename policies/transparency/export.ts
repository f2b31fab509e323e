// SPDX-License-Identifier: Apache-2.0
// Makes an export out of the published files: whole logs, or the log of one tenant with the proof that the root log holds its
// checkpoint, so that a tenant learns nothing of the others.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { textAt } from '../trust/strict-json.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decodeEntry } from './entry.ts';
import { ANCHOR_ACTION } from './anchor.ts';
import { writeInclusion } from './inclusion-file.ts';
import { ANCHOR_NAME, CHECKPOINT_NAME, MANIFEST_NAME, isLogFolder, writeManifest } from './manifest.ts';
import type { EntryRange } from './manifest.ts';
import { readNote } from './note.ts';
import { inclusionFrom } from './proofs.ts';
import { TILE_WIDTH, hashTiles, nodesInTiles, readBundle, tilePath, tilesOfLevel } from './tiles.ts';

export type ExportRequest = {
  /** Folders of logs. With `root` come all that it names; without it each comes with a proof out of it. */
  readonly logs: readonly string[];
  /** Of the published folder. */
  readonly read: (path: string) => Uint8Array | undefined;
  /** RFC 3339 UTC; entries before and after come along only as far as their bundles hold wanted ones too. */
  readonly from?: string;
  readonly to?: string;
};

export type ExportOutcome =
  | { readonly ok: true; readonly logs: readonly string[]; readonly files: ReadonlyMap<string, Uint8Array> }
  | { readonly ok: false; readonly missing: string };

class Missing extends Error {}

type Opened = { readonly checkpoint: Checkpoint; readonly note: Uint8Array };

export const makeExport = ({ logs, read, from = '', to = '9999' }: ExportRequest): ExportOutcome => {
  const files = new Map<string, Uint8Array>();
  const ranges = new Map<string, EntryRange>();
  const need = (path: string): Uint8Array => {
    const content = read(path);
    if (content === undefined) throw new Missing(path);
    return content;
  };
  const open = (folder: string): Opened => {
    const path = `${folder}/${CHECKPOINT_NAME}`;
    const note = need(path);
    const checkpoint = readCheckpoint(readNote(note)?.text ?? '');
    if (checkpoint === undefined) throw new Missing(path);
    return { checkpoint, note };
  };

  const addLog = (folder: string): Opened => {
    const opened = open(folder);
    const { size } = opened.checkpoint;
    files.set(`${folder}/${CHECKPOINT_NAME}`, opened.note);
    for (const tile of hashTiles(size)) files.set(`${folder}/${tilePath(tile)}`, need(`${folder}/${tilePath(tile)}`));
    const wanted = tilesOfLevel('entries', size).filter((bundle) => {
      if (folder === 'root' || (from === '' && to === '9999')) return true;
      const { entries } = readBundle(need(`${folder}/${tilePath(bundle)}`));
      const [first, last] = [entries.at(0), entries.at(-1)].map((entry) =>
        entry === undefined ? undefined : decodeEntry(entry.bytes)?.ts,
      );
      return first !== undefined && last !== undefined && last >= from && first <= to;
    });
    const [first, last] = [wanted.at(0), wanted.at(-1)];
    for (const bundle of wanted) files.set(`${folder}/${tilePath(bundle)}`, need(`${folder}/${tilePath(bundle)}`));
    ranges.set(
      folder,
      first === undefined || last === undefined
        ? { from: 0, to: 0 }
        : { from: first.index * TILE_WIDTH, to: last.index * TILE_WIDTH + last.width },
    );
    return opened;
  };

  /** Newest first. */
  const rootEntries = function* (size: number): Generator<{ readonly index: number; readonly bytes: Buffer; readonly of: string }> {
    for (const bundle of tilesOfLevel('entries', size).toReversed())
      for (const [row, { bytes }] of [...readBundle(need(`root/${tilePath(bundle)}`)).entries.entries()].toReversed()) {
        const entry = decodeEntry(bytes);
        const of = entry?.action === ANCHOR_ACTION ? textAt(entry.detail ?? {}, 'origin') : undefined;
        if (of !== undefined) yield { index: bundle.index * TILE_WIDTH + row, bytes, of };
      }
  };

  const addAnchor = (folder: string, { checkpoint }: Opened, root: Opened): void => {
    const { size } = root.checkpoint;
    for (const { index, bytes, of } of rootEntries(size)) {
      if (of !== checkpoint.origin) continue;
      const hashes = inclusionFrom(
        nodesInTiles(size, (tile) => read(`root/${tilePath(tile)}`)),
        index,
        size,
      );
      if (hashes === undefined) throw new Missing('root/tile');
      files.set(`${folder}/${ANCHOR_NAME}`, writeInclusion({ index, hashes, checkpoint: Buffer.from(root.note), extra: bytes }));
      return;
    }
    throw new Missing(`root: a checkpoint of ${folder}`);
  };

  try {
    // The root log first: what it vouches for is then no more than what the others have by the time they are read.
    const root = logs.includes('root') ? addLog('root') : open('root');
    const wanted = new Set(logs);
    const { origin, size } = root.checkpoint;
    // Also one that was begun since somebody listed the folders: an export without it would not hold.
    if (wanted.has('root'))
      for (const { of } of rootEntries(size)) {
        const folder = of.startsWith(`${origin}/`) ? of.slice(origin.length + 1) : '';
        if (!isLogFolder(folder)) throw new Missing(`root: the log ${of.slice(0, 200)}`);
        wanted.add(folder);
      }
    for (const folder of wanted) {
      if (folder === 'root') continue;
      const opened = addLog(folder);
      if (!wanted.has('root')) addAnchor(folder, opened, root);
    }
  } catch (error) {
    if (error instanceof Missing) return { ok: false, missing: error.message };
    throw error;
  }
  const named = [...files].map(
    ([file, bytes]) => [file, { bytes: bytes.length, digest: `sha256:${hash('sha256', bytes, 'hex')}` }] as const,
  );
  files.set(MANIFEST_NAME, Buffer.from(writeManifest({ logs: ranges, files: new Map(named) })));
  return { ok: true, logs: [...ranges.keys()], files };
};
