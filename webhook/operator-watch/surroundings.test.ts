// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../kube/objects.ts';
import { FOREIGN_MS, UNREPAIRED_MS, createSurroundingsEye } from './surroundings.ts';
import type { Surroundings, SurroundingsEye } from './surroundings.ts';

const pod = (name: string, component: string, owner?: string): KubeObject => ({
  metadata: {
    name,
    labels: { 'app.kubernetes.io/name': 'writ', 'app.kubernetes.io/component': component },
    ...(owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: 'u', controller: true }] }),
  },
});
const PODS = [pod('writ-operator-1-a', 'operator', 'writ-operator-1'), pod('writ-webhook-1-a', 'webhook', 'writ-webhook-1')];
const lease = (holderIdentity: unknown, resourceVersion: string): Surroundings['lease'] & { readonly spec: unknown } => ({
  metadata: { name: 'writ-operator', uid: 'u', resourceVersion },
  spec: { holderIdentity },
});
const deployment: KubeObject = { metadata: { name: 'writ-operator' } };
const QUIET: Surroundings = { lease: undefined, deployment, pods: PODS, guard: undefined, decisions: undefined, monotonicMs: 0 };
const kinds = (eye: SurroundingsEye, seen: Partial<Surroundings>): readonly string[] =>
  eye.look({ ...QUIET, ...seen }).map(({ what }) => what);
const eyed = (): SurroundingsEye => createSurroundingsEye('writ-webhook-1-a');

describe("the eye on the operator's surroundings", () => {
  it("sees a Lease that a stranger keeps writing, and none that a Pod of the operator's holds", () => {
    for (const holder of ['evil', 'evil_0a1b', '', 7, 'writ-webhook-1-a_00', 'writ-operator-1-b_00']) {
      const eye = eyed();
      assert.deepEqual(kinds(eye, { lease: lease(holder, '1') }), []);
      assert.deepEqual(kinds(eye, { lease: lease(holder, '2'), monotonicMs: FOREIGN_MS - 1 }), []);
      assert.deepEqual(kinds(eye, { lease: lease(holder, '3'), monotonicMs: FOREIGN_MS }), ['lease-foreign']);
      assert.deepEqual(kinds(eye, { lease: lease('writ-operator-1-a_00ff', '4'), monotonicMs: FOREIGN_MS + 1 }), []);
    }
  });

  it('goes by the owner of a Pod, not by its name or labels alone', () => {
    const eye = eyed();
    const pods = [pod('writ-operator-1-a', 'operator')];
    kinds(eye, { lease: lease('writ-operator-1-a_0', '1'), pods });
    assert.deepEqual(kinds(eye, { lease: lease('writ-operator-1-a_0', '2'), pods, monotonicMs: FOREIGN_MS }), ['lease-foreign']);
  });

  it('says nothing of a Lease that is written no more, of an operator outside of a Deployment, and of Pods it may not see', () => {
    const unwritten = eyed();
    for (const monotonicMs of [0, FOREIGN_MS]) assert.deepEqual(kinds(unwritten, { lease: lease('evil', '1'), monotonicMs }), []);
    for (const seen of [{ deployment: undefined }, { pods: undefined }]) {
      const eye = eyed();
      kinds(eye, { lease: lease('host_1', '1'), ...seen });
      assert.deepEqual(kinds(eye, { lease: lease('host_1', '2'), ...seen, monotonicMs: FOREIGN_MS }), []);
    }
  });

  for (const [what, field] of [
    ['guard-configuration', 'guard'],
    ['webhook-configuration', 'decisions'],
  ] as const) {
    it(`sees that a ${what} stays wrong`, () => {
      const eye = eyed();
      assert.deepEqual(kinds(eye, { [field]: 'missing' }), []);
      assert.deepEqual(kinds(eye, { [field]: 'narrowed', monotonicMs: UNREPAIRED_MS - 1 }), []);
      assert.deepEqual(kinds(eye, { [field]: 'missing', monotonicMs: UNREPAIRED_MS }), [what]);
      assert.deepEqual(kinds(eye, { monotonicMs: UNREPAIRED_MS + 1 }), []);
      assert.deepEqual(kinds(eye, { [field]: 'missing', monotonicMs: UNREPAIRED_MS + 2 }), []);
    });
  }

  it('misses no configuration before there was an operator', () => {
    const eye = eyed();
    const before = { guard: 'missing', deployment: undefined };
    for (const monotonicMs of [0, UNREPAIRED_MS]) assert.deepEqual(kinds(eye, { ...before, monotonicMs }), []);
    kinds(eye, { ...before, lease: lease('a', '1'), monotonicMs: UNREPAIRED_MS });
    assert.deepEqual(kinds(eye, { ...before, monotonicMs: 2 * UNREPAIRED_MS }), ['guard-configuration']);
  });

  it('sees a Pod that nobody of ours made under the labels of the webhook', () => {
    for (const owner of [undefined, 'evil-1']) {
      assert.deepEqual(kinds(eyed(), { pods: [...PODS, pod('other', 'webhook', owner)] }), ['foreign-pod']);
    }
    assert.deepEqual(kinds(eyed(), { pods: [...PODS, pod('writ-webhook-2-b', 'webhook', 'writ-webhook-2')] }), []);
    assert.deepEqual(kinds(createSurroundingsEye('host'), { pods: [...PODS, pod('other', 'webhook')] }), []);
  });
});
