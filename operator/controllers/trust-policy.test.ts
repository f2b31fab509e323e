// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeMarks } from '../../crds/marks.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { seal } from '../../policies/trust/seal.ts';
import { NOW, keyed, trustBytes } from '../../policies/trust/test-trust.ts';
import { createTrustHolder } from './trust-policy.ts';

const pair = generateKeyPairSync('ed25519');
const version = (number: number) => {
  const bytes = trustBytes({ principals: [keyed('ann', pair.publicKey)], version: number, kinds: ['TrustPolicy'] });
  return { document: bytes.toString(), bundles: [seal(bytes, pair.privateKey)], digest: digestOf(bytes) };
};
const [one, two, three] = [version(1), version(2), version(3)];
type Version = typeof one;
const objectOf = (current: Version, ...chain: readonly Version[]) => ({ signature: { ...current, chain } });
type TrustObject = ReturnType<typeof objectOf>;

/** An operator that has just started, in a cluster whose marks say that this version was in force. */
const starting = (marked: { readonly version: number; readonly digest: string } | undefined) => {
  const cluster: { object: TrustObject | undefined; hasSynced: boolean } = { object: undefined, hasSynced: true };
  const marks: readonly KubeObject[] = marked === undefined ? [] : [encodeMarks([{ kind: 'TrustPolicy', name: 'cluster', ...marked }])];
  const holder = createTrustHolder({
    informer: { get: () => cluster.object },
    marks: { list: () => (cluster.hasSynced ? marks : []), hasSynced: () => cluster.hasSynced },
    clock: { now: () => NOW },
    pinnedDigest: one.digest,
  });
  const at = (object: TrustObject | undefined): readonly (number | string | undefined)[] => {
    cluster.object = object;
    const state = holder.current();
    return [state.ok ? state.trust.version : state.problem.code, holder.problem()?.code];
  };
  return { cluster, holder, at };
};

describe('an operator that starts', () => {
  const mark = { version: 2, digest: two.digest };

  it('follows no trust policy below the mark, and tells what the mark is', () => {
    const { at, holder } = starting(mark);
    assert.deepEqual(at(objectOf(one)), ['TRUST_ROLLBACK', 'TRUST_ROLLBACK']);
    const state = holder.current();
    assert.ok(!state.ok);
    assert.deepEqual([state.mark?.version, state.mark?.digest], [2, two.digest]);
    // Git brings the newer one.
    assert.deepEqual(at(objectOf(two, one)), [2, undefined]);
    assert.deepEqual(at(objectOf(three, one, two)), [3, undefined]);
  });

  it('follows what the mark says, and newer', () => {
    assert.deepEqual(starting(mark).at(objectOf(two, one)), [2, undefined]);
    assert.deepEqual(starting(mark).at(objectOf(three, one, two)), [3, undefined]);
    assert.deepEqual(starting({ ...mark, digest: three.digest }).at(objectOf(two, one)), [
      'TRUST_CHAIN_EQUIVOCATION',
      'TRUST_CHAIN_EQUIVOCATION',
    ]);
    assert.deepEqual(starting(undefined).at(objectOf(one)), [1, undefined]);
  });

  it('follows nothing before it has read the marks', () => {
    const { at, cluster } = starting(mark);
    cluster.hasSynced = false;
    assert.deepEqual(at(objectOf(one)), ['TRUST_MISSING', 'TRUST_MISSING']);
    assert.deepEqual(at(objectOf(two, one)), ['TRUST_MISSING', 'TRUST_MISSING']);
    cluster.hasSynced = true;
    assert.deepEqual(at(objectOf(one)), ['TRUST_ROLLBACK', 'TRUST_ROLLBACK']);
    assert.deepEqual(at(objectOf(two, one)), [2, undefined]);
    assert.deepEqual(at(objectOf(one)), [2, 'TRUST_ROLLBACK']);
  });

  it('goes on to what the audit log has by its own seals, though object and mark were put back, and never back', () => {
    const { at, holder } = starting(undefined);
    assert.deepEqual(at(objectOf(one)), [1, undefined]);
    const forged = { document: three.document, bundles: [], chain: [one, two] };
    for (const untrue of [forged, objectOf(three, two).signature, { document: '{' }]) {
      holder.recall(untrue);
      assert.deepEqual([...at(objectOf(one)), holder.recalled()], [1, undefined, undefined]);
    }
    const { signature } = objectOf(two, one);
    holder.recall(signature);
    assert.deepEqual(at(objectOf(one)), [2, 'TRUST_ROLLBACK']);
    assert.equal(holder.recalled(), signature);
    assert.deepEqual(at(undefined), [2, undefined]);
    // What leads on from it is the object's again.
    assert.deepEqual([...at(objectOf(three, one, two)), holder.recalled()], [3, undefined, undefined]);
    holder.recall(signature);
    assert.deepEqual([...at(objectOf(three, one, two)), holder.recalled()], [3, undefined, undefined]);
  });

  it('knows what proved it, though less of it stands there now', () => {
    const { at, holder } = starting(undefined);
    const whole = objectOf(two, one);
    assert.deepEqual([...at(whole), holder.provenBy()], [2, undefined, whole.signature]);
    assert.deepEqual([...at(objectOf(two)), holder.provenBy()], [2, 'TRUST_NOT_PINNED', whole.signature]);
    assert.deepEqual([...at(undefined), holder.provenBy()], [2, undefined, whole.signature]);
  });

  it('begins at what the audit log has where nothing else is left', () => {
    const { at, holder } = starting(undefined);
    assert.deepEqual(at(undefined), ['TRUST_MISSING', 'TRUST_MISSING']);
    holder.recall(objectOf(two, one).signature);
    assert.deepEqual(at(objectOf(one)), [2, 'TRUST_ROLLBACK']);
    const marked = starting({ version: 3, digest: three.digest });
    marked.holder.recall(objectOf(two, one).signature);
    assert.deepEqual(marked.at(objectOf(two, one)), ['TRUST_ROLLBACK', 'TRUST_ROLLBACK']);
  });
});
