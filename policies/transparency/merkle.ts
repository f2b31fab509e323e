// SPDX-License-Identifier: Apache-2.0
// The Merkle tree of RFC 6962 section 2 (unchanged in RFC 9162): many leaves under one hash, and proofs that one is among them.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

export const HASH_BYTES = 32;
/** A tree of 2^53 leaves needs no more. */
const MAX_PROOF = 53;

// A leaf can never be taken for a node: RFC 6962 section 2.1.
const LEAF = '\0';
const LEAF_BYTE = Buffer.of(0);
const NODE_BYTE = 1;

/** A digest asked for as a text and made bytes here takes half the time of one asked for as bytes. */
const sha256 = (data: string | Uint8Array): Buffer => Buffer.from(hash('sha256', data, 'binary'), 'latin1');

const scratch = Buffer.alloc(16 * 1024);
/** UTF-8 of one UTF-16 unit. */
const MOST_BYTES = 3;

/** Of the UTF-8 bytes of a text. */
export const leafOfText = (text: string): Buffer => {
  if (text.length * MOST_BYTES >= scratch.length) return sha256(LEAF + text);
  // The first byte is the mark of a leaf.
  return sha256(scratch.subarray(0, 1 + scratch.write(text, 1)));
};

export const leafOfBytes = (bytes: Uint8Array): Buffer => {
  if (bytes.length >= scratch.length) return sha256(Buffer.concat([LEAF_BYTE, bytes]));
  scratch.set(bytes, 1);
  return sha256(scratch.subarray(0, 1 + bytes.length));
};

/** The same as hexadecimal digits, which are quicker to compare than bytes are to make. */
export const leafTextOfBytes = (bytes: Uint8Array): string => {
  if (bytes.length >= scratch.length) return leafOfBytes(bytes).toString('hex');
  scratch.set(bytes, 1);
  return hash('sha256', scratch.subarray(0, 1 + bytes.length), 'hex');
};

const joined = Buffer.alloc(1 + 2 * HASH_BYTES, NODE_BYTE);

/** Of the two below it. */
export const nodeOf = (left: Uint8Array, right: Uint8Array): Buffer => {
  joined.set(left, 1);
  joined.set(right, 1 + HASH_BYTES);
  return sha256(joined);
};

export const EMPTY_ROOT = sha256('');

/** A tree that grows by leaves; it holds one hash for each full subtree, not the leaves. */
export type GrowingTree = {
  readonly size: number;
  add(leaf: Buffer): void;
  root(): Buffer;
  /** The hashes of its full subtrees, the largest first: all that it takes to grow on elsewhere. */
  edge(): readonly Buffer[];
};

export type TreeEdge = { readonly size: number; readonly hashes: readonly Buffer[] };

/** How many full subtrees a tree of that size has: one for each one bit. */
const edgeLength = (size: number): number => {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
};

/** An empty tree, or one that goes on from an edge, whose length must be that of its size. */
export const growTree = (from: TreeEdge = { size: 0, hashes: [] }): GrowingTree => {
  if (from.hashes.length !== edgeLength(from.size)) throw new RangeError(`${from.hashes.length} hashes are no edge of ${from.size} leaves`);
  const full: Buffer[] = [...from.hashes];
  let { size } = from;
  return {
    get size() {
      return size;
    },
    add: (leaf) => {
      let node = leaf;
      // Each one bit at the end of the size is a full subtree that the new leaf completes to the next larger one.
      for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeOf(full.pop() ?? EMPTY_ROOT, node);
      full.push(node);
      size += 1;
    },
    root: () =>
      full.reduceRight<Buffer | undefined>((right, left) => (right === undefined ? left : nodeOf(left, right)), undefined) ?? EMPTY_ROOT,
    edge: () => [...full],
  };
};

export const rootOf = (leaves: readonly Buffer[]): Buffer => {
  const tree = growTree();
  for (const leaf of leaves) tree.add(leaf);
  return tree.root();
};

/**
 * The root over hashes that lie one after the other, without making anything for each of them. A last one without a partner goes up
 * as it is, which is the same tree.
 */
export const rootOfRows = (rows: Uint8Array): Buffer => {
  if (rows.length === 0) return EMPTY_ROOT;
  const held = Buffer.from(rows);
  for (let count = Math.floor(held.length / HASH_BYTES); count > 1; count = Math.ceil(count / 2)) {
    for (let row = 0; row + 1 < count; row += 2) {
      held.copy(joined, 1, row * HASH_BYTES, (row + 2) * HASH_BYTES);
      held.write(hash('sha256', joined, 'binary'), (row / 2) * HASH_BYTES, 'latin1');
    }
    if (count % 2 === 1) held.copy(held, ((count - 1) / 2) * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES);
  }
  return held.subarray(0, HASH_BYTES);
};

/** The largest power of two below `size`, which is at least 2. */
export const splitOf = (size: number): number => 2 ** Math.floor(Math.log2(size - 1));

/** Audit path of the leaf at `index`, the nearest hash first (RFC 6962 section 2.1.1). */
export const inclusionProof = (leaves: readonly Buffer[], index: number): readonly Buffer[] => {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split ? [...inclusionProof(left, index), rootOf(right)] : [...inclusionProof(right, index - split), rootOf(left)];
};

export type InclusionClaim = {
  readonly leaf: Buffer;
  readonly index: number;
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
};

/** The root that the proof leads to (RFC 9162 section 2.1.3.2); undefined where it is no proof for such a tree. Total. */
export const rootFromProof = ({ leaf, index, size, hashes }: InclusionClaim): Buffer | undefined => {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  if (hashes.length > MAX_PROOF || hashes.some((one) => one.length !== HASH_BYTES)) return undefined;
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of hashes) {
    if (last === 0) return undefined;
    if (at % 2 === 1 || at === last) {
      node = nodeOf(sibling, node);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else node = nodeOf(node, sibling);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? node : undefined;
};

export type ConsistencyClaim = {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly hashes: readonly Uint8Array[];
};

/** Whether the tree of `size` leaves begins with that of `oldSize` (RFC 9162 section 2.1.4.2). Total. */
export const isConsistent = ({ oldSize, oldRoot, size, root, hashes }: ConsistencyClaim): boolean => {
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(size) || oldSize < 0 || oldSize > size) return false;
  if (hashes.length > MAX_PROOF + 1 || [oldRoot, root, ...hashes].some((one) => one.length !== HASH_BYTES)) return false;
  if (oldSize === 0) return hashes.length === 0 && EMPTY_ROOT.equals(oldRoot) && (size > 0 || EMPTY_ROOT.equals(root));
  if (oldSize === size) return hashes.length === 0 && Buffer.from(oldRoot).equals(root);
  // The old tree is one full subtree: then the proof does not repeat its root.
  const isFull = 2 ** Math.floor(Math.log2(oldSize)) === oldSize;
  const [first, ...rest] = isFull ? [oldRoot, ...hashes] : hashes;
  if (first === undefined) return false;
  let at = oldSize - 1;
  let last = size - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  let oldNode: Uint8Array = first;
  let node: Uint8Array = first;
  for (const hash of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldNode = nodeOf(hash, oldNode);
      node = nodeOf(hash, node);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else node = nodeOf(node, hash);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && Buffer.from(oldNode).equals(oldRoot) && Buffer.from(node).equals(root);
};
