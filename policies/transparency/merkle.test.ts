// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { growTree, inclusionProof, leafOfBytes, leafOfText, rootFromProof, rootOf, rootOfRows } from './merkle.ts';

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest();
};

/** RFC 6962 section 2.1, as it stands there. */
const treeHash = (leaves: readonly Buffer[]): Buffer => {
  if (leaves.length === 0) return sha256();
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return sha256(Buffer.of(0), only);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
};

const texts = (size: number): readonly string[] => Array.from({ length: size }, (_, index) => `leaf ${index} é`);

describe('the tree of RFC 6962', () => {
  // From the test vectors of github.com/google/certificate-transparency: inputs and roots of trees of 0 to 8 leaves.
  const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const roots: Readonly<Record<number, string>> = {
    0: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    2: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    8: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  };
  for (const [size, root] of Object.entries(roots)) {
    it(`has the published root for ${size} leaves`, () => {
      const leaves = inputs.slice(0, Number(size)).map((hex) => leafOfBytes(Buffer.from(hex, 'hex')));
      assert.equal(rootOf(leaves).toString('hex'), root);
    });
  }

  it('has the root and the proofs of the recursive definition for every size from 1 to 300', () => {
    const lines = texts(300);
    const growing = growTree();
    for (let size = 1; size <= 300; size += 1) {
      growing.add(leafOfText(lines[size - 1] ?? ''));
      const root = treeHash(lines.slice(0, size).map((line) => Buffer.from(line)));
      assert.deepEqual(growing.root(), root, String(size));
      const leaves = lines.slice(0, size).map((line) => leafOfText(line));
      assert.deepEqual(rootOfRows(Buffer.concat(leaves)), root, String(size));
      for (let index = 0; index < size; index += size < 40 ? 1 : 13) {
        const leaf = leafOfText(lines[index] ?? '');
        const hashes = inclusionProof(leaves, index);
        assert.ok(hashes.length <= Math.ceil(Math.log2(size)), 'no longer than the tree is deep');
        assert.deepEqual(rootFromProof({ leaf, index, size, hashes }), root, `${index} of ${size}`);
      }
    }
  });
});

it('a proof holds for its leaf and its place alone', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), fc.nat(), (size, one, other, bit) => {
      const index = one % size;
      const leaves = texts(size).map(leafOfText);
      const leaf = leaves[index]!;
      const hashes = inclusionProof(leaves, index);
      const root = rootOf(leaves).toString('hex');
      const reaches = (claim: Partial<Parameters<typeof rootFromProof>[0]>): boolean =>
        rootFromProof({ leaf, index, size, hashes, ...claim })?.toString('hex') === root;
      assert.ok(reaches({}));
      if (other % size !== index) assert.ok(!reaches({ index: other % size }), 'another place');
      if (other % size !== index) assert.ok(!reaches({ leaf: leaves[other % size]! }), 'another leaf');
      assert.ok(!reaches({ hashes: [...hashes, leaf] }), 'one hash more');
      assert.ok(!reaches({ index: size }) && !reaches({ index: -1 }) && !reaches({ index: 0.5 }) && !reaches({ size: Number.NaN }));
      if (hashes.length === 0) return;
      assert.ok(!reaches({ hashes: hashes.slice(1) }) && !reaches({ hashes: hashes.slice(0, -1) }), 'one hash less');
      assert.ok(!reaches({ hashes: hashes.map((hash) => hash.subarray(1)) }), 'short hashes');
      const flipped = hashes.map((hash) => Buffer.from(hash));
      const at = flipped[bit % hashes.length]!;
      at[bit % 32] = (at[bit % 32] ?? 0) ^ (1 << (bit % 8));
      assert.ok(!reaches({ hashes: flipped }), 'a bit of a hash');
    }),
    { numRuns: 300 },
  );
});

it('a node can not be passed off as a leaf', () => {
  const [a, b] = [leafOfText('a'), leafOfText('b')];
  assert.notDeepEqual(leafOfBytes(Buffer.concat([a, b])), rootOf([a, b]));
});
