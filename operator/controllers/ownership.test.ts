// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Inventory } from '../../crds/inventory.ts';
import { policies, tenants } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { marksOf } from '../../policies/currency/index.ts';
import { objectKey } from '../apply/identity.ts';
import type { DesiredObject, RecordedObject } from '../apply/plan.ts';
import { ownersElsewhere } from './ownership.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const [MINE, OTHER] = ['writ-system/mine', 'writ-system/other'];
const identity = (resource: Resource, name: string): RecordedObject => ({
  resource,
  group: resource.group,
  kind: resource.kind,
  name,
  digest: DIGEST,
});
const desired = (resource: Resource, name: string): DesiredObject => ({
  ...identity(resource, name),
  object: { metadata: { name } },
  path: 'p.yaml',
  positionOf: () => ({ file: 'p.yaml', line: 1, column: 1 }),
});
const inventory = (source: string, ...documents: readonly RecordedObject[]): Inventory => ({
  source,
  revision: 'r',
  documents: documents.map(({ group, kind, name }) => ({ group, version: 'v1alpha1', kind, name, digest: DIGEST })),
});

type Row = readonly [
  what: string,
  target: DesiredObject,
  changed: Partial<Parameters<typeof ownersElsewhere>[0]>,
  owner: string | undefined,
];
const [policy, tenant] = [identity(policies, 'p'), identity(tenants, 'constructor')];
const mark = (source: string) => marksOf([{ kind: 'Policy', name: 'p', version: 1, digest: DIGEST, source }]);
const rows: readonly Row[] = [
  ['what nobody orders', desired(policies, 'p'), {}, undefined],
  ['what another orders', desired(policies, 'p'), { inventories: [inventory(OTHER, policy)] }, OTHER],
  ['a Tenant that another orders', desired(tenants, 'constructor'), { inventories: [inventory(OTHER, tenant)] }, OTHER],
  ['what its own inventory orders', desired(policies, 'p'), { inventories: [inventory(MINE, policy)] }, undefined],
  ['what a source has left that is gone', desired(policies, 'p'), { inventories: [inventory('writ-system/gone', policy)] }, undefined],
  [
    'what was written into another inventory, by its mark',
    desired(policies, 'p'),
    { inventories: [inventory(OTHER, policy)], known: mark(MINE) },
    undefined,
  ],
  [
    'what was written into another inventory, by its own',
    desired(tenants, 'constructor'),
    { inventories: [inventory(OTHER, tenant), inventory(MINE, tenant)], recorded: [tenant] },
    undefined,
  ],
  ["another's, by mark and inventory", desired(policies, 'p'), { inventories: [inventory(OTHER, policy)], known: mark(OTHER) }, OTHER],
  ['of the same name and another kind', desired(tenants, 'p'), { inventories: [inventory(OTHER, policy)] }, undefined],
];
for (const [what, target, changed, owner] of rows) {
  test(`${what}: ${owner ?? 'may be applied'}`, () => {
    const found = ownersElsewhere({
      source: MINE,
      desired: [target],
      recorded: [],
      known: marksOf([]),
      inventories: [],
      exists: (source) => source === MINE || source === OTHER,
      ...changed,
    });
    assert.deepEqual([...found], owner === undefined ? [] : [[objectKey(target), owner]]);
  });
}
