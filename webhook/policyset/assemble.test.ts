// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { inventoryName } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { SOURCE, documentOf, retiredOf, offer, refusedOffer, inventory, step, setOf, markOf, codeOf, enforced } from './test-assemble.ts';

const a1 = documentOf('a', 1);
const a2 = documentOf('a', 2);
const b1 = documentOf('b', 1);
const b2 = documentOf('b', 2);

describe('policies of a source', () => {
  it('wait for their inventory, then stand together', () => {
    const early = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)] });
    assert.deepEqual(enforced(early), []);
    const late = step({
      previous: early.enforcement,
      offers: [offer(a1, SOURCE), offer(b1, SOURCE)],
      inventories: [inventory('r1', [a1, b1])],
    });
    assert.deepEqual(enforced(late), ['a-1', 'b-1']);
    assert.deepEqual(late.pending, []);
  });

  it('stand as the last whole commit while the next one arrives in pieces', () => {
    const one = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r1', [a1, b1])] });
    const half = step({
      previous: one.enforcement,
      offers: [offer(a2, SOURCE), offer(b1, SOURCE)],
      inventories: [inventory('r1', [a1, b1])],
    });
    assert.deepEqual(enforced(half), ['a-1', 'b-1']);
    const named = step({
      previous: half.enforcement,
      offers: [offer(a2, SOURCE), offer(b1, SOURCE)],
      inventories: [inventory('r2', [a2, b2])],
    });
    assert.deepEqual(enforced(named), ['a-1', 'b-1']);
    assert.deepEqual(named.pending, [
      {
        source: SOURCE,
        revision: 'r2',
        missing: [{ kind: 'Policy', name: 'b', digest: b2.digest, problem: undefined }],
        orders: ['Policy/a', 'Policy/b'],
      },
    ]);
    const whole = step({
      previous: named.enforcement,
      offers: [offer(a2, SOURCE), offer(b2, SOURCE)],
      inventories: [inventory('r2', [a2, b2])],
    });
    assert.deepEqual(enforced(whole), ['a-2', 'b-2']);
  });

  it('stand when an object is damaged or deleted', () => {
    const one = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r1', [a1, b1])] });
    for (const offers of [[refusedOffer('a', SOURCE), offer(b1, SOURCE)], [offer(b1, SOURCE)], []]) {
      assert.deepEqual(enforced(step({ previous: one.enforcement, offers, inventories: [inventory('r1', [a1, b1])] })), ['a-1', 'b-1']);
    }
    assert.equal(codeOf(step({ offers: [refusedOffer('a', SOURCE)] }), 'a'), 'POLICY_UNSIGNED');
  });

  it('are followed from memory where somebody took the seals off an object that may be unsealed', () => {
    const one = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r1', [a1, b1])] });
    const bare = offer({ ...a1, unsigned: true, signers: [] }, SOURCE);
    const next = step({ previous: one.enforcement, offers: [bare, offer(b2, SOURCE)], inventories: [inventory('r2', [a1, b2])] });
    assert.deepEqual([enforced(next), next.pending], [['a-1', 'b-2'], []]);
    assert.equal(next.documents[0]?.unsigned, undefined);
  });

  it('stand when every object is gone while a new commit is awaited', () => {
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    assert.deepEqual(enforced(step({ previous: one.enforcement, inventories: [inventory('r2', [a2])] })), ['a-1']);
  });

  it('stand without their inventory and without any object', () => {
    const one = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r1', [a1, b1])] });
    const unnamed = step({ previous: one.enforcement, offers: [offer(b1, SOURCE)] });
    assert.deepEqual(enforced(unnamed), ['a-1', 'b-1']);
    const nothing = step({ previous: unnamed.enforcement });
    assert.deepEqual(enforced(nothing), ['a-1', 'b-1']);
    assert.deepEqual(enforced(step({ previous: nothing.enforcement, inventories: [inventory('r2', [a1])] })), ['a-1', 'b-1']);
  });

  it('stand when a commit no longer names them, until a newer set seal of their source says so', () => {
    const offers = [offer(a1, SOURCE), offer(b1, SOURCE)];
    const one = step({ offers, inventories: [inventory('r1', [a1, b1])], sets: setOf(4, [a1, b1]) });
    const state = { previous: one.enforcement, offers, inventories: [inventory('r2', [a1])] };
    const unproven = [
      new Map(),
      setOf(5, [a1, b1]),
      setOf(4, [a1]),
      setOf(3, [a1]),
      new Map([...setOf(5, [a1])].map(([key, set]) => [key, { ...set, source: 'writ-system/other' }])),
      new Map([...setOf(5, [a1])].map(([key, set]) => [key, { ...set, mayDecide: () => false }])),
    ];
    for (const sets of unproven) {
      const stood = step({ ...state, sets });
      assert.deepEqual(enforced(stood), ['a-1', 'b-1']);
      assert.equal(codeOf(stood, 'b'), 'REMOVAL_UNSEALED');
      // The proof may come later.
      assert.deepEqual(enforced(step({ ...state, previous: stood.enforcement, sets: setOf(6, [a1]) })), ['a-1']);
    }
    const gone = step({ ...state, sets: setOf(5, [a1]) });
    assert.deepEqual([enforced(gone), codeOf(gone, 'b')], [['a-1'], undefined]);
    const back = step({ previous: gone.enforcement, offers, inventories: [inventory('r3', [a1, b1])], sets: setOf(6, [a1, b1]) });
    assert.deepEqual([enforced(back), codeOf(back, 'b')], [['a-1'], 'POLICY_ROLLBACK']);
    const renewed = step({
      previous: back.enforcement,
      offers: [offer(a1, SOURCE), offer(b2, SOURCE)],
      inventories: [inventory('r4', [a1, b2])],
    });
    assert.deepEqual(enforced(renewed), ['a-1', 'b-2']);
  });

  it('do not fall back to what another source still orders', () => {
    const other = 'writ-system/other';
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    const both = step({ previous: one.enforcement, offers: [offer(a2, other)], inventories: [inventory('o1', [a2], other)] });
    assert.deepEqual(enforced(both), ['a-2']);
    const dropped = step({ previous: both.enforcement, inventories: [inventory('o2', [], other)] });
    assert.deepEqual(enforced(dropped), ['a-2']);
  });

  it('take no mark from the set seal of another source', () => {
    const offers = [offer(a1, SOURCE), offer(b1, SOURCE)];
    const one = step({ offers, inventories: [inventory('r1', [a1, b1])] });
    const strange = new Map([...setOf(5, [b1], 'writ-system/other')].map(([, set]) => [SOURCE, set]));
    const stood = step({ previous: one.enforcement, offers, inventories: [inventory('r2', [a1])], sets: strange });
    assert.deepEqual(enforced(step({ previous: stood.enforcement, offers, inventories: [inventory('r2', [a1])], sets: setOf(5, [a1]) })), [
      'a-1',
    ]);
  });

  it('are not ended by the set seal that was there before they came', () => {
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])], sets: setOf(4, [a1]) });
    const more = step({
      previous: one.enforcement,
      offers: [offer(a1, SOURCE), offer(b1, SOURCE)],
      inventories: [inventory('r2', [a1, b1])],
    });
    const replayed = { inventories: [inventory('r1', [a1])], sets: setOf(4, [a1]) };
    assert.deepEqual(enforced(step({ previous: more.enforcement, ...replayed })), ['a-1', 'b-1']);
    // A replica that starts learns of the set from the marks.
    const told = [{ kind: 'Set', name: SOURCE, version: 4, digest: setOf(4, [a1]).get(SOURCE)?.digest ?? '' }];
    const fresh = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r2', [a1, b1])], told });
    assert.deepEqual(enforced(step({ previous: fresh.enforcement, told, ...replayed })), ['a-1', 'b-1']);
    assert.deepEqual(enforced(step({ previous: fresh.enforcement, told, ...replayed, sets: setOf(5, [a1]) })), ['a-1']);
  });

  it('end by a retired version, and its object may go then', () => {
    const one = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r1', [a1, b1])] });
    const end = retiredOf('b', 2);
    const retired = step({
      previous: one.enforcement,
      offers: [offer(a1, SOURCE), offer(end, SOURCE)],
      inventories: [inventory('r2', [a1, end])],
    });
    assert.deepEqual(enforced(retired), ['a-1', 'b-2-retired']);
    const gone = step({ previous: retired.enforcement, offers: [offer(a1, SOURCE)], inventories: [inventory('r3', [a1])] });
    assert.deepEqual([enforced(gone), codeOf(gone, 'b')], [['a-1'], undefined]);
    for (const version of [b1, b2]) {
      const back = step({ previous: gone.enforcement, offers: [offer(a1, SOURCE), offer(version)], inventories: [inventory('r3', [a1])] });
      assert.deepEqual(enforced(back), ['a-1']);
    }
  });

  it('do not go back to an older version, nor to other bytes of the same version', () => {
    const two = step({ offers: [offer(a2, SOURCE)], inventories: [inventory('r2', [a2])] });
    const back = step({ previous: two.enforcement, offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    assert.deepEqual(enforced(back), ['a-2']);
    assert.equal(codeOf(back, 'a'), 'POLICY_ROLLBACK');
    const other = documentOf('a', 2, '-other');
    const twin = step({ previous: two.enforcement, offers: [offer(other, SOURCE)], inventories: [inventory('r3', [other])] });
    assert.deepEqual(enforced(twin), ['a-2']);
    assert.equal(codeOf(twin, 'a'), 'POLICY_EQUIVOCATION');
  });

  it('are not replaced through an inventory by what has ended before it came, unless the marks say that it came in time', () => {
    const late = documentOf('a', 2, '', 999);
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    const state = { previous: one.enforcement, offers: [offer(late, SOURCE)], inventories: [inventory('r2', [late])] };
    const kept = step(state);
    assert.deepEqual([enforced(kept), codeOf(kept, 'a'), kept.pending.length], [['a-1'], 'POLICY_EXPIRED', 1]);
    assert.deepEqual(enforced(step({ ...state, told: [markOf(late)] })), ['a-2']);
    assert.deepEqual(enforced(step({ ...state, previous: step({}).enforcement })), ['a-2']);
  });

  it('may move to another source; the newer order of one name counts', () => {
    const other = 'writ-system/other';
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    const both = step({
      previous: one.enforcement,
      offers: [offer(a2, other)],
      inventories: [inventory('r1', [a1]), inventory('o1', [a2], other)],
    });
    assert.deepEqual(enforced(both), ['a-2']);
    const moved = step({
      previous: both.enforcement,
      offers: [offer(a2, other)],
      inventories: [inventory('r2', []), inventory('o1', [a2], other)],
    });
    assert.deepEqual(enforced(moved), ['a-2']);
  });
});

describe('an inventory that is not there', () => {
  const other = 'writ-system/other';

  it('is waited for by name, with what to do if it never comes', () => {
    const { pending, documents } = step({
      offers: [offer(a1, SOURCE), offer(b1, SOURCE), offer(documentOf('c', 1), other), refusedOffer('d', 'writ-system/none')],
      inventories: [inventory('r1', [documentOf('c', 1)], other)],
    });
    assert.deepEqual(
      documents.map(({ name }) => name),
      ['c'],
    );
    assert.deepEqual(
      pending.map(({ source, missing }) => [source, missing.map(({ name }) => name)]),
      [[SOURCE, ['a', 'b']]],
    );
    assert.match(pending[0]?.why ?? '', /inventory of writ-system\/policies has not arrived.*GitSource was deleted, take their label/);
  });

  it('is waited for only of a source that the marks know, where they know any', () => {
    const offers = [offer(a1, SOURCE), offer(documentOf('c', 1), 'no/source')];
    const waitingBy = (told: readonly Mark[]): readonly string[] => step({ offers, told }).pending.map(({ source }) => source);
    const mark = { kind: 'Policy', name: 'z', version: 1, digest: a1.digest, gone: true } as const;
    assert.deepEqual(waitingBy([]), ['no/source', SOURCE]);
    assert.deepEqual(waitingBy([mark]), []);
    assert.deepEqual(waitingBy([{ ...mark, source: SOURCE }]), [SOURCE]);
    assert.deepEqual(waitingBy([{ ...mark, kind: 'Set', name: SOURCE }]), [SOURCE]);
  });

  it('or cannot be read is waited for too, also with no policy in sight, and once', () => {
    const name = inventoryName(SOURCE);
    for (const offers of [[], [offer(a1, SOURCE)]]) {
      const { pending } = step({ offers, unreadable: [name] });
      assert.deepEqual(
        pending.map(({ source }) => source),
        [SOURCE],
      );
      assert.match(
        pending[0]?.why ?? '',
        /inventory of writ-system\/policies cannot be read.*ConfigMap writ-inventory-writ-system\.policies/,
      );
    }
    for (const stray of ['stray', 'writ-marks', 'constructor']) assert.deepEqual(step({ unreadable: [stray] }).pending, []);
  });

  it('changes nothing for who enforced the source before', () => {
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    const damaged = step({ previous: one.enforcement, offers: [offer(a1, SOURCE)], unreadable: [inventoryName(SOURCE)] });
    assert.deepEqual(enforced(damaged), ['a-1']);
    assert.deepEqual(enforced(step({ previous: damaged.enforcement, unreadable: [inventoryName(SOURCE)] })), ['a-1']);
    const missing = step({ previous: one.enforcement, offers: [offer(a1, SOURCE)] });
    assert.deepEqual([enforced(missing), missing.pending], [['a-1'], []]);
  });

  it('a fresh replica never takes less for the whole than the verified offers demand', () => {
    const sources = ['writ-system/one', 'writ-system/two', `writ-system/${'long'.repeat(13)}`];
    const policy = fc.record({
      owner: fc.constantFrom(undefined, ...sources),
      version: fc.integer({ min: 1, max: 3 }),
      good: fc.boolean(),
      /** What its source's inventory says of it. */
      named: fc.constantFrom('as it is', 'older', 'not at all'),
    });
    const stateOf = fc.constantFrom('whole', 'missing', 'unreadable');
    fc.assert(
      fc.property(fc.array(policy, { maxLength: 6 }), fc.tuple(stateOf, stateOf, stateOf), (policies, states) => {
        const held = policies.map((one, index) => ({ ...one, document: documentOf(`p${index}`, one.version) }));
        const inState = (state: string): readonly string[] => sources.filter((_, index) => states[index] === state);
        const namedBy = (source: string): readonly PolicyDocument[] =>
          held.flatMap(({ owner, named, document }) => {
            if (owner !== source || named === 'not at all') return [];
            return [named === 'older' ? documentOf(document.name, document.version - 1) : document];
          });
        const assembled = step({
          offers: held.map(({ owner, good, document }) => (good ? offer(document, owner) : refusedOffer(document.name, owner))),
          inventories: inState('whole').map((source) => inventory('r1', namedBy(source), source)),
          unreadable: inState('unreadable').map(inventoryName),
        });
        if (assembled.pending.length > 0) return;
        const all = new Set(assembled.documents.map(({ digest }) => digest));
        assert.deepEqual(inState('unreadable'), []);
        for (const source of inState('whole')) for (const { digest } of namedBy(source)) assert.ok(all.has(digest), digest);
        for (const { owner, good, document } of held)
          if (good && (owner === undefined || !inState('whole').includes(owner))) assert.ok(all.has(document.digest), document.digest);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what the marks of the cluster say has ended', () => {
  const mark = markOf(a1, { source: SOURCE });
  const gone = { ...mark, gone: true } as const;

  it('does not come back to a replica that began with its mark and never held it', () => {
    const began = step({ told: [mark], isStarting: true });
    assert.deepEqual(began.unmet, [mark]);
    const ended = step({ previous: began.enforcement, told: [gone], isStarting: true });
    assert.deepEqual([ended.unmet, ended.enforcement.marks.get('Policy/a')?.gone], [[], true]);
    const back = { previous: ended.enforcement, offers: [offer(a1)] };
    const refused = step({ ...back, told: [gone] });
    assert.deepEqual([enforced(refused), codeOf(refused, 'a')], [[], 'POLICY_ROLLBACK']);
    assert.deepEqual(enforced(step({ ...back, told: [gone], offers: [offer(a2)] })), ['a-2']);
    // Whoever wrote that and is put right has kept nothing out.
    assert.deepEqual(enforced(step({ ...back, previous: refused.enforcement, told: [mark] })), ['a-1']);
  });

  it('ends nothing that stands, and counts for that version and digest alone', () => {
    const one = step({ offers: [offer(a1)] });
    const told = step({ previous: one.enforcement, offers: [offer(a1)], told: [gone] });
    assert.deepEqual([enforced(told), told.enforcement.marks.get('Policy/a')?.gone], [['a-1'], undefined]);
    const began = step({ told: [markOf(a2)], isStarting: true });
    for (const other of [gone, { ...markOf(a2), digest: 'sha256:other', gone: true } as const])
      assert.equal(step({ previous: began.enforcement, told: [other] }).enforcement.marks.get('Policy/a')?.gone, undefined);
  });
});
