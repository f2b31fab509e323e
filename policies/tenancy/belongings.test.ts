// SPDX-License-Identifier: Apache-2.0
// What belongs to nobody, or to others: addresses of Services, volumes of claims.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problemsOf } from './test-request.ts';
import type { Asked } from './test-request.ts';

describe("what is not a tenant's to name", () => {
  const service = (externalIPs: readonly string[] | undefined): Asked => ({
    kind: 'Service',
    resource: 'services',
    object: { metadata: { name: 's' }, spec: { externalIPs } },
  });
  it('a Service names no addresses of others', () => {
    assert.deepEqual(problemsOf({}, service(['1.2.3.4'])), ['SERVICE_ADDRESS_FORBIDDEN spec.externalIPs']);
    assert.deepEqual(problemsOf({}, service([])), []);
    assert.deepEqual(problemsOf({}, service(undefined)), []);
  });
  it('a claim names no volume, unless the binder writes it', () => {
    const claim: Asked = {
      kind: 'PersistentVolumeClaim',
      resource: 'persistentvolumeclaims',
      object: { metadata: {}, spec: { volumeName: 'pv' } },
    };
    assert.deepEqual(problemsOf({}, claim), ['VOLUME_FORBIDDEN spec.volumeName']);
    // A controller makes the claims of a StatefulSet as the tenant wrote them.
    assert.deepEqual(problemsOf({}, { ...claim, groups: ['system:serviceaccounts:kube-system'] }), ['VOLUME_FORBIDDEN spec.volumeName']);
    const binder = { username: 'system:serviceaccount:kube-system:persistent-volume-binder', oldObject: { metadata: {}, spec: {} } };
    assert.deepEqual(problemsOf({}, { ...claim, ...binder, operation: 'UPDATE' }), []);
    const selecting = { metadata: {}, spec: { selector: { matchLabels: { a: 'b' } } } };
    assert.deepEqual(problemsOf({}, { ...claim, object: selecting }), ['VOLUME_FORBIDDEN spec.selector']);
    const bound = { metadata: { labels: { a: 'b' } }, spec: { volumeName: 'pv' } };
    assert.deepEqual(problemsOf({}, { ...claim, operation: 'UPDATE', object: bound, oldObject: claim.object }), []);
  });
});
