// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeReplica, replicaName } from '../../crds/replica.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import { enforcing, liveReplicas, replicaFingerprint } from './replicas.ts';
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

describe('replicas', () => {
  it('count while their lease runs', () => {
    const live = liveReplicas({
      reports: [encodeReplica(report('a', {})), encodeReplica(report('b', {})), encodeReplica(report('c', {}))],
      leases: [lease('a', 1000), lease('b', 16_000)],
      nowMs,
    });
    assert.deepEqual(
      live.map(({ replica }) => replica),
      ['a'],
    );
  });

  it('anything else in a ConfigMap is no report', () => {
    const forged = { metadata: { name: replicaName('a') }, data: { format: '1', 'report.json': '{"policies":{"__proto__":"x"}}' } };
    assert.deepEqual(liveReplicas({ reports: [forged], leases: [lease('a', 0)], nowMs }), []);
  });

  it('a lease that says nothing has run out', () => {
    assert.deepEqual(
      liveReplicas({ reports: [encodeReplica(report('a', {}))], leases: [{ metadata: { name: replicaName('a') } }], nowMs }),
      [],
    );
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
  });
});
