// SPDX-License-Identifier: Apache-2.0
// What the operator holds tenants to while catalogs and licenses come, are damaged and go.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Mark } from '../../crds/marks.ts';
import { marksOf } from '../../policies/currency/index.ts';
import { entitle } from '../../policies/entitlement/remembered.ts';
import { INSTALLATION, catalogAt, digestOfObject, licenseAt, sealedEntitlement, trustFor } from '../../policies/entitlement/test-sealed.ts';
import type { SealedEntitlement } from '../../policies/entitlement/test-sealed.ts';
import { judgeSealedObject } from '../../policies/sealed-object.ts';
import { NOW } from '../../policies/trust/test-trust.ts';
import { entitlementVerdict } from './entitlement-document.ts';
import type { EntitlementFacts } from './entitlement-document.ts';
import { createEntitlementHolder } from './entitlements.ts';
import type { LiveEntitlement } from './live.ts';

const trust = trustFor();
// The schema was asked when the object was written; here only seals are.
const live = (object: SealedEntitlement): LiveEntitlement => JSON.parse(JSON.stringify(object));
const markOf = (object: SealedEntitlement, version: number, more: Partial<Mark> = {}): Mark => ({
  kind: object.kind,
  name: object.metadata.name,
  version,
  digest: digestOfObject(object),
  ...more,
});

const scene = () => {
  let objects: readonly SealedEntitlement[] = [];
  let marks: readonly Mark[] = [];
  const holder = createEntitlementHolder({
    objects: { list: () => objects.map(live) },
    namespaces: { get: (name) => ({ metadata: { name, uid: INSTALLATION } }) },
    book: { judge: (object) => judgeSealedObject(object, trust, NOW) },
    marks: () => marksOf(marks),
  });
  const tenant = { metadata: { name: 'acme' }, spec: { tier: 'Enterprise', namespaces: { quota: 1000 } } } as const;
  /** Whether anything is new, and what the one tenant comes to. */
  const show = (shown: readonly SealedEntitlement[], told: readonly Mark[] = marks): string => {
    objects = shown;
    marks = told;
    const isNew = holder.look();
    const known = holder.current();
    assert.ok(known);
    if (!known.ok) return `${isNew ? 'new' : 'same'} ${known.problem.code}`;
    const { tier, spec } = entitle(tenant, known.state, NOW);
    return `${isNew ? 'new' : 'same'} ${tier ?? 'none'} ${spec.namespaces?.quota}`;
  };
  return { holder, show };
};

describe('the operator', () => {
  it('knows nothing before it looked, and then what verifies', () => {
    const { holder, show } = scene();
    assert.equal(holder.current(), undefined);
    assert.equal(show([]), 'new none 1000');
    assert.equal(show([catalogAt(1)]), 'new Free 1');
    assert.equal(show([catalogAt(1)]), 'same Free 1');
    assert.equal(show([catalogAt(1), licenseAt(1)]), 'new Enterprise 10');
  });

  it('goes by the last good ones while objects are gone, damaged or older', () => {
    const { show } = scene();
    const marks = [markOf(catalogAt(2), 2), markOf(licenseAt(1), 1)];
    assert.equal(show([catalogAt(2), licenseAt(1)], marks), 'new Enterprise 20');
    const stranger = sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 9, tiers: [{ name: 'Free' }] }, by: 'stranger' });
    for (const objects of [[], [catalogAt(1)], [stranger], [licenseAt(1)]]) assert.equal(show(objects), 'same Enterprise 20');
    assert.equal(show([], [{ ...markOf(catalogAt(2), 2), gone: true }, markOf(licenseAt(1), 1)]), 'new none 1000');
  });

  it('that has just begun leaves tenants alone while the catalog that its mark names is not there', () => {
    const { show } = scene();
    const marks = [markOf(catalogAt(2), 2)];
    assert.equal(show([], marks), 'new CATALOG_MISSING');
    assert.equal(show([catalogAt(1)], marks), 'same CATALOG_MISSING');
    assert.equal(show([catalogAt(2)], marks), 'new Free 1');
  });
});

describe('the status of a document', () => {
  const replica = (object: SealedEntitlement): EntitlementFacts['replicas'][number] => ({
    replica: 'r',
    setDigest: '',
    trustDigest: '',
    policies: {},
    refused: {},
    entitlements: { [`${object.kind}/${object.metadata.name}`]: digestOfObject(object) },
    flippedAt: '2026-01-01T00:00:00Z',
  });
  const told = (object: SealedEntitlement, facts: Partial<EntitlementFacts> = {}): string => {
    const all = { replicas: [replica(object)], installation: INSTALLATION, nowMs: NOW, ...facts };
    const { ready, others } = entitlementVerdict(live(object), judgeSealedObject(object, trust, all.nowMs), all);
    const conditions = [ready, ...others].map(({ type, status }) => `${type}=${status}`);
    return `${ready.reason} ${conditions.join(' ')}`;
  };
  const bad = sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 1, tiers: [{ name: 'Free', defaults: { owners: [] } }] } });
  const stranger = sealedEntitlement('License', 'acme', { spec: { version: 1, retired: true }, by: 'stranger' });
  const rows: readonly (readonly [what: string, told: () => string, expected: string])[] = [
    ['in force', () => told(catalogAt(1)), 'InForce Ready=True Verified=True'],
    [
      'on its way',
      () => told(catalogAt(2), { replicas: [replica(catalogAt(1))] }),
      'NotInForce Ready=False Verified=True Reconciling=True',
    ],
    ['with no replica', () => told(catalogAt(1), { replicas: [] }), 'NotInForce Ready=False Verified=True Reconciling=True'],
    ['without sense', () => told(bad), 'CatalogInvalid Ready=False Verified=True Stalled=True'],
    ['of a stranger', () => told(stranger), 'SealUnknownKey Ready=False Verified=False Stalled=True'],
    [
      'past its time',
      () => told(catalogAt(1, { expires: '2026-01-01T00:00:00Z' })),
      'PolicyExpired Ready=False Verified=True Stalled=True',
    ],
    ['retired', () => told(catalogAt(2, { retired: true, tiers: undefined })), 'Retired Ready=True Verified=True'],
    ['edited', () => told({ ...catalogAt(1), spec: { version: 1, tiers: [] } }), 'SpecDiffers Ready=False Verified=True'],
    ['a license here', () => told(licenseAt(1)), 'InForce Ready=True Verified=True'],
    ['a license elsewhere', () => told(licenseAt(1, { installation: 'there' })), 'LicenseForeign Ready=False Verified=True Stalled=True'],
    [
      'a license past its time',
      () => told(licenseAt(1), { nowMs: Date.UTC(2027, 0) }),
      'PolicyExpired Ready=False Verified=True Stalled=True',
    ],
  ];
  for (const [what, found, expected] of rows) it(`${what}: ${expected}`, () => assert.equal(found(), expected));
});
