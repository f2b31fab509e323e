// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { inventoryName } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { sourceLabel } from '../../crds/kinds.ts';
import type { ProblemCode } from '../../policies/problem.ts';
import { emptySet } from '../../policies/compile/index.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { assemble, nothingEnforced } from './assemble.ts';
import type { AssembleState, Assembled, Offer } from './assemble.ts';

const SOURCE = 'writ-system/policies';

// Assembling never looks into a compiled policy.
const compiled = emptySet.policies[0] as unknown as CompiledPolicy;

const documentOf = (name: string, version: number, variant = '', expiresMs?: number): PolicyDocument => ({
  name,
  version,
  digest: `sha256:${name}-${version}${variant}`,
  expiresMs,
  signers: ['ci'],
  compiled,
  policy: { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name }, spec: { validations: [{ expression: 'true' }] } },
});
const offer = (document: PolicyDocument, source?: string): Offer => ({
  name: document.name,
  source: source === undefined ? undefined : sourceLabel(source),
  judged: { ok: true, document },
});
const refusedOffer = (name: string, source?: string, code: ProblemCode = 'POLICY_UNSIGNED'): Offer => ({
  name,
  source: source === undefined ? undefined : sourceLabel(source),
  judged: { ok: false, problem: { code, message: 'refused' } },
});
const inventory = (revision: string, documents: readonly PolicyDocument[], source = SOURCE): Inventory => ({
  source,
  revision,
  documents: [
    ...documents.map(({ name, digest }) => ({ kind: 'Policy', group: 'writ.dev', version: 'v1alpha1', name, digest })),
    { kind: 'Tenant', group: 'writ.dev', version: 'v1alpha1', name: 'acme', digest: 'sha256:tenant' },
  ],
});
const step = (state: Partial<AssembleState>): Assembled =>
  assemble({ previous: nothingEnforced, offers: [], inventories: [], unreadable: [], atMs: 1000, ...state });
const enforced = (assembled: Assembled): string[] => assembled.documents.map(({ digest }) => digest.slice(7));

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
    assert.deepEqual(named.pending, [{ source: SOURCE, revision: 'r2', missing: [{ name: 'b', digest: b2.digest, problem: undefined }] }]);
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
    assert.equal(step({ offers: [refusedOffer('a', SOURCE)] }).refused.get('a')?.code, 'POLICY_UNSIGNED');
  });

  it('stand when every object is gone while a new commit is awaited', () => {
    const one = step({ offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    assert.deepEqual(enforced(step({ previous: one.enforcement, inventories: [inventory('r2', [a2])] })), ['a-1']);
  });

  it('stand without their inventory until the last object is gone, then go together', () => {
    const one = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r1', [a1, b1])] });
    const unnamed = step({ previous: one.enforcement, offers: [offer(b1, SOURCE)] });
    assert.deepEqual(enforced(unnamed), ['a-1', 'b-1']);
    assert.deepEqual(enforced(step({ previous: unnamed.enforcement })), []);
  });

  it('leave when a commit no longer names them', () => {
    const one = step({ offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r1', [a1, b1])] });
    assert.deepEqual(
      enforced(step({ previous: one.enforcement, offers: [offer(a1, SOURCE), offer(b1, SOURCE)], inventories: [inventory('r2', [a1])] })),
      ['a-1'],
    );
  });

  it('do not go back to an older version, nor to other bytes of the same version', () => {
    const two = step({ offers: [offer(a2, SOURCE)], inventories: [inventory('r2', [a2])] });
    const back = step({ previous: two.enforcement, offers: [offer(a1, SOURCE)], inventories: [inventory('r1', [a1])] });
    assert.deepEqual(enforced(back), ['a-2']);
    assert.equal(back.refused.get('a')?.code, 'POLICY_ROLLBACK');
    const other = documentOf('a', 2, '-other');
    const twin = step({ previous: two.enforcement, offers: [offer(other, SOURCE)], inventories: [inventory('r3', [other])] });
    assert.deepEqual(enforced(twin), ['a-2']);
    assert.equal(twin.refused.get('a')?.code, 'POLICY_EQUIVOCATION');
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
    assert.match(pending[0]?.why ?? '', /inventory of writ-system\/policies has not arrived.*GitSource was deleted, delete/);
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
    assert.equal(step({ unreadable: ['stray'] }).pending[0]?.source, 'stray');
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

describe('a policy without a source', () => {
  it('is enforced when its own bytes verify, and its last good bytes stand', () => {
    const one = step({ offers: [offer(a1)] });
    assert.deepEqual(enforced(one), ['a-1']);
    const damaged = step({ previous: one.enforcement, offers: [refusedOffer('a')] });
    assert.deepEqual(enforced(damaged), ['a-1']);
    assert.deepEqual(enforced(step({ previous: damaged.enforcement, offers: [offer(a2)] })), ['a-2']);
    assert.deepEqual(enforced(step({ previous: one.enforcement })), []);
    assert.deepEqual(enforced(step({ offers: [refusedOffer('a')] })), []);
  });

  it('is not replaced by an older version, even after it was deleted', () => {
    const two = step({ offers: [offer(a2)] });
    const gone = step({ previous: two.enforcement });
    const back = step({ previous: gone.enforcement, offers: [offer(a1)] });
    assert.deepEqual(enforced(back), []);
    assert.equal(back.refused.get('a')?.code, 'POLICY_ROLLBACK');
  });

  it('is not switched off by a label that no commit stands behind', () => {
    const one = step({ offers: [offer(a1)] });
    assert.deepEqual(enforced(step({ previous: one.enforcement, offers: [offer(a1, SOURCE)] })), ['a-1']);
    const adopted = step({ previous: one.enforcement, offers: [offer(a2, SOURCE)], inventories: [inventory('r1', [a2])] });
    assert.deepEqual(enforced(adopted), ['a-2']);
    assert.equal(adopted.enforcement.loose.size, 0);
  });

  it('is not replaced by a newer version that is past its date; without one before, it stands as expired', () => {
    const late = documentOf('a', 2, '', 999);
    const one = step({ offers: [offer(a1)] });
    const kept = step({ previous: one.enforcement, offers: [offer(late)] });
    assert.deepEqual(enforced(kept), ['a-1']);
    assert.equal(kept.refused.get('a')?.code, 'POLICY_EXPIRED');
    assert.deepEqual(enforced(step({ offers: [offer(late)] })), ['a-2']);
  });
});

describe('whatever the order of events', () => {
  const NAMES = ['a', 'b', 'c', 'd'] as const;
  // Each commit raises the version of some policies, leaves some as they are and drops some.
  const commits = fc
    .array(fc.record({ touch: fc.subarray([...NAMES], { minLength: 1 }), drop: fc.subarray([...NAMES]) }), { minLength: 1, maxLength: 5 })
    .map((changes) => {
      const versions = new Map<string, number>();
      return changes.map(({ touch, drop }, index) => {
        for (const name of touch) versions.set(name, index + 1);
        const kept = [...versions].filter(([name]) => !drop.includes(name as (typeof NAMES)[number]));
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
        const inventoryWrites: { readonly inventory: Inventory; readonly afterWrites: number }[] = [];
        const live = new Map<string, PolicyDocument>();
        for (const { revision, documents } of history) {
          for (const document of documents) {
            if (live.get(document.name)?.digest !== document.digest) objectWrites.push([document.name, document]);
            live.set(document.name, document);
          }
          inventoryWrites.push({ inventory: inventory(revision, documents), afterWrites: objectWrites.length });
          for (const name of [...live.keys()].filter((name) => !documents.some((document) => document.name === name))) {
            objectWrites.push([name, undefined]);
            live.delete(name);
          }
        }
        const seen = new Map<string, Offer>();
        let shown: readonly Inventory[] = [];
        let previous = nothingEnforced;
        const look = (): string[] => {
          const assembled = assemble({ previous, offers: [...seen.values()], inventories: shown, unreadable: [], atMs: 0 });
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
            shown = [next.inventory];
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
});
