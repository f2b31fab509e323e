// SPDX-License-Identifier: Apache-2.0
// Whether entries and tiles are those of a tree whose root was signed, and if not, which of them was changed.
import { Buffer } from 'node:buffer';
import { HASH_BYTES, growTree, nodeOf, rootOfRows } from './merkle.ts';
import { TILE_BYTES, TILE_WIDTH, levelsOf, tilePath, tilesOfLevel } from './tiles.ts';

/** What is at hand of a log: leaf hashes out of its tiles, and those of the entries that came along. */
export type TreeParts = {
  readonly size: number;
  readonly root: Buffer;
  /** Level by level, all rows of all tiles one after the other. */
  readonly rows: readonly Buffer[];
  /** By index, the leaf of each entry that came along and is not the one that its tile has. */
  readonly others: ReadonlyMap<number, Buffer>;
};

/** Leaves, and the hashes over each full tile of them. */
export type TreeBase = { readonly leaves: Buffer; readonly tiles: Buffer };

export type TreeFault =
  | { readonly what: 'entry'; readonly index: number }
  | { readonly what: 'tile'; readonly path: string; readonly row: number }
  | { readonly what: 'root' };

/** The hashes of the next level: one for each full tile. */
const nextLevel = (rows: Buffer): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.floor(rows.length / TILE_BYTES) }, (_, tile) =>
      rootOfRows(rows.subarray(tile * TILE_BYTES, (tile + 1) * TILE_BYTES)),
    ),
  );

type Judged = { readonly root: Buffer; readonly above: Buffer };

const judge = (leaves: Buffer): Judged => {
  const above = nextLevel(leaves);
  const rest = leaves.subarray(leaves.length - (leaves.length % TILE_BYTES));
  return { above, root: rootOfRows(rest.length === 0 ? above : Buffer.concat([above, rootOfRows(rest)])) };
};

const withOthers = (low: Buffer, others: TreeParts['others']): Buffer => {
  const rows = Buffer.from(low);
  for (const [index, leaf] of others) rows.set(leaf, index * HASH_BYTES);
  return rows;
};

const tileFault = (level: number, row: number, size: number): TreeFault => {
  const tile = tilesOfLevel(level, size)[Math.floor(row / TILE_WIDTH)];
  return tile === undefined ? { what: 'root' } : { what: 'tile', path: tilePath(tile), row: row % TILE_WIDTH };
};

/** All rows must be there, as many as the size asks for. `base`: what to find roots of smaller trees by. */
export const checkTree = ({ size, root, rows, others }: TreeParts): { readonly faults: readonly TreeFault[]; readonly base: TreeBase } => {
  const [low = Buffer.alloc(0)] = rows;
  const differing = [...others.keys()];
  const byTiles = judge(low);
  const tilesHold = byTiles.root.equals(root);
  const byEntries = tilesHold || differing.length === 0 ? undefined : judge(withOthers(low, others));
  const entriesHold = byEntries?.root.equals(root) === true;
  const faults: TreeFault[] = [];
  if (!tilesHold && !entriesHold) faults.push({ what: 'root' });
  for (const index of differing) faults.push(entriesHold ? tileFault(0, index, size) : { what: 'entry', index });
  let { above } = entriesHold ? byEntries : byTiles;
  for (let level = 1; level < levelsOf(size); level += 1) {
    const told = rows[level];
    for (let from = 0; from < above.length; from += HASH_BYTES)
      if (told?.subarray(from, from + HASH_BYTES).equals(above.subarray(from, from + HASH_BYTES)) !== true)
        faults.push(tileFault(level, from / HASH_BYTES, size));
    above = nextLevel(above);
  }
  return { faults, base: { leaves: low, tiles: byTiles.above } };
};

/** Roots of the smaller trees that a tree began with; `undefined` where the size is larger. */
export const earlierRoots = ({ leaves, tiles }: TreeBase, sizes: Iterable<number>): ReadonlyMap<number, Buffer> => {
  const wanted = [...new Set(sizes)].filter((size) => size * HASH_BYTES <= leaves.length).sort((a, b) => a - b);
  const roots = new Map<number, Buffer>();
  const full = growTree();
  for (const size of wanted) {
    while ((full.size + 1) * TILE_WIDTH <= size) full.add(tiles.subarray(full.size * HASH_BYTES, (full.size + 1) * HASH_BYTES));
    const rest = leaves.subarray(full.size * TILE_BYTES, size * HASH_BYTES);
    roots.set(
      size,
      full.size > 0 && rest.length === 0 ? full.root() : full.edge().reduceRight((right, left) => nodeOf(left, right), rootOfRows(rest)),
    );
  }
  return roots;
};
