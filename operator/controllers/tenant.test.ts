// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { MANAGED_BY, MANAGED_BY_LABEL, TENANT_LABEL, tenants } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { LiveTenant } from './live.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { planNamespace, namespacesStatus, reconcileTenant } from './tenant.ts';
import type { TenantDeps } from './tenant.ts';

const tenant = (namespaces: LiveTenant['spec']['namespaces'] = {}): LiveTenant => ({ metadata: { name: 'acme' }, spec: { namespaces } });
const ours = { [TENANT_LABEL]: 'acme', [MANAGED_BY_LABEL]: MANAGED_BY };
const namespace = (name: string, labels?: Record<string, string>): KubeObject => ({
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
});

const rival: LiveTenant = { metadata: { name: 'rival' }, spec: { namespaces: { items: [{ name: 'contested' }] } } };

const rows: readonly [what: string, tenant: LiveTenant, name: string, live: KubeObject | undefined, expected: string][] = [
  ['is made', tenant(), 'a', undefined, 'apply'],
  ['stands', tenant(), 'a', namespace('a', { ...ours, more: 'x' }), 'keep'],
  ['gets its label back', tenant(), 'a', namespace('a', { [TENANT_LABEL]: 'acme' }), 'apply'],
  ['gets the metadata that the tenant wants', tenant({ metadata: { labels: { env: 'prod' } } }), 'a', namespace('a', ours), 'apply'],
  [
    'of another tenant is refused',
    tenant(),
    'contested',
    namespace('contested', { [TENANT_LABEL]: 'rival' }),
    'NAMESPACE_OWNED_BY_ANOTHER',
  ],
  ['with the label of a tenant that does not ask for it is repaired', tenant(), 'a', namespace('a', { [TENANT_LABEL]: 'rival' }), 'apply'],
  ['with the label of a tenant that does not exist is repaired', tenant(), 'a', namespace('a', { [TENANT_LABEL]: 'ghost' }), 'apply'],
  ['with an empty label is repaired', tenant(), 'a', namespace('a', { [TENANT_LABEL]: '' }), 'apply'],
  [
    'of another tenant is refused even to adopters',
    tenant({ adoptionPolicy: 'IfUnowned' }),
    'contested',
    namespace('contested', { [TENANT_LABEL]: 'rival' }),
    'NAMESPACE_OWNED_BY_ANOTHER',
  ],
  ['of nobody is refused', tenant(), 'a', namespace('a'), 'NAMESPACE_NOT_ADOPTED'],
  ['of nobody is adopted where the tenant says so', tenant({ adoptionPolicy: 'IfUnowned' }), 'a', namespace('a'), 'apply'],
  ['of the system is refused', tenant({ adoptionPolicy: 'IfUnowned' }), 'kube-system', namespace('kube-system'), 'NAMESPACE_FORBIDDEN'],
  ['default is refused', tenant({ adoptionPolicy: 'IfUnowned' }), 'default', namespace('default'), 'NAMESPACE_FORBIDDEN'],
  ['of Writ is refused', tenant({ adoptionPolicy: 'IfUnowned' }), 'writ-system', undefined, 'NAMESPACE_FORBIDDEN'],
];
for (const [what, owner, name, live, expected] of rows) {
  test(`a namespace ${what}`, () => {
    const step = planNamespace({ tenant: owner, name, index: 0, live, systemNamespace: 'writ-system', tenants: () => [owner, rival] });
    assert.equal(step.kind === 'refuse' ? step.problem.code : step.kind, expected);
    if (step.kind === 'apply') assert.equal(step.object.metadata.labels?.[TENANT_LABEL], 'acme');
  });
}

test('what the tenant asks for never replaces the label that governs', () => {
  const step = planNamespace({
    tenant: tenant({ metadata: { labels: { [TENANT_LABEL]: 'rival' } } }),
    name: 'a',
    index: 0,
    live: undefined,
    systemNamespace: 'writ-system',
    tenants: () => [],
  });
  assert.ok(step.kind === 'apply');
  assert.equal(step.object.metadata.labels?.[TENANT_LABEL], 'acme');
});

describe('a namespace that a Tenant held before', () => {
  const named = (name: string, holds: boolean, uid = 'u-1'): LiveTenant => ({
    metadata: { name },
    spec: { namespaces: { adoptionPolicy: 'IfUnowned', items: [{ name: 'a' }] } },
    ...(holds ? { status: { namespaces: [{ name: 'a', uid, ready: true }] } } : {}),
  });
  const labelled = (label: string | undefined): KubeObject => ({
    metadata: { name: 'a', uid: 'u-1', ...(label === undefined ? {} : { labels: { [TENANT_LABEL]: label } }) },
  });
  const verdict = (tenant: LiveTenant, other: LiveTenant, label: string | undefined): string => {
    const tenants = () => [tenant, other];
    const step = planNamespace({ tenant, name: 'a', index: 0, live: labelled(label), systemNamespace: 'writ-system', tenants });
    return step.kind === 'refuse' ? step.problem.code : step.kind;
  };
  const [acme, thief] = [named('acme', true), named('thief', false)];

  it('is put back, whatever label it carries, also that of a Tenant that asks for it', () => {
    for (const label of [undefined, '', 'ghost', 'thief', 'acme']) assert.equal(verdict(acme, thief, label), 'apply', label);
  });

  it("is nobody else's meanwhile, whatever label it carries", () => {
    for (const label of [undefined, '', 'ghost', 'thief', 'acme'])
      assert.equal(verdict(thief, acme, label), 'NAMESPACE_OWNED_BY_ANOTHER', label);
  });

  it('and was made anew by others is judged as any other', () => {
    const former = named('acme', true, 'u-0');
    assert.equal(verdict(former, thief, 'thief'), 'NAMESPACE_OWNED_BY_ANOTHER');
    assert.equal(verdict(thief, former, 'thief'), 'apply');
  });

  it('is never taken in turns: of two that hold it the label decides', () => {
    const both = [named('acme', true), named('thief', true)] as const;
    for (const label of ['acme', 'thief']) {
      const verdicts = [verdict(both[0], both[1], label), verdict(both[1], both[0], label)];
      assert.deepEqual(verdicts.toSorted(), ['NAMESPACE_OWNED_BY_ANOTHER', 'apply']);
    }
  });

  it('is known again when it is the last of all that a Tenant may list', () => {
    const items = Array.from({ length: 256 }, (_, index) => ({ name: `n-${String(index).padStart(3, '0')}` }));
    const owner: LiveTenant = { metadata: { name: 'acme' }, spec: { namespaces: { items } } };
    const status = namespacesStatus(items.map(({ name }) => ({ metadata: { name, uid: `u-${name}` } })));
    const stolen = { metadata: { name: 'n-255', uid: 'u-n-255' } };
    const step = planNamespace({
      tenant: { ...owner, status },
      name: 'n-255',
      index: 255,
      live: stolen,
      systemNamespace: 'writ-system',
      tenants: () => [owner],
    });
    assert.equal(step.kind, 'apply');
  });
});

test('a namespace that the API server refuses is told, looked at again, and keeps no other waiting; what passes is tried again', async () => {
  const signal = new AbortController().signal;
  const owner: LiveTenant = { metadata: { name: 'acme' }, spec: { namespaces: { items: [{ name: 'full' }, { name: 'b' }] } } };
  const reconcile = async (status: number) => {
    const statuses: LiveTenant['status'][] = [];
    const client = {
      get: async () => undefined,
      apply: async (resource: Resource, object: KubeObject & Pick<LiveTenant, 'status'>) => {
        if (resource === tenants) statuses.push(object.status);
        if (object.metadata.name === 'full') throw new KubeApiError({ status, message: 'exceeded quota' });
        return object;
      },
    } as unknown as KubeClient;
    const all = { get: () => owner, list: () => [owner] } as unknown as TenantDeps['tenants'];
    const none = { get: () => undefined } as unknown as TenantDeps['namespaces'];
    const recorder = { record: async () => true };
    const deps = {
      client,
      tenants: all,
      namespaces: none,
      releases: () => [],
      recorder,
      clock: fakeClock(),
      systemNamespace: 'writ-system',
    };
    return { outcome: await reconcileTenant(deps, 'acme', signal), status: statuses[0] };
  };
  const { outcome, status } = await reconcile(403);
  assert.equal(outcome.kind, 'after');
  assert.deepEqual(
    status?.namespaces?.map(({ name }) => name),
    ['b'],
  );
  assert.match(status?.conditions?.[0]?.message ?? '', /APPLY_REFUSED: spec\.namespaces\.items\[0\]\.name: namespace full: exceeded quota/);
  for (const passing of [503, 409]) await assert.rejects(reconcile(passing), KubeApiError);
});
