// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { digestOf } from '../document/digest.ts';
import { atOnce } from '../steps.ts';
import { createTrustFollower } from './follow.ts';
import type { TrustSignature } from './load.ts';
import { seal } from './seal.ts';
import { NOW, keyed, trustBytes } from './test-trust.ts';

const pair = generateKeyPairSync('ed25519');
const later = generateKeyPairSync('ed25519');
type Entry = ReturnType<typeof keyed>;

const version = (number: number, principals: readonly Entry[] = [keyed('ann', pair.publicKey)], unsigned: 'Deny' | 'Audit' = 'Deny') => {
  const bytes = trustBytes({ principals, version: number, kinds: ['TrustPolicy'], unsigned });
  return { document: bytes.toString(), bundles: [seal(bytes, pair.privateKey), seal(bytes, later.privateKey)], digest: digestOf(bytes) };
};
const [one, two, three] = [version(1), version(2), version(3)];
const other = version(2, undefined, 'Audit');
const objectOf = (current: TrustSignature, ...chain: readonly TrustSignature[]) => ({ signature: { ...current, chain } });

/** What is in force after each look, and what was wrong. */
const looks = (
  ...objects: readonly (ReturnType<typeof objectOf> | undefined)[]
): readonly (readonly [number | undefined, string | undefined])[] => {
  const follow = atOnce(createTrustFollower({ pinnedDigest: one.digest }));
  return objects.map((object) => {
    const { trust, problem } = follow(object, NOW);
    return [trust?.version, problem?.code];
  });
};

describe('the trust in force', () => {
  it('moves forward along the chain', () => {
    assert.deepEqual(looks(objectOf(one), objectOf(two, one), objectOf(three, one, two)), [
      [1, undefined],
      [2, undefined],
      [3, undefined],
    ]);
  });

  it('never moves back, not even to the pinned version', () => {
    assert.deepEqual(looks(objectOf(three, one, two), objectOf(one), objectOf(two, one)), [
      [3, undefined],
      [3, 'TRUST_ROLLBACK'],
      [3, 'TRUST_ROLLBACK'],
    ]);
  });

  it('stays when another of its version comes, when a broken one does, and when it is deleted', () => {
    assert.deepEqual(looks(objectOf(two, one), objectOf(other, one), objectOf({ ...three, bundles: [] }, one, two), undefined), [
      [2, undefined],
      [2, 'TRUST_CHAIN_EQUIVOCATION'],
      [2, 'TRUST_CHAIN_SEALS_BEFORE'],
      [2, undefined],
    ]);
  });

  it('is missing until it comes', () => {
    assert.deepEqual(looks(undefined, objectOf(two), objectOf(one)), [
      [undefined, 'TRUST_MISSING'],
      [undefined, 'TRUST_NOT_PINNED'],
      [1, undefined],
    ]);
  });

  it('of a process that starts is none that a mark says is old or another', () => {
    const start = (object: ReturnType<typeof objectOf>, mark: { readonly version: number; readonly digest: string }) => {
      const { trust, problem } = atOnce(createTrustFollower({ pinnedDigest: one.digest }))(object, NOW, mark);
      return [trust?.version, problem?.code];
    };
    assert.deepEqual(start(objectOf(one), { version: 2, digest: two.digest }), [undefined, 'TRUST_ROLLBACK']);
    assert.deepEqual(start(objectOf(other, one), { version: 2, digest: two.digest }), [undefined, 'TRUST_CHAIN_EQUIVOCATION']);
    assert.deepEqual(start(objectOf(two, one), { version: 2, digest: two.digest }), [2, undefined]);
    assert.deepEqual(start(objectOf(three, one, two), { version: 2, digest: two.digest }), [3, undefined]);
  });

  it('is looked at again when time may have made a seal good', () => {
    const startMs = NOW + 3_600_000;
    const [entry] = keyed('bob', later.publicKey).publicKeys;
    assert.ok(entry);
    const first = version(1, [{ name: 'bob', publicKeys: [{ ...entry, validFor: { start: new Date(startMs).toISOString() } }] }]);
    const follow = atOnce(createTrustFollower({ pinnedDigest: first.digest }));
    const next = objectOf(version(2, [keyed('bob', later.publicKey)]), first);
    assert.equal(follow(next, NOW).problem?.code, 'TRUST_CHAIN_SEALS_BEFORE');
    assert.equal(follow(next, startMs).trust?.version, 2);
  });
});
