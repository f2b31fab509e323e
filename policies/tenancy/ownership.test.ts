// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ownershipProblem } from './ownership.ts';
import { podWith, requestOf } from './test-request.ts';
import type { Asked } from './test-request.ts';

const TENANT = { apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', name: 'acme', uid: 'u' };
const SET = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'set', uid: 'v', controller: true };
const owned = podWith({}, { ownerReferences: [SET, TENANT] });

const placeOf = (asked: Asked): string | undefined => ownershipProblem(requestOf(asked), 'writ-system')?.path;

describe('a pod that names a kind of Writ as its owner', () => {
  it('is refused when it is made and when it is changed, by whoever may write pods', () => {
    for (const more of [{}, { operation: 'UPDATE' as const, oldObject: podWith({}) }, { groups: ['system:nodes'] }])
      assert.equal(placeOf({ object: owned, ...more }), 'metadata.ownerReferences[1]');
    for (const username of ['system:serviceaccount:team:writ-operator', 'system:serviceaccount:writ-system:writ-webhook'])
      assert.equal(placeOf({ object: owned, username }), 'metadata.ownerReferences[1]');
  });

  it('is let in from those whom the API server lets write such owners elsewhere', () => {
    for (const username of ['system:serviceaccount:writ-system:writ-operator', 'system:kube-controller-manager'])
      assert.equal(placeOf({ object: owned, username }), undefined);
    for (const group of ['system:masters', 'system:serviceaccounts:kube-system'])
      assert.equal(placeOf({ object: owned, groups: ['a', group] }), undefined);
  });

  it('is no other kind, no subresource and no pod with other owners', () => {
    assert.equal(placeOf({ object: owned, resource: 'secrets' }), undefined);
    assert.equal(placeOf({ object: owned, group: 'example.com' }), undefined);
    assert.equal(placeOf({ object: owned, operation: 'UPDATE', subResource: 'status' }), undefined);
    assert.equal(
      placeOf({ object: podWith({}, { ownerReferences: [SET, { ...TENANT, apiVersion: 'writ.dev.example.com/v1' }] }) }),
      undefined,
    );
  });

  it('is found or not, whatever stands there', () => {
    const hostile = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(fc.oneof(hostile, fc.array(fc.oneof(hostile, fc.record({ apiVersion: hostile })))), (ownerReferences) => {
        placeOf({ object: podWith({}, { ownerReferences }) });
      }),
    );
  });
});
