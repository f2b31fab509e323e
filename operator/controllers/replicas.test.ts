// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeReplica, replicaName } from '../../crds/replica.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createReplicaWatch, enforcing, replicaFingerprint } from './replicas.ts';
import type { LeaseObject } from './replicas.ts';

const D1 = `sha256:${'1'.repeat(64)}`;
const D2 = `sha256:${'2'.repeat(64)}`;
const nowMs = Date.UTC(2026, 0, 1);

const report = (replica: string, policies: Record<string, string>): ReplicaReport => ({
  replica,
  setDigest: D1,
  trustDigest: D2,
  policies,
  refused: {},
  flippedAt: '2026-01-01T00:00:00Z',
});
const lease = (replica: string, agoMs: number): LeaseObject => ({
  metadata: { name: replicaName(replica) },
  spec: { renewTime: new Date(nowMs - agoMs).toISOString(), leaseDurationSeconds: 15 },
});

const reportsOf = (...names: readonly string[]) => names.map((name) => encodeReplica(report(name, {})));
const namesOf = (live: readonly ReplicaReport[]): readonly string[] => live.map(({ replica }) => replica);

describe('replicas', () => {
  it('count while their lease is seen to be renewed, by our own clock', async () => {
    const clock = fakeClock(nowMs);
    const watch = createReplicaWatch(clock);
    const reports = reportsOf('a', 'behind', 'ahead', 'without');
    // Clocks of other nodes: one is minutes behind, one minutes ahead.
    const at = (agoMs: number) => [lease('a', agoMs), lease('behind', 200_000 + agoMs), lease('ahead', agoMs - 200_000)];
    assert.deepEqual(namesOf(watch.live({ reports, leases: at(0) })), ['a', 'behind', 'ahead']);
    await clock.advance(14_000);
    const renewed = [lease('a', 0), lease('behind', 200_000 - 14_000), lease('ahead', -200_000)];
    assert.deepEqual(namesOf(watch.live({ reports, leases: renewed })), ['a', 'behind', 'ahead']);
    await clock.advance(2000);
    assert.deepEqual(namesOf(watch.live({ reports, leases: renewed })), ['behind']);
    await clock.advance(14_000);
    assert.deepEqual(namesOf(watch.live({ reports, leases: [...renewed, lease('ahead', -216_000)] })), ['ahead']);
  });

  it('that are long gone do not count even for a moment', () => {
    const watch = createReplicaWatch(fakeClock(nowMs));
    assert.deepEqual(watch.live({ reports: reportsOf('old'), leases: [lease('old', 24 * 3600_000)] }), []);
  });

  it('that never come back are abandoned after an hour, with or without a lease, and only then', async () => {
    const clock = fakeClock(nowMs);
    const watch = createReplicaWatch(clock);
    const reports = reportsOf('alive', 'dead', 'bare');
    const leases = [lease('alive', 0), lease('dead', 0), lease('no-report', 0)];
    assert.deepEqual(watch.abandoned({ reports, leases }), []);
    await clock.advance(3600_000);
    assert.deepEqual(watch.abandoned({ reports, leases: [lease('alive', -3600_000), ...leases.slice(1)] }), []);
    await clock.advance(16_000);
    const abandoned = watch.abandoned({ reports, leases: [lease('alive', -3600_000), ...leases.slice(1)] });
    assert.deepEqual(abandoned.toSorted(), ['bare', 'dead', 'no-report'].map(replicaName));
  });

  it('anything else in a ConfigMap is no report', () => {
    const forged = { metadata: { name: replicaName('a') }, data: { format: '1', 'report.json': '{"policies":{"__proto__":"x"}}' } };
    assert.deepEqual(createReplicaWatch(fakeClock(nowMs)).live({ reports: [forged], leases: [lease('a', 0)] }), []);
  });

  it('a lease that says nothing has run out', () => {
    const leases = [{ metadata: { name: replicaName('a') } }];
    assert.deepEqual(createReplicaWatch(fakeClock(nowMs)).live({ reports: reportsOf('a'), leases }), []);
  });

  it('enforce a policy only at exactly its digest, and no inherited name', () => {
    const replicas = [report('a', { p: D1 }), report('b', { p: D2 }), report('c', {})];
    assert.equal(enforcing(replicas, 'p', D1), 1);
    assert.equal(enforcing(replicas, 'constructor', D1), 0);
  });

  it('the fingerprint does not depend on the order', () => {
    const [a, b] = [report('a', {}), report('b', {})];
    assert.equal(replicaFingerprint([a, b]), replicaFingerprint([b, a]));
    assert.notEqual(replicaFingerprint([a]), replicaFingerprint([{ ...a, setDigest: D2 }]));
    const refusing = (name: string) => replicaFingerprint([{ ...a, refused: { [name]: { code: 'SEAL_MISSING', message: 'm' } } }]);
    assert.notEqual(refusing('p'), refusing('q'), 'as many, and others');
  });
});
