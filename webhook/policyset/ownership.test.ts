// SPDX-License-Identifier: Apache-2.0
// Whose set seal may end a document: nobody signs an inventory, so writing one moves nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { AssembleState } from './enforcement.ts';
import { SOURCE, documentOf, offer, inventory, step, setOf, markOf, codeOf, enforced } from './test-assemble.ts';

const [a1, b1] = [documentOf('a', 1), documentOf('b', 1)];

describe('policies of several sources', () => {
  it('stay with their source, whatever other inventory somebody writes them into', () => {
    const other = 'writ-system/alpha';
    const offers = [offer(a1, SOURCE), offer(b1, other)];
    const both = (...sets: readonly ReadonlyMap<string, SetProof>[]): AssembleState['sets'] => new Map(sets.flatMap((set) => [...set]));
    const first = {
      offers,
      inventories: [inventory('r1', [a1]), inventory('o1', [b1], other)],
      sets: both(setOf(4, [a1]), setOf(7, [b1], other)),
    };
    const one = step(first);
    const told = [markOf(a1, { source: SOURCE }), markOf(b1, { source: other })];
    // An administrator writes `a` into the inventory of another source, and takes it out of its own.
    const written = { offers, inventories: [inventory('r1', [a1]), inventory('o1', [a1, b1], other)], sets: first.sets, told };
    const moved = { offers, inventories: [inventory('r1', []), inventory('o1', [a1, b1], other)], sets: first.sets, told };
    // The other source publishes: it never had `a`.
    const published = {
      offers,
      inventories: [inventory('r1', []), inventory('o2', [b1], other)],
      sets: both(setOf(4, [a1]), setOf(8, [b1], other)),
      told,
    };
    for (const start of [one.enforcement, step({ ...written, isStarting: true }).enforcement]) {
      const hijacked = step({ ...moved, previous: step({ ...written, previous: start }).enforcement });
      assert.deepEqual(enforced(hijacked), ['a-1', 'b-1']);
      assert.equal(hijacked.enforcement.standing.get('Policy/a')?.source, SOURCE);
      const after = step({ ...published, previous: hijacked.enforcement });
      assert.deepEqual([enforced(after), codeOf(after, 'a')], [['a-1', 'b-1'], 'REMOVAL_UNSEALED']);
      // Its own source ends it.
      const ended = step({ ...published, previous: after.enforcement, sets: both(setOf(5, []), setOf(8, [b1], other)) });
      assert.deepEqual(enforced(ended), ['b-1']);
    }
  });

  it('are not ended by a source that somebody wrote them into after they had been applied by hand', () => {
    const one = step({ offers: [offer(a1)], inventories: [inventory('r1', [b1])] });
    const written = step({
      previous: one.enforcement,
      offers: [offer(a1), offer(b1, SOURCE)],
      inventories: [inventory('r1', [a1, b1])],
      sets: setOf(4, [b1]),
    });
    const published = step({
      previous: written.enforcement,
      offers: [offer(b1, SOURCE)],
      inventories: [inventory('r2', [b1])],
      sets: setOf(5, [b1]),
    });
    assert.deepEqual([enforced(published), codeOf(published, 'a')], [['a-1', 'b-1'], 'REMOVAL_UNSEALED']);
  });

  it('move to a source whose set seal lists them, or whose predecessor let them go', () => {
    const other = 'writ-system/other';
    const sets = (...all: readonly ReadonlyMap<string, SetProof>[]): AssembleState['sets'] => new Map(all.flatMap((set) => [...set]));
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])], sets: setOf(4, [a1]) });
    const both = { offers: [offer(a1, other)], inventories: [inventory('r1', [a1]), inventory('o1', [a1], other)] };
    const listed = step({ ...both, previous: one.enforcement, sets: sets(setOf(4, [a1]), setOf(1, [a1], other)) });
    assert.equal(listed.enforcement.standing.get('Policy/a')?.source, SOURCE, 'while its own source lists it too');
    const unlisted = step({ ...both, previous: one.enforcement, sets: setOf(1, [a1], other) });
    assert.equal(unlisted.enforcement.standing.get('Policy/a')?.source, other);
    const released = step({
      offers: [offer(a1, other)],
      inventories: [inventory('r2', []), inventory('o1', [a1], other)],
      previous: one.enforcement,
      sets: setOf(5, []),
    });
    assert.deepEqual([enforced(released), released.enforcement.standing.get('Policy/a')?.source], [['a-1'], other]);
  });
});
