// SPDX-License-Identifier: Apache-2.0
// One entry for the hand of somebody who has nothing else: the entry, the hashes that lead from it to a signed checkpoint, and that
// checkpoint (c2sp.org/tlog-proof). It proves that the entry is in that log under that number, and nothing of any other entry.
import { Buffer } from 'node:buffer';
import type { Problem, ProblemCode } from '../problem.ts';
import { readCheckpoint } from './checkpoint.ts';
import { decodeEntry } from './entry.ts';
import type { AuditEntry } from './entry.ts';
import { readInclusion, writeInclusion } from './inclusion-file.ts';
import { CHECKPOINT_NAME } from './manifest.ts';
import { leafOfBytes, rootFromProof } from './merkle.ts';
import { readNote } from './note.ts';
import { inclusionFrom } from './proofs.ts';
import { openCheckpoint } from './signed-checkpoint.ts';
import type { AuditTrust, SignedCheckpoint } from './signed-checkpoint.ts';
import { TILE_WIDTH, nodesInTiles, readBundle, tilePath, tilesOfLevel } from './tiles.ts';

export type EntryProof =
  | { readonly ok: true; readonly entry: AuditEntry; readonly checkpoint: SignedCheckpoint }
  | { readonly ok: false; readonly problem: Problem };

/** `name`: of the file, for people. Total. */
export const openProof = (bytes: Uint8Array, trust: AuditTrust, name: string): EntryProof => {
  const at = { file: name, line: 1, column: 1 };
  const no = (code: ProblemCode, message: string): EntryProof => ({ ok: false, problem: { code, message, at } });
  const file = readInclusion(bytes);
  const entry = file?.extra === undefined ? undefined : decodeEntry(file.extra);
  if (file?.extra === undefined || entry === undefined) return no('AUDIT_MALFORMED', 'not a proof of an entry');
  const outcome = openCheckpoint(file.checkpoint, trust);
  if (!outcome.ok) return { ok: false, problem: { ...outcome.problem, at } };
  const { checkpoint } = outcome;
  const root = rootFromProof({ leaf: leafOfBytes(file.extra), index: file.index, size: checkpoint.size, hashes: file.hashes });
  if (root?.equals(checkpoint.root) !== true || entry.seq !== file.index || entry.log !== checkpoint.origin)
    return no('AUDIT_CHANGED', 'the entry is not in the log that is signed');
  return { ok: true, entry, checkpoint };
};

export type MadeProof =
  | { readonly ok: true; readonly bytes: Buffer }
  /** The log has no such entry yet: how many it has. */
  | { readonly ok: false; readonly size: number }
  | { readonly ok: false; readonly missing: string };

/** Of entry `index` of the log in `folder`, out of published files or an export. */
export const makeProof = (folder: string, index: number, read: (path: string) => Uint8Array | undefined): MadeProof => {
  const note = read(`${folder}/${CHECKPOINT_NAME}`);
  const checkpoint = note === undefined ? undefined : readCheckpoint(readNote(note)?.text ?? '');
  if (note === undefined || checkpoint === undefined) return { ok: false, missing: `${folder}/${CHECKPOINT_NAME}` };
  const { size } = checkpoint;
  const bundle = tilesOfLevel('entries', size)[Math.floor(index / TILE_WIDTH)];
  if (bundle === undefined || index >= size) return { ok: false, size };
  const path = `${folder}/${tilePath(bundle)}`;
  const extra = readBundle(read(path) ?? Buffer.alloc(0)).entries[index % TILE_WIDTH]?.bytes;
  if (extra === undefined) return { ok: false, missing: path };
  const nodes = nodesInTiles(size, (tile) => read(`${folder}/${tilePath(tile)}`));
  const hashes = inclusionFrom(nodes, index, size);
  if (hashes === undefined) return { ok: false, missing: `${folder}/tile` };
  return { ok: true, bytes: writeInclusion({ index, hashes, checkpoint: Buffer.from(note), extra }) };
};
