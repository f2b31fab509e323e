// SPDX-License-Identifier: Apache-2.0
// One log of an export: its files are those of the tree that its checkpoint signs, and its entries follow each other.
import { Buffer } from 'node:buffer';
import type { Problem, ProblemCode } from '../problem.ts';
import { NO_LEAF, decodeEntry } from './entry.ts';
import type { AuditEntry } from './entry.ts';
import { createGlance } from './alike.ts';
import { NOTHING_LIKELY } from './glance.ts';
import { leafTextOfBytes } from './merkle.ts';
import type { EntryRange } from './manifest.ts';
import type { SignedCheckpoint } from './signed-checkpoint.ts';
import { TILE_WIDTH, hashTiles, levelsOf, readBundle, tilePath, tilesOfLevel } from './tiles.ts';
import { checkTree } from './tree-check.ts';
import type { TreeBase, TreeFault } from './tree-check.ts';

/** A file's bytes; undefined where there is none. */
export type ReadFile = (name: string) => Uint8Array | undefined;

export type LogCheckInput = {
  readonly folder: string;
  readonly checkpoint: SignedCheckpoint;
  readonly range: EntryRange;
  readonly read: ReadFile;
  /** Of these all are decoded. */
  readonly isNotable: (action: string) => boolean;
  /** Those, and all that have encrypted fields; of others some. */
  readonly each: (entry: AuditEntry, index: number) => void;
};

export type LogCheck = {
  /** Undefined where the tiles are not those of the tree. */
  readonly tree: TreeBase | undefined;
  /** Entries that were read. */
  readonly entries: number;
  readonly firstTs: string | undefined;
  readonly lastTs: string | undefined;
  readonly problems: readonly Problem[];
  /** Files that a log of this size has, beside its checkpoint. */
  readonly files: readonly string[];
};

const HEX_LEAF = 64;
/** More than these would tell nothing new. */
const MAX_PROBLEMS = 20;

/** A place in a file that has no lines: the column counts bytes. */
const placed = (file: string, offset = 0): NonNullable<Problem['at']> => ({ file, line: 1, column: offset + 1 });

/** An entry whose leaf is not what the tile says. */
type Differing = { readonly leaf: Buffer; readonly file: string; readonly offset: number };

type Place = { readonly index: number; /** Hexadecimal digits. */ readonly leaf: string; readonly file: string; readonly offset: number };

export const checkLog = ({ folder, checkpoint, range, read, isNotable, each }: LogCheckInput): LogCheck => {
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

  const parts: Uint8Array[][] = Array.from({ length: levelsOf(size) }, () => []);
  /** The lowest tiles as texts: an entry is compared without making anything. */
  const lowTexts: string[] = [];
  for (const tile of hashTiles(size)) {
    const content = take(tilePath(tile), tile.width * 32);
    if (content === undefined || typeof tile.level !== 'number') continue;
    parts[tile.level]?.push(content);
    if (tile.level === 0) lowTexts[tile.index] = Buffer.from(content.buffer, content.byteOffset, content.length).toString('hex');
  }
  const tilesWhole = problems.length === 0;
  const leafTextAt = (index: number): string | undefined => {
    const at = (index % TILE_WIDTH) * HEX_LEAF;
    return lowTexts[Math.floor(index / TILE_WIDTH)]?.slice(at, at + HEX_LEAF);
  };

  const chain: Problem[] = [];
  const differing = new Map<number, Differing>();
  let seen = 0;
  /** Of the entry before: its number, leaf and time. */
  let beforeIndex = -1;
  let beforeLeaf = NO_LEAF;
  let beforeTs = '';
  let likely = NOTHING_LIKELY;
  const glance = createGlance();
  let firstTs: string | undefined;
  const judge = (bytes: Buffer, { index, leaf, file, offset }: Place): void => {
    const no = (code: ProblemCode, message: string): void => {
      if (chain.length < MAX_PROBLEMS) chain.push({ code, message: `entry ${index} ${message}`, at: placed(file, offset) });
    };
    const plain = glance(bytes, likely);
    const decoded = plain === undefined || isNotable(plain.action) ? decodeEntry(bytes) : undefined;
    const entry = decoded ?? plain;
    if (entry === undefined) return no('AUDIT_MALFORMED', 'is not as Writ writes entries');
    if (entry.log !== origin) no('AUDIT_CHAIN', `is of the log ${entry.log.slice(0, 200)}`);
    if (entry.seq !== index) no('AUDIT_CHAIN', `says that it is number ${entry.seq}`);
    const prev = beforeIndex === index - 1 ? beforeLeaf : leafTextAt(index - 1);
    if (prev !== undefined && entry.prev !== prev) no('AUDIT_CHAIN', 'follows another entry than the one before it');
    if (entry.ts < beforeTs) no('AUDIT_CHAIN', 'is of a time before that of the entry before');
    beforeIndex = index;
    beforeLeaf = leaf;
    beforeTs = entry.ts;
    likely = { log: origin, ts: entry.ts, prev: leaf, action: entry.action };
    firstTs ??= entry.ts;
    if (decoded !== undefined) each(decoded, index);
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
      const place = { index: first + row, leaf: leafTextOfBytes(bytes), file, offset };
      seen += 1;
      if (lowTexts[bundle.index]?.startsWith(place.leaf, row * place.leaf.length) !== true)
        differing.set(place.index, { leaf: Buffer.from(place.leaf, 'hex'), file, offset });
      judge(bytes, place);
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
    const entry = fault.what === 'entry' ? differing.get(fault.index) : undefined;
    if (fault.what === 'entry' && entry !== undefined)
      say('AUDIT_CHANGED', `entry ${fault.index} is not the one that the checkpoint covers`, placed(entry.file, entry.offset));
    else if (fault.what === 'tile')
      say('AUDIT_CHANGED', `hash ${fault.row} of the tile is not that of the tree`, placed(`${folder}/${fault.path}`, fault.row * 32));
    else say('AUDIT_CHANGED', 'the tiles lead to another root than the one that is signed', placed(`${folder}/checkpoint`));
  };
  let tree: TreeBase | undefined;
  if (tilesWhole) {
    const rows = parts.map((tiles) => Buffer.concat(tiles));
    const others = new Map([...differing].map(([index, { leaf }]) => [index, leaf] as const));
    const { faults, base } = checkTree({ size, root, rows, others });
    for (const fault of faults) tellFault(fault);
    if (faults.every(({ what }) => what === 'entry')) tree = base;
  }

  return {
    tree,
    entries: seen,
    firstTs,
    lastTs: firstTs === undefined ? undefined : beforeTs,
    problems: [...problems, ...chain],
    files,
  };
};
