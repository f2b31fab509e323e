// SPDX-License-Identifier: Apache-2.0
// One log of an export: its files are those of the tree that its checkpoint signs, and its entries follow each other.
import type { Buffer } from 'node:buffer';
import type { Problem, ProblemCode } from '../problem.ts';
import { NO_LEAF, decodeEntry } from './entry.ts';
import type { AuditEntry } from './entry.ts';
import { leafOfBytes } from './merkle.ts';
import type { EntryRange } from './manifest.ts';
import type { SignedCheckpoint } from './signed-checkpoint.ts';
import { TILE_WIDTH, hashTiles, levelsOf, readBundle, rowsOf, tilePath, tilesOfLevel } from './tiles.ts';
import { treeFaults } from './tree-check.ts';
import type { TreeFault } from './tree-check.ts';

/** A file's bytes; undefined where there is none. */
export type ReadFile = (name: string) => Uint8Array | undefined;

export type LogCheckInput = {
  readonly folder: string;
  readonly checkpoint: SignedCheckpoint;
  readonly range: EntryRange;
  readonly read: ReadFile;
  readonly each: (entry: AuditEntry, index: number) => void;
};

export type LogCheck = {
  /** All leaf hashes; empty where the tiles are not those of the tree. */
  readonly leaves: readonly Buffer[];
  /** Entries that were read. */
  readonly entries: number;
  readonly firstTs: string | undefined;
  readonly lastTs: string | undefined;
  readonly problems: readonly Problem[];
  /** Files that a log of this size has, beside its checkpoint. */
  readonly files: readonly string[];
};

/** More than these would tell nothing new. */
const MAX_PROBLEMS = 20;

/** A place in a file that has no lines: the column counts bytes. */
const placed = (file: string, offset = 0): NonNullable<Problem['at']> => ({ file, line: 1, column: offset + 1 });

type Found = {
  readonly leaf: Buffer;
  readonly file: string;
  readonly offset: number;
};

const isBefore = (one: string, other: string): boolean => one < other;

export const checkLog = ({ folder, checkpoint, range, read, each }: LogCheckInput): LogCheck => {
  const { size, root, origin } = checkpoint;
  const problems: Problem[] = [];
  const say = (code: ProblemCode, message: string, at: NonNullable<Problem['at']>): void => {
    if (problems.length < MAX_PROBLEMS) problems.push({ code, message, at });
  };
  const files: string[] = [];
  const take = (path: string, bytes: number | undefined): Uint8Array | undefined => {
    const file = `${folder}/${path}`;
    files.push(file);
    const content = read(file);
    if (content === undefined) say('AUDIT_INCOMPLETE', `a log of ${size} entries has this file, and it is missing`, placed(file));
    else if (bytes !== undefined && content.length < bytes)
      say('AUDIT_INCOMPLETE', `the tile ends after ${content.length} of ${bytes} bytes`, placed(file, content.length));
    else if (bytes !== undefined && content.length > bytes)
      say('AUDIT_CHANGED', `the tile has ${content.length} bytes instead of ${bytes}`, placed(file, bytes));
    else return content;
    return undefined;
  };

  const rows: Buffer[][] = Array.from({ length: levelsOf(size) }, () => []);
  for (const tile of hashTiles(size)) {
    const content = take(tilePath(tile), tile.width * 32);
    if (content !== undefined && typeof tile.level === 'number') rows[tile.level]?.push(...rowsOf(content));
  }
  const tilesWhole = problems.length === 0;

  const [low = []] = rows;
  const chain: Problem[] = [];
  const found = new Map<number, Found>();
  let before: { readonly index: number; readonly leaf: string; readonly ts: string } | undefined;
  let firstTs: string | undefined;
  let lastTs: string | undefined;
  const judge = (bytes: Buffer, index: number, { leaf, file, offset }: Found): void => {
    const no = (code: ProblemCode, message: string): void => {
      if (chain.length < MAX_PROBLEMS) chain.push({ code, message: `entry ${index} ${message}`, at: placed(file, offset) });
    };
    const entry = decodeEntry(bytes);
    if (entry === undefined) {
      before = undefined;
      return no('AUDIT_MALFORMED', 'is not as Writ writes entries');
    }
    if (entry.log !== origin) no('AUDIT_CHAIN', `is of the log ${entry.log.slice(0, 200)}`);
    if (entry.seq !== index) no('AUDIT_CHAIN', `says that it is number ${entry.seq}`);
    const prev = index === 0 ? NO_LEAF : before?.index === index - 1 ? before.leaf : low[index - 1]?.toString('hex');
    if (prev !== undefined && entry.prev !== prev) no('AUDIT_CHAIN', 'follows another entry than the one before it');
    if (before !== undefined && isBefore(entry.ts, before.ts)) no('AUDIT_CHAIN', 'is of a time before that of the entry before');
    before = { index, leaf: leaf.toString('hex'), ts: entry.ts };
    firstTs ??= entry.ts;
    lastTs = entry.ts;
    each(entry, index);
  };
  const bundles = tilesOfLevel('entries', size).filter(
    ({ index, width }) => index * TILE_WIDTH >= range.from && index * TILE_WIDTH + width <= range.to,
  );
  for (const bundle of bundles) {
    const path = tilePath(bundle);
    const content = take(path, undefined);
    if (content === undefined) continue;
    const file = `${folder}/${path}`;
    const { entries, isWhole } = readBundle(content);
    const first = bundle.index * TILE_WIDTH;
    for (const [row, { bytes, offset }] of entries.slice(0, bundle.width).entries()) {
      const one = { leaf: leafOfBytes(bytes), file, offset };
      found.set(first + row, one);
      judge(bytes, first + row, one);
    }
    const more = entries.at(bundle.width);
    if (more !== undefined) say('AUDIT_CHANGED', `more entries than the ${bundle.width} that belong here`, placed(file, more.offset));
    else if (entries.length < bundle.width)
      say(
        'AUDIT_INCOMPLETE',
        `entry ${first + entries.length} is missing or cut off, and what comes after it`,
        placed(file, content.length),
      );
    else if (!isWhole) say('AUDIT_CHANGED', 'there is something after the last entry', placed(file));
  }

  const tellFault = (fault: TreeFault): void => {
    const entry = fault.what === 'entry' ? found.get(fault.index) : undefined;
    if (fault.what === 'entry' && entry !== undefined)
      say('AUDIT_CHANGED', `entry ${fault.index} is not the one that the checkpoint covers`, placed(entry.file, entry.offset));
    else if (fault.what === 'tile')
      say('AUDIT_CHANGED', `hash ${fault.row} of the tile is not that of the tree`, placed(`${folder}/${fault.path}`, fault.row * 32));
    else say('AUDIT_CHANGED', 'the tiles lead to another root than the one that is signed', placed(`${folder}/checkpoint`));
  };
  let treeHolds = false;
  if (tilesWhole) {
    const leaves = new Map([...found].map(([index, { leaf }]) => [index, leaf] as const));
    const faults = treeFaults({ size, root, rows, leaves });
    for (const fault of faults) tellFault(fault);
    treeHolds = faults.every(({ what }) => what === 'entry');
  }

  return { leaves: treeHolds ? low : [], entries: found.size, firstTs, lastTs, problems: [...problems, ...chain], files };
};
