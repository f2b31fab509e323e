// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { growTree, inclusionProof, isConsistent, leafOfText, rootOf } from './merkle.ts';
import { consistencyFrom, inclusionFrom, rootOfNodes } from './proofs.ts';
import type { NodeReader } from './proofs.ts';
import { createTileWriter, readTileState } from './tile-writer.ts';
import { hashTiles, levelsOf, nodesInTiles, readBundle, tilePath, tilesOfLevel, writeBundle } from './tiles.ts';

const leavesOf = (size: number): readonly Buffer[] => Array.from({ length: size }, (_, index) => leafOfText(`leaf ${index}`));
/** Every full subtree, straight from the leaves. */
const nodesOf =
  (leaves: readonly Buffer[]): NodeReader =>
  (level, index) => {
    const span = 2 ** level;
    return (index + 1) * span <= leaves.length ? rootOf(leaves.slice(index * span, (index + 1) * span)) : undefined;
  };

const inTiles = (size: number) => {
  const writer = createTileWriter();
  const files = new Map<string, Buffer>();
  for (let index = 0; index < size; index += 1) writer.add(Buffer.from(`leaf ${index}`));
  for (const { path, bytes } of writer.takeFiles()) files.set(path, bytes);
  return { writer, files, nodes: nodesInTiles(size, (tile) => files.get(tilePath(tile))) };
};

describe('consistency', () => {
  const leaves = leavesOf(70);
  const nodes = nodesOf(leaves);
  it('holds for every two sizes up to 70, and for no other root', () => {
    for (let size = 0; size <= 70; size += 1) {
      const root = rootOf(leaves.slice(0, size));
      for (let oldSize = 0; oldSize <= size; oldSize += 1) {
        const oldRoot = rootOf(leaves.slice(0, oldSize));
        const hashes = consistencyFrom(nodes, oldSize, size) ?? assert.fail();
        assert.ok(isConsistent({ oldSize, oldRoot, size, root, hashes }), `${oldSize} of ${size}`);
        const wrong = Buffer.from(oldRoot);
        wrong[7] = (wrong[7] ?? 0) ^ 1;
        assert.ok(!isConsistent({ oldSize, oldRoot: wrong, size, root, hashes }));
        // Any tree begins with the empty one.
        if (oldSize > 0) assert.ok(!isConsistent({ oldSize, oldRoot, size, root: wrong, hashes }));
        assert.ok(!isConsistent({ oldSize, oldRoot, size, root, hashes: [...hashes, root] }));
        if (hashes.length > 0) assert.ok(!isConsistent({ oldSize, oldRoot, size, root, hashes: hashes.slice(1) }));
      }
    }
  });

  it('does not hold between histories that differ, whatever is offered as a proof', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 60 }), fc.nat(), (oldSize, more, at) => {
        const size = oldSize + more;
        const others = leavesOf(oldSize).with(at % oldSize, leafOfText('forged'));
        const [mine, theirs] = [leavesOf(size), [...others, ...leavesOf(size).slice(oldSize)]];
        for (const hashes of [consistencyFrom(nodesOf(mine), oldSize, size), consistencyFrom(nodesOf(theirs), oldSize, size)])
          assert.ok(!isConsistent({ oldSize, oldRoot: rootOf(others), size, root: rootOf(mine), hashes: hashes ?? [] }));
      }),
    );
  });

  it('is no proof: any value', () => {
    const some = fc.record({
      oldSize: fc.oneof(fc.integer(), fc.double()),
      size: fc.oneof(fc.integer(), fc.double()),
      oldRoot: fc.uint8Array({ minLength: 30, maxLength: 33 }),
      root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      hashes: fc.array(fc.uint8Array({ minLength: 31, maxLength: 32 }), { maxLength: 60 }),
    });
    fc.assert(
      fc.property(some, (claim) =>
        assert.equal(
          isConsistent(claim),
          claim.oldSize === claim.size && claim.hashes.length === 0 && claim.size > 0 && Buffer.from(claim.oldRoot).equals(claim.root),
        ),
      ),
    );
  });
});

describe('tiles', () => {
  it('are named as the specification names them', () => {
    const rows: readonly (readonly [Parameters<typeof tilePath>[0], string])[] = [
      [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
      [{ level: 1, index: 999, width: 1 }, 'tile/1/999.p/1'],
      [{ level: 'entries', index: 1_234_067, width: 256 }, 'tile/entries/x001/x234/067'],
      [{ level: 3, index: 1000, width: 17 }, 'tile/3/x001/000.p/17'],
    ];
    for (const [tile, path] of rows) assert.equal(tilePath(tile), path);
    // The example of the specification: a tree of 70,000 leaves.
    assert.deepEqual(
      [0, 1, 2].map((level) =>
        tilesOfLevel(level, 70_000)
          .map(({ width }) => width)
          .filter((width) => width < 256),
      ),
      [[112], [17], [1]],
    );
    assert.deepEqual([tilesOfLevel(0, 70_000).length, tilesOfLevel(1, 70_000).length, levelsOf(70_000)], [274, 2, 3]);
  });

  for (const size of [0, 1, 2, 255, 256, 257, 300, 512, 700]) {
    it(`of ${size} leaves hold the tree, and a writer goes on from them`, () => {
      const leaves = leavesOf(size);
      const { writer, files, nodes } = inTiles(size);
      assert.deepEqual(writer.root(), rootOf(leaves));
      assert.deepEqual(rootOfNodes(nodes, size), rootOf(leaves));
      assert.deepEqual([...files.keys()].filter((path) => !path.includes('entries')).toSorted(), hashTiles(size).map(tilePath).toSorted());
      for (const index of [0, 1, 254, 255, 256, size - 1].filter((index) => index >= 0 && index < size))
        assert.deepEqual(inclusionFrom(nodes, index, size), inclusionProof(leaves, index));
      for (const oldSize of [0, 1, 2, 255, 256, 257, size].filter((oldSize) => oldSize <= size))
        assert.deepEqual(consistencyFrom(nodes, oldSize, size), consistencyFrom(nodesOf(leaves), oldSize, size), `${oldSize} of ${size}`);
      const state = readTileState(size, (path) => files.get(path)) ?? assert.fail();
      const again = createTileWriter(state);
      assert.deepEqual(again.root(), rootOf(leaves));
      for (let index = size; index < size + 300; index += 1) again.add(Buffer.from(`leaf ${index}`));
      assert.deepEqual(again.root(), rootOf(leavesOf(size + 300)));
    });
  }

  it('that are missing give no proof and no state', () => {
    const { files } = inTiles(300);
    const without = (path: string): NodeReader =>
      nodesInTiles(300, (tile) => (tilePath(tile) === path ? undefined : files.get(tilePath(tile))));
    assert.equal(inclusionFrom(without('tile/0/001.p/44'), 280, 300), undefined);
    assert.equal(
      readTileState(300, () => undefined),
      undefined,
    );
  });
});

it('a tree grows on from its edge', () => {
  for (const size of [0, 1, 5, 8, 77]) {
    const tree = growTree();
    for (const leaf of leavesOf(size)) tree.add(leaf);
    const on = growTree({ size, hashes: tree.edge() });
    for (const leaf of leavesOf(size + 9).slice(size)) on.add(leaf);
    assert.deepEqual(on.root(), rootOf(leavesOf(size + 9)));
  }
  assert.throws(() => growTree({ size: 3, hashes: [leafOfText('a')] }), RangeError);
});

it('a bundle is read as it was written, and of any bytes it is told whether they are one', () => {
  const entries = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(65_535, 1)];
  const read = readBundle(writeBundle(entries));
  assert.deepEqual([read.entries.map(({ bytes }) => bytes.length), read.isWhole], [[0, 1, 65_535], true]);
  assert.throws(() => writeBundle([Buffer.alloc(65_536)]), RangeError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const { entries, isWhole } = readBundle(bytes);
      assert.equal(writeBundle(entries.map(({ bytes }) => bytes)).equals(bytes), isWhole);
    }),
  );
});
