// SPDX-License-Identifier: Apache-2.0
// A log as files (c2sp.org/tlog-tiles): tiles of 256 hashes and bundles of 256 entries, whose names follow from the size alone.
// A tile of level L holds the hashes of full subtrees of 256^L leaves; its last one may be partial and then names its width.
import { Buffer } from 'node:buffer';
import { HASH_BYTES, rootOfRows } from './merkle.ts';
import type { NodeReader } from './proofs.ts';

export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
/** Of a full one. */
export const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
/** What the two bytes before an entry can say. */
export const MAX_ENTRY_BYTES = 65_535;

/** `tile/0/x001/234.p/56` and so on; `level` is `entries` for bundles. */
export type TileName = { readonly level: number | 'entries'; readonly index: number; readonly width: number };

export const tilePath = ({ level, index, width }: TileName): string => {
  const digits = String(index).padStart(3 * Math.ceil(String(index).length / 3), '0');
  const groups = digits.match(/\d{3}/g) ?? [];
  const number = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${number}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
};

/** The tiles of one level of a tree, in order. */
export const tilesOfLevel = (level: number | 'entries', size: number): readonly TileName[] => {
  const rows = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
  const count = Math.ceil(rows / TILE_WIDTH);
  return Array.from({ length: count }, (_, index) => ({ level, index, width: Math.min(TILE_WIDTH, rows - index * TILE_WIDTH) }));
};

/** How many levels a tree of that size has. */
export const levelsOf = (size: number): number => {
  let levels = 0;
  for (let rows = size; rows > 0; rows = Math.floor(rows / TILE_WIDTH)) levels += 1;
  return levels;
};

/** Every hash tile of a tree, the lowest level first. */
export const hashTiles = (size: number): readonly TileName[] =>
  Array.from({ length: levelsOf(size) }, (_, level) => tilesOfLevel(level, size)).flat();

export const rowsOf = (tile: Uint8Array): readonly Buffer[] =>
  Array.from({ length: Math.floor(tile.length / HASH_BYTES) }, (_, row) =>
    Buffer.from(tile.buffer, tile.byteOffset + row * HASH_BYTES, HASH_BYTES),
  );

/** Hashes out of the tiles of a tree of `size` leaves. `read` gives a tile's bytes, undefined where it is not at hand. */
export const nodesInTiles = (size: number, read: (tile: TileName) => Uint8Array | undefined): NodeReader => {
  const seen = new Map<string, Uint8Array | undefined>();
  return (level, index) => {
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    // So many rows of the tile are under the node.
    const span = 2 ** (level % TILE_HEIGHT);
    const row = index * span;
    const rows = Math.floor(size / TILE_WIDTH ** tileLevel);
    const tileIndex = Math.floor(row / TILE_WIDTH);
    const name = { level: tileLevel, index: tileIndex, width: Math.min(TILE_WIDTH, rows - tileIndex * TILE_WIDTH) };
    const from = row % TILE_WIDTH;
    if (from + span > name.width) return undefined;
    const path = tilePath(name);
    if (!seen.has(path)) seen.set(path, read(name));
    const tile = seen.get(path);
    return tile?.length === name.width * HASH_BYTES ? rootOfRows(tile.subarray(from * HASH_BYTES, (from + span) * HASH_BYTES)) : undefined;
  };
};

/** Entries one after the other, each behind two bytes that say how long it is. */
export const writeBundle = (entries: readonly Uint8Array[]): Buffer =>
  Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > MAX_ENTRY_BYTES) throw new RangeError(`an entry of ${entry.length} bytes does not fit into a bundle`);
      return [Buffer.of(entry.length >> 8, entry.length & 0xff), entry];
    }),
  );

export type BundleEntry = { readonly bytes: Buffer; /** Where its length stands in the bundle. */ readonly offset: number };

/** The entries, and whether the bundle ends where the last of them does. Total. */
export const readBundle = (bundle: Uint8Array): { readonly entries: readonly BundleEntry[]; readonly isWhole: boolean } => {
  const all = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length);
  const entries: BundleEntry[] = [];
  let offset = 0;
  while (offset + 2 <= all.length) {
    const end = offset + 2 + all.readUInt16BE(offset);
    if (end > all.length) break;
    entries.push({ bytes: all.subarray(offset + 2, end), offset });
    offset = end;
  }
  return { entries, isWhole: offset === all.length };
};
