// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { noMarks } from '../../policies/currency/index.ts';
import type { TenantObject } from '../../policies/tenant-object.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { createSealer } from '../../test/faults/webhook/sealed.ts';
import { createTenantMarks } from './tenant-marks.ts';

const sealer = createSealer();
const trust = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(trust.ok);
const any = sealer.policy('any', { version: 1 });
const tenant = (name: string, spec: object): TenantObject => {
  const document = JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name }, spec });
  return { metadata: { name }, signature: sealer.sealAgain({ ...any, signature: { document, bundles: [] } }, 0).signature };
};
const number = (index: number): string => `tenant-${String(index).padStart(2, '0')}`;

it('looks at as many as a look may take, and at the rest at the next', () => {
  const objects = Array.from({ length: 60 }, (_, index) => tenant(number(index), { version: 1 }));
  const marks = createTenantMarks({ tenants: { list: () => objects }, inventories: () => [] });
  let own = noMarks;
  const look = (): readonly [number, boolean, number] => {
    own = marks.raise(own, trust, 0);
    return [own.size, marks.isBehind(), marks.missing(own, trust).length];
  };
  assert.deepEqual(
    [look(), look(), look()],
    [
      [25, true, 0],
      [50, true, 0],
      [60, false, 0],
    ],
  );
});

it('is not held up by many that are not sealed well', () => {
  const bad = Array.from({ length: 60 }, (_, index): TenantObject => {
    const { signature } = sealer.sealAgain({ ...any, signature: { document: `{"n":${index}}`, bundles: [] } }, 0);
    return { metadata: { name: number(index) }, signature };
  });
  const hostile: readonly TenantObject[] = [
    { metadata: { name: 'constructor' } },
    { metadata: { name: '__proto__' }, signature: { document: 7 } },
    { metadata: { name: 'x' }, signature: null },
  ];
  const objects = [...hostile, ...bad, tenant('zeta', { version: 1 })];
  const marks = createTenantMarks({ tenants: { list: () => objects }, inventories: () => [] });
  let own = noMarks;
  for (let look = 0; look < 3; look += 1) own = marks.raise(own, trust, 0);
  assert.deepEqual([[...own.keys()], marks.isBehind()], [['Tenant/zeta'], false]);
});
