// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MANAGED_BY, MANAGED_BY_LABEL, TENANT_LABEL } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { LiveTenant } from './live.ts';
import { planNamespace } from './tenant.ts';

const tenant = (namespaces: LiveTenant['spec']['namespaces'] = {}): LiveTenant => ({ metadata: { name: 'acme' }, spec: { namespaces } });
const ours = { [TENANT_LABEL]: 'acme', [MANAGED_BY_LABEL]: MANAGED_BY };
const namespace = (name: string, labels?: Record<string, string>): KubeObject => ({
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
});

const rows: readonly [what: string, tenant: LiveTenant, name: string, live: KubeObject | undefined, expected: string][] = [
  ['is made', tenant(), 'a', undefined, 'apply'],
  ['stands', tenant(), 'a', namespace('a', { ...ours, more: 'x' }), 'keep'],
  ['gets its label back', tenant(), 'a', namespace('a', { [TENANT_LABEL]: 'acme' }), 'apply'],
  ['gets the metadata that the tenant wants', tenant({ metadata: { labels: { env: 'prod' } } }), 'a', namespace('a', ours), 'apply'],
  ['of another tenant is refused', tenant(), 'a', namespace('a', { [TENANT_LABEL]: 'rival' }), 'NAMESPACE_OWNED_BY_ANOTHER'],
  [
    'of another tenant is refused even to adopters',
    tenant({ adoptionPolicy: 'IfUnowned' }),
    'a',
    namespace('a', { [TENANT_LABEL]: 'rival' }),
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
    const step = planNamespace({ tenant: owner, name, index: 0, live, systemNamespace: 'writ-system' });
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
  });
  assert.ok(step.kind === 'apply');
  assert.equal(step.object.metadata.labels?.[TENANT_LABEL], 'acme');
});
