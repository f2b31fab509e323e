// SPDX-License-Identifier: Apache-2.0
// Whatever the order in which objects arrive, and whenever a replica starts: the same set in the end, and never half of one.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Inventory } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { nothingEnforced } from './enforcement.ts';
import type { AssembleState, Offer } from './enforcement.ts';
import { SOURCE, documentOf, offer, refusedOffer, inventory, step, setOf, markOf, codeOf, enforced } from './test-assemble.ts';

const a1 = documentOf('a', 1);
const a2 = documentOf('a', 2);
const b1 = documentOf('b', 1);

describe('whatever the order of events', () => {
  const NAMES = ['a', 'b', 'c', 'd'] as const;
  // Each commit raises the version of some policies, leaves some as they are and drops some.
  const commits = fc
    .array(fc.record({ touch: fc.subarray([...NAMES], { minLength: 1 }), drop: fc.subarray([...NAMES]) }), { minLength: 1, maxLength: 5 })
    .map((changes) => {
      const versions = new Map<string, number>();
      return changes.map(({ touch, drop }, index) => {
        for (const name of touch) versions.set(name, index + 1);
        // What was ended comes back under a higher version only.
        for (const name of drop) versions.delete(name);
        const kept = [...versions];
        return { revision: `r${index + 1}`, documents: kept.map(([name, version]) => documentOf(name, version)) };
      });
    });

  it('a source is enforced as exactly one whole commit, never a mixture, and ends at the last', () => {
    fc.assert(
      fc.property(commits, fc.infiniteStream(fc.nat({ max: 9 })), (history, choices) => {
        const wholes = new Set([
          '',
          ...history.map(({ documents }) =>
            documents
              .map(({ digest }) => digest.slice(7))
              .toSorted()
              .join(' '),
          ),
        ]);
        // Two watch streams, each in its own order, seen with any delay against each other; objects are damaged on the way.
        const objectWrites: (readonly [string, PolicyDocument | undefined])[] = [];
        const inventoryWrites: { readonly inventory: Inventory; readonly sets: AssembleState['sets']; readonly afterWrites: number }[] = [];
        const live = new Map<string, PolicyDocument>();
        for (const { revision, documents } of history) {
          for (const document of documents) {
            if (live.get(document.name)?.digest !== document.digest) objectWrites.push([document.name, document]);
            live.set(document.name, document);
          }
          inventoryWrites.push({
            inventory: inventory(revision, documents),
            sets: setOf(inventoryWrites.length + 1, documents),
            afterWrites: objectWrites.length,
          });
          for (const name of [...live.keys()].filter((name) => !documents.some((document) => document.name === name))) {
            objectWrites.push([name, undefined]);
            live.delete(name);
          }
        }
        const seen = new Map<string, Offer>();
        let shown: Pick<AssembleState, 'inventories' | 'sets'> = { inventories: [], sets: new Map() };
        let previous = nothingEnforced;
        const look = (): string[] => {
          const assembled = step({ previous, offers: [...seen.values()], ...shown, atMs: 0 });
          previous = assembled.enforcement;
          const digests = enforced(assembled);
          assert.ok(wholes.has(digests.join(' ')), `${digests.join(' ')} is none of ${[...wholes].join(' | ')}`);
          return digests;
        };
        let objectAt = 0;
        let inventoryAt = 0;
        while (objectAt < objectWrites.length || inventoryAt < inventoryWrites.length) {
          const choice = choices.next().value;
          const write = objectWrites[objectAt];
          const next = inventoryWrites[inventoryAt];
          if (write !== undefined && (choice < 6 || next === undefined)) {
            objectAt += 1;
            const [name, document] = write;
            if (document === undefined) seen.delete(name);
            else seen.set(name, offer(document, SOURCE));
          } else if (next !== undefined) {
            inventoryAt += 1;
            shown = { inventories: [next.inventory], sets: next.sets };
          }
          if (choice === 9) seen.set('a', refusedOffer('a', SOURCE));
          if (choice % 2 === 0) look();
        }
        // What was damaged is repaired, and everything has arrived.
        for (const [name, document] of live) seen.set(name, offer(document, SOURCE));
        for (const name of seen.keys()) if (!live.has(name)) seen.delete(name);
        const last =
          history
            .at(-1)
            ?.documents.map(({ digest }) => digest.slice(7))
            .toSorted() ?? [];
        assert.deepEqual(look(), last);
      }),
      { numRuns: 500 },
    );
  });

  it('the version in force never falls, and nothing leaves that was not retired or ended by a newer set seal', () => {
    const document = fc
      .record({
        name: fc.constantFrom('a', 'b'),
        version: fc.integer({ min: 1, max: 4 }),
        variant: fc.constantFrom('', '', '', '-other', '-retired'),
      })
      .map(({ name, version, variant }) => documentOf(name, version, variant));
    const sources = [SOURCE, 'writ-system/other'];
    const look = fc.record({
      offers: fc.uniqueArray(fc.record({ document, source: fc.constantFrom(undefined, ...sources), good: fc.boolean() }), {
        selector: (one) => one.document.name,
        maxLength: 2,
      }),
      inventories: fc.uniqueArray(
        fc.record({
          source: fc.constantFrom(...sources),
          documents: fc.uniqueArray(document, { selector: ({ name }) => name, maxLength: 2 }),
        }),
        { selector: ({ source }) => source, maxLength: 2 },
      ),
      sets: fc.array(
        fc.record({
          source: fc.constantFrom(...sources),
          of: fc.constantFrom(...sources),
          sequence: fc.integer({ min: 1, max: 4 }),
          lists: fc.subarray(['a', 'b']),
        }),
        { maxLength: 2 },
      ),
      told: fc.array(fc.record({ document, gone: fc.boolean() }), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(look, { minLength: 2, maxLength: 8 }), (looks) => {
        let previous = nothingEnforced;
        for (const { offers, inventories, sets, told } of looks) {
          const proofs = new Map(
            sets.flatMap(({ source, of, sequence, lists }) =>
              [
                ...setOf(
                  sequence,
                  lists.map((name) => documentOf(name, 1)),
                  of,
                ),
              ].map(([, proof]) => [source, proof] as const),
            ),
          );
          const now = step({
            previous,
            offers: offers.map(({ document: one, source, good }) => (good ? offer(one, source) : refusedOffer(one.name, source))),
            inventories: inventories.map(({ source, documents }) => inventory('r', documents, source)),
            sets: proofs,
            told: told.map(({ document: one, gone }) => markOf(one, gone ? { gone: true } : {})),
          });
          for (const [key, before] of previous.standing) {
            const after = now.enforcement.standing.get(key);
            if (after === undefined) {
              const { source: owner = '' } = before;
              // Shown now, or with the commit that is followed: what it let go stands only as long as its object is there by itself.
              const isEnded = [proofs.get(owner), previous.commits.get(owner)?.set].some(
                (set) =>
                  set !== undefined &&
                  set.source === before.source &&
                  set.sequence > before.sequence &&
                  !set.files.has(`policies/${before.document.name}.yaml`),
              );
              assert.ok(before.document.retired || isEnded, `${key} left`);
            } else if (after.document.digest !== before.document.digest) {
              assert.ok(after.document.version > before.document.version, `${key} fell`);
            }
          }
          for (const [key, mark] of previous.marks)
            assert.ok((now.enforcement.marks.get(key)?.version ?? 0) >= mark.version, `mark ${key} fell`);
          previous = now.enforcement;
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a replica that starts', () => {
  it('lacks what the marks name and it does not hold, in that version and those bytes or a newer one', () => {
    const rows: readonly [what: string, readonly Mark[], readonly PolicyDocument[], unmet: readonly string[]][] = [
      ['nothing', [], [], []],
      ['the same', [markOf(a1)], [a1], []],
      ['a newer one', [markOf(a1)], [a2], []],
      ['an older one', [markOf(a2)], [a1], ['a']],
      ['other bytes', [markOf(a1)], [documentOf('a', 1, '-other')], ['a']],
      ['none', [markOf(a1), markOf(b1)], [b1], ['a']],
      ['none, and it was ended', [markOf(a1, { gone: true })], [], []],
      [
        'sets, trust and Tenants, of which no document is held',
        [markOf(a1, { kind: 'Set' }), markOf(a1, { kind: 'TrustPolicy' }), markOf(a1, { kind: 'Tenant' })],
        [],
        [],
      ],
      ['a kind that it does not know', [markOf(a1, { kind: 'Edict' })], [], ['a']],
    ];
    for (const [what, told, documents, unmet] of rows) {
      const assembled = step({ told, offers: documents.map((document) => offer(document)) });
      assert.deepEqual(
        assembled.unmet.map(({ name }) => name),
        unmet,
        what,
      );
    }
  });

  it('does not take back what was ended, though its object and its old inventory are there', () => {
    const told = [markOf(a1, { gone: true })];
    assert.deepEqual(enforced(step({ told, offers: [offer(a1)] })), []);
    const named = step({ told, offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    assert.deepEqual([enforced(named), codeOf(named, 'a')], [[], 'POLICY_ROLLBACK']);
  });
});
