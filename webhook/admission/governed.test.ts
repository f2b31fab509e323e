// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Policy } from '../../crds/generated/objects.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { JsonObject } from '../../policies/decide/request.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { closedSet } from '../policyset/enforced.ts';
import type { EnforcedSet } from '../policyset/enforced.ts';
import { handleReview } from './index.ts';
import type { Reviewed } from './index.ts';
import { createNamespaceCache } from './namespaces.ts';

const setOf = (group: string, resource: string): EnforcedSet => {
  const refusing: Policy = {
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Policy',
    metadata: { name: 'locked' },
    spec: {
      version: 1,
      matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: ['*'], resources: [resource], operations: ['*'] }] },
      validations: [{ expression: 'false', message: 'nobody' }],
    },
  };
  const { set, refused } = compilePolicies([{ policy: refusing, digest: 'sha256:locked' }]);
  assert.deepEqual(refused, []);
  return { ...closedSet({ code: 'TRUST_MISSING', message: 'none' }, 0), closed: undefined, set };
};
const closed = closedSet({ code: 'TRUST_MISSING', message: 'none' }, 0);

type Asked = { readonly enforced: EnforcedSet; readonly label: string; readonly more?: Record<string, unknown> };

const review = async ({ enforced, label, more }: Asked): Promise<Reviewed & { readonly allowed: boolean }> => {
  const namespace: JsonObject = { metadata: { name: 'team', labels: { 'writ.dev/tenant': label } } };
  const request = {
    uid: 'u-1',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    name: 'pod',
    namespace: 'team',
    operation: 'CREATE',
    userInfo: { username: 'ann', groups: [] },
    object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: { containers: [{ name: 'c', image: 'app:1' }] } },
    oldObject: null,
    ...more,
  };
  const reviewed = await handleReview(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }), {
    enforced: () => enforced,
    namespaces: createNamespaceCache({ get: () => namespace, onArrival: () => undefined }, fakeClock()),
    tenantOf: () => undefined,
    systemNamespace: 'writ-system',
    namespaceWaitMs: 1000,
    clock: fakeClock(),
  });
  return { ...reviewed, allowed: JSON.parse(reviewed.body).response.allowed };
};

describe('a tenant label that names nobody', () => {
  it('governs like any other: what is inside is decided, and closed while nothing can be', async () => {
    const decided = await review({ enforced: setOf('', 'pods'), label: '' });
    assert.deepEqual([decided.outcome, decided.allowed], ['decided', false]);
    const refused = await review({ enforced: closed, label: '' });
    assert.deepEqual([refused.outcome, refused.allowed], ['closed', false]);
  });

  it('lets no pod in that a kind of Writ owns, whatever the policies say', async () => {
    const ownerReferences = [{ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', name: 'acme', uid: 'u' }];
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', ownerReferences }, spec: { containers: [] } };
    for (const label of ['', 'acme']) {
      const reviewed = await review({ enforced: setOf('', 'services'), label, more: { object } });
      assert.deepEqual([reviewed.outcome, reviewed.allowed, reviewed.record?.verdict], ['decided', false, 'Deny']);
      assert.match(reviewed.body, /OWNER_FORBIDDEN/);
    }
  });

  it('on a Namespace is decided too', async () => {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team', labels: { 'writ.dev/tenant': '' } } };
    const more = {
      resource: { group: '', version: 'v1', resource: 'namespaces' },
      kind: { group: '', version: 'v1', kind: 'Namespace' },
      name: 'team',
      operation: 'UPDATE',
      object,
      oldObject: object,
    };
    assert.equal((await review({ enforced: closed, label: '', more })).outcome, 'closed');
  });
});

describe("a policy about Writ's own kinds", () => {
  const operator = 'system:serviceaccount:writ-system:writ-operator';
  const asked = (username: string, group: string, resource: string) => {
    const more = {
      resource: { group, version: 'v1', resource },
      kind: { group, version: 'v1', kind: 'Any' },
      userInfo: { username, groups: [] },
    };
    return review({ enforced: setOf(group, resource), label: 'acme', more });
  };

  it('never locks the operator out, and holds for everybody else', async () => {
    const own = await asked(operator, 'writ.dev', 'gitsources');
    assert.deepEqual([own.outcome, own.allowed], ['ungoverned', true]);
    for (const other of ['ann', 'system:serviceaccount:team:writ-operator', `${operator}-2`])
      assert.equal((await asked(other, 'writ.dev', 'gitsources')).allowed, false, other);
  });

  it('is the only exception: what else the operator writes is decided', async () => {
    assert.deepEqual((await asked(operator, '', 'pods')).outcome, 'decided');
  });
});
