// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LEASE_STALE_MS, createOperatorEye } from './alarms.ts';
import type { DeploymentObject, OperatorEye, Seen } from './alarms.ts';

const PINNED = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;

const deployment = (more: { replicas?: number; image?: string; digest?: string; args?: readonly string[] } = {}): DeploymentObject => ({
  metadata: { name: 'writ-operator', namespace: 'writ-system' },
  spec: {
    replicas: more.replicas ?? 2,
    template: {
      spec: {
        containers: [
          {
            image: more.image ?? 'writ-operator:1',
            args: more.args ?? ['--trust-digest=$(TRUST_DIGEST)'],
            env: [
              { name: 'POD_NAME', valueFrom: {} },
              { name: 'TRUST_DIGEST', value: more.digest ?? PINNED },
            ],
          },
        ],
      },
    },
  },
});
const lease = (resourceVersion: string): Seen['lease'] => ({ metadata: { name: 'writ-operator', uid: 'u', resourceVersion } });
const kinds = (eye: OperatorEye, seen: Partial<Seen>): readonly string[] =>
  eye.look({ lease: undefined, deployment: undefined, monotonicMs: 0, ...seen }).map(({ what }) => what);

describe('the eye on the operator', () => {
  it('misses nothing where there never was an operator', () => {
    const eye = createOperatorEye(PINNED);
    assert.deepEqual(kinds(eye, {}), []);
    assert.deepEqual(kinds(eye, { monotonicMs: 10 * LEASE_STALE_MS }), []);
  });

  it('sees a Lease that is not renewed, or gone, for too long, and nothing sooner', () => {
    for (const later of [lease('1'), undefined]) {
      const eye = createOperatorEye(PINNED);
      assert.deepEqual(kinds(eye, { lease: lease('1') }), []);
      assert.deepEqual(kinds(eye, { lease: later, monotonicMs: LEASE_STALE_MS - 1 }), []);
      assert.deepEqual(kinds(eye, { lease: later, monotonicMs: LEASE_STALE_MS }), ['lease-stale']);
      assert.deepEqual(kinds(eye, { lease: lease('2'), monotonicMs: LEASE_STALE_MS + 1 }), []);
    }
  });

  it('sees a Deployment that is deleted, once there was one', () => {
    const eye = createOperatorEye(PINNED);
    kinds(eye, { deployment: deployment() });
    assert.deepEqual(kinds(eye, {}), ['deployment-deleted']);
  });

  it('sees a Deployment that is scaled to zero, and knows how many there were', () => {
    const eye = createOperatorEye(PINNED);
    kinds(eye, { deployment: deployment({ replicas: 3 }) });
    assert.deepEqual(kinds(eye, { deployment: deployment({ replicas: 0 }) }), ['scaled-to-zero']);
    assert.equal(eye.wantedReplicas, 3);
    const late = createOperatorEye(PINNED);
    kinds(late, { deployment: deployment({ replicas: 0 }) });
    assert.equal(late.wantedReplicas, 1);
  });

  it('sees another pinned digest, wherever it is written, and another image', () => {
    const eye = createOperatorEye(PINNED);
    assert.deepEqual(kinds(eye, { deployment: deployment() }), []);
    assert.deepEqual(kinds(eye, { deployment: deployment({ digest: OTHER }) }), ['other-trust-digest']);
    assert.deepEqual(kinds(eye, { deployment: deployment({ args: [`--trust-digest=${OTHER}`] }) }), ['other-trust-digest']);
    assert.deepEqual(kinds(eye, { deployment: deployment({ image: 'evil:1' }) }), ['other-image']);
  });

  it('is total', () => {
    for (const spec of [undefined, null, [], 'x', { replicas: 'x', template: { spec: { containers: [null, 1, { env: 1, args: {} }] } } }]) {
      const eye = createOperatorEye(PINNED);
      assert.ok(Array.isArray(eye.look({ lease: undefined, deployment: { metadata: { name: 'a' }, spec }, monotonicMs: 0 })));
    }
  });
});
