// SPDX-License-Identifier: Apache-2.0
// Proofs out of a tree of which only some hashes are at hand: whoever holds the tiles of a log makes them (RFC 6962 section 2.1).
import type { Buffer } from 'node:buffer';
import { EMPTY_ROOT, nodeOf, splitOf } from './merkle.ts';

/**
 * The hash of the full subtree that begins at leaf `index * 2 ** level` and has `2 ** level` leaves; undefined where it is not
 * at hand.
 */
export type NodeReader = (level: number, index: number) => Buffer | undefined;

type Range = { readonly from: number; readonly to: number };

/** The hash over the leaves `[from, to)`, as a tree of that size lays them out. */
const rangeHash = (nodes: NodeReader, { from, to }: Range): Buffer | undefined => {
  const size = to - from;
  if (size === 0) return EMPTY_ROOT;
  const level = Math.floor(Math.log2(size));
  if (2 ** level === size && from % size === 0) {
    const held = nodes(level, from / size);
    if (held !== undefined || size === 1) return held;
  }
  const middle = from + splitOf(size);
  const left = rangeHash(nodes, { from, to: middle });
  const right = rangeHash(nodes, { from: middle, to });
  return left === undefined || right === undefined ? undefined : nodeOf(left, right);
};

/** The root of the tree over the first `size` leaves; undefined where hashes are missing. */
export const rootOfNodes = (nodes: NodeReader, size: number): Buffer | undefined => rangeHash(nodes, { from: 0, to: size });

const whole = (hashes: readonly (Buffer | undefined)[]): readonly Buffer[] | undefined => {
  const held = hashes.filter((hash) => hash !== undefined);
  return held.length === hashes.length ? held : undefined;
};

/** Audit path of the leaf at `index` in the tree of `size` leaves, the nearest first; undefined where hashes are missing. */
export const inclusionFrom = (nodes: NodeReader, index: number, size: number): readonly Buffer[] | undefined => {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) return undefined;
  const path = ({ from, to }: Range): readonly (Buffer | undefined)[] => {
    if (to - from === 1) return [];
    const middle = from + splitOf(to - from);
    const [left, right] = [
      { from, to: middle },
      { from: middle, to },
    ];
    return index < middle ? [...path(left), rangeHash(nodes, right)] : [...path(right), rangeHash(nodes, left)];
  };
  return whole(path({ from: 0, to: size }));
};

/** Proof that the tree of `size` leaves begins with that of `oldSize`; undefined where hashes are missing. */
export const consistencyFrom = (nodes: NodeReader, oldSize: number, size: number): readonly Buffer[] | undefined => {
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(size) || oldSize < 0 || oldSize > size) return undefined;
  if (oldSize === 0 || oldSize === size) return [];
  // `isOld`: the old tree begins where this range does, so that its root, where it is all of the range, is known to who asks.
  const path = ({ from, to }: Range, isOld: boolean): readonly (Buffer | undefined)[] => {
    if (oldSize === to) return isOld ? [] : [rangeHash(nodes, { from, to })];
    const middle = from + splitOf(to - from);
    const [left, right] = [
      { from, to: middle },
      { from: middle, to },
    ];
    return oldSize <= middle ? [...path(left, isOld), rangeHash(nodes, right)] : [...path(right, false), rangeHash(nodes, left)];
  };
  return whole(path({ from: 0, to: size }, true));
};
