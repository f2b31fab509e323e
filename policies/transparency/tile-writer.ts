// SPDX-License-Identifier: Apache-2.0
// Grows a log's files by entries. It holds the last, partial tile of each level and nothing else, so that it goes on after a
// restart from the files of the size that was signed last.
import { Buffer } from 'node:buffer';
import { EMPTY_ROOT, HASH_BYTES, growTree, leafOfBytes, nodeOf, rootOf } from './merkle.ts';
import { TILE_WIDTH, levelsOf, readBundle, rowsOf, tilePath, writeBundle } from './tiles.ts';
import type { TileName } from './tiles.ts';

export type LogFile = { readonly path: string; readonly bytes: Buffer };

export type TileWriter = {
  readonly size: number;
  root(): Buffer;
  /** `leaf`: that of the entry, where it is known already. */
  add(entry: Uint8Array, leaf?: Buffer): void;
  /** The files that are new since the last call: full ones, and partial ones of this size. */
  takeFiles(): readonly LogFile[];
};

/** What a writer goes on from. */
export type TileState = {
  readonly size: number;
  /** Of each level, the rows after its last full tile. */
  readonly rows: readonly (readonly Buffer[])[];
  readonly entries: readonly Uint8Array[];
};

const EMPTY_STATE: TileState = { size: 0, rows: [], entries: [] };

/** The partial tiles of a log of that size. */
const partialTiles = (size: number): readonly TileName[] =>
  Array.from({ length: levelsOf(size) }, (_, level) => {
    const rows = Math.floor(size / TILE_WIDTH ** level);
    return { level, index: Math.floor(rows / TILE_WIDTH), width: rows % TILE_WIDTH };
  });

/** Out of the files of a log; undefined where one is missing or of another length. */
export const readTileState = (size: number, read: (path: string) => Uint8Array | undefined): TileState | undefined => {
  const rows: Buffer[][] = [];
  for (const tile of partialTiles(size)) {
    const content = tile.width === 0 ? Buffer.alloc(0) : read(tilePath(tile));
    if (content?.length !== tile.width * HASH_BYTES) return undefined;
    rows.push([...rowsOf(content)]);
  }
  const width = size % TILE_WIDTH;
  const bundle = width === 0 ? Buffer.alloc(0) : read(tilePath({ level: 'entries', index: Math.floor(size / TILE_WIDTH), width }));
  const { entries, isWhole } = readBundle(bundle ?? Buffer.alloc(0));
  return entries.length === width && isWhole ? { size, rows, entries: entries.map(({ bytes }) => bytes) } : undefined;
};

export const createTileWriter = (state: TileState = EMPTY_STATE): TileWriter => {
  const rows = state.rows.map((level) => [...level]);
  let bundle = [...state.entries];
  let files: LogFile[] = [];
  let { size } = state;

  /** Puts a hash at the end of a level; a tile that it fills is one hash of the next. */
  const push = (level: number, hash: Buffer): void => {
    const held = rows[level] ?? [];
    rows[level] = held;
    held.push(hash);
    if (held.length < TILE_WIDTH) return;
    const index = Math.floor(size / TILE_WIDTH ** (level + 1)) - 1;
    files.push({ path: tilePath({ level, index, width: TILE_WIDTH }), bytes: Buffer.concat(held) });
    rows[level] = [];
    push(level + 1, rootOf(held));
  };

  return {
    get size() {
      return size;
    },
    root: () => {
      // Each level's rows stand to the left of all that is below them.
      const edge = rows.toReversed().flatMap((level) => {
        const tree = growTree();
        for (const row of level) tree.add(row);
        return tree.edge();
      });
      return (
        edge.reduceRight<Buffer | undefined>((right, left) => (right === undefined ? left : nodeOf(left, right)), undefined) ?? EMPTY_ROOT
      );
    },
    add: (entry, leaf = leafOfBytes(entry)) => {
      size += 1;
      bundle.push(entry);
      if (bundle.length === TILE_WIDTH) {
        files.push({ path: tilePath({ level: 'entries', index: size / TILE_WIDTH - 1, width: TILE_WIDTH }), bytes: writeBundle(bundle) });
        bundle = [];
      }
      push(0, leaf);
    },
    takeFiles: () => {
      const partial = partialTiles(size).filter(({ width }) => width > 0);
      const open = partial.map((tile) => ({ path: tilePath(tile), bytes: Buffer.concat(rows[Number(tile.level)] ?? []) }));
      const [low] = partial;
      const entries =
        low === undefined || bundle.length === 0
          ? []
          : [
              {
                path: tilePath({ level: 'entries', index: Math.floor(size / TILE_WIDTH), width: bundle.length }),
                bytes: writeBundle(bundle),
              },
            ];
      const taken = [...files, ...open, ...entries];
      files = [];
      return taken;
    },
  };
};
