// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { ADOPTED_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, TENANT_LABEL } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { LiveTenant } from '../controllers/live.ts';
import { planNamespace } from './namespaces.ts';
import { namespacesStatus } from './status.ts';

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
  ['that another tenant let go is refused', tenant(), 'a', namespace('a', { [TENANT_LABEL]: 'rival' }), 'NAMESPACE_NOT_ADOPTED'],
  ['of a tenant that is gone is refused', tenant(), 'a', namespace('a', { [TENANT_LABEL]: 'ghost' }), 'NAMESPACE_NOT_ADOPTED'],
  ['with an empty label is refused', tenant(), 'a', namespace('a', { [TENANT_LABEL]: '' }), 'NAMESPACE_NOT_ADOPTED'],
  [
    'that another tenant let go is adopted where the tenant says so',
    tenant({ adoptionPolicy: 'IfUnowned' }),
    'a',
    namespace('a', { [TENANT_LABEL]: 'rival' }),
    'apply',
  ],
  [
    'that is being deleted is waited for',
    tenant(),
    'a',
    { metadata: { name: 'a', labels: ours, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    'wait',
  ],
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
    const asking = [owner, rival].filter(({ spec }) => spec.namespaces?.items?.some((item) => item.name === name));
    const step = planNamespace({ tenant: owner, spec: owner.spec, name, index: 0, live, systemNamespace: 'writ-system', asking });
    assert.equal(step.kind === 'refuse' ? step.problem.code : step.kind, expected);
    if (step.kind === 'apply') assert.equal(step.object.metadata.labels?.[TENANT_LABEL], 'acme');
  });
}

test('what the tenant asks for never replaces the label that governs', () => {
  const owner = tenant({ metadata: { labels: { [TENANT_LABEL]: 'rival' } } });
  const step = planNamespace({
    tenant: owner,
    spec: owner.spec,
    name: 'a',
    index: 0,
    live: undefined,
    systemNamespace: 'writ-system',
    asking: [],
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
    const asking = [tenant, other];
    const live = labelled(label);
    const step = planNamespace({ tenant, spec: tenant.spec, name: 'a', index: 0, live, systemNamespace: 'writ-system', asking });
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
    const status = namespacesStatus(items.map(({ name }) => ({ object: { metadata: { name, uid: `u-${name}` } }, ready: true })));
    const stolen = { metadata: { name: 'n-255', uid: 'u-n-255' } };
    const step = planNamespace({
      tenant: { ...owner, status },
      spec: owner.spec,
      name: 'n-255',
      index: 255,
      live: stolen,
      systemNamespace: 'writ-system',
      asking: [owner],
    });
    assert.equal(step.kind, 'apply');
  });
});

describe('a namespace that is not there', () => {
  const asker = (name: string, creationTimestamp: string, more: object = {}): LiveTenant => ({
    metadata: { name, creationTimestamp, ...more },
    spec: { namespaces: { items: [{ name: 'a' }] } },
  });
  const kindOf = (tenant: LiveTenant, ...others: readonly LiveTenant[]): string =>
    planNamespace({
      tenant,
      spec: tenant.spec,
      name: 'a',
      index: 0,
      live: undefined,
      systemNamespace: 'writ-system',
      asking: [...others, tenant],
    }).kind;
  const [elder, younger] = [asker('z', '2026-01-01T00:00:00Z'), asker('b', '2026-01-01T00:00:01Z')];

  it('is made for the oldest that asks for it, and for nobody else', () => {
    assert.deepEqual([kindOf(elder, younger), kindOf(younger, elder)], ['apply', 'refuse']);
    const twin = asker('a', '2026-01-01T00:00:00Z');
    assert.deepEqual([kindOf(elder, twin), kindOf(twin, elder)], ['refuse', 'apply']);
  });

  it('is not kept for one that is going', () => {
    const going = asker('z', '2026-01-01T00:00:00Z', { deletionTimestamp: '2026-01-02T00:00:00Z' });
    assert.equal(kindOf(younger, going), 'apply');
  });
});

describe('the metadata of a namespace', () => {
  const planned = (owner: LiveTenant, live?: KubeObject) => {
    const step = planNamespace({
      tenant: owner,
      spec: owner.spec,
      name: 'a',
      index: 0,
      live,
      systemNamespace: 'writ-system',
      asking: [owner],
    });
    return { kind: step.kind, ...('object' in step ? step.object.metadata : { labels: undefined, annotations: undefined }) };
  };

  it('says the levels of Pod Security', () => {
    const owner: LiveTenant = { ...tenant(), spec: { podSecurity: { enforce: 'restricted', warn: 'baseline', version: 'v1.36' } } };
    const { labels } = planned(owner);
    assert.equal(labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
    assert.equal(labels?.['pod-security.kubernetes.io/warn-version'], 'v1.36');
    assert.equal(labels?.['pod-security.kubernetes.io/audit'], undefined);
  });

  it('keeps in mind that it was taken over', () => {
    const adopting = tenant({ adoptionPolicy: 'IfUnowned' });
    assert.deepEqual(planned(adopting, namespace('a')).annotations, { [ADOPTED_ANNOTATION]: 'true' });
    const adopted = { metadata: { name: 'a', labels: ours, annotations: { [ADOPTED_ANNOTATION]: 'true' } } };
    assert.equal(planned(tenant(), adopted).kind, 'keep');
    assert.equal(planned(tenant({ metadata: { annotations: { note: 'x' } } }), adopted).annotations?.[ADOPTED_ANNOTATION], 'true');
  });

  it('loses what was applied and is asked for no more, and nothing of others', () => {
    const managed = (operation: string) => [
      { manager: 'writ-sync', operation, fieldsV1: { 'f:metadata': { 'f:labels': { 'f:env': {}, 'f:writ.dev/tenant': {} } } } },
    ];
    const live = (operation: string): KubeObject => ({
      metadata: { name: 'a', labels: { ...ours, env: 'prod', theirs: 'x' }, managedFields: managed(operation) },
    });
    assert.equal(planned(tenant(), live('Apply')).kind, 'apply');
    assert.equal(planned(tenant(), live('Update')).kind, 'keep');
    assert.equal(planned(tenant({ metadata: { labels: { env: 'prod' } } }), live('Apply')).kind, 'keep');
  });
});
