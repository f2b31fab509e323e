// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { MAX_GAPS, MAX_LEAP, START, gapsText, hasSeen, missingOf, parseGaps, see } from './cursor.ts';
import type { Cursor } from './cursor.ts';

it('a cursor knows exactly what it has seen, in whatever order that came', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 }), (numbers) => {
      const seen = new Set<number>();
      let cursor: Cursor = START;
      for (const seq of numbers) {
        assert.equal(hasSeen(cursor, seq), seen.has(seq));
        if (!seen.has(seq)) cursor = see(cursor, seq) ?? assert.fail();
        seen.add(seq);
      }
      const highest = Math.max(0, ...seen);
      assert.equal(cursor.highest, highest);
      assert.equal(missingOf(cursor), highest - seen.size);
      assert.deepEqual(parseGaps(gapsText(cursor)), cursor.gaps);
      for (let seq = 1; seq <= 61; seq += 1) assert.equal(hasSeen(cursor, seq), seen.has(seq));
    }),
  );
});

it('a source with too many holes is told so, and loses nothing of what it has', () => {
  let cursor: Cursor = START;
  for (let index = 0; index < MAX_GAPS; index += 1) cursor = see(cursor, 2 * index + 2) ?? assert.fail();
  assert.equal(see(cursor, cursor.highest + 2), undefined);
  assert.ok(see(cursor, cursor.highest + 1) !== undefined);
  assert.ok(see(cursor, 1) !== undefined);
});

it('a source that leaps is told so wherever it stands, and can never come near the end of its numbers', () => {
  for (const cursor of [START, { highest: 5, gaps: [] }, { highest: 9e14, gaps: [] }]) {
    assert.equal(see(cursor, cursor.highest + MAX_LEAP + 1), undefined);
    assert.deepEqual(see(cursor, cursor.highest + MAX_LEAP)?.gaps, [[cursor.highest + 1, cursor.highest + MAX_LEAP - 1]]);
  }
  assert.equal(see(START, Number.MAX_SAFE_INTEGER), undefined);
  let far: Cursor = START;
  for (let next: Cursor | undefined = far; next !== undefined; next = see(far, far.highest + MAX_LEAP)) far = next;
  assert.equal(far.gaps.length, MAX_GAPS);
  assert.ok(far.highest < 999_999_999_999_999 / 1000, 'there are numbers left for what it really used');
});

it('gaps that are none of ours are refused', () => {
  for (const text of ['1', '1-', 'a-b', '1-2,', '1-2;3-4', `1-${'9'.repeat(16)}`, '__proto__']) assert.equal(parseGaps(text), undefined);
});
