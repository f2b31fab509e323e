// SPDX-License-Identifier: Apache-2.0
// Whether entries and tiles are those of a tree whose root was signed, and if not, which of them was changed.
import type { Buffer } from 'node:buffer';
import { EMPTY_ROOT, growTree, nodeOf, rootOf } from './merkle.ts';
import { TILE_WIDTH, levelsOf, tilePath, tilesOfLevel } from './tiles.ts';

/** What is at hand of a log: leaf hashes out of its tiles, and those of the entries that came along. */
export type TreeParts = {
  readonly size: number;
  readonly root: Buffer;
  /** Level by level, all rows of all tiles. */
  readonly rows: readonly (readonly Buffer[])[];
  /** By index, the leaf of each entry that came along and is not the one that its tile has. */
  readonly others: ReadonlyMap<number, Buffer>;
};

export type TreeFault =
  | { readonly what: 'entry'; readonly index: number }
  | { readonly what: 'tile'; readonly path: string; readonly row: number }
  | { readonly what: 'root' };

/** The hashes of the next level: one for each full tile. */
const nextLevel = (rows: readonly Buffer[]): readonly Buffer[] =>
  Array.from({ length: Math.floor(rows.length / TILE_WIDTH) }, (_, tile) => rootOf(rows.slice(tile * TILE_WIDTH, (tile + 1) * TILE_WIDTH)));

/** The root over full tiles and what comes after the last of them. */
const rootOver = (fullTiles: readonly Buffer[], rest: readonly Buffer[]): Buffer => {
  const tree = growTree();
  for (const tile of fullTiles) tree.add(tile);
  if (fullTiles.length === 0) return rootOf(rest);
  return rest.length === 0 ? tree.root() : tree.edge().reduceRight((right, left) => nodeOf(left, right), rootOf(rest));
};

type Judged = { readonly root: Buffer; readonly above: readonly Buffer[] };

const judge = (leaves: readonly Buffer[]): Judged => {
  const above = nextLevel(leaves);
  return { above, root: leaves.length === 0 ? EMPTY_ROOT : rootOver(above, leaves.slice(above.length * TILE_WIDTH)) };
};

const tileFault = (level: number, row: number, size: number): TreeFault => {
  const tile = tilesOfLevel(level, size)[Math.floor(row / TILE_WIDTH)];
  return tile === undefined ? { what: 'root' } : { what: 'tile', path: tilePath(tile), row: row % TILE_WIDTH };
};

/** All rows must be there, as many as the size asks for. */
export const treeFaults = ({ size, root, rows, others }: TreeParts): readonly TreeFault[] => {
  const [low = []] = rows;
  const differing = [...others.keys()];
  const byTiles = judge(low);
  const tilesHold = byTiles.root.equals(root);
  const byEntries = tilesHold || differing.length === 0 ? undefined : judge(low.map((row, index) => others.get(index) ?? row));
  const entriesHold = byEntries?.root.equals(root) === true;
  const faults: TreeFault[] = [];
  if (!tilesHold && !entriesHold) faults.push({ what: 'root' });
  for (const index of differing) faults.push(entriesHold ? tileFault(0, index, size) : { what: 'entry', index });
  let above = (entriesHold ? byEntries : byTiles).above;
  for (let level = 1; level < levelsOf(size); level += 1) {
    const told = rows[level] ?? [];
    for (const [row, hash] of above.entries()) if (told[row]?.equals(hash) !== true) faults.push(tileFault(level, row, size));
    above = nextLevel(above);
  }
  return faults;
};

/** Roots of the smaller trees that a tree of these leaves began with; `undefined` where the size is larger. */
export const earlierRoots = (leaves: readonly Buffer[], sizes: Iterable<number>): ReadonlyMap<number, Buffer> => {
  const wanted = [...new Set(sizes)].filter((size) => size <= leaves.length).sort((a, b) => a - b);
  const roots = new Map<number, Buffer>();
  const tiles = growTree();
  for (const size of wanted) {
    while ((tiles.size + 1) * TILE_WIDTH <= size) tiles.add(rootOf(leaves.slice(tiles.size * TILE_WIDTH, (tiles.size + 1) * TILE_WIDTH)));
    const rest = leaves.slice(tiles.size * TILE_WIDTH, size);
    roots.set(
      size,
      tiles.size === 0
        ? rootOf(rest)
        : rest.length === 0
          ? tiles.root()
          : tiles.edge().reduceRight((right, left) => nodeOf(left, right), rootOf(rest)),
    );
  }
  return roots;
};
