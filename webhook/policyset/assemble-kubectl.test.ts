// SPDX-License-Identifier: Apache-2.0
// Policies that no commit stands behind: what is enforced of them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SOURCE, codeOf, documentOf, enforced, inventory, offer, refusedOffer, setOf, step } from './test-assemble.ts';

const a1 = documentOf('a', 1);
const a2 = documentOf('a', 2);

describe('a policy without a source', () => {
  it('is enforced when its own bytes verify, and its last good bytes stand', () => {
    const one = step({ offers: [offer(a1)] });
    assert.deepEqual(enforced(one), ['a-1']);
    const damaged = step({ previous: one.enforcement, offers: [refusedOffer('a')] });
    assert.deepEqual(enforced(damaged), ['a-1']);
    assert.deepEqual(enforced(step({ previous: damaged.enforcement, offers: [offer(a2)] })), ['a-2']);
    const deleted = step({ previous: one.enforcement });
    assert.deepEqual([enforced(deleted), codeOf(deleted, 'a')], [['a-1'], 'REMOVAL_UNSEALED']);
    assert.deepEqual(enforced(step({ offers: [refusedOffer('a')] })), []);
  });

  it('is not replaced by an older version, even after it was deleted', () => {
    const two = step({ offers: [offer(a2)] });
    const gone = step({ previous: two.enforcement });
    const back = step({ previous: gone.enforcement, offers: [offer(a1)] });
    assert.deepEqual(enforced(back), ['a-2']);
    assert.equal(codeOf(back, 'a'), 'POLICY_ROLLBACK');
  });

  it('is not switched off by a label that no commit stands behind', () => {
    const one = step({ offers: [offer(a1)] });
    assert.deepEqual(enforced(step({ previous: one.enforcement, offers: [offer(a1, SOURCE)] })), ['a-1']);
    const adopted = step({ previous: one.enforcement, offers: [offer(a2, SOURCE)], inventories: [inventory('r1', [a2])] });
    assert.deepEqual(enforced(adopted), ['a-2']);
    assert.equal(adopted.enforcement.standing.get('Policy/a')?.source, undefined, 'an inventory is no seal');
    const listed = step({
      previous: adopted.enforcement,
      offers: [offer(a2, SOURCE)],
      inventories: [inventory('r1', [a2])],
      sets: setOf(1, [a2]),
    });
    assert.equal(listed.enforcement.standing.get('Policy/a')?.source, SOURCE);
  });

  it('is not replaced by a newer version that is past its date; without one before, it stands as expired', () => {
    const late = documentOf('a', 2, '', 999);
    const one = step({ offers: [offer(a1)] });
    const kept = step({ previous: one.enforcement, offers: [offer(late)] });
    assert.deepEqual(enforced(kept), ['a-1']);
    assert.equal(codeOf(kept, 'a'), 'POLICY_EXPIRED');
    assert.deepEqual(enforced(step({ offers: [offer(late)] })), ['a-2']);
  });
});
